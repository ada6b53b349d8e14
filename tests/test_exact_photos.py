"""Pictures coded exactly by the bundled kernel: any size, depth and channels, damage, threads, the command."""

import contextlib
import io
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.datasets import load_sample_image
from typer.testing import CliRunner

import diabolo
from diabolo.app.cli import app
from diabolo.coding.exact.kernel import WIDEST, Kernel, bundled
from diabolo.data.images.mixed import open_pictures
from diabolo.errors import FormatError
from diabolo.jobs.compress.archives.model_search import codec_for
from diabolo.jobs.compress.decompress import unpacked
from diabolo.jobs.compress.exact_photos import ExactPhotos, compress_exactly

ROOT = Path(diabolo.__file__).parents[2]


def smooth(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """A walk over rows and columns: like a photo, with some noise."""
    random = np.random.default_rng(seed)
    walk = random.normal(0, 3, shape).cumsum(1).cumsum(2) / 8 + 128 + random.normal(0, 2, shape)
    return np.clip(walk, 0, 255).astype(np.uint8)


@settings(max_examples=40)
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 20), st.integers(1, 20), st.integers(1, 4)),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0, 1, 4, 127]),
)
def test_every_picture_comes_back_within_the_error(shape: tuple[int, ...], seed: int, max_error: int) -> None:
    coder = ExactPhotos(bundled(), max_error)
    random = np.random.default_rng(seed)
    for items in (smooth(shape, seed), random.integers(0, 256, shape, np.uint8), np.full(shape, seed % 256, np.uint8)):
        items = items[..., 0] if shape[3] == 1 else items
        payload = coder.encode(items)
        assert payload is None or len(payload) <= items.size
        if payload is not None:
            found = coder.decode(payload, len(items), items.shape[1:])
            assert np.abs(found.astype(int) - items).max() <= max_error


@pytest.mark.parametrize("shape", [(1, 1, 3000, 3), (1, 3000, 1, 1), (1, 3, 20_000, 1)])
def test_long_and_thin_pictures_come_back(shape: tuple[int, int, int, int]) -> None:
    items = smooth(shape)
    payload = bundled().encode(items, 255)
    assert payload is not None
    assert np.array_equal(bundled().decode(payload, shape, 255), items)


def test_a_photo_takes_fewer_bytes_than_webp_and_png() -> None:
    photo = Image.fromarray(load_sample_image("china.jpg")).reduce(4)
    payload = ExactPhotos(bundled()).encode(np.asarray(photo)[None])
    assert payload is not None
    for form, share in (("PNG", 0.85), ("WebP", 0.97)):
        file = io.BytesIO()
        photo.save(file, form, lossless=True, optimize=True)
        assert len(payload) < share * len(file.getvalue())


def test_one_thread_and_several_give_the_same_bytes() -> None:
    items = [smooth((1, 40, 50, 3), seed) for seed in range(6)]
    fresh = Kernel(bundled().model)
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda one: fresh.encode(one, 255), items))
    assert together == [bundled().encode(one, 255) for one in items]


def test_what_is_no_picture_of_bytes_is_left_to_others() -> None:
    coder = ExactPhotos(bundled())
    for items in (
        np.zeros((2, 3, 3), np.uint16),
        np.zeros((2, 3, 3, 5), np.uint8),
        np.zeros((1, 1, WIDEST + 1), np.uint8),
    ):
        assert coder.encode(items) is None
    with pytest.raises(FormatError):
        coder.decode(b"x", 1, (3, 3, 5))


def test_damaged_bytes_never_leave_the_range_and_a_cut_is_refused() -> None:
    items = smooth((1, 24, 24, 3)) // 5
    payload = bundled().encode(items, 51)
    assert payload is not None
    random = np.random.default_rng(0)
    for _ in range(100):
        hurt = bytearray(payload)
        hurt[random.integers(len(hurt))] ^= 1 << random.integers(8)
        with contextlib.suppress(FormatError):
            assert bundled().decode(bytes(hurt), items.shape, 51).max() <= 51
    for wrong in (payload[:-1], payload + b"\0", b""):
        with pytest.raises(FormatError):
            bundled().decode(wrong, items.shape, 51)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures of several sizes and modes."""
    path = tmp_path / "photos"
    path.mkdir()
    for name, shape in (
        ("a", (40, 50, 3)),
        ("b", (50, 40, 3)),
        ("c", (30, 31, 4)),
        ("d", (30, 31, 2)),
        ("e", (64, 64)),
    ):
        array = smooth((1, *shape) if len(shape) > 2 else (1, *shape, 1))[0]
        Image.fromarray(array if len(shape) > 2 else array[..., 0]).save(path / f"{name}.png")
    Image.fromarray(smooth((1, 20, 20, 1))[0, ..., 0].astype(np.uint16) * 257).save(path / "deep.png")
    Image.fromarray(smooth((1, 40, 40, 3))[0]).quantize(16).save(path / "palette.png")
    return path


def test_the_command_needs_no_model_and_brings_every_pixel_back(folder: Path, tmp_path: Path) -> None:
    archive, out = tmp_path / "x.dbo", tmp_path / "out"
    done = CliRunner().invoke(app, ["compress", str(folder), "--lossless", "--out", str(archive), "--quiet"])
    assert done.exit_code == 0, done.output
    assert "the same pixels, EXIF, colour profiles and text come back" in done.output
    assert archive.stat().st_size < sum(file.stat().st_size for file in folder.iterdir()) + 1200
    done = CliRunner().invoke(app, ["decompress", str(archive), "--out", str(out), "--quiet"])
    assert done.exit_code == 0, done.output
    for file in folder.iterdir():
        with Image.open(file) as one, Image.open(out / file.name) as other:
            assert one.mode == other.mode
            assert np.array_equal(np.asarray(one), np.asarray(other))


def test_max_error_holds_for_archives_and_takes_fewer_bytes(folder: Path, tmp_path: Path) -> None:
    sizes = []
    for max_error in (0, 2):
        archive = tmp_path / f"{max_error}.dbo"
        sizes.append(compress_exactly(open_pictures(folder), archive, max_error=max_error).size)
        pictures = open_pictures(folder)
        found = {piece.items[0].name: piece.array[0] for piece in unpacked(codec_for(archive, None), archive)}
        for number in range(2):
            picture = pictures.read(number)
            assert np.abs(found[picture.name].astype(int) - picture.array).max() <= max_error
    assert sizes[1] < 0.8 * sizes[0]


def test_data_without_pictures_needs_a_model(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((4, 3)))
    done = CliRunner().invoke(
        app, ["compress", str(tmp_path / "x.npy"), "--lossless", "--out", str(tmp_path / "x.dbo")]
    )
    assert done.exit_code != 0
    assert not (tmp_path / "x.dbo").exists()


def test_a_png_of_16_bits_and_colours_is_kept_as_the_file(tmp_path: Path) -> None:
    import struct
    import zlib

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + row.tobytes() for row in (smooth((1, 32, 32, 3))[0].astype(">u2") * 201))
    head = struct.pack(">IIBBBBB", 32, 32, 16, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "deep.png").write_bytes(data)
    archive = tmp_path / "x.dbo"
    assert compress_exactly(open_pictures(tmp_path / "in"), archive).kept == 1
    done = CliRunner().invoke(app, ["decompress", str(archive), "--out", str(tmp_path / "out"), "--quiet"])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out" / "deep.png").read_bytes() == data


@pytest.mark.skipif(not (shutil.which("clang") and shutil.which("wasm-ld")), reason="clang and lld are not installed")
def test_the_kernel_does_what_its_source_says(tmp_path: Path) -> None:
    """Another version of clang may write other instructions, so what both write is compared."""
    import wasmtime

    from diabolo.coding.exact import kernel

    built = tmp_path / "kernel.wasm"
    recipe = (ROOT / "Makefile").read_text().split("\nkernel:\n")[1].split("\n\n")[0]
    command = " ".join(line.strip().rstrip("\\") for line in recipe.splitlines())
    command = command.replace("-o src/diabolo/coding/exact/kernel.wasm", f"-o {built}")
    subprocess.run(command, shell=True, check=True, cwd=ROOT)
    items = smooth((1, 40, 40, 3))
    mine = bundled().encode(items, 255)
    engine, _ = kernel._module()
    module = wasmtime.Module(engine, built.read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "_module", lambda: (engine, module))
        assert Kernel(bundled().model).encode(items, 255) == mine
