"""Where samples come from: anything with a length that gives rows, in memory or not."""

from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

BLOCK_BYTES = 1 << 20
Array = NDArray[np.generic]


class Source(Protocol):
    """Samples of one shape and dtype, taken by row number.

    shape: of one sample as stored: (columns,), (height, width) or (height, width, channels).
    dtype: uint8, uint16 or float32 for images; any number for tables and arrays.
    block: rows that are cheap to read together (1 where rows are apart, as files in a folder).
    in_memory: whether `take` costs no reading.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[np.generic]: ...
    @property
    def block(self) -> int: ...
    @property
    def in_memory(self) -> bool: ...
    def __len__(self) -> int: ...
    def take(self, rows: NDArray[np.int64]) -> Array:
        """Return the samples of `rows`, in their order, as an array (len(rows), *shape)."""
        ...


def follow(rows: NDArray[np.int64]) -> bool:
    """Return whether row numbers follow one another, each the next of the one before."""
    return len(rows) > 0 and int(rows[-1]) - int(rows[0]) == len(rows) - 1 and bool((np.diff(rows) == 1).all())


@dataclass(frozen=True)
class ArraySource:
    """Samples of an array (n, *shape), in memory or memory-mapped."""

    array: Array

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.array.shape[1:])

    @property
    def dtype(self) -> np.dtype[np.generic]:
        return self.array.dtype

    @property
    def block(self) -> int:
        return 1 if self.in_memory else max(1, min(1024, BLOCK_BYTES // max(1, self.array[:1].nbytes)))

    @property
    def in_memory(self) -> bool:
        return not isinstance(self.array, np.memmap)

    def __len__(self) -> int:
        return len(self.array)

    def take(self, rows: NDArray[np.int64]) -> Array:
        """Return the samples of `rows`; those that follow one another without a copy."""
        return np.asarray(self.array[int(rows[0]) : int(rows[-1]) + 1] if follow(rows) else self.array[rows])


@dataclass(frozen=True)
class View:
    """A source made of another: what it has of the one that it looks at."""

    source: Source

    @property
    def dtype(self) -> np.dtype[np.generic]:
        return self.source.dtype

    @property
    def block(self) -> int:
        return self.source.block

    @property
    def in_memory(self) -> bool:
        return self.source.in_memory


@dataclass(frozen=True)
class Subset(View):
    """Some rows of another source."""

    rows: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.source.shape

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, rows: NDArray[np.int64]) -> Array:
        return self.source.take(self.rows[rows])


@dataclass(frozen=True)
class Reordered(View):
    """The columns of a source of flat samples, in another order."""

    order: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.order),)

    def __len__(self) -> int:
        return len(self.source)

    def take(self, rows: NDArray[np.int64]) -> Array:
        return self.source.take(rows)[:, self.order]


def spaced(count: int, most: int) -> NDArray[np.int64]:
    """Return at most `most` of the row numbers below `count`, evenly spaced."""
    return np.linspace(0, count - 1, min(count, most)).astype(np.int64)


@dataclass(frozen=True)
class Dataset:
    """What the word DATA of the command line opens.

    train: the samples to learn from; test: a held-out set where the data come with one.
    labels: one whole number or name per training sample, or None; test_labels likewise.
    items: the names of the samples (files of a folder), where they have any.
    columns: the names of a table's columns, where they have any.
    origin: where the data were found, for people.
    notes: lines that a user should see (a fallback taken, a column left out).
    weight: how many samples each normal one stands for, where the normal ones were thinned.
    """

    name: str
    train: Source
    test: Source | None = None
    labels: Array | None = None
    test_labels: Array | None = None
    items: tuple[str, ...] | None = None
    columns: tuple[str, ...] | None = None
    origin: str = ""
    notes: tuple[str, ...] = field(default=())
    weight: float = 1.0

    @property
    def unseen(self) -> "Dataset":
        """The test part alone, where there is one; else these data."""
        if self.test is None:
            return self
        return replace(self, train=self.test, labels=self.test_labels, test=None, test_labels=None, items=None)
