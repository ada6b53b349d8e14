"""Nearest references, fast: they lie in cells, and a row is compared with those of its own cell and at its borders.

Which cell a row falls into is decided by whole numbers, which no order of summation changes; a reference belongs to
the 2 cells whose centres are nearest to it (an inverted file: Sivic and Zisserman 2003; Jegou et al. 2011).
Distances are matrix products about the middle of a cell, where float32 loses no digits that matter.
"""

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits
from torch import Tensor

NEIGHBOURS = 3
IN_A_CELL, CELLS_EACH, FEW = 32, 2, 1024
FARTHEST = 8.0
GRADED, TOGETHER = 1024, 2**18


@dataclass(frozen=True)
class Cell:
    """Some references: their numbers (m,), their middle (d,), what is left of them (m, d), half its squares (m, 1)."""

    members: Tensor
    middle: Tensor
    offsets: Tensor
    halves: Tensor


@dataclass(frozen=True)
class Neighbours:
    """references: (r, d). centres: (cells, deciding), whole numbers; the first `deciding` numbers of a row decide."""

    references: Tensor
    centres: Tensor

    @cached_property
    def cells(self) -> list[Cell]:
        """The references of each cell."""
        grades = self._grades(self.references)
        own = grades.topk(min(CELLS_EACH, grades.shape[1]), 1).values[:, -1:]
        nearest = grades.topk(min(NEIGHBOURS, len(grades)), 0).values[-1:]
        return [self._cell(inside) for inside in ((grades >= own) | (grades >= nearest)).unbind(1)]

    def _cell(self, inside: Tensor) -> Cell:
        members = inside.nonzero()[:, 0]
        chosen = self.references[members]
        middle = chosen.mean(0)
        offsets = chosen - middle
        return Cell(members, middle, offsets, offsets.square().sum(1, keepdim=True) / 2)

    def _grades(self, rows: Tensor) -> Tensor:
        """Return how near rows (n, d) are to the centres, (n, cells): whole numbers, exact in float32."""
        doubled, squares = self._centres
        return torch.addmm(squares, whole(rows[:, : self.centres.shape[1]]), doubled, beta=-1)

    @cached_property
    def _centres(self) -> tuple[Tensor, Tensor]:
        return (2 * self.centres).T.contiguous(), self.centres.square().sum(1)

    def distances(self, rows: Tensor) -> Tensor:
        """Return the mean squared distance of rows (n, d) to the 3 nearest references of their cells, (n,)."""
        order, pieces = self._pieces(rows)
        found = torch.empty(len(rows))
        for cell, piece in pieces:
            offsets = rows.index_select(0, order[piece]).sub_(cell.middle)
            halves = torch.addmm(cell.halves, cell.offsets, offsets.T, alpha=-1)
            length = torch.linalg.vecdot(offsets, offsets)
            found[order[piece]] = smallest(halves).mean(0).mul_(2).add_(length).clamp_min_(0)
        return found

    def nearest(self, rows: Tensor) -> Tensor:
        """Return the numbers of the 3 nearest references, (n, 3), or fewer where there are fewer."""
        order, pieces = self._pieces(rows)
        found = torch.empty(len(rows), min(NEIGHBOURS, len(self.references)), dtype=torch.int64)
        for cell, piece in pieces:
            halves = cell.halves - cell.offsets @ (rows[order[piece]] - cell.middle).T
            found[order[piece]] = cell.members[halves.topk(found.shape[1], 0, largest=False).indices].T
        return found

    def own(self) -> Tensor:
        """Return the mean squared distance of each reference to the 3 nearest others of its cells, (r,)."""
        order, pieces = self._pieces(self.references)
        found = torch.zeros(len(self.references))
        for cell, piece in pieces:
            rows = self.references[order[piece]]
            far = torch.cdist(rows, self.references[cell.members], compute_mode="donot_use_mm_for_euclid_dist")
            far[cell.members == order[piece].unsqueeze(1)] = torch.inf
            others = min(NEIGHBOURS, len(cell.members) - 1)
            if others:
                found[order[piece]] = far.topk(others, 1, largest=False).values.square().mean(1)
        return found

    def _pieces(self, rows: Tensor) -> tuple[Tensor, Iterator[tuple[Cell, slice]]]:
        """Return an order of the rows by cell, and pieces of that order, each with its cell."""
        cell = np.concatenate([self._grades(piece).numpy().argmax(1) for piece in torch.split(rows, GRADED)]).astype(
            np.int16
        )
        order = np.argsort(cell, kind="stable")
        bounds = np.searchsorted(cell[order], np.arange(len(self.cells) + 1))
        return torch.from_numpy(order), self._cut(bounds)

    def _cut(self, bounds: NDArray[np.int64]) -> Iterator[tuple[Cell, slice]]:
        for cell, start, end in zip(self.cells, bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            step = max(1, TOGETHER // len(cell.members))
            yield from ((cell, slice(first, min(first + step, end))) for first in range(start, end, step))


def whole(rows: Tensor) -> Tensor:
    """Return rows (n, d) as whole numbers so small that three squared lengths add up exactly in float32."""
    most = math.isqrt(2**24 // (3 * rows.shape[1]))
    return (rows * (most / FARTHEST)).round_().clamp_(-most, most)


def smallest(x: Tensor) -> Tensor:
    """Return the 3 smallest numbers of each column of x (m, n), in any order; all of them where there are fewer.

    By halving: of the 3 smallest, at most one is the larger of its pair.
    """
    found = []
    while x.shape[0] > NEIGHBOURS:
        half = x.shape[0] // 2
        first, second = x[:half], x[half : 2 * half]
        found += [torch.maximum(first, second).amin(0, keepdim=True), x[2 * half :]]
        x = torch.minimum(first, second)
    left = torch.cat([x, *found])
    return left.topk(NEIGHBOURS, 0, largest=False, sorted=False).values if found else left


def fit_centres(rows: Tensor) -> Tensor:
    """Return the centres of cells of about 32 of the rows (n, d); one cell where there are few."""
    if len(rows) <= FEW:
        return whole(rows.mean(0, keepdim=True))
    with threadpool_limits(1), warnings.catch_warnings():  # several threads add up in any order, and bits would differ
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer rows that differ than cells
        means = KMeans(len(rows) // IN_A_CELL, n_init=1, max_iter=30, random_state=0).fit(rows.numpy())
    return whole(torch.from_numpy(means.cluster_centers_))
