"""The plain view: the distance to the nearest of many normal rows, in standardised columns.

No one detector leads it clearly over many sets (Livernoche et al. 2024; docs/detect.md), so it is half of the score.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from diabolo.jobs.detect.rows.neighbours import Cell, Neighbours, Numbers, Rows
from diabolo.jobs.detect.rows.tails import Kept, Tail

MOST, MOST_KEPT, FARTHEST = 10_000, 99, np.float32(20)
ALIKE = np.float32(1e-10)
"""A squared distance that is rounding: whose shares are, tells nothing."""


@dataclass(frozen=True)
class Plain:
    """references: prepared rows (r, columns). scale: (columns,), what prepared numbers are multiplied by.

    centres: of the cells that references lie in. kept: sorted distances (n,) of references to the nearest others.
    curved: whether prepared numbers went through asinh, which is undone.
    """

    references: Numbers
    centres: Numbers
    scale: Numbers
    kept: Kept
    curved: bool

    def seen(self, x: Numbers) -> Numbers:
        """Return prepared rows (n, columns) in standardised units."""
        return straight(x, curved=self.curved) * self.scale


def straight(x: Numbers, *, curved: bool) -> Numbers:
    """Return prepared numbers without their asinh."""
    return np.sinh(np.clip(x, -FARTHEST, FARTHEST)) if curved else x


class PlainScorer:
    """The plain view at work."""

    def __init__(self, plain: Plain) -> None:
        self.plain, self.tail = plain, Tail(plain.kept)
        self.neighbours = Neighbours(plain.seen(plain.references), plain.centres)
        _ = self.neighbours.cells  # made here, before several threads ask for them

    def distances(self, x: Numbers, together: int) -> Numbers:
        """Return the distance of prepared rows (n, columns): the root of the mean square to the 3 nearest, (n,)."""
        found = np.empty(len(x), np.float32)
        for rows, seen, cell in self._cells(x, together):
            found[rows] = cell.distances(seen.T)
        return np.sqrt(found)

    def explained(self, x: Numbers, together: int) -> tuple[Numbers, Numbers]:
        """Return what `distances` returns, and each column's share of its square, (n, columns); rows add up to 1."""
        found, shares = np.empty(len(x), np.float32), np.empty(x.shape, np.float32)
        for rows, seen, cell in self._cells(x, together):
            nearest, found[rows] = cell.nearest(seen.T)
            gaps = seen - self.neighbours.references[nearest]
            near = np.square(gaps, out=gaps).mean(0)
            total = near.sum(1, keepdims=True)
            shares[rows] = np.divide(near, total, out=np.full_like(near, 1 / near.shape[1]), where=total > ALIKE)
        return np.sqrt(found), shares

    def _cells(self, x: Numbers, together: int) -> Iterator[tuple[Rows, Numbers, Cell]]:
        pieces = (self.plain.seen(x[start : start + together]) for start in range(0, len(x), together))
        for rows, cuts in self.neighbours.pieces(pieces, together):
            seen = self.plain.seen(x.take(rows, 0))
            yield from ((rows[cut], seen[cut], cell) for cell, cut in cuts)
