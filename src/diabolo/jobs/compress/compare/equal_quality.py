"""What a general codec needs for images at a quality that is set: its own dial is turned until the PSNR is reached."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Literal

import numpy as np

from diabolo.data.source import Array, spaced
from diabolo.errors import InputError
from diabolo.jobs.compress.compare.general_codecs import Codec
from diabolo.jobs.compress.compare.sheets import layout, split

How = Literal["files", "sheet"]
PEAK = 255
PILOT = 16
"""A sixteenth of the images tells where the dial will end."""


@dataclass(frozen=True)
class Measured:
    """Mean bytes of an image, the PSNR in dB (infinite if nothing is lost), the dial if there is one, images."""

    bytes_per_image: float
    psnr: float
    quality: float | None
    images: int


def _one_by_one(images: Array) -> list[Array]:
    return [images[row : row + 1] for row in range(len(images))]


PARTS: Mapping[How, Callable[[Array], list[Array]]] = MappingProxyType({"files": _one_by_one, "sheet": split})
"""The ways of putting images into files: each part is one file."""


def psnr_of(squared: float, count: int) -> float:
    """Return the PSNR in dB of 8-bit values from their summed squared error: 10 log10(255^2 / mean).

    >>> round(psnr_of(100 * 16, 100), 2)
    36.09
    """
    return 10 * math.log10(PEAK**2 * count / squared) if squared else math.inf


def measure(images: Array, codec: Codec, quality: float | None, *, how: How) -> Measured:
    """Return what a codec needs for all images (n, h, w[, c]) at one setting, and how well they come back."""
    size, squared = 0, 0.0
    for part in PARTS[how](images):
        data, back = _there_and_back(part, codec, quality)
        size += len(data)
        squared += _squared_error(part, back)
    return Measured(size / len(images), psnr_of(squared, images.size), quality, len(images))


def _there_and_back(part: Array, codec: Codec, quality: float | None) -> tuple[bytes, Array]:
    if not codec.pictures:
        data = codec.encode(part, quality or 0)
        return data, codec.decode(data, part.shape).view(part.dtype).reshape(part.shape)
    grid = layout(len(part), *part.shape[1:3])
    sheet = grid.join(part)
    data = codec.encode(sheet, quality or 0)
    return data, grid.cut(codec.decode(data, sheet.shape), len(part))


def _squared_error(part: Array, back: Array) -> float:
    if np.array_equal(part, back):
        return 0.0
    return float(np.square(part.astype(np.float64) - back.astype(np.float64)).sum())


def at_quality(images: Array, codec: Codec, psnr: float | None, *, how: How) -> Measured | None:
    """Return the least that a codec needs for images (n, h, w[, c]) at a PSNR (dB) of `psnr`.

    The PSNR is one number from the total squared error over all images, and is taken to rise with the quality.
    Where two neighbouring settings enclose it, a part of the images gets the lower one, as anyone could do, so that
    a coarse dial costs nothing. A worst setting that is better than `psnr` stands as it is; None: the best one
    does not reach it. Lossless codecs have one setting. Raises InputError without a `psnr` for a lossy codec.

    >>> from diabolo.jobs.compress.compare.general_codecs import CODECS
    >>> grey = np.full((4, 8, 8), 77, np.uint8)
    >>> at_quality(grey, CODECS["PNG"], None, how="files").psnr
    inf
    """
    if codec.lossless:
        return measure(images, codec, None, how=how)
    if psnr is None:
        raise InputError("psnr must be a number of dB for a lossy codec; give one, or take lossless codecs.")

    @cache
    def tried(step: int, share: int) -> Measured:
        some = images[spaced(len(images), math.ceil(len(images) / share))]
        return measure(some, codec, codec.qualities[step], how=how)

    count = len(codec.qualities)
    guess = least(lambda step: tried(step, PILOT).psnr >= psnr, count, count // 2)
    step = least(lambda step: tried(step, 1).psnr >= psnr, count, min(guess, count - 1))
    if step == count:
        return None
    return tried(0, 1) if step == 0 else mixed(tried(step - 1, 1), tried(step, 1), psnr)


def mixed(low: Measured, high: Measured, psnr: float) -> Measured:
    """Return what images need of which some get the `low` and the others the `high` setting, at a PSNR between both.

    Squared errors add up, so the share is linear in them. `high` itself, where it takes no more bytes than `low`.
    """
    if high.bytes_per_image <= low.bytes_per_image:
        return high
    best, target, worst = (10 ** (-decibels / 10) for decibels in (high.psnr, psnr, low.psnr))
    share = (target - best) / (worst - best)
    size = share * low.bytes_per_image + (1 - share) * high.bytes_per_image
    return Measured(size, psnr, high.quality, high.images)


def least(reaches: Callable[[int], bool], count: int, start: int) -> int:
    """Return the smallest number below `count` that reaches, or `count` if none does, looking around `start` first.

    `reaches` must be false up to some number and true from there on; steps double until it is enclosed.

    >>> least(lambda number: number >= 42, 100, 40)
    42
    """
    low, high, probe, stride = -1, count, start, 1
    while high - low > 1:
        if reaches(probe):
            high = probe
        else:
            low = probe
        if low < 0:
            probe = max(high - stride, 0)
        elif high == count:
            probe = min(low + stride, count - 1)
        else:
            probe = (low + high) // 2
        stride *= 2
    return high
