"""Pictures as they are: a folder or zip of images of any sizes and modes, or one, each read when asked for."""

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageOps

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


@dataclass(frozen=True)
class Picture:
    """mode: of the file; array: (h, w) or (h, w, channels) of uint8, or (h, w) of uint16."""

    name: str
    mode: str
    array: Array


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

    def open(self, name: str) -> IO[bytes]:  # noqa: ARG002
        return io.BytesIO(self.data)


def picture_of_file(name: str, data: bytes) -> Picture:
    """Return the image that the bytes of a file are. Raises FormatError if it is damaged or too large."""
    container = _OneFile(Path(name), data)
    return Pictures(container, (read_header(container, name),), 0).read(0)


def open_pictures(path: Path) -> Pictures:
    """Open a folder or zip of images, or one image; sizes and modes may differ.

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
            headers = tuple(read_header(container, name) for name in names)
        others = sum(not hidden(name) for name in there) - len(names)
        return Pictures(container, headers, others)


def _array(image: Image.Image, header: Header) -> Array:
    if header.mode in DEEP:
        deep: Array = np.asarray(image)
        if deep.min() < 0 or deep.max() > np.iinfo(np.uint16).max:
            raise ValueError("its values leave 0..65535")
        return deep.astype(np.uint16)
    mode = PLAIN.get(header.mode, header.mode)
    return np.asarray(image.convert("RGBA" if header.transparent and mode in SEEN_THROUGH else mode))
