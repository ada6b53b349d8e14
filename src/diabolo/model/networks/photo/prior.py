"""The distribution of a map in four passes, each of which knows the numbers of those before.

The passes are those of Li et al. 2023 (arXiv:2302.14402, section 3.3). Activations have 8 bits in training too, so that
`coding.photo` can turn the networks into whole numbers.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from diabolo.config.bottlenecks import HyperpriorConfig
from diabolo.model.networks.photo.transforms import Gains

PASSES = 4
"""Passes over a map; each codes a quarter of the numbers, at all places."""
STEP = 32.0
"""Whole steps of a unit of an activation; the largest is 255 steps."""
INPUT_STEP, INPUT_TOP = 16.0, 255
"""The same for maps that go into the prior, which have a sign."""
LEAST_SCALE, MOST_SCALE = 0.11, 256.0
TAIL, TAIL_SCALE = 2.0**-10, 3.0
"""Share and spread, in that of the normal distribution, of the exponential tail that stands for outliers."""
LEAST_MASS = 1e-30


class Through(torch.autograd.Function):
    """Rounding down whose gradient is that of no rounding."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        del ctx
        return x.floor()

    @staticmethod
    def backward(ctx: object, *gradients: Tensor) -> Tensor:
        del ctx
        return gradients[0]


class AtLeast(torch.autograd.Function):
    """max(x, bound), whose gradient passes below the bound where it would raise x."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, bound: float) -> Tensor:
        ctx.save_for_backward(x < bound)
        return x.clamp_min(bound)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (below,) = ctx.saved_tensors
        return gradients[0].masked_fill(below & (gradients[0] > 0), 0), None


def spread(log_scale: Tensor) -> Tensor:
    """Return the spread of a log-scale, within what the tables have."""
    bounded: Tensor = AtLeast.apply(log_scale, math.log(LEAST_SCALE))  # type: ignore[no-untyped-call]
    return bounded.clamp_max(math.log(MOST_SCALE)).exp()


def rounded(x: Tensor) -> Tensor:
    """Return x rounded to whole numbers, with the gradient of x."""
    return Through.apply(x + 0.5)  # type: ignore[no-any-return, no-untyped-call]


def stepped(x: Tensor) -> Tensor:
    """Return max(x, 0) in 256 steps of 1/32."""
    return rounded((x * STEP).clamp(0, 255)) / STEP


def seen(x: Tensor) -> Tensor:
    """Return a map as the prior sees it: in steps of 1/16, clamped."""
    return rounded((x * INPUT_STEP).clamp(-INPUT_TOP, INPUT_TOP)) / INPUT_STEP


def schedule(latent: int, device: torch.device) -> Tensor:
    """Return the pass (latent, 2, 2) in which each quarter of the numbers is coded at each place of a cell of 2 x 2."""
    quarter = torch.arange(latent, device=device) % PASSES
    place = torch.arange(4, device=device).view(2, 2)
    return quarter[:, None, None] ^ place


def masks(latent: int, height: int, width: int, device: torch.device) -> list[Tensor]:
    """Return the numbers (latent, h, w) of each pass, as booleans."""
    tiled = schedule(latent, device).repeat(1, -(-height // 2), -(-width // 2))[:, :height, :width]
    return [tiled == number for number in range(PASSES)]


class Prior(nn.Module):
    """The distribution of a map, given the side map and the numbers of earlier passes, in units before gains."""

    def __init__(self, config: HyperpriorConfig) -> None:
        super().__init__()
        wide, hidden = config.features, config.hidden
        self.enter = nn.Conv2d(config.side, 4 * wide, 3, padding=1, device="meta")
        self.expand = nn.Conv2d(wide, 4 * wide, 3, padding=1, device="meta")
        self.told = Gains(4 * wide, 0.0, 0.0)
        self.context = nn.Conv2d(config.places, hidden, 3, padding=1, bias=False, device="meta")
        self.mix = nn.ModuleList([nn.Conv2d(wide, hidden, 1, device="meta") for _ in range(PASSES)])
        self.pass_told = nn.ModuleList([Gains(hidden, 0.0, 0.0) for _ in range(PASSES)])
        self.deep = nn.ModuleList([nn.Conv2d(hidden, hidden, 1, device="meta") for _ in range(PASSES)])
        self.leave = nn.ModuleList([nn.Conv2d(hidden, 2 * config.places, 1, device="meta") for _ in range(PASSES)])

    def convolutions(self, name: str) -> list[nn.Conv2d]:
        """Return the layers of the four passes called `name`."""
        return [layer for layer in getattr(self, name) if isinstance(layer, nn.Conv2d)]

    def told_in(self, number: int) -> Tensor:
        """Return what a pass is told of the quality, (anchors, hidden)."""
        gains = self.pass_told[number]
        assert isinstance(gains, Gains)
        return gains.table

    def features(self, side: Tensor, quality: Tensor) -> Tensor:
        """Return what the side map (n, side, h / 4, w / 4) says, (n, features, h, w)."""
        x = stepped(functional.pixel_shuffle(self.enter(seen(side)) + self.told(quality), 2))
        return stepped(functional.pixel_shuffle(self.expand(x), 2))

    def parameters_of(self, number: int, features: Tensor, known: Tensor, quality: Tensor) -> tuple[Tensor, Tensor]:
        """Return means and log-scales (n, latent, h, w) for pass `number`; known: the map, 0 where it is not known."""
        x = self.mix[number](features) + self.pass_told[number](quality)
        if number:
            x = x + self.context(seen(known))
        x = stepped(self.deep[number](stepped(x)))
        mean, log_scale = self.leave[number](x).chunk(2, 1)
        return mean, log_scale


def gaussian_bits(distance: Tensor, scale: Tensor) -> Tensor:
    """Return -log2 of the mass within 1/2 of `distance` from the mean of a normal distribution with some outliers."""
    distance = distance.abs()
    root = math.sqrt(0.5) / scale
    mass = (torch.erfc((distance - 0.5) * root) - torch.erfc((distance + 0.5) * root)) / 2
    far = TAIL_SCALE * scale + 1
    tail = torch.exp(-distance / far) / (2 * far)
    return -torch.log2((1 - TAIL) * mass + TAIL * tail + LEAST_MASS)
