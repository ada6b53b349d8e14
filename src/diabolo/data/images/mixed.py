"""Pictures as they are: a folder or zip of images of any sizes and modes, or one, each read when asked for."""

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageOps

from diabolo.data.images.notes import holds_more, narrowed, notes_of_image, notes_of_png
from diabolo.data.images.one_size import (
    ENDINGS,
    Container,
    Header,
    contents,
    hidden,
    opened_image,
    oriented,
    read_header,
)
from diabolo.data.limits import reading
from diabolo.data.source import Array
from diabolo.errors import FormatError

PLAIN = {"1": "L", "P": "RGB", "PA": "RGBA", "LA": "RGBA", "RGBX": "RGB", "CMYK": "RGB", "YCbCr": "RGB"}
"""Modes that are read as another one; palettes with transparency as RGBA."""
SEEN_THROUGH = {"RGB": "RGBA", "L": "LA", "1": "LA"}
"""What the modes of images with one transparent colour become."""
DEEP = ("I;16", "I;16B", "I;16L", "I")
RESTORED = ("1", "L", "LA", "RGB", "RGBA")
"""Modes whose pixels come back as they were; palettes, CMYK and YCbCr stay the RGB that they were read as."""
UNREADABLE, MORE = "it cannot be read, is animated or has many pages", "it holds more than pixels"
NOTHING = np.empty(0, np.uint8)


@dataclass(frozen=True)
class Picture:
    """mode: of the file; array: (h, w) or (h, w, channels) of uint8, or (h, w) of uint16.

    notes: what the file holds beside the pixels, as PNG chunks. kept: why the file itself has to be kept, or "".
    """

    name: str
    mode: str
    array: Array
    notes: bytes = b""
    kept: str = ""


@dataclass(frozen=True)
class Pictures:
    """Images of a container, sorted by name; `others` files there are no images."""

    container: Container
    headers: tuple[Header, ...]
    others: int

    def __len__(self) -> int:
        return len(self.headers)

    def read(self, number: int) -> Picture:
        """Return one image, upright. Raises FileError if it cannot be read, FormatError if it is damaged."""
        return self._read(self.headers[number])

    def whole(self, number: int, *, exact: bool) -> Picture:
        """Return one image with its notes; or, with `kept`, why pixels and notes would not be all of it.

        exact: whether what is no PNG and holds notes, or must be turned upright, has to be kept.
        Raises FileError if it cannot be read.
        """
        header = self.headers[number]
        if not header.mode:
            return Picture(header.name, "", NOTHING, kept=UNREADABLE)
        data = self.file(number)
        label = self.container.label(header.name)
        try:
            with reading(label, "an image"), opened_image(_OneFile(Path(header.name), data), header.name) as image:
                reason = _more(image, header, data, exact=exact)
                if reason:
                    return Picture(header.name, header.mode, NOTHING, kept=reason)
                form = image.format
                turned = oriented(image)
                upright = ImageOps.exif_transpose(image) if turned else image
                array = _array(upright, header)
                notes = notes_of_png(data) if form == "PNG" and not turned else notes_of_image(upright, form)
                return Picture(header.name, header.mode, array, notes or b"", "" if notes is not None else MORE)
        except FormatError:
            return Picture(header.name, "", NOTHING, kept=UNREADABLE)

    def modified(self, number: int) -> int:
        """Return when one image's file was last changed, in seconds since 1970; 0 if that is not known."""
        return max(0, self.container.modified(self.headers[number].name))

    def size(self, number: int) -> int:
        """Return the bytes of one image's file."""
        return self.container.size(self.headers[number].name)

    def file(self, number: int) -> bytes:
        """Return one image's file as it is. Raises FileError if it cannot be read."""
        name = self.headers[number].name
        with reading(self.container.label(name), "an image"), self.container.open(name) as stream:
            return stream.read()

    def _read(self, header: Header) -> Picture:
        label = self.container.label(header.name)
        with reading(label, "an image"), opened_image(self.container, header.name) as image:
            upright = ImageOps.exif_transpose(image) if oriented(image) else image
            mode = SEEN_THROUGH.get(header.mode, header.mode) if header.transparent else header.mode
            return Picture(header.name, mode, _array(upright, header))


@dataclass(frozen=True)
class _OneFile:
    """The bytes of one file as a container."""

    path: Path
    data: bytes

    def names(self) -> list[str]:
        return [self.path.name]

    def label(self, name: str) -> str:
        return f"{name} in {self.path}"

    def size(self, name: str) -> int:  # noqa: ARG002
        return len(self.data)

    def modified(self, name: str) -> int:  # noqa: ARG002
        return 0

    def open(self, name: str) -> IO[bytes]:  # noqa: ARG002
        return io.BytesIO(self.data)


def picture_of_file(name: str, data: bytes) -> Picture:
    """Return the image that the bytes of a file are. Raises FormatError if it is damaged or too large."""
    container = _OneFile(Path(name), data)
    return Pictures(container, (read_header(container, name),), 0).read(0)


def open_pictures(path: Path, *, keeping: bool = False) -> Pictures:
    """Open a folder or zip of images, or one image; sizes and modes may differ.

    keeping: whether files that are no images, animated or too large have a place, with an empty mode.
    Raises FileError if something cannot be read; FormatError if there is no image, or one is damaged or too large.
    """
    with reading(path, "a zip of images" if path.is_file() else "a folder of images"):
        container, there = contents(path)
        names = [name for name in there if name.lower().endswith(ENDINGS) and not hidden(name)]
        if not names:
            allowed = ", ".join(ENDINGS)
            raise FormatError(f"{path} holds no images (files ending in {allowed}); for other data give one file.")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit here is lower
            read = _header_or_none if keeping else read_header
            headers = tuple(read(container, name) for name in names)
        others = sum(not hidden(name) for name in there) - len(names)
        return Pictures(container, headers, others)


def _header_or_none(container: Container, name: str) -> Header:
    try:
        return read_header(container, name)
    except FormatError:
        return Header(name, 0, 0, "", False)


def _more(image: Image.Image, header: Header, data: bytes, *, exact: bool) -> str:
    """Return why a file holds more than the pixels that are read of it and notes, or ""."""
    plain = header.mode in RESTORED or header.mode in DEEP
    if not plain or (header.transparent and header.mode in SEEN_THROUGH) or narrowed(image, data):
        return MORE
    if exact and (oriented(image) or (image.format != "PNG" and holds_more(image))):
        return MORE
    return ""


def _array(image: Image.Image, header: Header) -> Array:
    if header.mode in DEEP:
        deep: Array = np.asarray(image)
        if deep.min() < 0 or deep.max() > np.iinfo(np.uint16).max:
            raise ValueError("its values leave 0..65535")
        return deep.astype(np.uint16)
    mode = PLAIN.get(header.mode, header.mode)
    return np.asarray(image.convert("RGBA" if header.transparent and mode in SEEN_THROUGH else mode))
