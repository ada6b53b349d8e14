"""Transforms between pictures and maps at 1/8 of their size: a deep analysis, a synthesis told the quality.

The synthesis is as short as Yang and Mandt 2023 (arXiv:2304.06244) found to lose little. Qualities in between those
learnt are interpolated, as the gains of Cui et al. 2021 (arXiv:2003.02012).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

CELL, FURTHER = 8, 4
"""Pixels of a place of the map along a side, and places of the map for one of the side map."""
ANCHORS = 8
"""Qualities at which numbers are learnt; those between are interpolated."""


@dataclass(frozen=True)
class Sizes:
    """latent, side: numbers of a place of the map, of the side map. widths: of the analysis at 1/2, 1/4, 1/8.

    blocks: of the analysis at each. inner, up: channels of the synthesis at 1/8 and 1/4. hidden: of the prior.
    """

    latent: int = 128
    side: int = 64
    widths: tuple[int, int, int] = (64, 128, 160)
    blocks: tuple[int, int, int] = (1, 2, 2)
    inner: int = 96
    up: int = 64
    hidden: int = 128
    features: int = 64


class Gains(nn.Module):
    """Numbers (channels,) for each quality from 0 to 1, interpolated between those learnt."""

    def __init__(self, channels: int, first: float, last: float) -> None:
        super().__init__()
        self.ends = (first, last)
        self.table = nn.Parameter(torch.empty(ANCHORS, channels, device="meta"))

    @torch.no_grad()
    def start(self) -> None:
        self.table.copy_(torch.linspace(*self.ends, ANCHORS, device=self.table.device)[:, None].expand_as(self.table))

    def forward(self, quality: Tensor) -> Tensor:
        """Return the numbers (n, channels, 1, 1) for qualities (n,)."""
        place = quality * (ANCHORS - 1)
        grid = torch.arange(ANCHORS, device=place.device, dtype=place.dtype)
        weights = (1 - (place[:, None] - grid).abs()).clamp_min(0)
        return (weights[:, :, None] * self.table).sum(1)[:, :, None, None]


class Residual(nn.Module):
    """x + conv(act(conv(x)))."""

    def __init__(self, channels: int, inner: int, act: type[nn.Module]) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, inner, 3, padding=1, device="meta")
        self.act = act()
        self.second = nn.Conv2d(inner, channels, 3, padding=1, device="meta")

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.act(self.first(x)))  # type: ignore[no-any-return]


class Told(Residual):
    """x + conv(act(conv(x) + bias)), with a bias for each quality."""

    def __init__(self, channels: int, inner: int, act: type[nn.Module]) -> None:
        super().__init__(channels, inner, act)
        self.told = Gains(inner, 0.0, 0.0)

    def forward(self, x: Tensor, quality: Tensor) -> Tensor:  # type: ignore[override]
        return x + self.second(self.act(self.first(x) + self.told(quality)))  # type: ignore[no-any-return]


class Transform(nn.Sequential):
    """Layers one after the other, of which some are told the quality."""

    def forward(self, x: Tensor, quality: Tensor) -> Tensor:  # type: ignore[override]
        for layer in self:
            x = layer(x, quality) if isinstance(layer, Told) else layer(x)
        return x


def analysis(sizes: Sizes, channels: int) -> tuple[nn.Sequential, nn.Conv2d]:
    """Return layers for pictures (n, channels, 8 h, 8 w), and the last one, which gives maps (n, latent, h, w)."""
    layers: list[nn.Module] = []
    inputs = channels
    for number, (width, blocks) in enumerate(zip(sizes.widths, sizes.blocks, strict=True)):
        layers.append(nn.Conv2d(inputs, width, 3 if number else 5, 2, 1 if number else 2, device="meta"))
        layers += [Residual(width, width, nn.SiLU) for _ in range(blocks)]
        inputs = width
    return nn.Sequential(*layers), nn.Conv2d(inputs, sizes.latent, 3, padding=1, device="meta")


def synthesis(sizes: Sizes, channels: int) -> Transform:
    """Maps (n, latent, h, w) -> pictures (n, channels, 8 h, 8 w), 18,000 multiplications a pixel."""
    return Transform(
        Told(sizes.latent, sizes.inner, nn.ReLU),
        Told(sizes.latent, sizes.inner, nn.ReLU),
        nn.Conv2d(sizes.latent, 4 * sizes.up, 3, padding=1, device="meta"),
        nn.PixelShuffle(2),
        Told(sizes.up, sizes.up, nn.ReLU),
        nn.Conv2d(sizes.up, 16 * channels, 3, padding=1, device="meta"),
        nn.PixelShuffle(4),
    )


def side_analysis(sizes: Sizes) -> nn.Sequential:
    """Maps (n, latent, h, w) -> side maps (n, side, h / 4, w / 4), rounded up."""
    width = sizes.hidden
    return nn.Sequential(
        nn.Conv2d(sizes.latent, width, 3, padding=1, device="meta"),
        nn.SiLU(),
        nn.Conv2d(width, width, 3, 2, 1, device="meta"),
        nn.SiLU(),
        nn.Conv2d(width, sizes.side, 3, 2, 1, device="meta"),
    )
