"""Tables of any kind of columns: rows as data frames, in memory or read block by block, and as encoded numbers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import polars.selectors as cs
from numpy.typing import NDArray
from polars.exceptions import PanicException

from diabolo.data.limits import reading
from diabolo.data.source import Array, ArraySource, Reordered, Source, Subset, View, follow
from diabolo.data.tables.encoding import Encoding
from diabolo.data.tables.reading.lines import Lines
from diabolo.data.tables.reading.record import Reading
from diabolo.errors import InputError

BLOCK_BYTES = 2**25
FEWEST_ROWS, MOST_ROWS = 2**10, 2**16


def rows_together(row_bytes: int) -> int:
    """Return how many rows make about 32 MiB, between 1,024 and 65,536."""
    return min(max(BLOCK_BYTES // row_bytes, FEWEST_ROWS), MOST_ROWS)


@contextmanager
def parsing(path: Path) -> Iterator[None]:
    """Turn whatever polars raises in the block into FileError or FormatError."""
    with reading(path, "a table"):
        try:
            yield
        except PanicException as error:  # polars' Rust gave up; it is no Exception of Python's
            raise ValueError(str(error)) from error


@dataclass(frozen=True)
class About:
    """What is known of a table beside its rows. lines: of the file, that rows begin in. reading: how it was read."""

    lines: Lines | None = None
    reading: Reading | None = None


NOTHING = About()


@dataclass(frozen=True)
class FrameSource:
    """Rows of a table whose columns are not all plain numbers; as a source of numbers it has to be encoded first.

    kept: the table itself where it is in memory. row_bytes: of a row in memory, where its words are long.
    """

    table: pl.LazyFrame
    columns: tuple[str, ...]
    rows: int
    path: Path = Path("the table")
    kept: pl.DataFrame | None = None
    row_bytes: int = 0
    about: About = NOTHING

    def line_numbers(self, rows: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """Return the line of the file, counted from 1, that each row begins in; None where there are no lines."""
        return None if self.about.lines is None else self.about.lines.of(rows)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.columns),)

    @property
    def dtype(self) -> np.dtype[np.generic]:
        return np.dtype(np.float64)

    @property
    def in_memory(self) -> bool:
        return self.kept is not None

    @property
    def block(self) -> int:
        return rows_together(max(8 * len(self.columns), self.row_bytes))

    def __len__(self) -> int:
        return self.rows

    def take(self, rows: NDArray[np.int64]) -> Array:  # noqa: ARG002
        """Refuse: there are no numbers before an encoding is fitted."""
        raise InputError(
            f"{self.path} has columns that are not numbers, or missing values; this job needs numbers, or a model that "
            "was trained on such a table."
        )

    def frame(self, rows: NDArray[np.int64]) -> pl.DataFrame:
        """Return rows as a data frame. Raises FileError or FormatError if the file cannot be read."""
        if self.kept is not None:
            return self.kept[rows]
        order = np.argsort(rows, kind="stable")
        edges = np.flatnonzero(np.diff(rows[order] // self.block)) + 1
        with parsing(self.path):
            pieces = [self._between(rows[some]) for some in np.split(order, edges) if len(some)]
        found = pl.concat(pieces) if pieces else self.table.head(0).collect().select(cs.by_name(self.columns))
        return found if np.array_equal(order, np.arange(len(rows))) else found[np.argsort(order)]

    @property
    def names(self) -> list[str]:
        """All columns of the table, also those that are no part of the rows."""
        with parsing(self.path):
            return self.table.collect_schema().names()

    def column(self, name: str) -> pl.Series:
        """Return a whole column. Raises FileError or FormatError if the file cannot be read."""
        if self.kept is not None and name in self.kept.columns:
            return self.kept[name]
        with parsing(self.path):
            return self.table.select(cs.by_name(name)).collect().to_series()

    def _between(self, rows: NDArray[np.int64]) -> pl.DataFrame:
        first, last = int(rows[0]), int(rows[-1])
        part = self.table.slice(first, last - first + 1).select(cs.by_name(self.columns)).collect()
        return part if follow(rows) else part[rows - first]


@dataclass(frozen=True)
class TableArray(ArraySource):
    """A table of plain numbers in memory, and its frames, for a model that was trained on another kind of columns."""

    frames: FrameSource


def in_memory(frame: pl.DataFrame, path: Path = Path("the data frame")) -> FrameSource:
    """Return a data frame as a source."""
    return FrameSource(frame.lazy(), tuple(frame.columns), len(frame), path, frame)


@dataclass(frozen=True)
class Encoded:
    """A table, or a part of it, as rows of numbers."""

    source: Source
    encoding: Encoding

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.encoding.owners),)

    @property
    def dtype(self) -> np.dtype[np.generic]:
        return np.dtype(np.float64)

    @property
    def in_memory(self) -> bool:
        return False

    @property
    def block(self) -> int:
        return self.source.block

    def __len__(self) -> int:
        return len(self.source)

    def take(self, rows: NDArray[np.int64]) -> Array:
        """Return rows as numbers; of the table itself, whose words may be long, a block at a time is in memory."""
        table, taken = frames_of(self.source), np.empty((len(rows), *self.shape))
        where = str(table.path if table else "the table")
        for start in range(0, len(rows), self.block):
            some = slice(start, start + self.block)
            taken[some] = self.encoding.encode(frame_of(self.source, rows[some]), where)
        return taken


@dataclass(frozen=True)
class EncodedArray(ArraySource):
    """A table as rows of numbers, in memory."""

    source: Source
    encoding: Encoding


def root_of(source: Source) -> Source:
    """Return what a source looks at, past subsets and other orders of columns."""
    while isinstance(source, Subset | Reordered):
        source = source.source
    return source


def frames_of(source: Source) -> FrameSource | None:
    """Return the table that a source of rows looks at, None where it has no data frames."""
    root = root_of(source)
    if isinstance(root, Encoded | EncodedArray):
        return frames_of(root.source)
    return root if isinstance(root, FrameSource) else getattr(root, "frames", None)


def rows_of(source: Source, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return which rows of the table that a source looks at some of its own rows are."""
    while isinstance(source, Subset | Reordered | Encoded | EncodedArray):
        source, rows = source.source, source.rows[rows] if isinstance(source, Subset) else rows
    return rows


def frame_of(source: Source, rows: NDArray[np.int64]) -> pl.DataFrame:
    """Return rows of a table, or of a part of it, as a data frame."""
    table = frames_of(source)
    assert table is not None
    return table.frame(rows_of(source, rows))


def lines_of(source: Source, rows: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Return the line of the file, counted from 1, that each row of a source begins in; None without a text file."""
    table = frames_of(source)
    return None if table is None else table.line_numbers(rows_of(source, rows))


def reading_of(source: Source) -> Reading | None:
    """Return how the table that a source looks at was read; None for arrays and data frames."""
    while isinstance(source, View):
        source = source.source
    table = frames_of(source)
    return None if table is None else table.about.reading


def loaded(source: Source, rows: NDArray[np.int64]) -> Source:
    """Return some rows of a source in memory, with their data frame where there is one: each block is read once."""
    root, frames = root_of(source), frames_of(source)
    kept = None if frames is None else in_memory(frame_of(source, rows), frames.path)
    if isinstance(root, Encoded | EncodedArray) and kept is not None:
        return Encoded(kept, root.encoding)
    array = source.take(rows)
    return ArraySource(array) if kept is None else TableArray(array, kept)
