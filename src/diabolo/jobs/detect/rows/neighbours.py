"""Nearest references, fast: they lie in cells, and a row is compared with those of its own cell and at its borders.

Which cell a row falls into is decided by whole numbers, which no order of summation changes; a reference belongs to
the 2 cells whose centres are nearest to it (an inverted file: Sivic and Zisserman 2003; Jegou et al. 2011).
Distances are matrix products about the middle of a cell, where float32 loses no digits that matter.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from diabolo.model.forward import with_ones

NEIGHBOURS = 3
CELLS_EACH = 2
FARTHEST = 8.0
TOGETHER, FEW, CLOSE = 2**18, 8, np.float32(0.01)
"""Numbers of distances that are made at once; rows that are too few for a search by halving; the share of its squared
distance to the middle below which a row's squared distance to its neighbours has lost digits."""
Numbers = NDArray[np.float32]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Cell:
    """Some references: their numbers (m,) and their middle (d, 1); what is compared with them stands in columns.

    factor: (m, d + 1), what is left of each about the middle, negative, and half its square.
    """

    members: Rows
    middle: Numbers
    factor: Numbers

    def _compared(self, rows: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """Return half the squared distances (m, n) to rows (d, n), less half the rows' own squares.

        And these, (n,), and the rows about the middle, (d, n).
        """
        count, about = rows.shape[1], with_ones(rows.shape)
        np.subtract(rows, self.middle, out=about[:-1, :count])
        own = np.einsum("ij,ij->j", about[:-1], about[:-1])
        return np.matmul(self.factor, about)[:, :count], own[:count], about[:-1, :count]

    def distances(self, rows: Numbers) -> Numbers:
        """Return the mean squared distance of rows (d, n) to their 3 nearest members, (n,)."""
        halves, own, offsets = self._compared(rows)
        near, close = _distances(halves, own)
        if len(close):
            near[close] = self._measured(offsets[:, close])[1]
        return near

    def nearest(self, rows: Numbers) -> tuple[Rows, Numbers]:
        """Return the numbers of the 3 nearest references, (3, n) or fewer, and what `distances` returns, (n,)."""
        halves, own, offsets = self._compared(rows)
        places = _places(halves)
        near, close = _distances(halves, own)
        if len(close):
            places[:, close], near[close] = self._measured(offsets[:, close])
        return self.members[places], near

    def _measured(self, offsets: Numbers) -> tuple[Rows, Numbers]:
        """Return the places of the 3 nearest members of rows about the middle (d, n), and their mean squared distance.

        They are found in float64, and measured by differences.
        """
        halves = self._exact[:, :-1] @ offsets.astype(np.float64) + self._exact[:, -1:]
        places = np.sort(_places(halves), 0)
        gaps = offsets.T + self.factor[places, :-1]
        return places, np.asarray(np.square(gaps, out=gaps).sum(2).mean(0))

    @cached_property
    def _exact(self) -> NDArray[np.float64]:
        """The factor in float64."""
        offsets = self.factor[:, :-1].astype(np.float64)
        return np.column_stack([offsets, np.square(offsets).sum(1) / 2])


def _distances(halves: Numbers, own: Numbers) -> tuple[Numbers, Rows]:
    """Return mean squared distances (n,) from what `Cell._compared` returns; `halves` is used up.

    And the rows that are so near that the product lost the digits that matter.
    """
    first, *others = smallest(halves)
    near = sum(others, first)
    near *= np.float32(2 / (1 + len(others)))
    near += own
    return np.maximum(near, 0, out=near), np.flatnonzero(near < CLOSE * own)


def _places(halves: NDArray[np.floating]) -> Rows:
    """Return the places of the 3 smallest of each column, (3, n), or of all where there are fewer."""
    count = min(NEIGHBOURS, len(halves))
    return np.argpartition(halves, count - 1, 0)[:count]


@dataclass(frozen=True)
class Neighbours:
    """references: (r, d). centres: (cells, deciding), whole numbers; the first `deciding` numbers of a row decide."""

    references: Numbers
    centres: Numbers

    @cached_property
    def cells(self) -> list[Cell]:
        """The references of each cell."""
        grades = self._grades(self.references)
        own = np.sort(grades, 1)[:, -min(CELLS_EACH, grades.shape[1])][:, None]
        nearest = np.sort(grades, 0)[-min(NEIGHBOURS, len(grades))]
        return [self._cell(inside) for inside in ((grades >= own) | (grades >= nearest)).T]

    def _cell(self, inside: NDArray[np.bool_]) -> Cell:
        members = np.flatnonzero(inside)
        chosen = self.references[members]
        middle = chosen.mean(0)
        offsets = chosen - middle
        return Cell(members, middle[:, None], np.column_stack([-offsets, np.square(offsets).sum(1) / 2]))

    def _grades(self, rows: Numbers) -> Numbers:
        """Return how near rows (n, d) are to the centres, (n, cells): whole numbers, exact in float32."""
        doubled, squares = self._centres
        grades = whole(rows[:, : self.centres.shape[1]]) @ doubled
        grades -= squares
        return grades

    @cached_property
    def _centres(self) -> tuple[Numbers, Numbers]:
        return np.ascontiguousarray(2 * self.centres.T), np.square(self.centres).sum(1)

    def own(self) -> Numbers:
        """Return the mean squared distance of each reference to the 3 nearest others of its cells, (r,)."""
        found = np.zeros(len(self.references), np.float32)
        for some, cuts in self.pieces([self.references], len(found)):
            for cell, cut in cuts:
                rows = some[cut]
                own, others = (
                    self.references[which].astype(np.float64) - cell.middle[:, 0] for which in (rows, cell.members)
                )
                far = np.square(own).sum(1)[:, None] + np.square(others).sum(1) - 2 * own @ others.T
                far[cell.members == rows[:, None]] = np.inf
                count = min(NEIGHBOURS, len(cell.members) - 1)
                if count:
                    found[rows] = np.maximum(np.partition(far, count - 1, 1)[:, :count], 0).mean(1)
        return found

    def pieces(self, parts: Iterable[Numbers], most: int) -> Iterator[tuple[Rows, list[tuple[Cell, slice]]]]:
        """Yield numbers of at most `most` rows, those of a cell together, and which of these fall into which cell.

        parts: the rows one part after the other, (n, d) or as many of their numbers as decide.
        """
        cell = np.concatenate([self._grades(part).argmax(1) for part in parts])
        cell = cell.astype(np.int16)  # NumPy sorts these in two passes
        order = np.argsort(cell, kind="stable")
        for start in range(0, len(order), most):
            rows = order[start : start + most]
            yield rows, list(self._cuts(cell[rows]))

    def _cuts(self, cell: NDArray[np.int16]) -> Iterator[tuple[Cell, slice]]:
        """Yield the runs of equal numbers of cells, or as much of one as is compared at once."""
        edges = [0, *(np.flatnonzero(np.diff(cell)) + 1).tolist(), len(cell)]
        for start, end in pairwise(edges):
            one = self.cells[cell[start]]
            step = max(1, TOGETHER // len(one.members))
            yield from ((one, slice(first, min(first + step, end))) for first in range(start, end, step))


def whole_limit(columns: int) -> int:
    """Return the largest whole number of rows of so many columns."""
    return math.isqrt(2**24 // (3 * columns))


def whole(rows: Numbers) -> Numbers:
    """Return rows (n, d) as whole numbers so small that three squared lengths add up exactly in float32."""
    most = whole_limit(rows.shape[1])
    found = rows * np.float32(most / FARTHEST)
    np.rint(found, out=found)
    return np.clip(found, -most, most, out=found)


def smallest(x: Numbers) -> list[Numbers]:
    """Return the 3 smallest numbers of each column of x (m, n), rising, each (n,); all of them where there are fewer.

    By halving, in place: of the 3 smallest, at most one is the larger of its pair. What is left is sorted in row by
    row; none of the larger ones is the smallest. Of a few columns NumPy's own search takes a tenth of the time.
    """
    if x.shape[1] <= FEW and len(x) > NEIGHBOURS:
        return list(np.sort(np.partition(x, NEIGHBOURS - 1, 0)[:NEIGHBOURS], 0))
    larger: list[Numbers] = []
    while len(x) > NEIGHBOURS:
        half = len(x) // 2
        first, second = x[:half], x[half : 2 * half]
        larger.append(np.maximum(first, second).min(0))
        np.minimum(first, second, out=first)
        x[half : len(x) - half] = x[2 * half :]
        x = x[: len(x) - half]
    found: list[Numbers] = []
    for row, begin in [(row, 0) for row in x] + [(row, 1) for row in larger]:
        for place in range(begin, len(found)):
            kept, found[place] = found[place], np.minimum(found[place], row)
            row = np.maximum(kept, row) if place < NEIGHBOURS - 1 else row
        found += [row] * (len(found) < NEIGHBOURS)
    return found
