"""Integer probability tables: what encoder and decoder must agree on to the last bit, so no float is in them.

A table covers the symbols `lowest, lowest + 1, ...` of one latent dimension, one frequency each, and ends in the
frequency of the escape, which stands for every other symbol. Frequencies are at least 1 and add up to 2^24.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diabolo.coding.escapes import escape_numbers, varint_lengths
from diabolo.errors import FormatError, InputError

PRECISION = 24
"""Bits of a probability: what constriction's coders use."""
TOTAL = 1 << PRECISION
MAX_SIZE = 1 << 16
"""Entries of one table, the escape among them."""
MAX_ENTRIES = 1 << 22
"""Entries of all tables together (16 MiB)."""
NAMES = ("lowest", "sizes", "frequencies")


@dataclass(frozen=True, eq=False)
class Tables:
    """The tables of K dimensions.

    lowest: (K,) int32, the first symbol of each table; sizes: (K,) int32, its entries, the escape (the last) included;
    frequencies: (sum of sizes,) uint32, all tables one after the other. Raises FormatError if they do not fit together.
    """

    lowest: NDArray[np.int32]
    sizes: NDArray[np.int32]
    frequencies: NDArray[np.uint32]

    def __post_init__(self) -> None:
        if self.lowest.ndim != 1 or self.lowest.shape != self.sizes.shape or not len(self.sizes):
            raise FormatError("probability tables need one lowest symbol and one size for each dimension.")
        if self.sizes.min() < 2 or self.sizes.max() > MAX_SIZE or self.sizes.sum(dtype=np.int64) > MAX_ENTRIES:
            raise FormatError(f"a probability table has 2 to {MAX_SIZE} entries, all together at most {MAX_ENTRIES}.")
        if self.frequencies.shape != (self.sizes.sum(dtype=np.int64),) or self.frequencies.min() < 1:
            raise FormatError("probability tables need one frequency of at least 1 for each entry.")
        starts = np.cumsum(self.sizes, dtype=np.int64) - self.sizes
        if (np.add.reduceat(self.frequencies.astype(np.int64), starts) != TOTAL).any():
            raise FormatError(f"the frequencies of each probability table must add up to {TOTAL}.")
        if (self.lowest.astype(np.int64) + self.sizes - 2 >= 2**31).any():
            raise FormatError("a probability table goes beyond the integers of 32 bits.")

    def __len__(self) -> int:
        """Return the number of dimensions, K."""
        return len(self.sizes)

    def each(self) -> list[NDArray[np.uint32]]:
        """Return the K tables, the frequencies of one dimension each."""
        return np.split(self.frequencies, np.cumsum(self.sizes)[:-1])

    def entries(self, dimension: int, symbols: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return the entry of the table of `dimension` that codes each of `symbols` (n,): the last for an escape."""
        above = (symbols - self.lowest[dimension]).view(np.uint32)  # below the lowest it wraps round to huge
        last = np.uint32(self.sizes[dimension] - 1)
        entries: NDArray[np.int32] = np.minimum(above, last).view(np.int32)
        return entries

    def bits(self, symbols: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return the ideal code length (n,) in bits of each row of `symbols` (n, K), escapes included."""
        length = np.zeros(len(symbols))
        for dimension, table in enumerate(self.each()):
            column = np.ascontiguousarray(symbols[:, dimension], dtype=np.int32)
            entries = self.entries(dimension, column)
            length += (PRECISION - np.log2(table))[entries]
            escaped = np.flatnonzero(entries == len(table) - 1)
            numbers = escape_numbers(column[escaped], int(self.lowest[dimension]), len(table) - 1)
            length[escaped] += 8 * varint_lengths(numbers)
        return length

    def to_arrays(self) -> dict[str, NDArray[np.int32]]:
        """Return `lowest`, `sizes` and `frequencies` as int32 arrays for the model file."""
        return {"lowest": self.lowest, "sizes": self.sizes, "frequencies": self.frequencies.astype(np.int32)}


def tables_from_arrays(arrays: Mapping[str, NDArray[Any]]) -> Tables:
    """Return the tables of `Tables.to_arrays`. Raises FormatError if an array is missing, no int32, or wrong."""
    for name in NAMES:
        if name not in arrays or arrays[name].dtype != np.int32:
            raise FormatError(f"the probability tables need an array {name!r} of type int32.")
    lowest, sizes, frequencies = (np.ascontiguousarray(arrays[name]) for name in NAMES)
    return Tables(lowest, sizes, np.maximum(frequencies, 0).astype(np.uint32))


def tables_from_counts(symbols: NDArray[np.integer[Any]], *, max_symbols: int = 4096) -> Tables:
    """Return tables from `symbols` (n, K) that were seen: from the lowest to the highest, counts smoothed.

    Every entry, the escape too, gets 1/m of a count on top, with m entries (Perks 1947: the sum of the smoothing is
    one count, however wide the table). A range wider than `max_symbols` is cut around its median.
    Raises InputError if the symbols are no int32, or none.
    """
    values = checked_symbols(symbols)
    if not values.size:
        raise InputError(f"tables need at least one row of symbols, got shape {values.shape}.")
    if not 1 <= max_symbols < MAX_SIZE:
        raise InputError(f"max_symbols must be 1 to {MAX_SIZE - 1}, got {max_symbols}.")
    lowest, weights = [], []
    for column in values.T.astype(np.int64):
        first, last = int(column.min()), int(column.max())
        if last - first >= max_symbols:
            middle = int(np.sort(column)[len(column) // 2])
            first = min(max(first, middle - max_symbols // 2), last - max_symbols + 1)
            last = first + max_symbols - 1
        inside = column[(column >= first) & (column <= last)]
        counts = np.bincount(inside - first, minlength=last - first + 2)
        counts[-1] = len(column) - len(inside)
        lowest.append(first)
        weights.append((counts * len(counts) + 1).astype(np.uint64))
    return _assembled(lowest, weights)


def tables_from_probabilities(lowest: Sequence[int], probabilities: Sequence[NDArray[np.floating[Any]]]) -> Tables:
    """Return tables from the probabilities of the symbols from `lowest[k]` up; what is missing to 1 is the escape's.

    Raises InputError if one is negative or not finite, or a sum is 0 or more than 1 (plus 1e-6 of rounding).
    """
    weights = []
    for dimension, given in enumerate(probabilities):
        p = np.asarray(given, dtype=np.float64)
        if p.ndim != 1 or not np.isfinite(p).all() or (p < 0).any() or not 0 < p.sum() <= 1 + 1e-6:
            raise InputError(f"the probabilities of dimension {dimension} must be >= 0 with a sum in (0, 1].")
        weights.append(np.rint(np.append(p, max(1 - p.sum(), 0.0)) * 2.0**39).astype(np.uint64))
    return _assembled(lowest, weights)


def normalized(weights: NDArray[np.uint64]) -> NDArray[np.uint32]:
    """Return frequencies (m,), each at least 1 and 2^24 in all, in proportion to `weights` (m,), not all 0.

    Each gets 1; the rest goes by largest remainder, the first of equals first. Integers only, so the same everywhere.
    """
    excess = max(int(weights.sum(dtype=np.uint64)).bit_length() - 40, 0)
    weights = weights >> np.uint64(excess)  # so that the products below stay under 2^64
    total = weights.sum(dtype=np.uint64)
    shares, remainders = np.divmod(weights * np.uint64(TOTAL - len(weights)), total)
    frequencies = shares + np.uint64(1)
    short = TOTAL - int(frequencies.sum())
    frequencies[np.argsort(total - remainders, kind="stable")[:short]] += np.uint64(1)
    return frequencies.astype(np.uint32)


def checked_symbols(symbols: NDArray[np.integer[Any]]) -> NDArray[np.int32]:
    """Return `symbols` (n, K) as int32. Raises InputError if they are of another shape or kind, or too large."""
    if symbols.ndim != 2 or symbols.dtype.kind not in "iu":
        raise InputError(f"symbols must be integers of shape (n, K), got {symbols.dtype} of shape {symbols.shape}.")
    if symbols.size and (int(symbols.min()) < -(2**31) or int(symbols.max()) >= 2**31):
        raise InputError("symbols must fit in 32 bits with a sign.")
    return symbols.astype(np.int32, copy=False)


def _assembled(lowest: Sequence[int], weights: Sequence[NDArray[np.uint64]]) -> Tables:
    if len(lowest) != len(weights) or any(not 2 <= len(table) <= MAX_SIZE for table in weights):
        raise InputError(f"each of the {len(weights)} dimensions needs one lowest symbol and 1 to {MAX_SIZE - 1} more.")
    sizes = np.array([len(table) for table in weights], dtype=np.int32)
    frequencies = np.concatenate([normalized(table) for table in weights])
    return Tables(np.array(lowest, dtype=np.int32), sizes, frequencies)
