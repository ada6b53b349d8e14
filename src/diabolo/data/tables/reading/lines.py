"""Lines of a file: which one each row begins in, and a table written anew where its dialect is not plain."""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import IO

import numpy as np
from numpy.typing import NDArray

from diabolo.data.tables.reading.content import Content, Record, records, too_many
from diabolo.data.tables.reading.dialect import Dialect


@dataclass(frozen=True)
class Lines:
    """The line of the file, counted from 1, that each row of a table begins in.

    first: of row 0. jumps: where it is not one line a row, rows and by how many lines from there on they are further
    down; read when they are first asked for, which may cost a look through the file.
    """

    first: int
    jumps: "Callable[[], tuple[NDArray[np.int64], NDArray[np.int64]]] | None" = None

    @cached_property
    def _known(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return (np.zeros(0, np.int64),) * 2 if self.jumps is None else self.jumps()

    def of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the line of each row."""
        at, by = self._known
        if not len(at):
            return np.asarray(rows + self.first, np.int64)
        place = np.searchsorted(at, rows, "right")
        return np.asarray(rows + self.first + np.concatenate([[0], by])[place], np.int64)


def rows_of_text(content: Content, encoding: str, dialect: Dialect) -> Iterator[Record]:
    """Yield the rows below the names, without empty lines and spare cells.

    An empty line of a table of one column is a missing value, unless only empty lines follow.
    Raises InputError that names the line of a row with too many or too few cells.
    """
    columns, waiting = len(dialect.names), list[Record]()
    named = not dialect.header
    for line, cells in records(content, encoding, dialect.separator, dialect.top):
        if not cells or (len(cells) == 1 < columns and not cells[0].strip()):
            if columns == 1 and named:
                waiting.append((line, [""]))
            continue
        if not named:
            named = True
            continue
        yield from waiting
        waiting.clear()
        if len(cells) != columns:
            if len(cells) < columns or any(cell.strip() for cell in cells[columns:]):
                raise too_many(content.path, line, cells, columns, dialect.separator)
            cells = cells[:columns]
        yield line, cells


def jumps_of(lines: Iterator[int], first: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows from which on lines lie further down than one a row, and by how many."""
    at, by, last = [], [], 0
    for row, line in enumerate(lines):
        shift = line - first - row
        if shift != last:
            at.append(row)
            by.append(shift)
            last = shift
    return np.array(at, np.int64), np.array(by, np.int64)


def write_anew(content: Content, encoding: str, dialect: Dialect, out: IO[bytes]) -> Lines:
    """Write the rows of a table as plain UTF-8 with commas, without its names, and return their lines."""
    text = io.TextIOWrapper(out, "utf-8", newline="")
    writer = csv.writer(text, lineterminator="\n")

    def writing() -> Iterator[int]:
        for line, cells in rows_of_text(content, encoding, dialect):
            writer.writerow(cells)
            yield line

    at, by = jumps_of(writing(), 0)
    text.flush()
    text.detach()
    return Lines(0, lambda: (at, by))


def lines_within(content: Content, encoding: str, dialect: Dialect) -> Lines:
    """Return the lines of rows that hold line ends within quotes: by a look through the file once they are needed."""
    return Lines(0, lambda: jumps_of((line for line, _ in rows_of_text(content, encoding, dialect)), 0))
