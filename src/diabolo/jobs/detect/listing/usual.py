"""What is usual in a column, by the normal rows that a model keeps, and values in the table's own units and digits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from diabolo.jobs.columns import encoding_of
from diabolo.jobs.detect import members
from diabolo.training.files.contents import Known

FEW_VALUES, MOST_DIGITS, LOOKED_AT = 12, 6, 1000
LONGEST, MOSTLY, RANGE = 60, 0.5, (0.05, 0.95)
MISSING = "missing"


@dataclass(frozen=True)
class Usual:
    """One column of normal rows. shares: of each value, where they are few or words; else None.

    low, high: what nine in ten normal rows lie between, where the column holds numbers. rows: normal rows looked at.
    """

    rows: int
    shares: dict[Any, float] | None = None
    low: float | None = None
    high: float | None = None

    def told(self, seen: Any, expected: Any, digits: int | None) -> str:
        """Return in words what is unusual about a value. expected: what the other columns let expect there."""
        text, wanted = worded(seen, digits), worded(self._near(expected), digits)
        if self.shares is not None:
            return self._told_of_few(text, wanted, digits)
        usual = ""
        if self.low is not None and self.high is not None:
            usual = f", usually {worded(self.low, digits)} to {worded(self.high, digits)}"
        return f"{text}{'' if text == wanted else f', expected {wanted}'}{usual}"

    def _told_of_few(self, text: str, wanted: str, digits: int | None) -> str:
        share, other = self._share(text, digits), self._share(wanted, digits)
        none = "" if share or text == MISSING else f", in none of {self.rows:,} normal rows"
        if text != wanted:
            return f"{text}{none}, {'usually' if other >= MOSTLY else 'expected'} {wanted}"
        return f"{text}, in {share:.{int(share < 0.1)}%} of normal rows" if share else f"{text}{none}"

    def _share(self, text: str, digits: int | None) -> float:
        """Return the share of normal rows that hold a value of these words."""
        return sum(share for value, share in (self.shares or {}).items() if worded(value, digits) == text)

    def _near(self, value: Any) -> Any:
        """Return a number as the nearest of the values there are, where they are few."""
        numbers = [one for one in self.shares or () if isinstance(one, int | float)]
        if not numbers or not isinstance(value, int | float):
            return value
        return min(numbers, key=lambda one: abs(one - value))


def usual_of(trained: Known, names: Sequence[str]) -> tuple[pl.DataFrame, dict[str, Usual]]:
    """Return the normal rows that a model keeps, in the table's own units, and what is usual in each column."""
    kept = members.of(trained).references
    restored = trained.preprocessing.restore(kept.reshape(len(kept), *trained.config.shape))
    encoding = encoding_of(trained)
    rows = encoding.decode(restored) if encoding else pl.DataFrame(restored, list(names), orient="row")
    return rows, {name: _usual(rows[name]) for name in rows.columns}


def _usual(values: pl.Series) -> Usual:
    there = values.drop_nulls()
    if values.dtype.is_float() and len(there):  # what was scaled and is scaled back has other last digits
        there = there.round_sig_figs(MOST_DIGITS)
    text = not values.dtype.is_numeric() and not values.dtype.is_temporal()
    if text and there.n_unique() > len(there) / 2:  # names, or dates as text
        return Usual(len(values))
    if not len(there) or text or there.n_unique() <= FEW_VALUES:
        counts = there.value_counts()
        return Usual(len(values), dict(zip(counts[values.name], counts["count"] / len(values), strict=True)))
    if not values.dtype.is_numeric():
        return Usual(len(values))
    low, high = np.quantile(there.cast(pl.Float64).to_numpy(), RANGE)
    whole = values.dtype.is_integer()
    return Usual(len(values), None, round(low) if whole else float(low), round(high) if whole else float(high))


def digits_of(values: pl.Series) -> int | None:
    """Return how many decimals the numbers of a column have; None for other columns, and for more than 6."""
    if not values.dtype.is_float():
        return 0 if values.dtype.is_integer() else None
    some = values.drop_nulls().drop_nans().head(LOOKED_AT).cast(pl.Float64).to_numpy()
    for digits in range(MOST_DIGITS + 1):
        if (np.abs(np.round(some, digits) - some) <= 1e-9 * np.maximum(1, np.abs(some))).all():
            return digits
    return None


def worded(value: Any, digits: int | None = None) -> str:
    """Return numbers in the digits of their column or in six, dates by ISO 8601, gaps as 'missing'."""
    if value is None or value != value:
        return MISSING
    if isinstance(value, bool | int) or not isinstance(value, float):
        return " ".join(str(value)[:LONGEST].split())
    if digits is None or not abs(value) < 10**15:
        return f"{value:.6g}"
    return f"{round(value, digits) + 0.0:.{digits}f}"
