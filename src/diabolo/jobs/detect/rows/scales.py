"""Views of columns: prepared samples on two scales, so that neither heavy tails nor crowded middles decide alone.

Each column is seen once in units of its own spread, and once as the normal score of its rank among the reference
samples (beyond their range it goes on in units of spread).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

NODES = 513
LOWEST, HIGHEST = np.float32(-1), np.float32(NODES - 1)
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
    def lookup(self) -> tuple[Numbers, NDArray[np.int32], Numbers, Numbers]:
        """Nodes per unit of each column, where its nodes begin, normal scores and their rises.

        Each column has one more node below its lowest; from there on, and from its highest, it rises by its spread.
        """
        density = np.float32(NODES - 1) / np.maximum(self.high - self.low, np.float32(1e-12))
        unit = 1 / (density * self.spread)[:, None]
        begin = np.arange(self.columns, dtype=np.int32)[:, None] * (NODES + 1) + 1
        scores = np.hstack([self.table[:, :1] - unit, self.table])
        rises = np.hstack([unit, np.diff(self.table), unit])
        return density[:, None], begin, scores.ravel(), rises.ravel()

    def scaled(self, x: Numbers, out: Numbers | None = None) -> Numbers:
        """Return samples (columns, n) in units of each column's spread about its mean."""
        found = np.subtract(x, self.mean[:, None], out=out)
        found /= self.spread[:, None]
        return found

    def ranked(self, x: Numbers, out: Numbers) -> None:
        """Put samples (columns, n) into `out` as normal scores: a line between nodes; beyond them, units of spread.

        By single sums and products: one and the same value has one and the same score, wherever it stands.
        """
        density, begin, scores, rises = self.lookup
        place = x - self.low[:, None]
        place *= density
        node = np.floor(place)
        np.clip(node, LOWEST, HIGHEST, out=node)
        place -= node
        number = node.astype(np.int32)
        number += begin
        index = number.astype(np.int64)
        np.take(rises, index, out=out, mode="wrap")  # none is beyond the ends; this is the mode that is fast
        out *= place
        out += np.take(scores, index, out=node, mode="wrap")
