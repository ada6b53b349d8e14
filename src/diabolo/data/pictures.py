"""Pictures as they are: a folder or zip of images of any sizes and modes, or one, each read when asked for."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from diabolo.data.images import ENDINGS, Container, Header, contents, hidden, opened_image, oriented, read_header
from diabolo.data.limits import reading
from diabolo.data.source import Array
from diabolo.errors import FormatError

PLAIN = {"1": "L", "P": "RGB", "PA": "RGBA", "LA": "RGBA", "RGBX": "RGB", "CMYK": "RGB", "YCbCr": "RGB"}
"""Modes that are read as another one; palettes with transparency as RGBA."""
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
        header = self.headers[number]
        label = f"{header.name} in {self.container.path}"
        with reading(label, "an image"), opened_image(self.container, header.name) as image:
            upright = ImageOps.exif_transpose(image) if oriented(image) else image
            return Picture(header.name, header.mode, _array(upright, header))


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
    return np.asarray(image.convert("RGBA" if header.transparent and mode == "RGB" else mode))
