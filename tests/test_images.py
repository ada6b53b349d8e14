"""Images: folders, zips and single files; sizes and modes agreed from the headers; decoded when taken."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from diabolo.data.images.one_size import ImagesSource, open_images
from diabolo.data.source import ArraySource, Dataset
from diabolo.errors import FileError, FormatError
from real_data import DATA, needs_set

RANDOM = np.random.default_rng(0)


def picture(shape: tuple[int, ...] = (6, 8), top: int = 256) -> np.ndarray:
    return RANDOM.integers(0, top, shape).astype(np.uint8 if top == 256 else np.uint16)


def save(path: Path, array: np.ndarray, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)
    return path


def everything(data: Dataset) -> np.ndarray:
    return data.train.take(np.arange(len(data.train)))


@pytest.fixture
def lazy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diabolo.data.limits.SMALL_BYTES", 0)


def zipped(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*"), reverse=True):
            if file.is_file():
                archive.write(file, file.relative_to(folder))
    return path


def test_folder_and_zip_give_the_same_in_the_order_of_names(tmp_path: Path) -> None:
    arrays = {name: picture() for name in ("c.png", "a.png", "sub/b.png")}
    for name, array in arrays.items():
        save(tmp_path / "folder" / name, array)
    (tmp_path / "folder" / "readme.txt").write_text("hello")
    (tmp_path / "folder" / ".hidden.png").write_text("no image")
    for data in (open_images(tmp_path / "folder"), open_images(zipped(tmp_path / "folder", tmp_path / "folder.zip"))):
        assert data.items == ("a.png", "c.png", "sub/b.png")
        assert data.name == "folder"
        assert data.train.shape == (6, 8)
        assert data.train.dtype == np.uint8
        assert np.array_equal(everything(data), np.stack([arrays[name] for name in data.items]))
        assert data.labels is None
        assert data.notes == ("files that are not images, ignored: 1.",)


@pytest.mark.usefixtures("lazy")
def test_large_sets_are_decoded_when_taken(tmp_path: Path) -> None:
    arrays = np.stack([picture((4, 5, 3)) for _ in range(9)])
    for number, array in enumerate(arrays):
        save(tmp_path / "folder" / f"{number}.png", array)
    rows = np.array([8, 0, 0, 3])
    for path in (tmp_path / "folder", zipped(tmp_path / "folder", tmp_path / "a.zip")):
        source = open_images(path).train
        assert isinstance(source, ImagesSource)
        assert not source.in_memory
        assert source.block == 1
        assert np.array_equal(source.take(rows), arrays[rows])
        assert source.take(np.array([], dtype=np.int64)).shape == (0, 4, 5, 3)
    assert source.dtype == np.uint8


def test_small_sets_are_held_in_memory(tmp_path: Path) -> None:
    save(tmp_path / "a.png", picture())
    assert isinstance(open_images(tmp_path).train, ArraySource)


def test_subfolders_are_labels(tmp_path: Path) -> None:
    for name in ("dog/1.png", "cat/1.png", "cat/2.png"):
        save(tmp_path / "all" / name, picture())
    for path in (tmp_path / "all", zipped(tmp_path / "all", tmp_path / "all.zip")):
        data = open_images(path)
        assert data.labels is not None
        assert data.labels.tolist() == [0, 0, 1]
        assert data.notes == ("labels by folder: 0 = cat, 1 = dog.",)


def test_one_folder_is_no_label(tmp_path: Path) -> None:
    save(tmp_path / "only" / "1.png", picture())
    assert open_images(tmp_path).labels is None


@pytest.mark.parametrize(
    ("mode", "shape", "dtype"),
    [
        ("1", (6, 8), np.uint8),
        ("L", (6, 8), np.uint8),
        ("LA", (6, 8), np.uint8),
        ("P", (6, 8, 3), np.uint8),
        ("RGB", (6, 8, 3), np.uint8),
        ("RGBA", (6, 8, 3), np.uint8),
        ("I;16", (6, 8), np.uint16),
    ],
)
def test_modes(tmp_path: Path, mode: str, shape: tuple[int, ...], dtype: Any) -> None:
    image = Image.fromarray(picture(top=65536)) if mode == "I;16" else Image.fromarray(picture((6, 8, 3))).convert(mode)
    image.save(tmp_path / "a.png")
    data = open_images(tmp_path / "a.png")
    assert (data.train.shape, data.train.dtype) == (shape, dtype)
    expected = image if mode == "I;16" else image.convert("RGB" if len(shape) == 3 else "L")
    assert np.array_equal(everything(data)[0], np.asarray(expected))
    assert any("transparency" in note for note in data.notes) == (mode in ("LA", "RGBA"))


def test_sixteen_bit_pgm_and_cmyk_jpeg(tmp_path: Path) -> None:
    deep = picture(top=65536)
    (tmp_path / "a.pgm").write_bytes(b"P5 8 6 65535 " + deep.astype(">u2").tobytes())
    data = open_images(tmp_path / "a.pgm")
    assert data.train.dtype == np.uint16
    assert np.array_equal(everything(data)[0], deep)
    Image.fromarray(picture((6, 8, 3))).convert("CMYK").save(tmp_path / "b.jpg")
    assert open_images(tmp_path / "b.jpg").train.shape == (6, 8, 3)


def test_float_images_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.tif", RANDOM.normal(size=(6, 8)).astype(np.float32))
    with pytest.raises(FormatError, match="mode F"):
        open_images(tmp_path / "a.tif")


def test_grey_among_colour_becomes_colour_with_a_note(tmp_path: Path) -> None:
    grey = picture()
    save(tmp_path / "a.png", grey)
    save(tmp_path / "b.png", picture((6, 8, 3)))
    data = open_images(tmp_path)
    assert data.train.shape == (6, 8, 3)
    assert np.array_equal(everything(data)[0], np.stack([grey] * 3, axis=2))
    assert data.notes == ("grey images, read as RGB like the others: 1 of 2.",)


def test_orientation_is_applied(tmp_path: Path) -> None:
    array = picture()
    exif = Image.Exif()
    exif[0x0112] = 6
    save(tmp_path / "a.png", array, exif=exif)
    save(tmp_path / "b.png", np.rot90(array, -1))
    data = open_images(tmp_path)
    assert data.train.shape == (8, 6)
    first, second = everything(data)
    assert np.array_equal(first, second)


def test_mixed_sizes_name_two_files(tmp_path: Path) -> None:
    save(tmp_path / "a.png", picture((28, 28)))
    save(tmp_path / "b.png", picture((32, 30)))
    with pytest.raises(FormatError, match=r"mixed image sizes: a\.png is 28x28, b\.png is 30x32; crop or resize"):
        open_images(tmp_path)


def test_mixed_depths_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.png", picture())
    save(tmp_path / "b.png", picture(top=65536))
    with pytest.raises(FormatError, match=r"mixed image depths: a\.png"):
        open_images(tmp_path)


@pytest.mark.parametrize("ending", ["gif", "png", "tif", "webp"])
def test_animated_files_are_refused(tmp_path: Path, ending: str) -> None:
    frames = [Image.fromarray(picture((6, 8, 3))) for _ in range(2)]
    frames[0].save(tmp_path / f"a.{ending}", save_all=True, append_images=frames[1:])
    with pytest.raises(FormatError, match="animated or has many pages"):
        open_images(tmp_path)


def test_too_many_pixels_are_refused_before_decoding(tmp_path: Path) -> None:
    for side in (100_000, 12_000, 9_000):
        (tmp_path / "a.pgm").write_bytes(b"P5 %d %d 255 " % (side, side) + bytes(100))
        with pytest.raises(FormatError, match=r"a\.pgm .* more than 67108864 pixels"):
            open_images(tmp_path)


@pytest.mark.parametrize("content", [b"", b"no image at all", "half"])
def test_a_damaged_image_is_named(tmp_path: Path, content: bytes | str) -> None:
    save(tmp_path / "a.png", picture((60, 80)))
    whole = save(tmp_path / "b.png", picture((60, 80))).read_bytes()
    (tmp_path / "b.png").write_bytes(whole[: len(whole) // 2] if isinstance(content, str) else content)
    for path in (tmp_path, zipped(tmp_path, tmp_path / "c.zip")):
        with pytest.raises(FormatError, match=r"b\.png"):
            open_images(path)


@pytest.mark.usefixtures("lazy")
def test_an_image_that_changes_or_goes_later_is_named(tmp_path: Path) -> None:
    save(tmp_path / "a.png", picture())
    source = open_images(tmp_path).train
    save(tmp_path / "a.png", picture((8, 6)))
    with pytest.raises(FormatError, match=r"a\.png has changed"):
        source.take(np.array([0]))
    (tmp_path / "a.png").unlink()
    with pytest.raises(FileError, match=r"a\.png"):
        source.take(np.array([0]))


def test_no_images_at_all(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(FormatError, match="holds no images"):
        open_images(tmp_path)
    with pytest.raises(FormatError, match="holds no images"):
        open_images(zipped(tmp_path, tmp_path / "a.zip"))


def test_odd_paths_in_a_zip_do_no_harm(tmp_path: Path) -> None:
    stream = io.BytesIO()
    array = picture()
    Image.fromarray(array).save(stream, "PNG")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("../../up.png", stream.getvalue())
        archive.writestr("/root.png", stream.getvalue())
        archive.writestr("__MACOSX/._up.png", b"not an image")
    data = open_images(tmp_path / "a.zip")
    assert np.array_equal(everything(data), np.stack([array, array]))
    assert [file.name for file in tmp_path.iterdir()] == ["a.zip"]


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diabolo.data.images.one_size.MAX_IMAGE_BYTES", 2**20)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(2**21))
    with pytest.raises(FormatError, match=r"a\.png .* more than 1048576 bytes"):
        open_images(tmp_path / "a.zip")


@needs_set("train400.zip")
def test_train400() -> None:
    data = open_images(DATA / "train400.zip")
    assert (len(data.train), data.train.shape) == (400, (180, 180))


@needs_set("set12.zip")
def test_set12_has_two_sizes() -> None:
    with pytest.raises(FormatError, match="mixed image sizes"):
        open_images(DATA / "set12.zip")
