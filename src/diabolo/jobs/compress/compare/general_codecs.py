"""The general codecs that stand beside the model in `diabolo compress --compare`, each at its best practical setting.

The settings were chosen on 900 to 10,000 MNIST test images and 200 UTKFace faces, in the codecs' favour. AVIF at
speed 4 takes 4 times as long as at 6 for 3 to 6 % less. Lossy JPEG XL at efforts 5, 7 and 9 differs by about 3 % at
equal PSNR (interpolated); lossless on MNIST's sheets, 9 saves 6 % over 7. Lossless WebP on MNIST as one sheet is as
large at method 4 (1.540 bits per pixel) as at 6, which takes many times as long.
"""

import bz2
import gzip
import importlib.util
import io
import lzma
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
from PIL import Image, features

from diabolo.data.source import Array
from diabolo.jobs.compress.compare.sheets import SIDE

XZ_DICTIONARY = 1 << 26
LARGEST_RESOLUTIONS = 6


def always() -> bool:
    """Whether a codec that is part of Python or of every Pillow is here."""
    return True


@dataclass(frozen=True)
class Codec:
    """A general codec.

    encode: an array and a quality to the bytes of a file; uint8 (h, w) or (h, w, 3) where `pictures`, else any array.
    decode: those bytes and the array's shape to its values; of a codec without `pictures`, to its bytes as uint8.
    qualities: what `encode` takes, from the worst to the best, in the codec's own units; none if it is lossless.
    pictures: whether it knows of pixels; colour_only: whether grey images have nothing from it.
    available: whether it is installed here.
    """

    encode: Callable[[Array, float], bytes]
    decode: Callable[[bytes, tuple[int, ...]], Array]
    qualities: tuple[float, ...] = ()
    pictures: bool = True
    colour_only: bool = False
    longest_side: int = 65500
    available: Callable[[], bool | None] = always

    @property
    def lossless(self) -> bool:
        return not self.qualities


def _of_bytes(compress: Callable[[bytes], bytes], decompress: Callable[[bytes], bytes]) -> Codec:
    def encode(array: Array, quality: float) -> bytes:
        del quality
        return compress(array.tobytes())

    def decode(data: bytes, shape: tuple[int, ...]) -> Array:
        del shape
        return np.frombuffer(decompress(data), np.uint8)

    return Codec(encode, decode, pictures=False)


def _xz(data: bytes) -> bytes:
    """Pack by the strongest preset; its 64 MB dictionary is cut to the data, or a small image would take 40 ms."""
    dictionary = min(max(len(data), 4096), XZ_DICTIONARY)
    strongest = {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": dictionary}
    return lzma.compress(data, filters=[strongest])


def _saved(image: Array, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind, **options)
    return file.getvalue()


def _opened(data: bytes, shape: tuple[int, ...]) -> Array:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("L" if len(shape) == 2 else "RGB"))


def _png(image: Array, quality: float) -> bytes:
    del quality
    return _saved(image, "PNG", optimize=True)


def _jpeg(image: Array, quality: float, *, subsampling: str = "4:4:4") -> bytes:
    """Return the shorter of a sequential (for small files) and a progressive one, with Huffman tables of their own."""
    options = {"quality": int(quality), "optimize": True, "subsampling": subsampling}
    return min((_saved(image, "JPEG", progressive=way, **options) for way in (False, True)), key=len)


def _webp(image: Array, quality: float) -> bytes:
    return _saved(image, "WEBP", quality=quality, method=6)


def _webp_lossless(image: Array, quality: float) -> bytes:
    del quality
    return _saved(image, "WEBP", lossless=True, quality=100, method=4)


def _jpeg_2000(image: Array, **options: Any) -> bytes:
    """Save a bare codestream: the box around it would add 85 bytes.

    A one-letter comment spares the encoder's own name. A small image has few resolutions, as each has its headers.
    """
    resolutions = min((min(image.shape[:2]) // 8).bit_length() + 1, LARGEST_RESOLUTIONS)
    options |= {"no_jp2": True, "comment": " ", "mct": int(image.ndim == 3), "num_resolutions": resolutions}
    return _saved(image, "JPEG2000", **options)


def _jpeg_2000_lossy(image: Array, quality: float) -> bytes:
    return _jpeg_2000(image, quality_mode="dB", quality_layers=[quality], irreversible=True)


def _jpeg_2000_lossless(image: Array, quality: float) -> bytes:
    del quality
    return _jpeg_2000(image)


def _avif(image: Array, quality: float) -> bytes:
    subsampling = "4:0:0" if image.ndim == 2 else "4:4:4"
    return _saved(image, "AVIF", quality=int(quality), subsampling=subsampling, speed=6, max_threads=1)


def _jpeg_xl(image: Array, quality: float) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.jpegxl_encode(image, distance=-quality, effort=5, usecontainer=False, numthreads=1))


def _jpeg_xl_lossless(image: Array, quality: float) -> bytes:
    import imagecodecs

    del quality
    return bytes(imagecodecs.jpegxl_encode(image, lossless=True, effort=9, usecontainer=False, numthreads=1))


def _jpeg_xl_opened(data: bytes, shape: tuple[int, ...]) -> Array:
    import imagecodecs

    found: Array = imagecodecs.jpegxl_decode(data, numthreads=1)
    return found.reshape(shape)


def _has_imagecodecs() -> bool:
    """Whether JPEG XL is here: the `bench` extra."""
    if importlib.util.find_spec("imagecodecs") is None:
        return False
    import imagecodecs

    return bool(imagecodecs.JPEGXL.available)


_has_webp = partial(features.check, "webp")
_has_jpeg_2000 = partial(features.check, "jpg_2000")
_has_avif = partial(features.check, "avif")

CUBES = tuple(100 * (step / 127) ** 3 for step in range(128))
"""WebP has 128 quantizers and takes the cube root of the quality to choose one."""
PERCENT = tuple(float(quality) for quality in range(101))
"""JPEG begins at 1; AVIF at 3, below which a sheet of MNIST takes more bytes (0: 34.5 an image, 3: 32.7)."""
DECIBELS = tuple(round(float(decibels), 1) for decibels in np.arange(8, 60, 0.1))
DISTANCES = tuple(-float(distance) for distance in np.geomspace(25, 0.05, 200))
"""Butteraugli distances, negative so that they rise with the quality; libjxl takes none over 25."""

CODECS: Mapping[str, Codec] = MappingProxyType(
    {
        "gzip": _of_bytes(partial(gzip.compress, mtime=0), gzip.decompress),
        "bz2": _of_bytes(bz2.compress, bz2.decompress),
        "xz": _of_bytes(_xz, lzma.decompress),
        "PNG": Codec(_png, _opened),
        "WebP lossless": Codec(_webp_lossless, _opened, longest_side=SIDE, available=_has_webp),
        "JPEG 2000 lossless": Codec(_jpeg_2000_lossless, _opened, available=_has_jpeg_2000),
        "JPEG XL lossless": Codec(_jpeg_xl_lossless, _jpeg_xl_opened, available=_has_imagecodecs),
        "JPEG": Codec(_jpeg, _opened, PERCENT[1:]),
        "JPEG 4:2:0": Codec(partial(_jpeg, subsampling="4:2:0"), _opened, PERCENT[1:], colour_only=True),
        "WebP": Codec(_webp, _opened, CUBES, longest_side=SIDE, available=_has_webp),
        "JPEG 2000": Codec(_jpeg_2000_lossy, _opened, DECIBELS, available=_has_jpeg_2000),
        "AVIF": Codec(_avif, _opened, PERCENT[3:], longest_side=32768, available=_has_avif),
        "JPEG XL": Codec(_jpeg_xl, _jpeg_xl_opened, DISTANCES, available=_has_imagecodecs),
    }
)
