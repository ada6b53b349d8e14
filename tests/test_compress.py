"""Compress and decompress: samples and images through archives, every promise, bad input, other machines' threads."""

import dataclasses
import math
import subprocess
import sys
import zipfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from diabolo.coding.archive.archive import ArchiveReader
from diabolo.coding.archive.items import Item
from diabolo.coding.archive.layout import Promise
from diabolo.data.images.mixed import open_pictures
from diabolo.data.source import ArraySource
from diabolo.errors import ArgumentError, DiaboloError, FileError, FormatError, InputError
from diabolo.estimator import Autoencoder, load
from diabolo.jobs.compress import chunks
from diabolo.jobs.compress import compress as compress_module
from diabolo.jobs.compress.chunks import NUMBERS, Piece, strips, tiles, untiled
from diabolo.jobs.compress.compress import Compressed, compress, identity
from diabolo.jobs.compress.decompress import contents, one_item, salvaged, unpacked
from diabolo.jobs.compress.levels import NATURAL, levels_of
from diabolo.jobs.compress.output import joined, to_array, to_folder
from diabolo.training.files.model_file import Trained

NOISE = np.random.default_rng(0).integers(0, 16, (1797, 8, 8))
X = np.minimum(load_digits().images * 15 + NOISE, 255).astype(np.uint8)


@cache
def trained() -> Trained:
    return Autoencoder("codec", latent=8, epochs=6, random_state=0).fit(X[:1500]).trained_


def restored(model: Trained, path: Path) -> Any:
    return np.concatenate([piece.array for piece in unpacked(model, path)])


def test_what_comes_back_is_what_the_model_makes_of_the_samples(tmp_path: Path) -> None:
    held = X[1500:]
    found = compress(trained(), ArraySource(held), tmp_path / "a.dbo")
    assert (found.items, found.blocks, found.stored) == (len(held), 1, 0)
    assert found.size == (tmp_path / "a.dbo").stat().st_size
    assert found.size < 12 * len(held)
    back = restored(trained(), tmp_path / "a.dbo")
    error = np.square(back.astype(float) - held).mean()
    assert found.psnr == pytest.approx(10 * np.log10(255**2 / error))
    codes = Autoencoder("codec").set_params()  # the estimator's own way must agree
    codes.trained_ = trained()
    assert np.array_equal(back, codes.reconstruct(held))


def test_the_size_is_the_rate_that_the_model_measures(tmp_path: Path) -> None:
    held = np.concatenate([X[1500:]] * 8)
    found = compress(trained(), ArraySource(held), tmp_path / "a.dbo")
    nats = trained().model.score(torch.from_numpy(held).float() / 255).rate.mean()
    assert found.size / len(held) == pytest.approx(float(nats.detach()) / np.log(2) / 8, rel=0.05)


def test_quality_is_reached_and_costs_bytes(tmp_path: Path) -> None:
    levels = levels_of(trained())
    fine, coarse = levels[NATURAL].psnr - 0.3, levels[-1].psnr - 0.3
    found = compress(trained(), ArraySource(X[1500:]), tmp_path / "a.dbo", quality=fine)
    cheaper = compress(trained(), ArraySource(X[1500:]), tmp_path / "b.dbo", quality=coarse)
    assert found.psnr >= fine
    assert cheaper.psnr >= coarse
    assert cheaper.size < found.size


def test_a_quality_beyond_the_model_is_reached_by_storing(tmp_path: Path) -> None:
    found = compress(trained(), ArraySource(X[1500:]), tmp_path / "a.dbo", quality=60)
    assert found.stored == found.blocks
    assert np.array_equal(restored(trained(), tmp_path / "a.dbo"), X[1500:])


@pytest.mark.parametrize("promise", list(Promise))
@pytest.mark.parametrize("kind", ["noise", "black", "white"])
def test_an_archive_is_never_larger_than_the_input(promise: Promise, kind: str, tmp_path: Path) -> None:
    shape = (200, 8, 8)
    made = {"noise": np.random.default_rng(0).integers(0, 256, shape), "black": np.zeros(shape)}
    samples = made.get(kind, np.full(shape, 255)).astype(np.uint8)
    error = 2 if promise == Promise.MAX_ERROR else 0
    found = compress(trained(), ArraySource(samples), tmp_path / "a.dbo", promise=promise, max_error=error)
    assert found.size <= 1.01 * samples.nbytes + 500 + 4 * math.isqrt(samples.nbytes)  # block headers, parity
    back = restored(trained(), tmp_path / "a.dbo")
    if promise != Promise.LOSSY:
        assert np.abs(back.astype(int) - samples).max() <= error


def test_lossless_gives_the_same_bytes(tmp_path: Path) -> None:
    held = X[1500:]
    found = compress(trained(), ArraySource(held), tmp_path / "a.dbo", promise=Promise.LOSSLESS)
    assert found.stored == 0
    assert found.psnr == 120
    assert np.array_equal(restored(trained(), tmp_path / "a.dbo"), held)


@pytest.mark.parametrize("error", [1, 5, 127])
def test_no_number_is_off_by_more_than_promised(error: int, tmp_path: Path) -> None:
    held = X[1500:]
    exact = compress(trained(), ArraySource(held), tmp_path / "b.dbo", promise=Promise.LOSSLESS)
    found = compress(trained(), ArraySource(held), tmp_path / "a.dbo", promise=Promise.MAX_ERROR, max_error=error)
    back = restored(trained(), tmp_path / "a.dbo").astype(int)
    assert np.abs(back - held).max() <= error
    assert found.size < exact.size


def test_a_saved_model_opens_the_archive_and_another_is_refused(tmp_path: Path) -> None:
    estimator = Autoencoder("codec")
    estimator.trained_ = trained()
    estimator.save(tmp_path / "m.safetensors")
    compress(trained(), ArraySource(X[:50]), tmp_path / "a.dbo")
    again = load(tmp_path / "m.safetensors").trained_
    assert np.array_equal(restored(again, tmp_path / "a.dbo"), restored(trained(), tmp_path / "a.dbo"))
    other = Autoencoder("codec", latent=8, epochs=1, random_state=1).fit(X[:100]).trained_
    with pytest.raises(InputError, match="another model"):
        restored(other, tmp_path / "a.dbo")


def test_what_is_added_to_a_model_later_leaves_its_archives() -> None:
    changed = dataclasses.replace(trained(), about={"note": "measured again"}, history=())
    assert identity(changed) == identity(trained())


def test_a_model_without_whole_codes_says_what_to_train(tmp_path: Path) -> None:
    plain = Autoencoder("dense", latent=4, epochs=1).fit(X[:100]).trained_
    for promise in Promise:
        with pytest.raises(InputError, match="--preset codec"):
            compress(plain, ArraySource(X[:5]), tmp_path / "a.dbo", promise=promise, max_error=promise == 1)
    assert not (tmp_path / "a.dbo").exists()


@pytest.mark.parametrize("quality", [0.0, -3.0, 101.0, float("nan")])
def test_a_quality_that_cannot_be_is_refused(quality: float, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="quality"):
        compress(trained(), ArraySource(X[:5]), tmp_path / "a.dbo", quality=quality)


def test_samples_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="shape"):
        compress(trained(), ArraySource(X[:5].reshape(5, 64)), tmp_path / "a.dbo")
    with pytest.raises(InputError, match="type uint8"):
        compress(trained(), ArraySource(X[:5].astype(np.float32)), tmp_path / "a.dbo")


def test_a_killed_run_leaves_no_archive(tmp_path: Path) -> None:
    def stop(items: int) -> None:
        raise KeyboardInterrupt(items)

    with pytest.raises(KeyboardInterrupt):
        compress(trained(), ArraySource(X), tmp_path / "a.dbo", watch=stop)
    assert list(tmp_path.iterdir()) == []


def test_something_in_the_way_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.dbo").write_bytes(b"mine")
    with pytest.raises(FileError, match="already there"):
        compress(trained(), ArraySource(X[:5]), tmp_path / "a.dbo")
    assert (tmp_path / "a.dbo").read_bytes() == b"mine"


def photos(folder: Path) -> dict[str, Image.Image]:
    """Write images of many modes and sizes; return them by their names."""
    rng = np.random.default_rng(0)
    smooth = np.add.outer(np.arange(30), np.arange(21)).astype(np.uint8) * 3
    colour = np.stack([smooth, smooth // 2, 255 - smooth], 2)
    found = {
        "a.png": Image.fromarray(X[0]),
        "b/c.png": Image.fromarray(X[1]),
        "b/large.png": Image.fromarray(smooth),
        "colour.png": Image.fromarray(colour),
        "clear.png": Image.fromarray(np.dstack([colour, smooth])),
        "deep.png": Image.fromarray(smooth.astype(np.uint16) * 300),
        "ink.png": Image.fromarray(rng.integers(0, 2, (9, 7)).astype(bool)),
        "tiny.png": Image.fromarray(X[0][:1, :1]),
        "photo.jpg": Image.fromarray(colour),
    }
    for name, image in found.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        image.save(folder / name)
    return found


def test_images_of_any_size_and_mode_come_back_under_their_names(tmp_path: Path) -> None:
    given = photos(tmp_path / "photos")
    pictures = open_pictures(tmp_path / "photos")
    compress(trained(), pictures, tmp_path / "a.dbo", promise=Promise.LOSSLESS)
    to_folder(unpacked(trained(), tmp_path / "a.dbo"), tmp_path / "back")
    back = sorted(file.relative_to(tmp_path / "back").as_posix() for file in (tmp_path / "back").rglob("*.*"))
    assert back == sorted("photo.png" if name == "photo.jpg" else name for name in given)
    for name in given:
        place = tmp_path / "back" / name.replace(".jpg", ".png")
        with Image.open(tmp_path / "photos" / name) as one, Image.open(place) as other:
            assert (one.mode, one.size) == (other.mode, other.size)
            assert np.array_equal(np.asarray(one), np.asarray(other))


def test_one_item_is_read_without_the_others(tmp_path: Path) -> None:
    given = photos(tmp_path / "photos")
    compress(trained(), open_pictures(tmp_path / "photos"), tmp_path / "a.dbo", promise=Promise.LOSSLESS)
    (found,) = joined(one_item(trained(), tmp_path / "a.dbo", "b/large.png"))
    assert np.array_equal(found.array, np.asarray(given["b/large.png"]))
    with pytest.raises(InputError, match="no item named"):
        list(one_item(trained(), tmp_path / "a.dbo", "b/none.png"))
    compress(trained(), ArraySource(X[:20]), tmp_path / "b.dbo", promise=Promise.LOSSLESS)
    (found,) = joined(one_item(trained(), tmp_path / "b.dbo", "7"))
    assert np.array_equal(found.array, X[7])


def test_large_images_go_in_strips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "NUMBERS", 3000)
    large = np.random.default_rng(0).integers(0, 256, (1, 150, 40)).astype(np.uint8)
    found = compress(trained(), ArraySource(large), tmp_path / "a.dbo", promise=Promise.LOSSLESS)
    assert found.blocks == 3
    assert to_array(unpacked(trained(), tmp_path / "a.dbo"), tmp_path / "b.npy", force=False) == 1
    assert np.array_equal(np.load(tmp_path / "b.npy"), large)
    (item,) = joined(one_item(trained(), tmp_path / "a.dbo", "0"))
    assert np.array_equal(item.array, large[0])


@pytest.mark.parametrize("item", [(8, 8), (1, 1), (9, 8), (30, 21), (16, 16)])
def test_tiles_are_put_back(item: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).integers(0, 256, (3, *item)).astype(np.uint8)
    cut = tiles(array, (8, 8))
    assert cut.shape[1:] == (8, 8)
    assert np.array_equal(untiled(cut, item), array)


def test_what_is_undamaged_is_salvaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "ITEMS", 20)
    compress(trained(), ArraySource(X[:100]), tmp_path / "a.dbo", promise=Promise.LOSSLESS)
    data = bytearray((tmp_path / "a.dbo").read_bytes())
    with ArchiveReader(tmp_path / "a.dbo") as reader:
        place = bytes(data).find(reader.block(2).payload)
    data[place + 5] ^= 1
    (tmp_path / "a.dbo").write_bytes(data)
    with pytest.raises(FormatError, match="block 2 is damaged"):
        restored(trained(), tmp_path / "a.dbo")
    found, damaged = salvaged(trained(), tmp_path / "a.dbo")
    kept = np.concatenate([piece.array for piece in found])
    assert np.array_equal(kept, np.concatenate([X[:40], X[60:100]]))
    assert [(damage.first, damage.count) for damage in damaged] == [(40, 20)]


def test_damaged_archives_are_refused_or_read_right(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    held = X[1500:1530]
    compress(trained(), ArraySource(held), tmp_path / "a.dbo", promise=Promise.LOSSLESS)
    data = np.frombuffer((tmp_path / "a.dbo").read_bytes(), np.uint8)
    refused = 0
    for trial in range(300):
        changed = data.copy()
        if trial % 3 == 0:
            changed = changed[: rng.integers(len(changed))]
        elif trial % 3 == 1:
            changed[rng.integers(len(changed))] ^= 1 << rng.integers(8)
        else:
            start = rng.integers(len(changed))
            changed[start : start + 9] = rng.integers(0, 256, len(changed[start : start + 9]))
        (tmp_path / "b.dbo").write_bytes(changed.tobytes())
        try:
            assert np.array_equal(restored(trained(), tmp_path / "b.dbo"), held)
        except DiaboloError:
            refused += 1
    assert refused > 250  # the others are hurt in their parity alone


@pytest.mark.parametrize(
    ("key", "value"),
    [("steps", []), ("steps", ["x"]), ("steps", [0.0] * 31), ("psnr", None), ("steps", [1.0]), ("bytes", 3)],
)
def test_levels_that_do_not_fit_are_refused(key: str, value: Any) -> None:
    extra = trained().extras["compress"]
    broken = dataclasses.replace(extra, plain={**extra.plain, key: value})
    with pytest.raises(FormatError):
        levels_of(dataclasses.replace(trained(), extras={"compress": broken}))


DECODE = """
import sys, hashlib, numpy as np, torch
from pathlib import Path
from diabolo.estimator import load
from diabolo.jobs.compress.decompress import unpacked
torch.set_num_threads(int(sys.argv[3]))
torch.backends.mkldnn.set_flags(sys.argv[4] == "on")
model = load(sys.argv[1]).trained_
if sys.argv[5] == "float64":
    model.model.double()
    forward = model.model.decoder.forward
    model.model.decoder.forward = lambda code: forward(code.double()).float()
for name in ("lossless", "bounded", "lossy"):
    array = np.concatenate([p.array for p in unpacked(model, Path(sys.argv[2]) / f"{name}.dbo")])
    print(name, hashlib.sha256(array.tobytes()).hexdigest() if name != "lossy" else array.astype(int).sum())
"""


@pytest.mark.parametrize(("threads", "onednn", "floats"), [("1", "on", "float32"), ("2", "off", "float32")])
def test_archives_open_alike_on_other_settings(threads: str, onednn: str, floats: str, tmp_path: Path) -> None:
    estimator = Autoencoder("codec")
    estimator.trained_ = trained()
    estimator.save(tmp_path / "m.safetensors")
    held, plain = ArraySource(X[1500:]), {}
    for name, promise in (("lossless", Promise.LOSSLESS), ("bounded", Promise.MAX_ERROR), ("lossy", Promise.LOSSY)):
        compress(trained(), held, tmp_path / f"{name}.dbo", promise=promise, max_error=3 * (name == "bounded"))
        plain[name] = restored(trained(), tmp_path / f"{name}.dbo")
    command = [sys.executable, "-c", DECODE, str(tmp_path / "m.safetensors"), str(tmp_path), threads, onednn, floats]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    import hashlib

    assert lines[0] == f"lossless {hashlib.sha256(plain['lossless'].tobytes()).hexdigest()}"
    assert lines[1] == f"bounded {hashlib.sha256(plain['bounded'].tobytes()).hexdigest()}"
    assert abs(int(lines[2].split()[1]) - int(plain["lossy"].astype(int).sum())) <= 5


def test_an_archive_of_many_items_holds_them_in_order(tmp_path: Path) -> None:
    assert NUMBERS >= 1 << 20
    many = np.concatenate([X] * 12)
    compress(trained(), ArraySource(many), tmp_path / "a.dbo", promise=Promise.LOSSY)
    with ArchiveReader(tmp_path / "a.dbo") as reader:
        assert reader.blocks >= 2
    back = restored(trained(), tmp_path / "a.dbo")
    assert np.array_equal(back[: len(X)], back[len(X) : 2 * len(X)])


def test_strips_cover_an_item(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "NUMBERS", 1000)
    array = np.arange(200 * 10, dtype=np.uint16).reshape(200, 10)
    found: list[Piece] = list(strips(Item((), "x.png", "I;16"), array))
    assert len(found) == 4
    assert [piece.items[0].mode for piece in found] == [f"I;16@{top}/200" for top in (0, 64, 128, 192)]
    assert np.array_equal(np.concatenate([piece.array[0] for piece in found]), array)


def test_the_estimator_compresses_and_decompresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    estimator = Autoencoder("codec")
    estimator.trained_ = trained()
    found = estimator.compress(X[1500:], tmp_path / "a.dbo", lossless=True)
    assert found.psnr == 120
    assert np.array_equal(estimator.decompress(tmp_path / "a.dbo"), X[1500:])
    with pytest.raises(ArgumentError, match="exclude each other"):
        estimator.compress(X[:5], tmp_path / "b.dbo", lossless=True, quality=20)
    monkeypatch.setattr(chunks, "NUMBERS", 3000)
    large = np.zeros((1, 150, 40), np.uint8)
    compress(trained(), ArraySource(large), tmp_path / "c.dbo", promise=Promise.LOSSLESS)
    assert np.array_equal(estimator.decompress(tmp_path / "c.dbo"), large)


def test_a_zip_of_files_that_pack_well_does_not_grow(tmp_path: Path) -> None:
    for number in range(20):
        image = Image.fromarray(np.kron(X[number], np.ones((8, 8), np.uint8))).convert("P")
        image.save(tmp_path / f"{number}.bmp")
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(tmp_path.glob("*.bmp")):
            file.write(path, path.name)
    given = (tmp_path / "a.zip").stat().st_size
    found = compress(trained(), open_pictures(tmp_path / "a.zip"), tmp_path / "a.dbo", promise=Promise.LOSSLESS)
    assert found.size <= given + 500 + 4 * math.isqrt(given)
    to_folder(contents(trained(), tmp_path / "a.dbo"), tmp_path / "back")
    for path in tmp_path.glob("*.bmp"):
        assert (tmp_path / "back" / path.name).read_bytes() == path.read_bytes()


def test_a_quality_that_is_missed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    real = compress_module.written

    def short(*values: Any) -> Compressed:
        written.append(1)
        return replace(real(*values), psnr=10.0)

    monkeypatch.setattr(compress_module, "written", short)
    with pytest.warns(UserWarning, match=r"asked for 12 dB, and the model's finest step reaches 10\.00 dB"):
        found = compress(trained(), ArraySource(X[1500:1600]), tmp_path / "a.dbo", quality=12)
    assert found.psnr == 10.0
    assert 1 < len(written) <= 6  # of 31 levels
