"""Preprocessing: samples to prepared units and back, fitted on the training data only.

prepared = (x - offset) / scale. Pixels of 8 and 16 bits, and floats that all lie in [0, 1], are prepared to [0, 1];
other numbers to mean 0 and standard deviation 1, per column for flat samples and over all pixels for images.
Curved: prepared = asinh((x - offset) / scale), which keeps a heavy tail from deciding everything.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from diabolo.data.source import Array, Source, spaced
from diabolo.errors import InputError

CHUNK_BYTES, HELD_BYTES = 64 << 20, 256 << 20
FARTHEST, SIGN = 1e15, np.int32(-(2**31))
NO_ROWS = np.zeros(0, np.int64)
PIXEL_LIMITS = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0}


@dataclass(frozen=True)
class Preprocessing:
    """An affine map and its inverse.

    offset, scale: float64, () or (columns,). dtype: of the data. unit: whether prepared values lie in [0, 1].
    constant: the numbers of the columns that never change (their scale is 1). curved: asinh comes after.
    """

    offset: NDArray[np.float64]
    scale: NDArray[np.float64]
    dtype: np.dtype[np.generic]
    unit: bool
    constant: tuple[int, ...] = ()
    curved: bool = False

    @property
    def compact(self) -> bool:
        """Whether samples can stay 8-bit until a batch is made: prepared = x / 255."""
        return self.unit and self.dtype == np.uint8

    def prepare(self, x: Array) -> NDArray[np.float32]:
        """Return samples (n, *shape) in prepared units. Raises InputError for NaN, infinity and values out of range."""
        with np.errstate(over="ignore", invalid="ignore"):
            straight: NDArray[np.float64] = np.subtract(x, self.offset, dtype=np.float64)
            straight /= self.scale
            prepared = straight.astype(np.float32)
        least, most = (-FARTHEST, FARTHEST) if not self.unit else (-1, 2) if self.dtype.kind == "f" else (0, 1)
        if x.size and not (least <= prepared.min() and prepared.max() <= most):
            self._refuse(x, f"0 to {float(self.scale):g}" if self.unit else f"{FARTHEST:.0e} standard deviations")
        return _asinh(prepared) if self.curved else prepared

    def _refuse(self, x: Array, allowed: str) -> None:
        """Say which values are not finite or lie too far from training's; a little outside [0, 1] is no harm."""
        check_finite(x)
        raise InputError(
            f"The values must lie within {allowed} as in training, got {x.min():g} to {x.max():g}; "
            "scale them as the training data were."
        )

    def restore(self, prepared: NDArray[np.float32]) -> Array:
        """Return prepared samples in the data's own units and dtype; whole numbers are rounded and kept in range."""
        straight = prepared.astype(np.float64)
        if self.curved:
            straight = np.sinh(np.clip(straight, -40, 40))
        x = straight * self.scale + self.offset
        if self.dtype.kind in "iu":
            x = np.clip(np.rint(x), *_range(self.dtype))
        return (x >= 0.5) if self.dtype.kind == "b" else x.astype(self.dtype)


def unchanging(names: Sequence[str], words: str) -> str:
    """Return a sentence on columns that never change: "2 columns never change (numbers 3, 5); they carry nothing."."""
    some = f"{words}{', '.join(names[:5])}{', ...' * (len(names) > 5)}"
    if len(names) == 1:
        return f"1 column never changes ({some}); it carries nothing."
    return f"{len(names)} columns never change ({some}); they carry nothing."


def _asinh(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return asinh, to 2e-7 where it is small: np.arcsinh takes six times as long."""
    size = np.abs(x)
    found = size * size
    found += 1
    np.sqrt(found, out=found)
    found += size
    np.log(found, out=found)
    bits = found.view(np.int32)
    bits |= x.view(np.int32) & SIGN  # as np.copysign does, in half the time
    return found


def _range(dtype: np.dtype[np.generic]) -> tuple[float, float]:
    """Return the least and the largest whole number of a dtype that float64 holds exactly."""
    limits = np.iinfo(dtype.name)
    high = float(limits.max)
    return float(limits.min), high if int(high) <= limits.max else float(np.nextafter(high, 0))


def check_finite(x: Array) -> None:
    """Raise InputError that counts the NaN and infinite values and names the first."""
    if x.dtype.kind != "f":
        return
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(x.sum(dtype=np.float64)):
            return
    bad = ~np.isfinite(x)
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise InputError(
            f"Input X contains NaN or infinity: {int(bad.sum())} values, the first in sample {first[0]}, "
            f"position {first[1:]}; fill or drop them."
        )


def chunks(source: Source, rows: NDArray[np.int64]) -> Iterator[Array]:
    """Yield the samples of `rows` in order, in pieces of bounded size."""
    size = max(1, CHUNK_BYTES // max(1, sample_bytes(source)))
    for start in range(0, len(rows), size):
        yield source.take(rows[start : start + size])


def sample_bytes(source: Source) -> int:
    return int(np.prod(source.shape)) * max(4, source.dtype.itemsize)


def bounded(rows: NDArray[np.int64], source: Source, most: int) -> NDArray[np.int64]:
    """Return at most `most` of the rows, and at most 256 MB of samples, evenly spaced."""
    return rows[spaced(len(rows), max(1, min(most, HELD_BYTES // sample_bytes(source))))]


def fit_preprocessing(
    source: Source,
    rows: NDArray[np.int64],
    held_out: NDArray[np.int64] = NO_ROWS,
    *,
    curved: bool = False,
    standardised: bool = False,
) -> Preprocessing:
    """Fit on the samples of `rows`, in one pass of bounded memory. Raises InputError for values that are not finite.

    Of the samples held out only the range is looked at: whether their values lie in [0, 1] too.
    curved: whether all numbers are standardised, then asinh taken. standardised: whether they are, without asinh.
    """
    dtype = source.dtype.newbyteorder("=") if source.dtype.itemsize <= 8 else np.dtype(np.float64)
    if dtype in PIXEL_LIMITS and not (curved or standardised):
        limit = np.float64(PIXEL_LIMITS[dtype])
        return Preprocessing(np.asarray(0.0), np.asarray(limit), dtype, unit=True)
    axes = tuple(range(len(source.shape) + 1)) if len(source.shape) > 1 else 0
    moments = _Moments(unit=not (curved or standardised))
    with np.errstate(over="ignore", invalid="ignore"):
        for chunk in chunks(source, rows):
            check_finite(chunk)
            moments.add(chunk.astype(np.float64), axes)
        for chunk in chunks(source, held_out):
            check_finite(chunk)
            moments.unit &= bool(chunk.min() >= 0 and chunk.max() <= 1)
    return replace(moments.fitted(dtype), curved=curved)


class _Moments:
    """Count, mean, squared deviation and range, joined chunk by chunk (Chan, Golub and LeVeque 1979, eq. 2.1)."""

    def __init__(self, *, unit: bool = True) -> None:
        self.count, self.unit = 0, unit
        self.mean = self.deviation = np.asarray(0.0)
        self.low, self.high = np.asarray(np.inf), np.asarray(-np.inf)

    def add(self, x: NDArray[np.float64], axes: int | tuple[int, ...]) -> None:
        self.low, self.high = np.minimum(self.low, x.min(axes)), np.maximum(self.high, x.max(axes))
        mean = x.mean(axes)
        count = x.size // max(1, mean.size)
        step = mean - self.mean
        total = self.count + count
        self.deviation = self.deviation + ((x - mean) ** 2).sum(axes) + step**2 * (self.count * count / total)
        self.mean, self.count = self.mean + step * (count / total), total

    def fitted(self, dtype: np.dtype[np.generic]) -> Preprocessing:
        if self.unit and dtype.kind in "fb" and self.low.min() >= 0 and self.high.max() <= 1:
            constant = tuple(int(i) for i in np.flatnonzero(self.high == self.low)) if self.mean.ndim else ()
            return Preprocessing(np.asarray(0.0), np.asarray(1.0), dtype, unit=True, constant=constant)
        same = np.atleast_1d(self.high == self.low)
        spread = np.sqrt(self.deviation / self.count)
        if not np.isfinite(spread).all():
            largest = max(abs(float(self.low.min())), abs(float(self.high.max())))
            raise InputError(f"Values up to {largest:.3g} are too large to be standardised; scale them below 1e150.")
        scale = np.where(self.high == self.low, 1.0, np.where(spread > 0, spread, self.high - self.low))
        mean = np.where(self.high == self.low, self.low, self.mean)
        return Preprocessing(mean, scale, dtype, unit=False, constant=tuple(int(i) for i in np.flatnonzero(same)))
