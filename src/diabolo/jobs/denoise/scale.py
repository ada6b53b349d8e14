"""The range of an image's numbers, and the way to the network's values and back."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diabolo.data.preprocessing import PIXEL_LIMITS
from diabolo.data.source import Array
from diabolo.errors import InputError

Pixels = NDArray[np.float32]
"""(h, w, c), most values in [0, 1]."""
FEW = 0.001
"""Share of the pixels that may lie beyond a range: noise does."""
MOST_LOOKED = 1 << 22
LEAST_WHITE = 0.02
"""Floats that stay below are of a smaller range."""
UNIT = (-1.0, 2.0)
"""Floats within are taken for values from 0 to 1 with noise."""


@dataclass(frozen=True)
class Scale:
    """value = offset + span * unit; a network's values are units."""

    offset: float = 0.0
    span: float = 1.0

    @property
    def figures(self) -> float:
        """What a share of white is multiplied by to be told: 255ths of white, or the numbers' own units."""
        return 255.0 if self.offset == 0 and (self.span == 1 or np.log2(self.span + 1) % 1 == 0) else self.span

    def unit(self, values: Array) -> Pixels:
        if self == Scale():
            return values.astype(np.float32, copy=False)
        if self.offset == 0 and values.dtype.itemsize <= 2:
            return np.multiply(values, np.float32(1 / self.span), dtype=np.float32, casting="unsafe")
        return ((values.astype(np.float64) - self.offset) / self.span).astype(np.float32)

    def stored(self, values: Pixels, dtype: np.dtype[np.generic]) -> Array:
        """Return units as numbers of a type, whole ones rounded and kept in its range."""
        if dtype == np.bool_:
            return np.asarray(values >= 0.5)
        if dtype.kind == "f":
            return (values if self == Scale() else values * self.span + self.offset).astype(dtype, copy=False)
        limits = np.iinfo(dtype.str)
        exact: NDArray[Any] = values if dtype.itemsize <= 2 else values.astype(np.float64)
        found = np.rint(exact * np.float32(self.span) + np.float32(self.offset))
        return np.asarray(np.clip(found, limits.min, limits.max).astype(dtype))


def scale_of(images: Array, *, whole: bool = False) -> Scale:
    """Return the scale of one image or several, all in one.

    8 bits and truth values are taken as they are, 16 bits for what they hold, unless `whole`: of those whose top bits
    are empty, as a camera's 12, the top one may have one pixel in a thousand. Floats within -1 and 2 stay as they are;
    of other numbers all but the outer thousandths go from 0 to 1.
    Raises InputError for numbers that are not finite, and for types that hold no numbers.
    """
    if images.dtype.kind not in "buif":
        raise InputError(f"An image must hold numbers, got {images.dtype}.")
    if images.dtype in (np.uint8, np.bool_):
        return Scale(span=PIXEL_LIMITS.get(images.dtype, 1.0))
    looked = _sample(images)
    if images.dtype == np.uint16:
        return Scale(span=65535.0 if whole else _bits(looked))
    if not np.isfinite(looked).all():
        raise InputError("An image must hold finite numbers; fill or drop what is NaN or infinite.")
    low, high = _ends(looked)
    within = UNIT[0] <= looked.min(initial=0) and looked.max(initial=0) <= UNIT[1]
    if images.dtype.kind == "f" and within and high > LEAST_WHITE:
        return Scale()
    return Scale(low, max(high - low, 1e-6 * max(1.0, abs(high))))


def _ends(looked: Array) -> tuple[float, float]:
    """Return what all numbers but the outer thousandths lie between."""
    low, high = np.quantile(looked.astype(np.float64), (FEW, 1 - FEW)) if looked.size else (0.0, 1.0)
    return float(low), float(high)


def _bits(looked: Array) -> float:
    bits = max(8, int(looked.max(initial=0)).bit_length())
    if bits > 8 and np.count_nonzero(looked >= np.uint16(2 ** (bits - 1))) <= FEW * looked.size:
        bits -= 1
    return 2.0**bits - 1


def _sample(images: Array) -> Array:
    """Return at most some millions of the numbers, evenly spread."""
    flat = images.reshape(-1)
    return flat[:: max(1, -(-flat.size // MOST_LOOKED))]
