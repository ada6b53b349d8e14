"""Scores of one view in units that views can be added in: -log p, nats, by scores of normal samples kept apart.

Beyond the largest kept scores p is extrapolated. Where a sum of squares decides, the tail is exponential: its scale
is the mean excess m of the k largest tenth, and what is not known about it is in the predictive distribution,
P(excess > e) = (1 + e / (k m))^-k, which few scores make heavy and many make exponential.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

SHARE, ALIKE, TINY = 0.1, 1e-3, 1e-9
Kept = NDArray[np.float32]


@dataclass(frozen=True)
class Tail:
    """kept: sorted scores (n,) of normal samples. grows: whether -log p goes on beyond the largest of them.

    share: of the scores, those that the tail is fitted to.
    """

    kept: Kept
    grows: bool = False
    share: float = SHARE

    @cached_property
    def steps(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Scores that differ, rising, and -log p there, a line between them; scores that are nearly alike are one."""
        kept, count = self.kept.astype(np.float64), len(self.kept)
        steps = np.log(count + 1) - np.log(count + 1 - np.arange(count))
        alike = ALIKE * np.maximum(np.abs(kept), ALIKE * np.abs(kept[-1]))  # beside the largest, rounding is alike too
        begins = np.flatnonzero(np.diff(kept, prepend=-np.inf) > alike)
        begins = begins if len(begins) else np.zeros(1, np.int64)
        sizes = np.diff(begins, append=count)
        beyond = kept[-1] * (1 + ALIKE) + TINY
        return np.append(kept[begins], beyond), np.append(np.add.reduceat(steps, begins) / sizes, np.log(count + 1))

    @cached_property
    def beyond(self) -> tuple[float, int, float]:
        """Where the tail begins, how many scores lie in it, and their mean excess."""
        count = max(1, math.ceil(self.share * len(self.kept)))
        begin = float(self.kept[max(0, len(self.kept) - count - 1)])
        return begin, count, max(float(self.kept[-count:].mean(dtype=np.float64)) - begin, 1e-9)

    def surprise(self, scores: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return -log p of each score, (n,): 0 for the smallest, rising."""
        found: NDArray[np.float64] = np.asarray(np.interp(scores, *self.steps))
        if not self.grows:
            return found
        begin, count, excess = self.beyond
        base = math.log((len(self.kept) + 1) / (count + 1))
        far = count * np.log1p(np.maximum(scores.astype(np.float64) - begin, 0) / (count * excess))
        return np.asarray(np.where(scores > begin, base + far, np.minimum(found, base)))

    def score_at(self, p: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the score that normal samples exceed with probability p, (n,): the inverse of `surprise`."""
        begin, count, excess = self.beyond
        share = (count + 1) / (len(self.kept) + 1)
        far = begin + count * excess * ((share / np.minimum(p, share)) ** (1 / count) - 1)
        return np.asarray(np.where(p < share, far, np.minimum(np.quantile(self.kept, np.clip(1 - p, 0, 1)), begin)))
