"""The reference decoder, with NumPy alone, reads every kind of archive as diabolo does."""

import runpy
import subprocess
import sys
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from diabolo.app.cli import app
from diabolo.data.source import ArraySource
from diabolo.jobs.compress.archives.model_search import codec_for
from diabolo.jobs.compress.compress import Promise, compress
from diabolo.jobs.compress.decompress import contents
from diabolo.jobs.compress.output import as_array, joined, restored
from diabolo.training.files.model_file import load_model

PROGRAM = Path(__file__).parents[1] / "docs" / "reference_decoder.py"
FIXTURES = Path(__file__).parent / "fixtures"
KERNEL = files("diabolo.coding.exact").joinpath("photos.model").read_bytes()
PHOTO_CODEC = files("diabolo.jobs.compress").joinpath("photo_codec.safetensors").read_bytes()


@cache
def reference() -> dict[str, Any]:
    return runpy.run_path(str(PROGRAM))


def read(archive: Path, model: bytes) -> list[tuple[Any, Any]]:
    return list(reference()["contents"](archive.read_bytes(), model))


def test_it_is_short_and_needs_numpy_alone() -> None:
    lines = [line for line in PROGRAM.read_text().splitlines() if line.strip()]
    assert len(lines) <= 650
    text = "import sys; sys.modules['torch'] = None; sys.modules['diabolo'] = None; import runpy; "
    text += f"runpy.run_path({str(PROGRAM)!r}); print(sum(name.startswith('PIL') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", text], capture_output=True, text=True).stdout == "0\n"


@pytest.mark.parametrize("name", ["lossy", "bounded", "lossless"])
def test_it_reads_archives_of_version_1(name: str) -> None:
    model = (FIXTURES / "v1.safetensors").read_bytes()
    trained = load_model(FIXTURES / "v1.safetensors")
    expected = as_array(contents(trained, FIXTURES / f"v1-{name}.dbo"))[:40]
    found = np.stack([array for _, array in read(FIXTURES / f"v1-{name}.dbo", model)[:40]])
    assert np.abs(found.astype(int) - expected).max() <= (name == "lossy")


@pytest.mark.parametrize(("promise", "error"), [(Promise.LOSSY, 0), (Promise.MAX_ERROR, 3), (Promise.LOSSLESS, 0)])
def test_it_reads_samples_and_tiles_under_a_model(promise: Promise, error: int, tmp_path: Path) -> None:
    trained = load_model(FIXTURES / "v1.safetensors")
    random = np.random.default_rng(0)
    images = np.clip(random.normal(0, 20, (3, 11, 13)).cumsum(1) + 60, 0, 255).astype(np.uint8)
    images[:, :, :5] = 0
    compress(trained, ArraySource(images), tmp_path / "a.dbo", promise=promise, max_error=error)
    expected = as_array(contents(trained, tmp_path / "a.dbo"))
    found = np.stack([array for _, array in read(tmp_path / "a.dbo", (FIXTURES / "v1.safetensors").read_bytes())])
    assert np.abs(found.astype(int) - expected).max() <= (promise == Promise.LOSSY)


@pytest.mark.parametrize("options", [["--lossless"], ["--max-error", "2"], ["--quality", "30"]])
def test_it_reads_pictures_of_all_kinds(options: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    random = np.random.default_rng(1)
    walk = random.normal(0, 4, (24, 37, 4)).cumsum(0).cumsum(1) / 6 + 128 + random.normal(0, 6, (24, 37, 4))
    colour = np.clip(walk, 0, 255).astype(np.uint8)
    for name, pixels in (
        ("rgb", colour[..., :3]),
        ("rgba", colour),
        ("grey", colour[..., 0]),
        ("pair", colour[..., :2]),
    ):
        Image.fromarray(np.ascontiguousarray(pixels)).save(folder / f"{name}.png", dpi=(300, 300))
    Image.fromarray(colour[..., 0].astype(np.uint16) * 250).save(folder / "deep.png")
    Image.fromarray(colour[..., :3]).save(folder / "photo.jpg", quality=20)
    archive = tmp_path / "x.dbo"
    assert CliRunner().invoke(app, ["compress", str(folder), *options, "--out", str(archive), "-q"]).exit_code == 0
    model = PHOTO_CODEC if options[0] == "--quality" else KERNEL
    found = {item.name: (item, content) for item, content in read(archive, model)}
    expected = {}
    for piece in contents(codec_for(archive, None), archive):
        if hasattr(piece, "files"):
            expected |= {item.name: (item, file) for item, file in zip(piece.items, piece.files, strict=True)}
        else:
            items = (restored(item, array) for item, array in zip(piece.items, piece.array, strict=True))
            expected |= {item.name: (item, item.array) for item in joined(items)}
    assert set(found) == set(expected) == {"rgb.png", "rgba.png", "grey.png", "pair.png", "deep.png", "photo.jpg"}
    for name, (item, content) in found.items():
        told, wanted = expected[name]
        assert (item.notes, item.date) == (told.notes, told.modified), name
        if isinstance(content, bytes):
            assert content == wanted
        else:
            assert content.shape == wanted.shape
            assert np.abs(content.astype(int) - wanted).max() <= (options[0] == "--quality"), name
