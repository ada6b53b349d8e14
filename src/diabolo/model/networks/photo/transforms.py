"""Transforms between pictures and maps at 1/8 of their size: a deep analysis, a synthesis told the quality.

The synthesis is as short as Yang and Mandt 2023 (arXiv:2304.06244) found to lose little. Qualities in between those
learnt are interpolated, as the gains of Cui et al. 2021 (arXiv:2003.02012).
"""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional

from diabolo.config.bottlenecks import HyperpriorConfig
from diabolo.config.networks import PhotoConfig
from diabolo.model.networks.sizes import CELL

FURTHER = 4
"""Places of the map for one of the side map, along a side."""
ANCHORS = 8
"""Qualities at which numbers are learnt; those between are interpolated."""
MIDDLE, USUAL_QUALITY = 0.5, 0.5


def in_float32(x: Tensor) -> AbstractContextManager[object]:
    """Return a context without reduced precision on the device of x."""
    kind = x.device.type
    return torch.autocast(kind, enabled=False) if torch.amp.is_autocast_available(kind) else nullcontext()


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
        found: Tensor = x + self.second(self.act(self.first(x)))
        return found


class Told(Residual):
    """x + conv(act(conv(x) + bias)), with a bias for each quality."""

    def __init__(self, channels: int, inner: int, act: type[nn.Module]) -> None:
        super().__init__(channels, inner, act)
        self.told = Gains(inner, 0.0, 0.0)

    def forward(self, x: Tensor, quality: Tensor) -> Tensor:  # type: ignore[override]
        found: Tensor = x + self.second(self.act(self.first(x) + self.told(quality)))
        return found


class Transform(nn.Sequential):
    """Layers one after the other, of which some are told the quality."""

    def forward(self, x: Tensor, quality: Tensor) -> Tensor:  # type: ignore[override]
        for layer in self:
            x = layer(x, quality) if isinstance(layer, Told) else layer(x)
        return x


class Analysis(nn.Module):
    """Pictures (n, channels, h, w), from 0 to 1, to maps at 1/8 of their size; and these flat, with a quality.

    A picture whose sides are no multiples of 8 is continued by its last pixels.
    """

    def __init__(self, network: PhotoConfig, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = channels
        for number, (width, blocks) in enumerate(zip(network.channels, network.blocks, strict=True)):
            layers.append(nn.Conv2d(inputs, width, 3 if number else 5, 2, 1 if number else 2, device="meta"))
            layers += [Residual(width, width, nn.SiLU) for _ in range(blocks)]
            inputs = width
        self.layers = nn.Sequential(*layers)
        self.to_map = nn.Conv2d(inputs, network.places, 3, padding=1, device="meta")

    def maps(self, x: Tensor) -> Tensor:
        """Return maps (n, places, h / 8, w / 8), rounded up."""
        height, width = x.shape[2:]
        x = functional.pad(x - MIDDLE, (0, -width % CELL, 0, -height % CELL), mode="replicate")
        hidden = self.layers(x).float()
        with in_float32(x):
            maps: Tensor = self.to_map(hidden)
        return maps

    def forward(self, x: Tensor) -> Tensor:
        maps = self.maps(x).flatten(1)
        return torch.cat([maps, maps.new_full((len(maps), 1), USUAL_QUALITY)], 1)


class Synthesis(nn.Module):
    """Codes to pictures (n, channels, 8 h, 8 w): 18,000 multiplications a pixel.

    size: (h, w) of the map that a code holds.
    """

    outputs_per_value = 16
    """Outputs of the last convolution for a channel: a square of 4 x 4 pixels."""

    def __init__(self, network: PhotoConfig, channels: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.shape = (network.places, *size)
        self.regain = Gains(network.places, 0.0, 0.0)
        self.layers = Transform(
            Told(network.places, network.inner, nn.ReLU),
            Told(network.places, network.inner, nn.ReLU),
            nn.Conv2d(network.places, 4 * network.up, 3, padding=1, device="meta"),
            nn.PixelShuffle(2),
            Told(network.up, network.up, nn.ReLU),
            nn.Conv2d(network.up, 16 * channels, 3, padding=1, device="meta"),
            nn.PixelShuffle(4),
        )

    def pictures(self, maps: Tensor, quality: Tensor) -> Tensor:
        """Return the pictures of maps (n, places, h, w) of any size, at qualities (n,); always in float32."""
        with in_float32(maps):
            pictures: Tensor = self.layers(maps * self.regain(quality).exp(), quality)
        return pictures

    def forward(self, code: Tensor) -> Tensor:
        return self.pictures(code[:, :-1].reshape(-1, *self.shape), code[:, -1])


def side_analysis(config: HyperpriorConfig) -> nn.Sequential:
    """Maps (n, places, h, w) -> side maps (n, side, h / 4, w / 4), rounded up."""
    width = config.hidden
    return nn.Sequential(
        nn.Conv2d(config.places, width, 3, padding=1, device="meta"),
        nn.SiLU(),
        nn.Conv2d(width, width, 3, 2, 1, device="meta"),
        nn.SiLU(),
        nn.Conv2d(width, config.side, 3, 2, 1, device="meta"),
    )
