"""Blots: spots and lines to lay over images, so that a network learns to take them off.

Spots are the hills of smooth noise above a height, lines the pixels that lie within some distance of where other noise
changes its sign, cut off where a third is low: after the noise of DRAEM (Zavrtanik et al. 2021), with lines as thin as
cracks. What fills them is the image's own pixels or another's (pasted, as in CutPaste, Li et al. 2021), lighter or
darker.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

SHARE, DONATED = 0.9, 0.25
"""Of the images that get blots, and of those that get another image's pixels."""
FAINTEST = 1 / 8
"""Of the strongest change; between them changes are drawn with even logarithms."""
LEAST_GRAIN, ROBUST = 0.02, 1.4826
SPOTS, STRETCH, HEIGHTS = (3.0, 14.0), 2.0, (0.9, 2.3)
"""Size of the noise's hills in pixels, how much longer than wide they are at most, and the heights they are cut at."""
LINES, LONGER, HALVES = (6.0, 60.0), 8.0, (0.3, 1.6)
"""The same of the noise whose zeros are lines; half the width of a line in pixels."""
GAPS, LOWS = (8.0, 60.0), (-0.8, 0.8)
ALIGNED, LEAN = 0.5, 0.15
"""Of the images whose noise is stretched along rows or columns, and how far it leans from them, in radians."""
NODES = 24
"""Of the grid that noise is drawn on, each way."""


class Draws:
    """Draws of one number for each image, (n, 1, 1, 1), and of smooth noise."""

    def __init__(self, count: int, generator: torch.Generator, device: torch.device) -> None:
        self.count, self.generator, self.device = count, generator, device

    def even(self, low: float, high: float) -> Tensor:
        return torch.empty(self.count, 1, 1, 1, device=self.device).uniform_(low, high, generator=self.generator)

    def scale(self, low: float, high: float) -> Tensor:
        """Return numbers whose logarithms are even."""
        return self.even(math.log(low), math.log(high)).exp()

    def coin(self, share: float) -> Tensor:
        return self.even(0, 1) < share

    def order(self) -> Tensor:
        return torch.randperm(self.count, generator=self.generator, device=self.device)

    def noise(self, size: Sequence[int], hills: tuple[float, float], stretch: float = 1.0) -> Tensor:
        """Return smooth normal noise (n, h, w, 1); each image's hills are of one drawn size, stretched and turned."""
        straight = (self.even(0, 2).floor() * math.pi / 2) + self.even(-LEAN, LEAN)
        angle = torch.where(self.coin(ALIGNED), straight, self.even(0, math.pi))
        hill, longer = self.scale(*hills), self.scale(1, stretch)
        down, across = (torch.arange(side, device=self.device) - (side - 1) / 2 for side in size)
        down, across = down.view(1, -1, 1, 1), across.view(1, 1, -1, 1)
        along = (across * angle.cos() + down * angle.sin()) / (hill * longer) + self.even(-1, 1)
        beside = (down * angle.cos() - across * angle.sin()) / hill + self.even(-1, 1)
        nodes = torch.empty(self.count, 1, NODES, NODES, device=self.device).normal_(generator=self.generator)
        places = torch.cat([along, beside], 3) * (2 / (NODES - 1))
        found = functional.grid_sample(nodes, places, "bicubic", "reflection", align_corners=True)
        return found.permute(0, 2, 3, 1)


def blotted(images: Tensor, strength: float, generator: torch.Generator, *, lighter: float = 0.5) -> Tensor:
    """Return images (n, h, w, channels) with blots, changed by up to `strength` times each image's grain.

    lighter: share of the images whose blots are; the others' are darker.
    """
    draws = Draws(len(images), generator, images.device)
    change = strength * grain(images) * draws.scale(FAINTEST, 1) * (2 * draws.coin(lighter).float() - 1)
    donors = images[draws.order()]
    donors = donors - donors.mean((1, 2), keepdim=True) + images.mean((1, 2), keepdim=True)
    filled = torch.where(draws.coin(DONATED), donors, images) + change
    return torch.lerp(images, filled, shapes(images.shape[1:3], draws))


def grain(images: Tensor) -> Tensor:
    """Return the spread of each image's fine texture, (n, 1, 1, 1), by the median of its size; 0.02 at least."""
    fine = (images - pooled(images)).abs().flatten(1).median(1).values
    return (ROBUST * fine).clamp_min(LEAST_GRAIN).view(-1, 1, 1, 1)


def pooled(images: Tensor) -> Tensor:
    """Return the means of 3 x 3 pixels."""
    found = functional.avg_pool2d(images.permute(0, 3, 1, 2), 3, 1, padding=1, count_include_pad=False)
    return found.permute(0, 2, 3, 1)


def shapes(size: Sequence[int], draws: Draws) -> Tensor:
    """Return how far each pixel is replaced, (n, h, w, 1), from 0 to 1: spots or lines, sharp or soft."""
    spots = (draws.noise(size, SPOTS, STRETCH) > draws.even(*HEIGHTS)).float()
    field = draws.noise(size, LINES, LONGER)
    field = field - field[:, size[0] // 2, size[1] // 2, None, None]
    sloping = [way for way in (1, 2) if field.shape[way] > 1]
    slope = torch.linalg.vector_norm(torch.stack([torch.zeros_like(field), *torch.gradient(field, dim=sloping)]), dim=0)
    lines = (draws.scale(*HALVES) + 0.5 - field.abs() / slope.clamp_min(1e-6)).clamp(0, 1)
    lines = lines * (draws.noise(size, GAPS) > draws.even(*LOWS))
    sharp = torch.where(draws.coin(0.5), spots, lines)
    return torch.where(draws.coin(0.5), sharp, pooled(sharp)) * draws.coin(SHARE)
