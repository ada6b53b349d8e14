"""Cells of columns of text that are to be decided: counted over all rows, sampled, found by their place."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from diabolo.data.tables.reading.lines import Lines
from diabolo.data.tables.reading.numbers import is_missing
from diabolo.data.tables.reading.record import AS_WORDS, Asked, ColumnReading

SAMPLED, LIKELY = 1000, 0.6
"""Cells that are looked at first; share of them from which on all are counted."""


@dataclass(frozen=True)
class Table:
    """A table whose columns of text are to be decided. lines: of its rows, None without a file of text.

    doubtful: whether numbers such as 1.234 may be thousands: in a file that commas do not part.
    """

    frame: pl.LazyFrame
    where: str
    rows: int
    asked: Asked
    lines: Lines | None = None
    doubtful: bool = False

    def text(self, name: str) -> pl.Expr:
        """Return the cells of a column of text without blanks around them, null where they are empty."""
        cell = pl.col(name).cast(pl.String).str.strip_chars()
        before = () if self.asked.before is None else self.asked.before.missing
        words = {*self.asked.missing, *before}
        return pl.when(cell.is_in(["", *words]).not_() if words else cell != "").then(cell)

    def asked_kind(self, name: str) -> tuple[str, str]:
        """Return the kind and form that the user asks for, or that the model's own table had; '' for none."""
        kind, form = self.asked.kind(name)
        known = None if kind or self.asked.before is None else self.asked.before.column(name)
        if known is None:
            return kind, form
        return ("word", "") if known.form == AS_WORDS else (known.kind, known.form)

    def counted(self, **sums: pl.Expr) -> dict[str, int]:
        """Return sums over all rows, in bounded memory."""
        found = self.frame.select(**sums).collect(engine="streaming").row(0, named=True)
        return {name: int(value or 0) for name, value in found.items()}

    def samples(self, names: Sequence[str]) -> dict[str, pl.Series]:
        """Return up to 1,000 cells of each column, of rows drawn from all of them, without those that are empty."""
        if not names:
            return {}
        rows = np.sort(np.random.default_rng(0).choice(self.rows, min(SAMPLED, self.rows), replace=False))
        taken = self.frame.select(pl.col(names).gather(pl.lit(rows))).collect()
        every = {name: taken.select(self.text(name)).to_series() for name in names}
        return {name: cells.filter(~pl.select(is_missing(pl.lit(cells))).to_series()) for name, cells in every.items()}

    def place(self, name: str, bad: pl.Expr) -> tuple[str, str]:
        """Return the first cell that is bad, and in words where it is."""
        found = self.frame.select(row=pl.int_range(pl.len()), cell=pl.col(name).cast(pl.String), bad=bad)
        row, cell, _ = found.filter(pl.col("bad")).head(1).collect().row(0)
        line = None if self.lines is None else int(self.lines.of(np.array([row]))[0])
        return f"{str(cell)[:40]!r}", f"row {row:,}" if line is None else f"line {line:,}"


@dataclass(frozen=True)
class Decided:
    """How a column is read, and the expression that gives its values."""

    reading: ColumnReading
    values: pl.Expr


def mostly(sample: pl.Series, expression: str) -> bool:
    """Return whether so many cells of a sample match that it is worth to count all."""
    return not len(sample) or float(sample.str.contains(expression).mean() or 0) >= LIKELY  # type: ignore[arg-type]
