"""Reasons: which columns made a row suspicious, what was seen there and what the others let expect."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from diabolo.data.source import Source
from diabolo.data.tables.frames import frame_of, frames_of, loaded
from diabolo.data.writing import unformulated
from diabolo.jobs.columns import by_column, encoding_of
from diabolo.jobs.detect.listing.nearest import nearest_of
from diabolo.jobs.detect.listing.usual import Usual, digits_of, usual_of, worded
from diabolo.jobs.detect.rows import rows as detector
from diabolo.jobs.detect.rows.named import named
from diabolo.training.files.contents import Known

if TYPE_CHECKING:
    import polars as pl

FEWEST_ROWS, MOST_NUMBERS = 1000, 2**22
BETWEEN, STANDS_OUT = "; ", 2.0
"""Between lines; a column stands out that adds twice what it would if all added alike."""
Cells = NDArray[np.object_]


def reasons(trained: Known, source: Source, rows: NDArray[np.int64], columns: Sequence[str] | None) -> list[str]:
    """Return for each of the rows the columns that add most, with their share of the score: three, but for small ones.

    Each in the table's own units: the value, what the other columns let expect there, and what is usual.
    """
    return [joined(row.lines) for row in told(trained, source, rows, columns)]


@dataclass(frozen=True)
class Told:
    """What is said of one row. lines: a column each. nearest: those columns in the normal row that is most like it."""

    lines: list[str]
    nearest: str


def told(trained: Known, source: Source, rows: NDArray[np.int64], columns: Sequence[str] | None) -> list[Told]:
    """Return for each of the rows what is said of it; rows are looked at some thousand at a time."""
    encoding = encoding_of(trained)
    names = encoding.names if encoding else columns or [f"column {number}" for number in range(source.shape[0])]
    size = max(FEWEST_ROWS, MOST_NUMBERS // source.shape[0])
    usual = usual_of(trained, names) if len(rows) else None
    found: list[Told] = []
    for start in range(0, len(rows), size):
        assert usual is not None
        found += _told(trained, loaded(source, rows[start : start + size]), names, *usual)
    return found


def _told(
    trained: Known, chosen: Source, names: Sequence[str], normal: "pl.DataFrame", usual: Mapping[str, Usual]
) -> list[Told]:
    most, share, named_too = named(by_column(trained, detector.explain(trained, chosen)))
    table, like = _table(chosen, names), nearest_of(trained, chosen)
    digits = {name: digits_of(table[name]) for name in names}
    lines: list[list[str]] = [[] for _ in most]
    near: list[list[str]] = [[] for _ in most]
    for place, column in enumerate(most.T):
        seen, wanted = _cells(table, names, column), _cells(_expected(trained, chosen, column, names), names, column)
        beside = _cells(normal[like], names, column)
        for i, j in enumerate(column):
            if named_too[i, place]:
                name = names[j]
                words = usual[name].told(seen[i], wanted[i], digits[name])
                lines[i].append(f"{name}: {words} ({share[i, place]:.0%})")
                near[i].append(f"{name}: {worded(beside[i], digits[name])}")
    flat = share[:, 0] < min(STANDS_OUT / len(names), 0.5)
    lines = [["no column stands out", *told] if dull else told for told, dull in zip(lines, flat, strict=True)]
    return [Told(one, joined(other)) for one, other in zip(lines, near, strict=True)]


def joined(lines: Sequence[str]) -> str:
    """Return lines as one text, which `split` takes apart again: a semicolon in a line loses the space after it."""
    return unformulated(BETWEEN.join(line.replace(BETWEEN, ";") for line in lines))


def split(text: str) -> list[str]:
    """Return the lines of a text that `joined` made."""
    return [line for line in text.split(BETWEEN) if line]


def _table(source: Source, names: Sequence[str]) -> "pl.DataFrame":
    import polars as pl

    every = np.arange(len(source))
    if frames_of(source):
        return frame_of(source, every)
    return pl.DataFrame(source.take(every), list(names), orient="row")


def _expected(trained: Known, source: Source, column: NDArray[np.int64], names: Sequence[str]) -> "pl.DataFrame":
    """Return rows in which one column of each holds what the other columns let expect there."""
    import polars as pl

    encoding = encoding_of(trained)
    owners = encoding.owners if encoding else np.arange(source.shape[0])
    back = detector.expected(trained, source, owners[None, :] == column[:, None])
    return encoding.decode(back) if encoding else pl.DataFrame(back, list(names), orient="row")


def _cells(table: "pl.DataFrame", names: Sequence[str], column: NDArray[np.int64]) -> Cells:
    """Return the value of one column of each row."""
    found = np.empty(len(column), object)
    for j in np.unique(column):
        rows, values = np.flatnonzero(column == j), _values(table[names[j]])
        for row in rows:
            found[row] = values[row]
    return found


def _values(column: "pl.Series") -> list[Any]:
    try:
        return column.to_list()
    except (OverflowError, ValueError):  # a date beyond the year 9999, for which Python has no object
        return column.dt.to_string().to_list()
