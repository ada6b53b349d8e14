"""Blots: spots, lines and cracks to lay over images, so that a network learns to take them off.

Spots are the hills of smooth noise above a height, lines the pixels that lie within some distance of where other noise
changes its sign, cut off where a third is low: after the noise of DRAEM (Zavrtanik et al. 2021). Cracks are paths that
wander, of changing width and depth, most of them nearly along rows or columns, as a ground surface cracks along its
grooves. What fills all these is the image's own pixels or another's (pasted, as in CutPaste, Li et al. 2021), lighter
or darker.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from diabolo.model.corruption.draws import Numbers

SHARE, DONATED = 0.9, 0.25
"""Of the images that get blots, and of those that get another image's pixels."""
FAINTEST = 1 / 12
"""Of the strongest change; between them changes are drawn with even logarithms."""
LEAST_GRAIN, ROBUST = 0.02, 1.4826
SPOTS, STRETCH, HEIGHTS = (3.0, 14.0), 2.0, (0.9, 2.3)
"""Size of the noise's hills in pixels, how much longer than wide they are at most, and the heights they are cut at."""
LINES, LONGER, HALVES = (6.0, 60.0), 8.0, (0.3, 1.6)
"""The same of the noise whose zeros are lines; half the width of a line in pixels."""
GAPS, LOWS = (8.0, 60.0), (-0.8, 0.8)
ALIGNED, LEAN = 0.5, 0.15
"""Of the images whose noise is stretched along rows or columns, and how far it leans from them, in radians."""
SPOTTED, LINED = 0.25, 0.25
"""Of the images with blots, those that get spots and those that get lines; the others get cracks."""
LENGTHS, CRACK_HALVES, TAPER = (8.0, 160.0), (0.3, 1.6), 0.15
"""Length of a crack in pixels, half its width, and the share of its length over which each end grows thin."""
CRACK_ALIGNED, CRACK_LEAN = 0.75, 0.35
"""As for noise; the lean is a cube of an even number, so that many cracks lie straight along the grooves."""
STRAIGHT = 0.3
"""Of the cracks, those that do not wander."""
BENDS, BENT = (8.0, 40.0), (0.1, 8.0)
"""How long the bends of a crack are, and how far it strays there, in pixels."""
KINKS, KINKED = (2.0, 6.0), (0.05, 1.0)
"""The same of its kinks."""
SWELLINGS, SWOLLEN, SHALLOWEST = (4.0, 20.0), 0.35, 0.25
"""How long its width and depth stay alike, in pixels, by how much they vary, and the least depth."""
NODES = 24
"""Of the grid that noise is drawn on, each way."""


class Draws(Numbers):
    """Draws of one number for each image, and of smooth noise."""

    def noise(self, size: Sequence[int], hills: tuple[float, float], stretch: float = 1.0) -> Tensor:
        """Return smooth normal noise (n, h, w, 1); each image's hills are of one drawn size, stretched and turned."""
        along, beside = self.turned(size, ALIGNED, self.even(-LEAN, LEAN))
        hill, longer = self.scale(*hills), self.scale(1, stretch)
        return self.smooth(along / (hill * longer), beside / hill)

    def turned(self, size: Sequence[int], aligned: float, lean: Tensor, away: float = 0.0) -> tuple[Tensor, Tensor]:
        """Return pixels' places (n, h, w, 1) along a drawn direction and beside it, from the middle or up to `away`.

        aligned: share of the images whose direction is that of the rows or columns, but for `lean` radians.
        """
        straight = self.even(0, 2).floor() * math.pi / 2 + lean
        angle = torch.where(self.coin(aligned), straight, self.even(0, math.pi))
        down, across = (torch.arange(side, device=self.device) - (side - 1) / 2 for side in size)
        down = down.view(1, -1, 1, 1) - self.even(-away, away)
        across = across.view(1, 1, -1, 1) - self.even(-away, away)
        return across * angle.cos() + down * angle.sin(), down * angle.cos() - across * angle.sin()

    def smooth(self, along: Tensor, beside: Tensor) -> Tensor:
        """Return smooth normal noise at places (n, h, w, 1) given in hills."""
        nodes = torch.empty(self.count, 1, NODES, NODES, device=self.device).normal_(generator=self.generator)
        places = torch.cat([along + self.even(-1, 1), beside + self.even(-1, 1)], 3) * (2 / (NODES - 1))
        found = functional.grid_sample(nodes, places, "bicubic", "reflection", align_corners=True)
        return found.permute(0, 2, 3, 1)

    def wander(self, along: Tensor, hills: tuple[float, float]) -> Tensor:
        """Return smooth normal noise that changes along a direction alone, (n, h, w, 1), with hills of a drawn size."""
        return self.smooth(along / self.scale(*hills), torch.zeros_like(along))


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
    """Return how far each pixel is replaced, (n, h, w, 1), from 0 to 1: spots, lines or cracks, sharp or soft."""
    spots = (draws.noise(size, SPOTS, STRETCH) > draws.even(*HEIGHTS)).float()
    kind = draws.even(0, 1)
    sharp = torch.where(kind < LINED, lines(size, draws), cracks(size, draws))
    sharp = torch.where(kind > 1 - SPOTTED, spots, sharp)
    return torch.where(draws.coin(0.5), sharp, pooled(sharp)) * draws.coin(SHARE)


def lines(size: Sequence[int], draws: Draws) -> Tensor:
    """Return how far pixels lie on lines where noise changes its sign, (n, h, w, 1)."""
    field = draws.noise(size, LINES, LONGER)
    field = field - field[:, size[0] // 2, size[1] // 2, None, None]
    sloping = [way for way in (1, 2) if field.shape[way] > 1]
    slope = torch.linalg.vector_norm(torch.stack([torch.zeros_like(field), *torch.gradient(field, dim=sloping)]), dim=0)
    found = (draws.scale(*HALVES) + 0.5 - field.abs() / slope.clamp_min(1e-6)).clamp(0, 1)
    return torch.where(draws.noise(size, GAPS) > draws.even(*LOWS), found, 0)


def cracks(size: Sequence[int], draws: Draws) -> Tensor:
    """Return how deep pixels lie in a crack, one an image, (n, h, w, 1)."""
    lean = CRACK_LEAN * draws.even(-1, 1).pow(3)
    along, beside = draws.turned(size, CRACK_ALIGNED, lean, away=max(size) / 2)
    path = draws.wander(along, BENDS) * draws.scale(*BENT) + draws.wander(along, KINKS) * draws.scale(*KINKED)
    path = torch.where(draws.coin(STRAIGHT), 0, path)
    length = draws.scale(*LENGTHS)
    left = length / 2 - along.abs()
    half = draws.scale(*CRACK_HALVES) * (SWOLLEN * draws.wander(along, SWELLINGS)).exp()
    half = half * (left / (TAPER * length + 1)).clamp(0, 1).sqrt()
    depth = (1 + SWOLLEN * draws.wander(along, SWELLINGS)).clamp(SHALLOWEST, 1)
    return (half + 0.5 - (beside - path).abs()).clamp(0, 1) * (left > 0) * depth
