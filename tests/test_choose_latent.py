"""The latent chosen: every prefix of a nested code is usable, the knee, a quality to reach, and what is refused."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from diabolo.app.fit_and_measure import fitted
from diabolo.data.source import ArraySource, Dataset
from diabolo.errors import ArgumentError
from diabolo.estimator import Autoencoder, load
from diabolo.jobs import learn
from diabolo.jobs.evaluate.choose_latent import Choice, Point, chosen, knee, latents_of, nested, refined
from diabolo.model.autoencoder import AutoencoderModel
from diabolo.model.nested import kept, prefix_lengths
from diabolo.presets.presets import configure
from diabolo.training.split import draw_split


def of_rank(rank: int, *, rows: int = 1500, columns: int = 16, noise: float = 0.02) -> np.ndarray:
    random = np.random.default_rng(3)
    axes = np.linalg.qr(random.normal(size=(columns, rank)))[0].T * np.linspace(1.5, 1, rank)[:, None]
    return random.normal(size=(rows, rank)) @ axes + noise * random.normal(size=(rows, columns))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_lengths_are_from_1_to_all_and_as_likely() -> None:
    shares = torch.bincount(prefix_lengths(200_000, 20, seeded())) / 200_000
    assert shares.tolist() == pytest.approx([0, *[1 / 20] * 20], abs=0.003)
    assert prefix_lengths(50, 1, seeded()).tolist() == [1] * 50


@pytest.mark.parametrize("preset", ["dense", "codec", "vae", "conv-vae"])
def test_training_sees_the_code_with_zeros_after_the_prefix(preset: str) -> None:
    model = AutoencoderModel(nested(configure(preset, (8, 8), latent=6)), seeded()).train()
    x = torch.rand(40, 8, 8, generator=seeded(1))
    terms = model.terms(x, seeded(2))
    generator, latent = seeded(2), model.encoder.network(x)
    lengths = prefix_lengths(len(x), model.config.latent, generator)
    code = model.encoder.bottleneck.draw(latent, generator).seen
    for number, length in enumerate(lengths.tolist()):
        code[number, length:] = 0
    torch.testing.assert_close(terms.distortion, model.decoder.likelihood.distortion(model.decoder.predict(code), x))
    assert len(set(lengths.tolist())) > 5


def test_numbers_left_out_cost_nothing_and_learn_nothing() -> None:
    model = AutoencoderModel(configure("codec", (8, 8), latent=6), seeded())
    latent = torch.randn(30, 6, generator=seeded(1)).requires_grad_()
    mask = kept(torch.full((30,), 2), 6)
    code, rate, *_ = model.encoder.bottleneck.draw(latent, seeded(), mask)
    torch.testing.assert_close(rate, model.encoder.bottleneck.cost(code)[:, :2].sum(1))
    (gradient,) = torch.autograd.grad(rate.sum() + code.square().sum(), latent)
    assert (gradient[:, 2:] == 0).all()
    assert (gradient[:, :2] != 0).all()


def points(*psnrs: float) -> list[Point]:
    return [Point(latent, psnr, None) for latent, psnr in enumerate(psnrs, 1)]


def test_the_knee_is_where_the_error_stops_falling() -> None:
    errors = [1, 0.7, 0.4, 0.1, 0.09, 0.08, 0.07, 0.06]
    assert knee(points(*(-10 * math.log10(error) for error in errors))) == 4
    assert knee(points(*(-10 * math.log10(1 - 0.1 * step) for step in range(9)))) == 9, "a line has none"
    assert knee(points(7.0, 7.0, 7.0)) == 1
    assert knee(points(7.0)) == 1
    assert knee(points(3.0, 9.0, 8.0, 9.1, 9.1)) == 2


def test_a_quality_takes_the_first_that_reaches_it_or_the_best() -> None:
    curve = points(5.0, 9.0, 12.0, 11.9)
    assert [chosen(curve, quality) for quality in (1.0, 9.0, 9.1, 50.0)] == [1, 2, 3, 3]


def test_latents_are_tried_one_by_one_then_further_apart() -> None:
    assert latents_of(1) == [1]
    assert latents_of(9) == list(range(1, 10))
    assert latents_of(500)[-1] == 500
    assert len(latents_of(500)) <= 48


def auto(**dials: object) -> Autoencoder:
    return Autoencoder("codec", latent="auto", epochs=12, **dials)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def rank_5() -> Autoencoder:
    return auto().fit(of_rank(5))


def test_samples_of_rank_5_get_5_numbers(rank_5: Autoencoder) -> None:
    assert rank_5.trained_.model.config.latent == 5
    assert rank_5.encode(of_rank(5)[:3]).shape == (3, 5)
    about = rank_5.trained_.about
    assert about["latent_choice"] == {"latent": 5, "quality": None, "trials": []}
    curve = about["latent_curve"]
    assert [point["latent"] for point in curve] == list(range(1, 16))
    assert curve[4]["psnr"] > curve[3]["psnr"] + 3
    assert all(point["bytes"] > 0 for point in curve)
    assert not rank_5.trained_.model.config.nested


def test_the_same_seed_chooses_and_trains_the_same_bits(rank_5: Autoencoder) -> None:
    again = auto().fit(of_rank(5))
    assert again.trained_.about["latent_curve"] == rank_5.trained_.about["latent_curve"]
    assert (again.encode(of_rank(5)) == rank_5.encode(of_rank(5))).all()


def test_the_file_keeps_the_curve_and_the_wish(rank_5: Autoencoder, tmp_path: Path) -> None:
    rank_5.save(tmp_path / "m.safetensors")
    loaded = load(tmp_path / "m.safetensors")
    assert loaded.get_params()["latent"] == "auto"
    assert loaded.trained_.about["latent_curve"] == rank_5.trained_.about["latent_curve"]


def test_a_quality_is_reached_on_samples_held_out() -> None:
    x = of_rank(5)
    model = auto(quality=5.0).fit(x)
    latent = model.trained_.model.config.latent
    assert latent < 5
    rows = draw_split(len(x), model.trained_.about["recipe"]["validation"], 0).held_out
    wrong = (model.reconstruct(x[rows]) - x[rows]) / x.std(0)
    assert -10 * math.log10(np.square(wrong).mean()) >= 5.0
    trials = model.trained_.about["latent_choice"]["trials"]
    assert min(point["latent"] for point in trials if point["psnr"] >= 5.0) == latent


def test_models_trained_anew_find_the_fewest_numbers() -> None:
    curve = tuple(points(*range(1, 21)))
    asked = []

    def anew(latent: int) -> Point:
        asked.append(latent)
        return Point(latent, latent + 4.5, None)

    found = refined(curve, 15.0, anew)
    assert (found.latent, asked) == (11, [15, 11])
    assert refined(curve, 50.0, anew).latent == 20
    assert refined(curve, 15.0, lambda latent: Point(latent, latent - 2.0, None)).latent == 17


@pytest.mark.parametrize("preset", ["conv", "denoise", "denoise-deep", "denoise-photo", "denoise-small"])
def test_a_code_that_is_a_map_has_nothing_to_choose(preset: str) -> None:
    with pytest.raises(ArgumentError, match="latent 'auto' has nothing to choose"):
        Autoencoder(preset, latent="auto").fit(np.zeros((20, 8, 8), np.uint8))


@pytest.mark.parametrize("latent", ["all", 0, -3, 1.5, True, ""])
def test_other_latents_are_refused(latent: object) -> None:
    with pytest.raises(ArgumentError, match="latent must be an integer >= 1 or 'auto', got "):
        Autoencoder("dense", latent=latent).fit(of_rank(2, rows=40))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("latent", "quality", "words"),
    [
        (4, 20.0, "quality is for latent 'auto'"),
        (None, 20.0, "quality is for latent 'auto'"),
        ("auto", 0, "above 0 and up to 120 dB, got 0"),
        ("auto", math.nan, "above 0 and up to 120 dB, got nan"),
        ("auto", "high", "above 0 and up to 120 dB, got 'high'"),
        ("auto", True, "above 0 and up to 120 dB, got True"),
    ],
)
def test_a_quality_that_cannot_be_meant_is_refused(latent: object, quality: object, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        Autoencoder("dense", latent=latent, quality=quality).fit(of_rank(2, rows=40))  # type: ignore[arg-type]


def test_two_samples_of_two_numbers_will_do() -> None:
    model = Autoencoder("dense", latent="auto", epochs=1).fit(np.array([[0.0, 3.0], [2.0, 5.0], [4.0, 1.0]]))
    assert model.trained_.model.config.latent == 1


def test_the_command_s_training_keeps_the_curve() -> None:
    data = Dataset("table", ArraySource(of_rank(2, rows=60)))
    trained, _ = fitted(Autoencoder("dense", latent="auto", epochs=2, recipe="lecture"), data)
    assert trained.about["latent_choice"]["latent"] == trained.model.config.latent
    assert trained.about["recipe"]["validation"] == 0


@pytest.mark.parametrize(("preset", "scaling"), [("table", (True, False)), ("series", (False, True))])
def test_the_latent_is_chosen_under_the_scaling_of_the_model(
    preset: str, scaling: tuple[bool, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[bool, bool]] = []

    def chosen_under(*_: object, curved: bool, standardised: bool, **__: object) -> Choice:
        seen.append((curved, standardised))
        raise KeyboardInterrupt

    monkeypatch.setattr(learn, "choose_latent", chosen_under)
    with pytest.raises(KeyboardInterrupt):
        Autoencoder(preset, latent="auto").fit(np.random.default_rng(0).normal(size=(60, 4)))
    assert seen == [scaling]
