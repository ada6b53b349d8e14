"""The model's archive beside general codecs at equal quality, and a warning where the model loses."""

import math
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Literal

import numpy as np

from diabolo.data.limits import MAX_IMAGE_PIXELS
from diabolo.data.source import Array, Source, spaced
from diabolo.errors import ArgumentError
from diabolo.jobs.compress.compare.equal_quality import PARTS, How, Measured, at_quality
from diabolo.jobs.compress.compare.general_codecs import CODECS, Codec

MOST_IMAGES: Mapping[How, int] = MappingProxyType({"files": 500, "sheet": sys.maxsize})
LOSSY_PIXELS, LOSSLESS_PIXELS = 1 << 20, 1 << 23
"""A lossy codec is tried at several settings, so it sees fewer pixels; all of MNIST's test images are lossless."""
WAYS: Mapping[str, str] = MappingProxyType({"files": "as single files", "sheet": "on sheets", "archive": "archive"})


@dataclass(frozen=True)
class Row:
    """What one way of storing needs: mean bytes of an image, without and with the model's file shared among all.

    psnr: in dB, infinite if nothing is lost. images: how many were measured, evenly spaced.
    """

    codec: str
    how: Literal["files", "sheet", "archive"]
    bytes_per_image: float
    with_model: float
    psnr: float
    images: int


@dataclass(frozen=True)
class Comparison:
    """Rows by their bytes, the fewest first; lines where the model loses; lines on codecs that were left out."""

    rows: tuple[Row, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


def compare(
    images: Source,
    *,
    psnr: float | None,
    model_bytes_per_image: float,
    model_file_bytes: int,
    model: str = "model",
    codecs: Collection[str] = tuple(CODECS),
    on_row: Callable[[Row], None] | None = None,
) -> Comparison:
    """Return what general codecs need for the images of an archive, beside the model's own figures.

    psnr: the model's PSNR in dB over all images, which the codecs have to reach; None for a lossless archive.
    model_bytes_per_image: the archive's bytes over its images. model_file_bytes: the size of the model's file.
    model: its name in the table. codecs: the names of those that are measured.
    on_row: told of each codec's row when it is ready.
    8-bit grey and RGB images meet every codec, other arrays those that know of bytes only.
    Raises ArgumentError for figures that cannot be.
    """
    _check(psnr, model_bytes_per_image, model_file_bytes)
    share = model_file_bytes / len(images)
    quality = math.inf if psnr is None else psnr
    own = Row(model, "archive", model_bytes_per_image, model_bytes_per_image + share, quality, len(images))
    rows: list[Row] = []
    notes: list[str] = []
    for found in _each(images, psnr, codecs):
        if isinstance(found, str):
            notes.append(found)
            continue
        rows.append(found)
        if on_row is not None:
            on_row(found)
    ordered = sorted([own, *rows], key=lambda row: row.bytes_per_image)
    return Comparison(tuple(ordered), _warnings(own, rows, len(images)), tuple(notes))


def _check(psnr: float | None, bytes_per_image: float, file_bytes: int) -> None:
    if psnr is not None and not (math.isfinite(psnr) and psnr > 0):
        raise ArgumentError(f"psnr must be a number of dB above 0, or None for lossless codecs alone; got {psnr}.")
    if not (math.isfinite(bytes_per_image) and bytes_per_image > 0):
        raise ArgumentError(f"model_bytes_per_image must be a number above 0, got {bytes_per_image}.")
    if file_bytes < 0:
        raise ArgumentError(f"model_file_bytes must be at least 0, got {file_bytes}.")


def _each(images: Source, psnr: float | None, codecs: Collection[str]) -> Iterator[Row | str]:
    """Yield a row for each codec and way, or why there is none."""

    @cache
    def sample(most: int) -> Array:
        return _as_images(images.take(spaced(len(images), most)))

    for name, codec in _meant(images, psnr, codecs):
        reason = refusal(codec, images.shape, images.dtype)
        if reason is not None:
            yield f"{name} is left out: {reason}."
            continue
        for how in PARTS:
            some = sample(min(len(images), _most(images, codec, how)))
            yield _row(name, how, at_quality(some, codec, psnr, how=how), psnr)


def _meant(images: Source, psnr: float | None, codecs: Collection[str]) -> Iterator[tuple[str, Codec]]:
    """Yield the codecs that make sense: no lossy ones beside a lossless archive, no colour tricks on grey."""
    colour = len(images.shape) == 3 and images.shape[2] == 3
    for name in codecs:
        codec = CODECS[name]
        if (codec.lossless or psnr is not None) and (colour or not codec.colour_only):
            yield name, codec


def refusal(codec: Codec, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> str | None:
    """Return why a codec cannot take images of this shape and dtype, or None if it can."""
    if not codec.available():
        return "it is not installed (JPEG XL: pip install imagecodecs)"
    if not codec.pictures:
        return None
    if dtype != np.uint8 or len(shape) not in (2, 3) or shape[2:] not in ((), (1,), (3,)):
        return "it is compared on 8-bit grey or RGB images only"
    if max(shape[:2]) > codec.longest_side:
        return f"it takes no side over {codec.longest_side} pixels"
    if shape[0] * shape[1] > MAX_IMAGE_PIXELS:
        return f"one image has over {MAX_IMAGE_PIXELS} pixels"
    return None


def _as_images(array: Array) -> Array:
    """Return samples as (n, h, w) or (n, h, w, c): flat ones as rows of height 1, one channel as grey."""
    if array.ndim == 2:
        return array[:, None]
    return array[..., 0] if array.shape[3:] == (1,) else array


def _most(images: Source, codec: Codec, how: How) -> int:
    pixels = LOSSLESS_PIXELS if codec.lossless else LOSSY_PIXELS
    return max(1, min(MOST_IMAGES[how], pixels // math.prod(images.shape[:2])))


def _row(name: str, how: How, found: Measured | None, psnr: float | None) -> Row | str:
    if found is None:
        return f"{name} {WAYS[how]} is left out: its best quality stays below {psnr:.2f} dB."
    return Row(name, how, found.bytes_per_image, found.bytes_per_image, found.psnr, found.images)


def _warnings(own: Row, others: list[Row], images: int) -> tuple[str, ...]:
    """Say where the model loses to the best of the others, with its own bytes left out or, if not there, counted."""
    best = min(others, key=lambda row: row.bytes_per_image)
    rival = f"{best.codec} {WAYS[best.how]} takes {best.bytes_per_image:.1f} bytes an image"
    if best.bytes_per_image <= own.bytes_per_image:
        return (f"The model loses: {rival}, {own.codec} {own.bytes_per_image:.1f}; use that, or train for longer.",)
    if best.bytes_per_image <= own.with_model:
        file_bytes = (own.with_model - own.bytes_per_image) * images
        enough = math.floor(file_bytes / (best.bytes_per_image - own.bytes_per_image)) + 1
        return (
            f"With its own file counted the model loses: {rival}, {own.codec} {own.with_model:.1f} "
            f"over {images:,} images; it pays from {enough:,} images on.",
        )
    return ()
