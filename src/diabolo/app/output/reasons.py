"""Reasons: which columns made a row suspicious, what was seen there and what the others let expect."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from diabolo.data.source import Source
from diabolo.data.tables.frames import frame_of, frames_of, loaded
from diabolo.data.writing import unformulated
from diabolo.jobs import table_input
from diabolo.jobs.detect.rows import rows as detector
from diabolo.jobs.detect.rows.named import named
from diabolo.training.files.contents import Known

if TYPE_CHECKING:
    import polars as pl

FEWEST_ROWS, MOST_NUMBERS = 1000, 2**22
LONGEST, BETWEEN = 60, "; "
Words = NDArray[np.object_]


def reasons(trained: Known, source: Source, rows: NDArray[np.int64], columns: Sequence[str] | None) -> list[str]:
    """Return for each of the rows the columns that add most, with their share of the score: three, but for small ones.

    What the others let expect there is told where it is something else: a value may be rare only among such rows.
    """
    size = max(FEWEST_ROWS, MOST_NUMBERS // source.shape[0])
    found: list[str] = []
    for start in range(0, len(rows), size):
        found += _reasons(trained, loaded(source, rows[start : start + size]), columns)
    return found


def _reasons(trained: Known, chosen: Source, columns: Sequence[str] | None) -> list[str]:
    most, share, named_too = named(table_input.by_column(trained, detector.explain(trained, chosen)))
    encoding = table_input.encoding_of(trained)
    names = encoding.names if encoding else columns or [f"column {number}" for number in range(chosen.shape[0])]
    table = _table(chosen, names)
    told: list[list[str]] = [[] for _ in most]
    for place, column in enumerate(most.T):
        seen, wanted = _worded(table, names, column), _worded(_expected(trained, chosen, column, names), names, column)
        for i, j in enumerate(column):
            if named_too[i, place]:
                other = "" if seen[i] == wanted[i] else f", expected {wanted[i]}"
                told[i].append(f"{names[j]}: {seen[i]}{other} ({share[i, place]:.0%})")
    return [joined(lines) for lines in told]


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

    encoding = table_input.encoding_of(trained)
    owners = encoding.owners if encoding else np.arange(source.shape[0])
    back = detector.expected(trained, source, owners[None, :] == column[:, None])
    return encoding.decode(back) if encoding else pl.DataFrame(back, list(names), orient="row")


def _worded(table: "pl.DataFrame", names: Sequence[str], column: NDArray[np.int64]) -> Words:
    """Return the value of one column of each row as text."""
    found = np.empty(len(column), object)
    for j in np.unique(column):
        rows, values = np.flatnonzero(column == j), _values(table[names[j]])
        found[rows] = [_word(values[row]) for row in rows]
    return found


def _values(column: "pl.Series") -> list[Any]:
    try:
        return column.to_list()
    except (OverflowError, ValueError):  # a date beyond the year 9999, for which Python has no object
        return column.dt.to_string().to_list()


def _word(value: Any) -> str:
    """Return numbers in six digits, dates by ISO 8601, gaps as 'missing'."""
    if value is None or value != value:
        return "missing"
    if isinstance(value, bool | int) or not isinstance(value, float):
        return " ".join(str(value)[:LONGEST].split())
    return f"{value:.6g}"
