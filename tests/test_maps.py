"""Images of any size: pieces to learn from, maps that sum to the score, alerts, and the commands."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image
from sklearn.metrics import roc_auc_score

from diabolo import Autoencoder, load, samples
from diabolo.data.images.any_size import MARGIN, Pieces, open_sized, sized
from diabolo.data.images.grain import grain, in_own_units
from diabolo.errors import FormatError, InputError
from diabolo.jobs.detect import anomaly_maps
from diabolo.jobs.detect.rules import FalseAlarms
from diabolo.model.corruption.described import parse_noise
from test_cli import fails, run
from test_report import check

SIZES = ((40, 56), (52, 33), (64, 44))


def tile(seed: int, *, spot: bool = False) -> np.ndarray:
    """A brushed surface of uneven exposure; with a dark spot of 6 x 6 pixels where it is asked for."""
    random = np.random.default_rng(seed)
    height, width = SIZES[seed % 3]
    stripes = 1 + 0.1 * random.standard_normal(width)
    surface = random.uniform(80, 160) * stripes * (1 + 0.03 * random.standard_normal((height, width)))
    if spot:
        top, left = random.integers(6, height - 12), random.integers(6, width - 12)
        surface[top : top + 6, left : left + 6] *= 0.5
    return np.clip(surface, 0, 255).astype(np.uint8)


GOOD, BAD = [tile(seed) for seed in range(30)], [tile(seed, spot=True) for seed in range(30, 42)]


@pytest.fixture(scope="module")
def estimator() -> Autoencoder:
    pieces = anomaly_maps.pieces_of(sized(GOOD), 0, side=32)
    return Autoencoder("surface", epochs=10, batch_size=16).fit(pieces)


def test_pieces_are_the_same_each_time_and_cover_the_border() -> None:
    pieces = Pieces(sized(GOOD[:3]), sized(GOOD[3:]), side=48, count=200)
    taken = pieces.take(np.arange(200))
    assert taken.shape == (200, 48, 48)
    np.testing.assert_array_equal(pieces.take(np.array([7, 3])), taken[[7, 3]])
    assert -10 < taken.mean() < 10
    one = in_own_units(sized(GOOD[:1]).read(0))[..., 0]
    alone = Pieces(sized(GOOD[:1]), sized(GOOD[:1]), side=16, count=3000).take(np.arange(3000))
    assert {*np.unique(one)} == {*np.unique(alone)}
    assert MARGIN < 16 + 1


def test_without_a_seed_one_is_drawn_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    original = anomaly_maps.pieces_of

    def seen(images: anomaly_maps.SizedImages, seed: int) -> Pieces:
        drawn.append(seed)
        return original(images, seed, side=16)

    monkeypatch.setattr(samples, "pieces_of", seen)
    found = Autoencoder("surface", epochs=1, random_state=None).fit(GOOD[:4])
    assert drawn == [found.trained_.about["seed"]]


def test_a_spot_is_found_and_shown(estimator: Autoencoder) -> None:
    scores = -estimator.score_samples(GOOD[:8] + BAD)
    assert roc_auc_score([0] * 8 + [1] * 12, scores) > 0.95
    found = estimator.explain(BAD)
    for image, heat in zip(BAD, found, strict=True):
        assert heat.shape == image.shape
        row, column = np.unravel_index(heat.argmax(), heat.shape)
        assert image[row, column] < 0.75 * np.median(image)


def test_the_map_sums_to_the_score(estimator: Autoencoder) -> None:
    sums = [heat.sum(dtype=np.float64) for heat in estimator.explain(BAD)]
    np.testing.assert_allclose(sums, -estimator.score_samples(BAD), rtol=1e-5)
    same = estimator.explain(np.stack([BAD[0], BAD[3]]))
    assert same.shape == (2, *BAD[0].shape)


def test_exposure_does_not_matter(estimator: Autoencoder) -> None:
    image = BAD[0].astype(np.float32)
    np.testing.assert_allclose(estimator.score_samples([image * 0.25]), estimator.score_samples([image]), rtol=1e-4)


def test_rough_and_smooth_images_have_one_grain() -> None:
    random = np.random.default_rng(0)
    noise, light = random.standard_normal((64, 80, 1)), np.linspace(0.5, 1.5, 80)[:, None]
    for roughness in (0.02, 0.1):
        image = np.asarray(120 * light * (1 + roughness * noise), np.float32)
        own = in_own_units(image)
        assert grain(own) == pytest.approx(1, abs=1e-3)
        np.testing.assert_allclose(in_own_units(image * np.float32(0.1)), own, atol=1e-3)
        fine = own[:, 1:] - own[:, :-1]
        assert fine[:, 60:].std() == pytest.approx(fine[:, :20].std(), rel=0.35)
    assert np.isfinite(in_own_units(np.zeros((3, 5, 1), np.float32))).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (3, 5), (130, 17)])
def test_any_size_is_scored_whatever_the_tiles(
    estimator: Autoencoder, shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    image = np.random.default_rng(0).integers(50, 200, shape).astype(np.uint8)
    (heat,) = estimator.explain([image])
    assert heat.shape == shape
    assert heat.dtype == np.float32
    assert (heat >= 0).all()
    monkeypatch.setattr(anomaly_maps, "TILE", 32)
    np.testing.assert_allclose(estimator.explain([image])[0], heat, rtol=1e-3, atol=1e-6 * heat.sum())


def test_constant_images_are_scored(estimator: Autoencoder) -> None:
    flat = estimator.score_samples([np.full((40, 40), level, np.uint8) for level in (0, 7, 255)])
    assert np.isfinite(flat).all()
    assert -flat[0] < -estimator.score_samples(BAD).max()


def test_company_and_threads_change_no_score(estimator: Autoencoder) -> None:
    before, threads = estimator.score_samples(BAD[:3]), torch.get_num_threads()
    np.testing.assert_array_equal(estimator.score_samples(BAD[1:2]), before[1:2])
    try:
        torch.set_num_threads(3 - min(threads, 2))
        np.testing.assert_allclose(estimator.score_samples(BAD[:3]), before, rtol=1e-4)
    finally:
        torch.set_num_threads(threads)


def test_colour_is_seen() -> None:
    tint = np.array([1.0, 0.8, 0.6])
    good, bad = ([np.asarray(image[..., None] * tint, np.uint8) for image in some] for some in (GOOD[:16], BAD[:6]))
    for image in bad:
        image[10:16, 8:14] = image[10:16, 8:14, ::-1]
    pieces = anomaly_maps.pieces_of(sized(good), 0, side=32)
    estimator = Autoencoder("surface", epochs=3, batch_size=16).fit(pieces)
    found = estimator.explain(bad)
    assert all(heat.shape == image.shape[:2] for heat, image in zip(found, bad, strict=True))
    sums = [heat.sum(dtype=np.float64) for heat in found]
    np.testing.assert_allclose(sums, -estimator.score_samples(bad), rtol=1e-5)


@pytest.mark.parametrize(
    ("words", "weights"),
    [("blots", (1, 1 / 3)), ("even-blots", (1, 1)), ("dark-blots", (1, 0)), ("light-blots", (0, 1))],
)
def test_what_training_laid_over_more_rarely_counts_less(
    estimator: Autoencoder, words: str, weights: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert anomaly_maps._weights(parse_noise(words)) == pytest.approx(weights)
    mark = np.zeros((32, 32, 1), np.float32)
    mark[8, 8], mark[24, 24] = -2, 2  # what is taken off: a darker pixel and a lighter one
    scale = np.float32(estimator.trained_.preprocessing.scale)
    monkeypatch.setattr(anomaly_maps, "_restored", lambda _, values: values - mark / scale)
    monkeypatch.setattr(anomaly_maps, "_weights", lambda _: weights)
    strength = anomaly_maps._strength(estimator.trained_, BAD[0][:32, :32].reshape(32, 32, 1))
    assert strength[[8, 24], [8, 24]] == pytest.approx(np.array(weights) * 4 / (2 * np.pi), rel=0.03, abs=1e-6)


def test_an_alert_keeps_its_promise_and_the_file_its_threshold(estimator: Autoencoder, tmp_path: Path) -> None:
    found = anomaly_maps.of(estimator.trained_)
    assert len(found.calibration) == 6
    assert found.rule == FalseAlarms(1 / 7)
    assert (estimator.predict(BAD) == -1).mean() > 0.8
    estimator.save(tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.score_samples(BAD), estimator.score_samples(BAD))


def test_damaged_calibrations_and_other_samples_are_refused(estimator: Autoencoder) -> None:
    from dataclasses import replace

    kept = estimator.trained_.extras["maps"]
    for arrays in ({}, {"calibration": kept.arrays["calibration"] * np.nan}):
        with pytest.raises(FormatError, match="calibrate it anew"):
            anomaly_maps.of(replace(estimator.trained_, extras={"maps": replace(kept, arrays=arrays)}))
    old = replace(kept, plain={name: value for name, value in kept.plain.items() if name not in ("form", "level")})
    with pytest.raises(FormatError, match="train it anew"):
        anomaly_maps.of(replace(estimator.trained_, extras={"maps": old}))
    for name in ("unit", "level"):
        broken = replace(kept, plain={**kept.plain, name: float("nan")})
        with pytest.raises(FormatError, match="damaged"):
            anomaly_maps.of(replace(estimator.trained_, extras={"maps": broken}))
    with pytest.raises(InputError, match="all grey or all in colour"):
        estimator.score_samples(np.zeros((3, 5)))
    with pytest.raises(InputError, match="1 channels"):
        estimator.score_samples([np.zeros((30, 30, 3))])


def folder(path: Path, images: list[np.ndarray]) -> Path:
    path.mkdir(parents=True)
    for number, image in enumerate(images):
        Image.fromarray(image).save(path / f"{number:02}.png")
    return path


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str], estimator: Autoencoder) -> None:
    folder(tmp_path / "tiles/good", GOOD[:12])
    folder(tmp_path / "tiles/spot", BAD[:4])
    model, out, shown = tmp_path / "m.safetensors", tmp_path / "alerts.csv", tmp_path / "maps"
    words = ("--preset", "surface", "--label", "good", "--epochs", "1", "--patch", "32", "--out", model, "-q", "--json")
    facts = json.loads(run(capsys, "train", tmp_path / "tiles", *words)[1])
    assert facts["split"] == "test set, 1,024 samples"
    estimator.save(model, force=True)
    words = (
        "-m",
        model,
        "--out",
        out,
        "--maps",
        shown,
        "--label",
        "good",
        "--json",
        "--report",
        tmp_path / "page.html",
    )
    facts = json.loads(run(capsys, "detect", tmp_path / "tiles", *words)[1])
    assert facts["samples"] == 16
    assert facts["auroc"] > 0.9
    page = check((tmp_path / "page.html").read_text())
    assert page.tags.count("img") == 12
    table = pl.read_csv(out)
    assert table.columns == ["row", "item", "score", "p_value", "alert", "reasons"]
    assert table["item"][0].startswith("spot/")
    assert "of the score within" in table["reasons"][0]
    heat = np.load(shown / table["item"][0].replace(".png", ".npy"))
    assert heat.sum(dtype=np.float64) == pytest.approx(table["score"][0], rel=1e-5)
    with Image.open(shown / table["item"][0]) as drawn:
        assert (*drawn.size[::-1], drawn.mode) == (*heat.shape, "RGB")
    text = run(
        capsys, "calibrate", tmp_path / "tiles", "-m", model, "--in-place", "--label", "good", "--false-alarms", 0.2
    )[1]
    assert "calibrated on 12 samples" in text


def test_bad_input_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], estimator: Autoencoder
) -> None:
    tiles, model = folder(tmp_path / "tiles", GOOD[:3]), tmp_path / "m.safetensors"
    estimator.save(model)
    words = ("-m", model, "--out", tmp_path / "o.csv")
    assert "No image lies in a folder named ok" in fails(capsys, 1, "detect", tiles, *words, "--label", "ok")
    (tmp_path / "t.csv").write_text("a\n1\n")
    assert "give a folder or zip of images" in fails(capsys, 2, "detect", tmp_path / "t.csv", *words)
    Image.fromarray(GOOD[0]).save(tiles / "00.bmp")
    assert "Two images are named 00" in fails(capsys, 1, "detect", tiles, *words, "--maps", tmp_path / "maps")
    assert not (tmp_path / "o.csv").exists()
    assert open_sized(tiles).channels == 1
