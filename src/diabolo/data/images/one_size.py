"""Images: a folder or a zip of them, or one file; decoded when they are asked for, or held in memory if small."""

import io
import os
import threading
import time
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from diabolo.data.limits import MAX_IMAGE_BYTES, MAX_IMAGE_PIXELS, check_member, held, reading
from diabolo.data.source import Array, Dataset, Source
from diabolo.errors import FormatError

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".pbm", ".pnm")
GREY = ("1", "L", "LA")
COLOUR = ("P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
DEEP = ("I;16", "I;16B", "I;16L", "I")
ORIENTATION = 0x0112
SIDEWAYS = (5, 6, 7, 8)
CHUNK = 1024
"""Images that are decoded between two looks for errors."""


class Container(Protocol):
    """A place with files: where it is, the names in their order, what each is called in messages, and its bytes."""

    @property
    def path(self) -> Path: ...
    def names(self) -> list[str]: ...
    def label(self, name: str) -> str: ...
    def size(self, name: str) -> int: ...
    def modified(self, name: str) -> int: ...
    def open(self, name: str) -> IO[bytes]: ...


@dataclass(frozen=True)
class Folder:
    """The files below a folder."""

    path: Path

    def names(self) -> list[str]:
        return sorted(file.relative_to(self.path).as_posix() for file in self.path.rglob("*") if file.is_file())

    def label(self, name: str) -> str:
        return str(self.path / name)

    def size(self, name: str) -> int:
        return (self.path / name).stat().st_size

    def modified(self, name: str) -> int:
        return int((self.path / name).stat().st_mtime)

    def open(self, name: str) -> IO[bytes]:
        return (self.path / name).open("rb")


@dataclass(frozen=True)
class Archive:
    """The members of a zip file; nothing is unpacked to the disk."""

    path: Path
    file: zipfile.ZipFile
    lock: threading.Lock = field(default_factory=threading.Lock)

    def names(self) -> list[str]:
        return sorted({info.filename for info in self.file.infolist() if not info.is_dir()})

    def label(self, name: str) -> str:
        return f"{name} in {self.path}"

    def size(self, name: str) -> int:
        info = self.file.getinfo(name)
        check_member(info, self.path)
        return info.file_size

    def modified(self, name: str) -> int:
        """Return the member's date, which zip files hold in local time."""
        try:
            return int(time.mktime((*self.file.getinfo(name).date_time, 0, 0, -1)))
        except (ValueError, OverflowError):
            return 0

    def open(self, name: str) -> IO[bytes]:
        with self.lock, self.file.open(name) as stream:  # ZipFile counts its open members without a lock
            return io.BytesIO(stream.read())


@dataclass(frozen=True)
class Header:
    """What an image's first bytes say of it: its size as it is shown, its mode, and whether parts are transparent."""

    name: str
    height: int
    width: int
    mode: str
    transparent: bool


@dataclass(frozen=True)
class ImagesSource:
    """Images of one size that are read and decoded when their rows are taken, so that they may exceed the memory.

    shape: (height, width) or (height, width, 3); dtype: uint8, or uint16 for deep grey images.
    """

    container: Container
    items: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    block: int = 1
    in_memory: bool = False

    def __len__(self) -> int:
        return len(self.items)

    def take(self, rows: NDArray[np.int64]) -> Array:
        """Return the images of `rows` as an array (len(rows), *shape).

        Raises FileError if one cannot be read; FormatError if one is damaged or has changed since.
        """
        names = [self.items[row] for row in rows]
        images: Array = np.empty((len(names), *self.shape), self.dtype)
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            for start in range(0, len(names), CHUNK):
                decoded = pool.map(self._decode, names[start : start + CHUNK])
                for row, image in enumerate(decoded, start):
                    images[row] = image
        return images

    def _decode(self, name: str) -> Array:
        with reading(self.container.label(name), "an image"), opened_image(self.container, name) as image:
            header = _header(image, name, self.container.label(name))
            if (header.height, header.width) != self.shape[:2]:
                raise FormatError(f"{self.container.label(name)} has changed since it was opened; open the data anew.")
            upright = ImageOps.exif_transpose(image) if oriented(image) else image
            return _pixels(upright, self.shape, self.dtype)


def open_images(path: Path) -> Dataset:
    """Open a folder or zip of images, sorted by name, or one image file; all must have one size.

    Sizes and modes are checked from the headers, before anything is decoded. Grey images give
    (height, width), colour gives (height, width, 3); 8 bits give uint8, 16 bits uint16. Where every
    image lies in a subfolder, and there are two or more, the subfolder is the label.
    Raises FileError if something cannot be read; FormatError if there is no image, or one is
    damaged, too large, animated, or of another size or kind than the others.
    """
    with reading(path, "a zip of images" if path.is_file() else "a folder of images"):
        container, there = contents(path)
        headers = _headers(container, there)
        names = [header.name for header in headers]
        shape, dtype = _common(headers)
        labels, classes = _labels(names)
        source = ImagesSource(container, tuple(names), shape, dtype)
        notes = (*_ignored(there, names), *_changes(headers, shape), *classes)
        title = path.stem if path.is_file() else path.absolute().name
        return Dataset(title, held(source), labels=labels, items=tuple(names), origin=str(path), notes=notes)


def image_sizes(path: Path) -> dict[str, tuple[int, int]]:
    """Return the (height, width) of each image of a folder or zip by its name. Raises as `open_images` does."""
    with reading(path, "images"):
        return {header.name: (header.height, header.width) for header in _headers(*contents(path))}


def open_by_size(path: Path) -> tuple[Source, ...]:
    """Open a folder or zip of images of several sizes: a source for each size, all of one depth, grey or in colour.

    Raises FileError or FormatError as `open_images` does.
    """
    with reading(path, "a zip of images" if path.is_file() else "a folder of images"):
        container, there = contents(path)
        headers = _headers(container, there)
        shape, dtype = _kind(headers)
        sizes = sorted({(header.height, header.width) for header in headers})
        found = {size: [header.name for header in headers if (header.height, header.width) == size] for size in sizes}
        return tuple(held(ImagesSource(container, tuple(found[size]), (*size, *shape), dtype)) for size in sizes)


def _headers(container: Container, there: Sequence[str]) -> list[Header]:
    """Return what each image among the files says of itself. Raises FormatError if there is no image."""
    names = [name for name in there if name.lower().endswith(ENDINGS) and not hidden(name)]
    if not names:
        allowed = ", ".join(ENDINGS)
        raise FormatError(
            f"{container.path} holds no images (files ending in {allowed}); for other data give one file."
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit here is lower
        return [read_header(container, name) for name in names]


def contents(path: Path) -> tuple[Container, list[str]]:
    """Return the container at a path (a folder, a zip, or one image's folder) and the names of all its files."""
    if path.is_dir():
        folder = Folder(path)
        return folder, folder.names()
    if path.suffix.lower() == ".zip":
        archive = Archive(path, zipfile.ZipFile(path))
        return archive, archive.names()
    return Folder(path.parent), [path.name]


def hidden(name: str) -> bool:
    """Say whether a file is one that systems leave behind, not meant to be seen."""
    return any(part == "__MACOSX" or part.lstrip(".") not in (part, "") for part in PurePosixPath(name).parts)


@contextmanager
def opened_image(container: Container, name: str) -> Iterator[Image.Image]:
    """Yield an image whose pixels are not decoded yet. Raises FormatError if it is none, or too large."""
    label = container.label(name)
    if container.size(name) > MAX_IMAGE_BYTES:
        raise FormatError(f"{label} has more than {MAX_IMAGE_BYTES} bytes, the most for an image; leave it out.")
    try:
        with container.open(name) as stream, Image.open(stream, formats=FORMATS) as image:
            yield image
    except UnidentifiedImageError as error:
        raise FormatError(f"{label} is not an image, or is damaged; replace it or leave it out.") from error
    except Image.DecompressionBombError as error:
        raise FormatError(f"{label} has more than {MAX_IMAGE_PIXELS} pixels; cut it up.") from error


def read_header(container: Container, name: str) -> Header:
    """Return what an image says of itself. Raises FormatError if it may not be decoded."""
    with reading(container.label(name), "an image"), opened_image(container, name) as image:
        return _header(image, name, container.label(name))


def _header(image: Image.Image, name: str, label: str) -> Header:
    """Read what an opened image says of itself, and refuse it if it may not be decoded."""
    if image.width * image.height > MAX_IMAGE_PIXELS:
        raise FormatError(f"{label} has more than {MAX_IMAGE_PIXELS} pixels; cut it up.")
    if getattr(image, "is_animated", False) and image.format != "MPO":
        raise FormatError(f"{label} is animated or has many pages; save the frames as single images.")
    if image.mode not in GREY + COLOUR + DEEP:
        raise FormatError(f"{label} has the mode {image.mode}; save it as grey or RGB, or save numbers as .npy.")
    width, height = image.size[::-1] if _orientation(image) in SIDEWAYS else image.size
    return Header(name, height, width, image.mode, image.has_transparency_data)


def oriented(image: Image.Image) -> bool:
    """Say whether an image must be turned to be seen upright."""
    return _orientation(image) != 1


def _orientation(image: Image.Image) -> int:
    if image.format == "PNG" and "exif" not in image.info:
        return 1  # Pillow would decode the whole image to look for it at the end
    return cast(int, image.getexif().get(ORIENTATION, 1))


def _pixels(image: Image.Image, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> Array:
    if dtype == np.uint8:
        image.info.pop("transparency", None)
        return np.asarray(image.convert("RGB" if len(shape) == 3 else "L"))
    deep: Array = np.asarray(image)
    if deep.min() < 0 or deep.max() > np.iinfo(np.uint16).max:
        raise ValueError("its values leave 0..65535")
    return deep.astype(np.uint16)


def _common(headers: Sequence[Header]) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    """Return the shape and dtype that all the images share, or raise FormatError naming two that differ."""
    first = headers[0]
    for header in headers:
        if (header.height, header.width) != (first.height, first.width):
            raise FormatError(
                f"mixed image sizes: {first.name} is {first.width}x{first.height}, {header.name} is "
                f"{header.width}x{header.height}; crop or resize all to one size."
            )
    channels, dtype = _kind(headers)
    return (first.height, first.width, *channels), dtype


def _kind(headers: Sequence[Header]) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    """Return ((3,) if any image has colour, else (), dtype), or raise FormatError naming two of different depths."""
    first = headers[0]
    for header in headers:
        if (header.mode in DEEP) != (first.mode in DEEP):
            raise FormatError(
                f"mixed image depths: {first.name} has the mode {first.mode}, {header.name} has {header.mode}; "
                "save all with 8 bits or all with 16."
            )
    colour = any(header.mode in COLOUR for header in headers)
    return ((3,) if colour else ()), np.dtype(np.uint16 if first.mode in DEEP else np.uint8)


def _labels(names: Sequence[str]) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    folders = [str(PurePosixPath(name).parent) for name in names]
    classes = sorted(set(folders))
    if "." in classes or len(classes) < 2:
        return None, ()
    shown = ", ".join(f"{number} = {folder}" for number, folder in enumerate(classes[:10]))
    more = ", ..." if len(classes) > 10 else ""
    return np.searchsorted(classes, folders).astype(np.int64), (f"labels by folder: {shown}{more}.",)


def _ignored(there: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    others = sum(not hidden(name) for name in there) - len(names)
    return (f"files that are not images, ignored: {others}.",) if others else ()


def _changes(headers: Sequence[Header], shape: tuple[int, ...]) -> tuple[str, ...]:
    """Say what decoding changes: grey made colour, transparency left out."""
    notes = []
    grey = sum(header.mode in GREY for header in headers)
    if len(shape) == 3 and grey:
        notes.append(f"grey images, read as RGB like the others: {grey} of {len(headers)}.")
    transparent = sum(header.transparent for header in headers)
    if transparent:
        notes.append(f"images whose transparency is left out: {transparent} of {len(headers)}.")
    return tuple(notes)
