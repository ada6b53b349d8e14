"""Views of columns: prepared samples on two scales, so that neither heavy tails nor crowded middles decide alone.

Each column is seen once in units of its own spread, and once as the normal score of its rank among the reference
samples (beyond their range it goes on in units of spread).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

NODES = 513
Numbers = NDArray[np.float32]


@dataclass(frozen=True)
class Views:
    """mean, spread, low, high: (columns,). table: (columns, 513), normal scores at evenly spaced places low..high."""

    mean: Numbers
    spread: Numbers
    low: Numbers
    high: Numbers
    table: Numbers

    @property
    def columns(self) -> int:
        return len(self.mean)

    @cached_property
    def _lookup(self) -> tuple[Numbers, Numbers, NDArray[np.int64], Numbers, Numbers]:
        """Nodes per unit of each column, spreads per node, where its nodes begin, normal scores and their rises."""
        density = np.float32(NODES - 1) / np.maximum(self.high - self.low, np.float32(1e-12))
        begin = np.arange(self.columns) * NODES
        rise = np.diff(self.table, append=self.table[:, -1:])
        return density, 1 / (density * self.spread), begin, self.table.ravel(), rise.ravel()

    def scaled(self, x: Numbers, out: Numbers | None = None) -> Numbers:
        """Return samples (n, columns) in units of each column's spread about its mean."""
        found = np.subtract(x, self.mean, out=out)
        found /= self.spread
        return found

    def ranked(self, x: Numbers) -> Numbers:
        """Return samples (n, columns) as normal scores: a line between nodes; beyond them, units of spread.

        By single sums and products: one and the same value has one and the same score, wherever it stands.
        """
        density, unit, begin, scores, rises = self._lookup
        place = x - self.low
        place *= density
        inside: Numbers = np.clip(place, 0, NODES - 1)
        node = inside.astype(np.int64)
        np.minimum(node, NODES - 2, out=node)
        place -= inside
        place *= unit
        inside -= node
        node += begin
        inside *= rises.take(node)
        inside += scores.take(node)
        inside += place
        return inside
