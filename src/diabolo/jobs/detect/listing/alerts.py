"""Samples ranked by their score, each with its p-value and the reasons: compact, and as a table piece by piece."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from diabolo.data.source import Source
from diabolo.data.writing import unformulated
from diabolo.jobs.detect.days import raised
from diabolo.jobs.detect.listing.beside import Beside
from diabolo.jobs.detect.listing.reasons import joined, told
from diabolo.jobs.detect.rows import rows as detector
from diabolo.jobs.detect.rows.opened import of
from diabolo.jobs.detect.thresholds import Scores, p_values
from diabolo.training.files.contents import Known

if TYPE_CHECKING:
    import polars as pl

LEAST_REASONS, MOST_REASONS = 1000, 20_000
TOGETHER = 2**17
"""Rows of a piece of the table; a row group of a Parquet file."""


@dataclass(frozen=True)
class Ranking:
    """17 bytes a sample, and the reasons of the first; all else of the table is made when it is asked for.

    scores: (n,). order: (n,), row numbers as the table lists them. raised: (n,), which are alerts. calibration: what
    p-values come from. told: reasons of the first in that order. items: names of the samples, where they have any.
    nearest: of the first, the normal row that is most like each. beside: columns of the file that are carried along.
    """

    scores: Scores
    order: NDArray[np.int64]
    raised: NDArray[np.bool_]
    calibration: Scores
    told: Sequence[str]
    items: Sequence[str] | None = None
    nearest: Sequence[str] = ()
    beside: Beside | None = None

    def __len__(self) -> int:
        return len(self.scores)

    def piece(self, start: int, end: int) -> "pl.DataFrame":
        """Return some rows of the table: row, what is carried along, score, p_value, rarity, alert, reasons, nearest.

        rarity: the p-value in words. nearest: the named columns of the normal row that is most like the row.
        """
        import polars as pl

        rows = self.order[start:end]
        scores = self.scores[rows]
        p = p_values(scores, self.calibration)
        items = {} if self.items is None else {"item": [unformulated(self.items[row]) for row in rows]}
        beside = {} if self.beside is None else self.beside.columns(rows)
        known = {"score": scores, "p_value": p, "rarity": rarity(p, len(self.calibration)), "alert": self.raised[rows]}
        texts = {"reasons": _filled(self.told[start:end], len(rows))}
        if self.nearest:
            texts["nearest"] = _filled(self.nearest[start:end], len(rows))
        return pl.DataFrame({"row": rows, **items, **beside, **known, **texts})

    def highest(self, count: int) -> "pl.DataFrame":
        """Return the rows of the table that have the highest scores, highest first."""
        import polars as pl

        places = np.argsort(-self.scores[self.order], kind="stable")[:count]
        return pl.concat([self.piece(place, place + 1) for place in places.tolist()])

    def pieces(self) -> "Iterator[pl.DataFrame]":
        """Yield the table piece by piece."""
        return (self.piece(start, start + TOGETHER) for start in range(0, max(1, len(self)), TOGETHER))

    def frame(self) -> "pl.DataFrame":
        """Return the whole table."""
        return self.piece(0, len(self))


def ranked(
    trained: Known,
    source: Source,
    columns: Sequence[str] | None,
    items: Sequence[str] | None = None,
    beside: Beside | None = None,
) -> Ranking:
    """Return the samples, most suspicious first.

    Reasons are given for the first 1,000 and for every alert (at most 20,000 rows). beside: columns to carry along.
    """
    found = of(trained)
    scores = detector.score(trained, source)
    alarms = raised(scores, found.calibration, found.rule, source)
    order = np.argsort(-scores, kind="stable")
    most = min(max(LEAST_REASONS, int(alarms.sum())), MOST_REASONS)
    said = told(trained, source, order[:most], columns) if len(source.shape) == 1 else []
    lines, near = [joined(one.lines) for one in said], [one.nearest for one in said]
    return Ranking(scores, order, alarms, found.calibration, lines, items, near, beside)


def empty(calibration: Scores) -> Ranking:
    """Return the list of a file without rows."""
    none = np.zeros(0)
    return Ranking(none, none.astype(np.int64), none.astype(bool), calibration, [])


def rarity(p: Scores, calibrated: int) -> "pl.Series":
    """Return p-values in words, (n,): '1 in 53 normal rows', or higher than all that were held out."""
    import polars as pl

    values = pl.Series(np.rint(1 / p).astype(np.int64))
    words = pl.select(pl.format("1 in {} normal rows", values)).to_series()
    highest = f"higher than all {calibrated:,} normal rows held out"
    return pl.select(pl.when(values > calibrated).then(pl.lit(highest)).otherwise(words)).to_series()


def _filled(texts: Sequence[str], count: int) -> "pl.Series":
    """Return texts as a column of `count` rows, the last of them empty."""
    import polars as pl

    return pl.Series(list(texts), dtype=pl.String).extend_constant("", count - len(texts))
