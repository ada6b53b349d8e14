"""Whatever a picture's file holds comes back: its pixels and notes, or the file itself; dates too."""

import io
import json
import os
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from typer.testing import CliRunner

from diabolo.app.cli import app
from diabolo.data.images.notes import notes_of_png, with_notes

RNG = np.random.default_rng(0)
WALK = RNG.normal(0, 3, (90, 120, 3)).cumsum(0).cumsum(1) / 8 + 128 + RNG.normal(0, 3, (90, 120, 3))
SMOOTH = np.clip(WALK, 0, 255).astype(np.uint8)
PROFILE = b"no true profile " * 20


def run(*words: object) -> tuple[int, str]:
    found = CliRunner().invoke(app, [str(word) for word in words])
    return found.exit_code, found.output + str(found.exception or "")


def noted(path: Path) -> Path:
    """Write a PNG with EXIF, a colour profile, a resolution and text."""
    exif = Image.Exif()
    exif[271] = "a maker"
    text = PngInfo()
    text.add_text("Title", "a walk")
    text.add_itxt("Author", "Begoña", zip=True)
    Image.fromarray(SMOOTH).save(path, exif=exif, icc_profile=PROFILE, dpi=(300, 300), pnginfo=text)
    return path


def deep_colour(path: Path) -> None:
    """Write a PNG of 16 bits a colour, which Pillow does not write."""
    rows = b"".join(b"\0" + row.tobytes() for row in RNG.integers(0, 65536, (20, 60)).astype(">u2"))
    head = (20).to_bytes(4, "big") * 2 + b"\x10\2\0\0\0"
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    parts = [
        len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big") for kind, body in chunks
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pictures that hold more than 8-bit pixels, and of files that cannot be read."""
    folder = tmp_path_factory.mktemp("odd") / "in"
    folder.mkdir()
    image = Image.fromarray(SMOOTH)
    noted(folder / "noted.png")
    deep_colour(folder / "deep.png")
    image.convert("CMYK").save(folder / "ink.tif")
    image.save(folder / "described.tif", description="a day at sea", dpi=(200, 200))
    image.quantize(60).save(folder / "palette.png")
    Image.fromarray(SMOOTH[..., 0].astype(np.uint16) * 200).save(folder / "grey16.png")
    image.save(folder / "key.png", transparency=(1, 2, 3))
    frames = [Image.fromarray(np.roll(SMOOTH, k, 1)) for k in range(3)]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    image.save(folder / "cut.jpg", quality=95)
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:2000])
    (folder / "none.png").write_bytes(b"no picture")
    image.save(folder / "plain.bmp")
    os.utime(folder / "noted.png", (1_000_000_000, 1_000_000_000))
    return folder


@pytest.mark.parametrize("options", [["--lossless"], ["--max-error", "2"], ["--quality", "35"]])
def test_what_no_pixels_bring_back_is_kept_as_a_file(odd: Path, tmp_path: Path, options: list[str]) -> None:
    status, told = run("compress", odd, "--out", tmp_path / "x.dbo", "--quiet", *options)
    assert status == 0, told
    assert "cut.jpg, moving.gif, none.png" in told
    assert run("decompress", tmp_path / "x.dbo", "--out", tmp_path / "back", "--quiet")[0] == 0
    for name in ("deep.png", "ink.tif", "palette.png", "key.png", "moving.gif", "cut.jpg", "none.png"):
        assert (tmp_path / "back" / name).read_bytes() == (odd / name).read_bytes(), name
    if options != ["--lossless"]:
        return
    for path in odd.iterdir():
        before, after = path.read_bytes(), (tmp_path / "back" / path.name).read_bytes()
        if before != after:
            one, two = (Image.open(io.BytesIO(data)) for data in (before, after))
            assert (one.mode, one.size) == (two.mode, two.size)
            assert np.array_equal(np.asarray(one), np.asarray(two))
            assert (one.getexif(), one.info.get("icc_profile")) == (two.getexif(), two.info.get("icc_profile"))
            assert getattr(one, "text", {}) == getattr(two, "text", {})
            assert one.info.get("dpi") == two.info.get("dpi")
    kinds = {item["name"]: item["kind"] for item in json.loads(run("list", tmp_path / "x.dbo", "--json")[1])["items"]}
    assert kinds["noted.png"] == "coded"
    assert kinds["described.tif"] == "file"


def test_notes_of_a_turned_jpeg_come_back_without_its_orientation(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[271], exif[0x0112] = "a maker", 6
    Image.fromarray(SMOOTH).resize((320, 240)).save(
        tmp_path / "a.jpg", exif=exif, icc_profile=PROFILE, dpi=(72, 72), comment="by sea", quality=100
    )
    assert run("compress", tmp_path / "a.jpg", "--quality", 30, "--out", tmp_path / "x.dbo", "--quiet")[0] == 0
    assert run("decompress", tmp_path / "x.dbo", "--out", tmp_path / "back", "--quiet")[0] == 0
    with Image.open(tmp_path / "back" / "a.png") as back:
        assert back.size == (240, 320)
        assert back.getexif()[271] == "a maker"
        assert 0x0112 not in back.getexif()
        assert back.info["icc_profile"] == PROFILE
        assert back.info["Comment"] == "by sea"
        assert round(back.info["dpi"][0]) == 72


def test_dates_come_back(odd: Path, tmp_path: Path) -> None:
    assert run("compress", odd, "--lossless", "--out", tmp_path / "x.dbo", "--quiet")[0] == 0
    assert run("decompress", tmp_path / "x.dbo", "--out", tmp_path / "back", "--quiet")[0] == 0
    assert (tmp_path / "back" / "noted.png").stat().st_mtime == 1_000_000_000
    for path in odd.iterdir():
        assert int((tmp_path / "back" / path.name).stat().st_mtime) == int(path.stat().st_mtime)


def test_the_promise_is_said_truly(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Image.fromarray(SMOOTH).save(tmp_path / "in" / "a.jpg")
    assert (
        "the same files come back" in run("compress", tmp_path / "in", "--lossless", "--out", tmp_path / "a", "-q")[1]
    )
    noted(tmp_path / "in" / "b.png")
    told = run("compress", tmp_path / "in", "--lossless", "--out", tmp_path / "b", "-q")[1]
    assert "the same pixels" in told
    assert "of the files kept, the same files" in told


@settings(max_examples=50)
@given(st.binary(max_size=80))
def test_any_bytes_of_a_png_give_notes_or_none(tail: bytes) -> None:
    found = notes_of_png(b"\x89PNG\r\n\x1a\n" + tail)
    assert found is None or found in tail or not found


def test_notes_go_behind_the_header() -> None:
    file = io.BytesIO()
    Image.fromarray(SMOOTH).save(file, "PNG", dpi=(99, 99))
    plain = io.BytesIO()
    Image.fromarray(SMOOTH).save(plain, "PNG")
    notes = notes_of_png(file.getvalue())
    assert notes
    assert with_notes(plain.getvalue(), notes) == file.getvalue()


def test_files_that_are_no_pictures_come_back_one_by_one_and_together(tmp_path: Path) -> None:
    folder, archive = tmp_path / "in", tmp_path / "x.dbo"
    folder.mkdir()
    Image.fromarray(SMOOTH).save(folder / "fine.png")
    (folder / "empty.png").write_bytes(b"")
    (folder / "cut.png").write_bytes((folder / "fine.png").read_bytes()[:80])
    assert run("compress", folder, "--lossless", "--out", archive, "--quiet")[0] == 0
    assert run("decompress", archive, "--out", tmp_path / "back", "--quiet")[0] == 0
    for salvage in ([], ["--salvage"]):
        for name in ("empty.png", "cut.png"):
            out = tmp_path / f"{len(salvage)}{name}"
            status, told = run("decompress", archive, "--item", name, "--out", out, "--quiet", *salvage)
            assert status == 0, told
            assert out.read_bytes() == (tmp_path / "back" / name).read_bytes() == (folder / name).read_bytes()
    status, told = run("decompress", archive, "--item", "cut.png", "--out", tmp_path / "cut.npy", "--quiet")
    assert status != 0
    assert "no readable picture" in told
    status, told = run("decompress", archive, "--out", tmp_path / "all.npy", "--quiet")
    assert status == 1
    assert "parity" not in told  # nothing is damaged
