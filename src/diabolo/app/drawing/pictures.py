"""Arrays as picture files: PNG where every pixel counts, WebP for what is shown smaller than it is."""

import base64
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from diabolo.data.source import Array

if TYPE_CHECKING:
    from PIL.Image import Image

CRISP = 64
"""Longest side, in pixels, of a picture that is kept pixel by pixel."""

_REDUCED = 160


def sheet(images: Array, *, columns: int, gap: int = 1) -> bytes:
    """Return a PNG (or WebP, for pictures with a side above 64 pixels) of pictures in rows of `columns`.

    images: (n, h, w) or (n, h, w, c) with 1, 3 or 4 channels (of any other number the first is shown);
    uint8, uint16, or float in [0, 1], where what is outside is clipped and NaN is black.
    Large pictures are reduced to 160 pixels. The gaps are transparent.
    """
    from PIL import Image

    tiles = [_reduce(Image.fromarray(tile)) for tile in _as_rgba(images)]
    if not tiles:
        tiles = [Image.new("RGBA", (1, 1))]
    columns = max(1, min(columns, len(tiles)))
    width, height = tiles[0].width + gap, tiles[0].height + gap
    page = Image.new("RGBA", (columns * width - gap, -(-len(tiles) // columns) * height - gap))
    for index, tile in enumerate(tiles):
        page.paste(tile, (index % columns * width, index // columns * height))
    return _encode(page, lossless=max(images.shape[1:3]) <= CRISP)


def file_of(page: NDArray[np.uint8]) -> bytes:
    """Return a picture (h, w) or (h, w, 3) as a PNG, or as WebP where it is large."""
    from PIL import Image, features

    buffer = BytesIO()
    large = page.size > 1 << 20 and features.check("webp") and max(page.shape[:2]) < 16_000
    Image.fromarray(page).save(buffer, **({"format": "WEBP", "quality": 85} if large else {"format": "PNG"}))
    return buffer.getvalue()


def webp(image: NDArray[np.uint8], quality: int = 90) -> bytes:
    """Return an image (h, w) or (h, w, 3) as a WebP file."""
    from PIL import Image

    stream = BytesIO()
    Image.fromarray(image).save(stream, "WEBP", quality=quality)
    return stream.getvalue()


def data_uri(picture: bytes) -> str:
    """Return the bytes of a PNG or WebP file as a `data:` address."""
    kind = "png" if picture.startswith(b"\x89PNG") else "webp"
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode('ascii')}"


def shown_width(shape: tuple[int, ...], *, target: int = 84) -> int:
    """Return the width in CSS pixels at which a picture (h, w, ...) is shown: a whole multiple, if it is small."""
    height, width = shape[:2]
    if max(height, width) > CRISP:
        return max(1, round(1.56 * target * width / max(height, width)))
    return width * max(1, round(target / max(height, width, 1)))


def _as_rgba(images: Array) -> NDArray[np.uint8]:
    values = as_bytes(images if images.ndim == 4 else images[..., None])
    if values.shape[-1] not in (3, 4):
        values = np.repeat(values[..., :1], 3, axis=-1)
    if values.shape[-1] == 3:
        values = np.concatenate([values, np.full_like(values[..., :1], 255)], axis=-1)
    return np.ascontiguousarray(values)


def as_bytes(images: Array) -> NDArray[np.uint8]:
    """Return pictures of any number type as 8-bit ones."""
    if images.dtype == np.uint8:
        return images.astype(np.uint8)
    if images.dtype == np.uint16:
        return (images.astype(np.float64) / 257 + 0.5).astype(np.uint8)
    if images.dtype.kind in "iu":
        return np.clip(images.astype(np.int64), 0, 255).astype(np.uint8)
    values = np.nan_to_num(images.astype(np.float64), nan=0.0, posinf=1.0, neginf=0.0)
    return (np.clip(values, 0.0, 1.0) * 255 + 0.5).astype(np.uint8)


def _reduce(picture: "Image") -> "Image":
    if max(picture.size) <= CRISP:
        return picture
    from PIL.Image import Resampling

    picture.thumbnail((_REDUCED, _REDUCED), Resampling.BOX)
    return picture


def _encode(picture: "Image", *, lossless: bool) -> bytes:
    from PIL import features

    if not bool(np.any(np.asarray(picture)[..., 3] < 255)):
        picture = picture.convert("RGB")
    buffer = BytesIO()
    if lossless or not features.check("webp"):
        picture.save(buffer, "PNG", optimize=True)
    else:
        picture.save(buffer, "WEBP", quality=92)
    return buffer.getvalue()
