"""Mixtures in whole numbers to frequencies in whole numbers: what a pixel costs, the same on every machine.

All arithmetic is on whole numbers below 2^53 in float64, or below 2^31 in int32. The only divisions are of two such numbers,
with a quotient below 2^24 and a divisor below 2^30, where rounding cannot reach the next whole number (IEEE 754).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from diabolo.coding.exponential import MASS_BITS, REACH, logistic, shares, sharpness
from diabolo.coding.tables import TOTAL
from diabolo.model.mixture import LEVELS

SIDE = 16
"""A bin is coded in two steps: which 16 bins, then which of them."""
BINS = SIDE * SIDE
SHARE_BITS, KEPT_BITS = 16, 29
SHARPEST, SHARPNESSES = 65_079, 145
"""2048 / (255 exp(-9)): logistic steps in a sixteenth of a level, times 64, at the least scale; scales in the table."""
LEAST_MEAN, MOST_MEAN = -4096, 8191
MOST_LOGIT = 512
FRACTION = 6


@dataclass(frozen=True, eq=False)
class Bins:
    """The bins of levels that are coded alike, so that no level is off by more than `max_error`.

    edges: (257,) int32, where each of 256 bins begins, in sixteenths of a level; beyond: (257,), whether at no level.
    centres: (256,) uint8, the level that a bin is decoded to. Bins beyond the levels are never used.
    """

    edges: Tensor
    beyond: Tensor
    centres: Tensor
    width: int
    max_error: int


def bins_for(max_error: int) -> Bins:
    """Return bins of 2 `max_error` + 1 levels; the first is about level 0."""
    width = 2 * max_error + 1
    first = torch.arange(BINS + 1, dtype=torch.int32) * width - max_error
    centres = (torch.arange(BINS) * width).clamp(max=LEVELS - 1).to(torch.uint8)
    return Bins(first.clamp(max=LEVELS) * SIDE - SIDE // 2, first >= LEVELS, centres, width, max_error)


class Mixture:
    """n mixtures of M logistic distributions, from the network's outputs (3 M, n), whole numbers in float32."""

    def __init__(self, outputs: Tensor) -> None:
        logits, means, scales = outputs.view(3, -1, outputs.shape[1])
        logits = logits.clamp(-MOST_LOGIT, MOST_LOGIT)
        behind = (logits.amax(0) - logits).int()
        taken = _looked_up(torch.from_numpy(shares()), behind).cumsum_(0)
        parts = (taken * (1 << SHARE_BITS)).div_(taken[-1].clone()).floor_()
        parts[1:] -= parts[:-1].clone()
        self.shares = parts
        self.means = means.clamp(LEAST_MEAN, MOST_MEAN).int()
        sharp = torch.from_numpy(sharpness(SHARPNESSES, SHARPEST))
        self.sharp = _looked_up(sharp, scales.clamp(0, SHARPNESSES - 1).int())

    def below(self, bins: Bins, first: int | Tensor, places: Tensor) -> Tensor:
        """Return the mass (k, n) below the bins numbered `first` (int or (n,)) + `places` (k,), in whole 2^-29, plus the number.

        The number that is added gives every bin some mass.
        """
        number = places[:, None] + first
        edges = bins.edges[number]
        table = torch.from_numpy(logistic())
        total = torch.zeros(1, dtype=torch.float64)
        for share, mean, sharp in zip(self.shares, self.means, self.sharp, strict=True):
            steps = (edges - mean).mul_(sharp).add_((REACH << FRACTION) + (1 << FRACTION - 1))
            steps = steps.bitwise_right_shift_(FRACTION).clamp_(0, 2 * REACH)
            total = total + _looked_up(table, steps).mul_(share)
        mass = total.mul_(2.0 ** (KEPT_BITS - SHARE_BITS - MASS_BITS)).floor_()
        return mass.masked_fill_(bins.beyond[number], float(1 << KEPT_BITS)).add_(number)


def _looked_up(table: Tensor, index: Tensor) -> Tensor:
    return table.index_select(0, index.reshape(-1)).view(index.shape)


def frequencies_less_1(below: Tensor) -> Tensor:
    """Return frequencies less 1, (n, m), that add up to 2^24 - m, in proportion to the steps of `below` (m + 1, n)."""
    m = len(below) - 1
    start = below[:1].clone()
    shared = (below - start).mul_(TOTAL - m).div_(below[-1:] - start).floor_()
    return (shared[1:] - shared[:-1]).T.contiguous()


FULL = float((1 << KEPT_BITS) + BINS)
"""The mass below the bin after the last; the mass below the first is 0."""


def with_ends(low: Tensor | float, inner: Tensor, high: Tensor | float) -> Tensor:
    """Return `inner` (k, n) with a row before and a row after it."""
    count = inner.shape[1]
    ends = [end.view(1, -1) if isinstance(end, Tensor) else inner.new_full((1, count), end) for end in (low, high)]
    return torch.cat([ends[0], inner, ends[1]])
