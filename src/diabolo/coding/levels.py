"""Mixtures in whole numbers to frequencies in whole numbers: what a pixel costs, the same on every machine.

All arithmetic is on whole numbers below 2^53 in float64, or below 2^31 in int32. The only divisions are of two such
numbers, with a quotient below 2^24 and a divisor of at most 2^29 + 256, where rounding cannot reach the next whole
number (IEEE 754).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from diabolo.coding.exponential import MASS_BITS, REACH, logistic, shares, sharpness
from diabolo.coding.tables import TOTAL
from diabolo.model.mixture import LEVELS

SIXTEENTHS = 16
BINS = 256
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
    return Bins(first.clamp(max=LEVELS) * SIXTEENTHS - SIXTEENTHS // 2, first >= LEVELS, centres, width, max_error)


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
        sharp = torch.from_numpy(sharpness(SHARPNESSES, SHARPEST))
        self.sharp = _looked_up(sharp, scales.clamp(0, SHARPNESSES - 1).int())
        means = means.clamp(LEAST_MEAN, MOST_MEAN).int()
        self.offset = means.mul_(self.sharp).neg_().add_((REACH << FRACTION) + (1 << FRACTION - 1))

    def below(self, bins: Bins, number: Tensor) -> Tensor:
        """Return the mass (k, n) below the bins `number` (k, n or 1), in whole 2^-29, plus the number.

        The number that is added gives every bin some mass.
        """
        steps = torch.addcmul(self.offset, bins.edges[number][:, None], self.sharp)
        steps = steps.bitwise_right_shift_(FRACTION).clamp_(0, 2 * REACH)
        total = _looked_up(torch.from_numpy(logistic()), steps).mul_(self.shares).sum(1)
        mass = total.mul_(2.0 ** (KEPT_BITS - SHARE_BITS - MASS_BITS)).floor_()
        if bins.max_error:
            mass.masked_fill_(bins.beyond[number], float(1 << KEPT_BITS))
        return mass.add_(number)


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
