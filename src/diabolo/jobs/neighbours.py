"""Nearest references, fast: they lie in cells, and a row is compared with those of its own cell and at its borders.

Which cell a row falls into is decided by whole numbers, which no order of summation changes; a reference belongs to
the 2 cells whose centres are nearest to it (an inverted file: Sivic and Zisserman 2003; Jegou et al. 2011).
Distances are matrix products about the middle of a cell, where float32 loses no digits that matter.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 3
CELLS_EACH = 2
FARTHEST = 8.0
GRADED, TOGETHER = 1024, 2**17
Numbers = NDArray[np.float32]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Cell:
    """Some references: their numbers (m,), their middle (d,), what is left of them (m, d), half its squares (m, 1)."""

    members: Rows
    middle: Numbers
    offsets: Numbers
    halves: Numbers

    def compare(self, offsets: Numbers) -> Numbers:
        """Return half the squared distances of the members to rows about the middle (n, d), less half the rows' own."""
        product = np.matmul(self.offsets, offsets.T)
        return np.subtract(self.halves, product, out=product)


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
        return Cell(members, middle, offsets, np.square(offsets).sum(1, keepdims=True) / 2)

    def _grades(self, rows: Numbers) -> Numbers:
        """Return how near rows (n, d) are to the centres, (n, cells): whole numbers, exact in float32."""
        doubled, squares = self._centres
        grades = whole(rows[:, : self.centres.shape[1]]) @ doubled
        grades -= squares
        return grades

    @cached_property
    def _centres(self) -> tuple[Numbers, Numbers]:
        return np.ascontiguousarray(2 * self.centres.T), np.square(self.centres).sum(1)

    def distances(self, rows: Numbers) -> Numbers:
        """Return the mean squared distance of rows (n, d) to the 3 nearest references of their cells, (n,)."""
        order, pieces = self._pieces(rows)
        found = np.empty(len(rows), np.float32)
        for cell, piece in pieces:
            offsets = rows[order[piece]]
            offsets -= cell.middle
            least = smallest(cell.compare(offsets))
            near = np.add.reduce(least) * np.float32(2 / len(least))
            near += np.einsum("ij,ij->i", offsets, offsets)
            found[order[piece]] = np.maximum(near, 0, out=near)
        return found

    def nearest(self, rows: Numbers) -> Rows:
        """Return the numbers of the 3 nearest references, (n, 3), or fewer where there are fewer."""
        order, pieces = self._pieces(rows)
        count = min(NEIGHBOURS, len(self.references))
        found = np.empty((len(rows), count), np.int64)
        for cell, piece in pieces:
            halves = cell.compare(rows[order[piece]] - cell.middle)
            found[order[piece]] = cell.members[np.argpartition(halves, count - 1, 0)[:count]].T
        return found

    def own(self) -> Numbers:
        """Return the mean squared distance of each reference to the 3 nearest others of its cells, (r,)."""
        order, pieces = self._pieces(self.references)
        found = np.zeros(len(self.references), np.float32)
        for cell, piece in pieces:
            rows = (self.references[order[piece]] - cell.middle).astype(np.float64)
            others = cell.offsets.astype(np.float64)
            far = np.square(rows).sum(1)[:, None] + np.square(others).sum(1) - 2 * rows @ others.T
            far[cell.members == order[piece, None]] = np.inf
            count = min(NEIGHBOURS, len(cell.members) - 1)
            if count:
                found[order[piece]] = np.maximum(np.partition(far, count - 1, 1)[:, :count], 0).mean(1)
        return found

    def _pieces(self, rows: Numbers) -> tuple[Rows, Iterator[tuple[Cell, slice]]]:
        """Return an order of the rows by cell, and pieces of that order, each with its cell."""
        starts = range(0, len(rows), GRADED)
        cell = np.concatenate([self._grades(rows[start : start + GRADED]).argmax(1) for start in starts])
        cell = cell.astype(np.int16)  # NumPy sorts these in two passes
        order = np.argsort(cell, kind="stable")
        bounds = np.searchsorted(cell[order], np.arange(len(self.cells) + 1))
        return order, self._cut(bounds)

    def _cut(self, bounds: Rows) -> Iterator[tuple[Cell, slice]]:
        for cell, start, end in zip(self.cells, bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            step = max(1, TOGETHER // len(cell.members))
            yield from ((cell, slice(first, min(first + step, end))) for first in range(start, end, step))


def whole(rows: Numbers) -> Numbers:
    """Return rows (n, d) as whole numbers so small that three squared lengths add up exactly in float32."""
    most = math.isqrt(2**24 // (3 * rows.shape[1]))
    found = rows * np.float32(most / FARTHEST)
    np.rint(found, out=found)
    return np.clip(found, -most, most, out=found)


def smallest(x: Numbers) -> list[Numbers]:
    """Return the 3 smallest numbers of each column of x (m, n), rising, each (n,); all of them where there are fewer.

    By halving: of the 3 smallest, at most one is the larger of its pair. What is left is sorted in row by row.
    """
    left: list[Numbers] = []
    while len(x) > NEIGHBOURS:
        half = len(x) // 2
        first, second = x[:half], x[half : 2 * half]
        left += [np.maximum(first, second).min(0), *x[2 * half :]]
        x = np.minimum(first, second)
    found: list[Numbers] = []
    for row in (*x, *left):
        for place, kept in enumerate(found):
            found[place], row = np.minimum(kept, row), np.maximum(kept, row)
        found += [row] * (len(found) < NEIGHBOURS)
    return found
