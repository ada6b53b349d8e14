"""Blocks: files that are kept, names that collide, strips that are missing, and what no archive may claim."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from diabolo.app.cli import app
from diabolo.app.commands.archives.unpack import write_item
from diabolo.coding.archive.archive import ArchiveReader, ArchiveWriter
from diabolo.coding.archive.general_coder import store
from diabolo.coding.archive.items import Item
from diabolo.coding.archive.layout import Header, Method, Promise
from diabolo.data.images.mixed import open_pictures
from diabolo.data.source import ArraySource
from diabolo.errors import ArgumentError, FormatError, InputError
from diabolo.estimator import Autoencoder
from diabolo.jobs.compress import chunks
from diabolo.jobs.compress.blocks import read_files, write_files
from diabolo.jobs.compress.compress import compress, identity
from diabolo.jobs.compress.decompress import contents, one_item, salvaged, unpacked
from diabolo.jobs.compress.output import joined, to_array, to_folder
from test_compress import X, trained

RNG = np.random.default_rng(0)
SMOOTH = np.clip(np.add.outer(np.arange(90), np.arange(120)) + RNG.normal(0, 9, (90, 120)), 0, 255).astype(np.uint8)
COLOUR = np.stack([SMOOTH, SMOOTH // 2, 255 - SMOOTH], 2)


def album(folder: Path) -> Path:
    """Write pictures whose files are small: JPEG, a palette, a drawing."""
    folder.mkdir()
    for number in range(5):
        Image.fromarray(np.roll(COLOUR, number, 0)).save(folder / f"photo{number}.jpg", quality=30 + number)
    Image.fromarray(COLOUR).quantize(8).save(folder / "palette.gif")
    Image.fromarray(COLOUR).convert("CMYK").save(folder / "ink.tif")
    Image.new("RGB", (70, 50), (3, 4, 5)).save(folder / "plain.png")
    Image.fromarray(X[0]).save(folder / "zero.png")
    return folder


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*.*"))


@pytest.mark.parametrize("promise", list(Promise))
def test_an_album_of_packed_files_does_not_grow(promise: Promise, tmp_path: Path) -> None:
    data = open_pictures(album(tmp_path / "photos"))
    error = int(promise == Promise.MAX_ERROR)
    found = compress(trained(), data, tmp_path / "a.dbo", promise=promise, max_error=error)
    assert found.size <= size_of(tmp_path / "photos") + 900
    assert (found.items, found.raw) == (9, size_of(tmp_path / "photos"))
    assert found.kept >= 5
    to_folder(contents(trained(), tmp_path / "a.dbo"), tmp_path / "back")
    for number in range(5):
        name = f"photo{number}.jpg"
        assert (tmp_path / "back" / name).read_bytes() == (tmp_path / "photos" / name).read_bytes()


def test_lossless_keeps_what_no_pixels_bring_back(tmp_path: Path) -> None:
    compress(trained(), open_pictures(album(tmp_path / "photos")), tmp_path / "a.dbo", promise=Promise.LOSSLESS)
    to_folder(contents(trained(), tmp_path / "a.dbo"), tmp_path / "back")
    for name in ("palette.gif", "ink.tif"):
        assert (tmp_path / "back" / name).read_bytes() == (tmp_path / "photos" / name).read_bytes()


def test_many_tiny_files_of_all_sizes_do_not_grow(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(60):
        noise = RNG.integers(0, 256, (1 + number % 9, 1 + number // 9)).astype(np.uint8)
        Image.fromarray(noise).save(tmp_path / "photos" / f"{number}.png")
    found = compress(trained(), open_pictures(tmp_path / "photos"), tmp_path / "a.dbo", promise=Promise.LOSSLESS)
    assert found.size <= size_of(tmp_path / "photos") + 1500


def test_a_kept_file_comes_as_pixels_too(tmp_path: Path) -> None:
    compress(trained(), open_pictures(album(tmp_path / "photos")), tmp_path / "a.dbo")
    (found,) = joined(one_item(trained(), tmp_path / "a.dbo", "photo3.jpg"))
    assert np.array_equal(found.array, np.asarray(Image.open(tmp_path / "photos" / "photo3.jpg")))
    options = {"salvage": False, "force": False}
    write_item(trained(), tmp_path / "a.dbo", "photo3.jpg", tmp_path / "x.jpg", **options)
    assert (tmp_path / "x.jpg").read_bytes() == (tmp_path / "photos" / "photo3.jpg").read_bytes()
    write_item(trained(), tmp_path / "a.dbo", "photo3.jpg", tmp_path / "x.png", **options)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "x.png")), found.array)
    with pytest.raises(ArgumentError, match=r"\.png or \.npy"):
        write_item(trained(), tmp_path / "a.dbo", "photo3.jpg", tmp_path / "x.bmp", **options)


def test_a_large_file_is_kept_or_cut_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "NUMBERS", 8000)
    found = compress(trained(), open_pictures(album(tmp_path / "photos")), tmp_path / "a.dbo", promise=Promise.LOSSLESS)
    assert found.items == 9
    assert found.size <= size_of(tmp_path / "photos") + 900


@pytest.mark.parametrize("payload", [b"", b"\1", b"\2\0\0\0a", b"\0\0\0\0a"])
def test_lengths_of_files_that_do_not_fit_are_refused(payload: bytes) -> None:
    with pytest.raises(FormatError):
        read_files(payload, 1)


def crafted(path: Path, items: list[Item], payload: bytes, method: Method, dtype: str = "|u1") -> Path:
    """Write an archive whose checksums are right, whatever it claims."""
    with path.open("wb") as file:
        header = Header(identity(trained()), Promise.LOSSLESS, Item(()), dtype)
        writer = ArchiveWriter(file, header)
        writer.add_block(payload, items, method=method)
        writer.finish()
    return path


@pytest.mark.parametrize(
    ("items", "payload", "method"),
    [
        ([Item((1, 1), ".bashrc")], write_files([b"x"]), Method.FILES),
        ([Item((8, 8), "a.sh")], write_files([b"x"]), Method.FILES),
        ([Item((4, 4), mode="L@0/8")] * 2, store(bytes(32)), Method.STORED),
        ([Item((4, 4), mode="L@4/8")], store(bytes(16)), Method.STORED),
        ([Item((3, 3), mode="I;16")], store(bytes(9)), Method.STORED),
        ([Item((0, 5), mode="L")], store(b""), Method.STORED),
        ([Item((1, 1 << 24), mode="L")], store(b""), Method.STORED),
        ([Item((4000, 4000), mode="L")], store(bytes(16_000_000)), Method.STORED),
        ([Item((8, 8))] * 65_536, b"\1", Method.MODEL),
    ],
)
def test_what_no_archive_may_claim_is_refused(items: Any, payload: bytes, method: Method, tmp_path: Path) -> None:
    archive = crafted(tmp_path / "a.dbo", items, payload, method)
    with pytest.raises((FormatError, InputError)):
        to_folder(contents(trained(), archive), tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_a_kept_file_of_other_pixels_is_refused(tmp_path: Path) -> None:
    Image.fromarray(X[0]).save(tmp_path / "a.png")
    payload = write_files([(tmp_path / "a.png").read_bytes()])
    archive = crafted(tmp_path / "a.dbo", [Item((9, 9), "a.png", "L")], payload, Method.FILES)
    with pytest.raises(FormatError, match="not"):
        list(unpacked(trained(), archive))


def test_names_that_collide_are_all_kept(tmp_path: Path) -> None:
    names = ["x.jpg", "x.png", "x.jpeg", "x.jpg.png", "x.png"]
    items = [Item((8, 8), name, "L") for name in names]
    archive = crafted(tmp_path / "a.dbo", items, store(X[:5].tobytes()), Method.STORED)
    to_folder(contents(trained(), archive), tmp_path / "back")
    written = {file.name: np.asarray(Image.open(file)) for file in (tmp_path / "back").iterdir()}
    assert len(written) == 5
    assert np.array_equal(written["x.png"], X[1])
    assert {tuple(array.ravel()) for array in written.values()} == {tuple(array.ravel()) for array in X[:5]}


def test_transparency_comes_back(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    Image.fromarray(X[0]).save(tmp_path / "photos" / "grey.png", transparency=0)
    Image.fromarray(COLOUR).save(tmp_path / "photos" / "rgb.png", transparency=tuple(int(c) for c in COLOUR[0, 0]))
    compress(trained(), open_pictures(tmp_path / "photos"), tmp_path / "a.dbo", promise=Promise.LOSSLESS)
    to_folder(contents(trained(), tmp_path / "a.dbo"), tmp_path / "back")
    for name in ("grey.png", "rgb.png"):
        with Image.open(tmp_path / "photos" / name) as one, Image.open(tmp_path / "back" / name) as other:
            assert np.array_equal(np.asarray(one.convert("RGBA")), np.asarray(other.convert("RGBA")))


def cut_up(path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> Any:
    """Write three large items in strips, and damage one block."""
    monkeypatch.setattr(chunks, "NUMBERS", 3000)
    large = RNG.integers(0, 256, (3, 150, 40)).astype(np.uint8)
    assert compress(trained(), ArraySource(large), path, promise=Promise.LOSSLESS).items == 3
    with ArchiveReader(path) as reader:
        payload = reader.block(block).payload
    path.write_bytes(path.read_bytes().replace(payload, payload[:-1] + bytes([payload[-1] ^ 1])))
    return large


@pytest.mark.parametrize("block", range(9))
def test_an_item_with_a_damaged_strip_is_left_out(block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = cut_up(tmp_path / "a.dbo", monkeypatch, block)
    kept = np.delete(large, block // 3, 0)
    found, lost = salvaged(trained(), tmp_path / "a.dbo")
    assert to_array(found, tmp_path / "b.npy", force=False, partly=True) == 2
    assert np.array_equal(np.load(tmp_path / "b.npy"), kept)
    assert [damage.count for damage in lost] == [1]
    found, _ = salvaged(trained(), tmp_path / "a.dbo")
    assert to_folder(found, tmp_path / "back", partly=True) == 2
    assert np.array_equal(np.asarray(Image.open(tmp_path / "back" / "000001.png")), kept[1])


def test_large_items_without_names_are_found_by_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "NUMBERS", 3000)
    large = RNG.integers(0, 256, (3, 150, 40)).astype(np.uint8)
    compress(trained(), ArraySource(large), tmp_path / "a.dbo", promise=Promise.LOSSLESS)
    for number in range(3):
        (item,) = joined(one_item(trained(), tmp_path / "a.dbo", str(number)))
        assert np.array_equal(item.array, large[number])
    for name in ("3", "²", "-1"):
        with pytest.raises(InputError, match="no item named"):
            list(one_item(trained(), tmp_path / "a.dbo", name))


def test_wide_rows_come_back_or_are_refused(tmp_path: Path) -> None:
    wide = np.zeros((1, 3, chunks.NUMBERS), np.uint8)
    wide[0, 2, -1] = 7
    compress(trained(), ArraySource(wide), tmp_path / "a.dbo", promise=Promise.LOSSLESS)
    to_array(unpacked(trained(), tmp_path / "a.dbo"), tmp_path / "b.npy", force=False)
    assert np.array_equal(np.load(tmp_path / "b.npy"), wide)
    with pytest.raises(InputError, match="rows of"):
        compress(trained(), ArraySource(np.zeros((1, 1, 4 * chunks.NUMBERS + 1), np.uint8)), tmp_path / "c.dbo")
    assert not (tmp_path / "c.dbo").exists()


def test_many_icons_smaller_than_the_model_come_back(tmp_path: Path) -> None:
    icons = RNG.integers(0, 256, (chunks.NUMBERS // 48, 1, 1)).astype(np.uint8)
    compress(trained(), ArraySource(icons), tmp_path / "a.dbo", promise=Promise.LOSSLESS)
    to_array(unpacked(trained(), tmp_path / "a.dbo"), tmp_path / "b.npy", force=False)
    assert np.array_equal(np.load(tmp_path / "b.npy"), icons)


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    data = np.random.default_rng(0).random((300, 8, 8)).astype(np.float32)
    model = Autoencoder("codec", latent=4, epochs=1, random_state=0).fit(data).trained_
    data[3] = np.nan
    with pytest.raises(InputError, match="NaN"):
        compress(model, ArraySource(data), tmp_path / "a.dbo")
    assert list(tmp_path.iterdir()) == []


def test_salvage_by_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "ITEMS", 20)
    estimator = Autoencoder("codec")
    estimator.trained_ = trained()
    estimator.save(tmp_path / "m.safetensors")
    compress(trained(), ArraySource(X[:100]), tmp_path / "a.dbo", promise=Promise.LOSSLESS)
    whole = (tmp_path / "a.dbo").read_bytes()
    (tmp_path / "a.dbo").write_bytes(whole[: whole.rfind(b"DBOblock") + 9])
    start = ["decompress", str(tmp_path / "a.dbo"), "-m", str(tmp_path / "m.safetensors"), "--quiet"]
    found = CliRunner().invoke(app, [*start, "--salvage", "--out", str(tmp_path / "b.npy")])
    assert found.exit_code == 1
    assert "The end of the archive is lost" in found.output
    assert np.array_equal(np.load(tmp_path / "b.npy"), X[:80])
