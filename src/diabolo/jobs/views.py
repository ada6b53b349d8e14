"""Views of columns: prepared samples on two scales, so that neither heavy tails nor crowded middles decide alone.

Each column is seen once in units of its own spread, and once as the normal score of its rank among the reference
samples (beyond their range it goes on in units of spread).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import norm
from torch import Tensor

NODES = 513


@dataclass(frozen=True)
class Views:
    """mean, spread, low, high: (columns,). table: (columns, 513), normal scores at evenly spaced places low..high."""

    mean: Tensor
    spread: Tensor
    low: Tensor
    high: Tensor
    table: Tensor

    @property
    def columns(self) -> int:
        return len(self.mean)

    @cached_property
    def _lookup(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Nodes per unit of each column, spreads per node, where its nodes begin, normal scores and their rises."""
        density = (NODES - 1) / (self.high - self.low).clamp_min(1e-12)
        begin = torch.arange(self.columns, dtype=torch.int32) * NODES
        rise = torch.diff(self.table, append=self.table[:, -1:])
        return density, 1 / (density * self.spread), begin, self.table.reshape(-1), rise.reshape(-1)

    def scaled(self, x: Tensor, out: Tensor | None = None) -> Tensor:
        """Return samples (n, columns) in units of each column's spread about its mean."""
        return torch.sub(x, self.mean, out=out).div_(self.spread)

    def ranked(self, x: Tensor, out: Tensor | None = None) -> Tensor:
        """Return samples (n, columns) as normal scores: a line between nodes; beyond them, units of spread.

        By single sums and products: one and the same value has one and the same score, wherever it stands.
        """
        density, unit, begin, scores, rises = self._lookup
        place = (x - self.low).mul_(density)
        inside = place.clamp(0, NODES - 1)
        node = inside.int().clamp_(max=NODES - 2)
        beyond = place.sub_(inside).mul_(unit)
        part = inside.sub_(node)
        index = node.add_(begin).view(-1)
        part.mul_(rises.index_select(0, index).view(x.shape)).add_(scores.index_select(0, index).view(x.shape))
        return torch.add(part, beyond, out=out)


def fit_views(x: NDArray[np.float32], weights: NDArray[np.float32] | None = None) -> Views:
    """Fit on prepared samples (n, columns); weights: (columns,) what a distance in each number is multiplied by."""
    numbers = x.astype(np.float64)
    spread = numbers.std(0)
    low, high = numbers.min(0), numbers.max(0)
    places = np.linspace(low, high, NODES, axis=1)
    table = np.stack([_normal_scores(column, place) for column, place in zip(numbers.T, places, strict=True)])
    scale = np.where(low == high, 1.0, np.maximum(spread, 1e-12))
    if weights is not None:
        scale, table = scale / weights, table * weights[:, None]
    found = (numbers.mean(0), scale, low, high, table)
    return Views(*(torch.from_numpy(part.astype(np.float32)) for part in found))


def _normal_scores(column: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the normal score of the middle rank of each value, interpolated at `places`."""
    values, counts = np.unique(column, return_counts=True)
    if len(values) == 1:
        return np.zeros(len(places))
    scores = norm.ppf((np.cumsum(counts) - counts / 2) / len(column))
    return np.asarray(np.interp(places, values, scores), np.float64)
