"""The residual U-shaped network: half the size at each stage, each map also handed across to the decoder.

Its code is all that its decoder sees: the samples themselves, the map of each stage, and the last map.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from diabolo.model.networks.sizes import Size, map_sizes


def convolution(inputs: int, outputs: int, size: int = 3, *, stride: int = 1, bias: bool) -> nn.Conv2d:
    padding = size // 2 if stride == 1 else 0
    return nn.Conv2d(inputs, outputs, size, stride=stride, padding=padding, bias=bias, device="meta")


class Mute(nn.Conv2d):
    """A convolution that starts near zero: a residual network begins with its input, not with a guess to unlearn.

    At zero itself the other layers would have no gradient.
    """

    @torch.no_grad()
    def start(self) -> None:
        self.weight.fill_(1e-3)


class Block(nn.Module):
    """x + conv(ReLU(conv(x)))."""

    def __init__(self, channels: int, *, bias: bool) -> None:
        super().__init__()
        self.first = convolution(channels, channels, bias=bias)
        self.second = convolution(channels, channels, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(functional.relu(self.first(x), inplace=True))  # type: ignore[no-any-return]


def blocks(channels: int, count: int, *, bias: bool) -> nn.Sequential:
    return nn.Sequential(*[Block(channels, bias=bias) for _ in range(count)])


class Downward(nn.Module):
    """(n, c, h, w) -> the code, (n, numbers): every map, flat, one after the other."""

    def __init__(self, channels: tuple[int, ...], inputs: Size, depth: int, *, bias: bool) -> None:
        super().__init__()
        _, self.height, self.width = map_sizes(channels, inputs)[0]
        self.enter = convolution(4 * inputs[0], channels[0], bias=bias)
        self.stages = nn.ModuleList([blocks(outputs, depth, bias=bias) for outputs in channels])
        pairs = pairwise(channels)
        self.halvings = nn.ModuleList([convolution(some, more, 2, stride=2, bias=bias) for some, more in pairs])

    def forward(self, x: Tensor) -> Tensor:
        right, below = self.width - x.shape[3], self.height - x.shape[2]
        if right or below:
            x = functional.pad(x, (0, right, 0, below), mode="replicate")
        y = self.enter(functional.pixel_unshuffle(x, 2))
        maps = [x]
        for number, stage in enumerate(self.stages):
            y = stage(self.halvings[number - 1](y) if number else y)
            maps.append(y)
        return torch.cat([some.permute(0, 2, 3, 1).flatten(1) for some in maps], 1)


def _as_map(piece: Tensor, size: Size) -> Tensor:
    channels, height, width = size
    return piece.view(-1, height, width, channels).permute(0, 3, 1, 2)


class Upward(nn.Module):
    """The code -> (n, c, padded h, padded w): the samples less what the network takes for noise, or (plain) its output.

    Without biases and with the difference, the output scales with the input, so that it carries over between noise
    levels (Mohan et al. 2020).
    """

    outputs_per_value = 4
    """Outputs of the last convolution for a channel: the pixels of a cell of 2 x 2."""

    def __init__(self, channels: tuple[int, ...], inputs: Size, depth: int, *, residual: bool) -> None:
        super().__init__()
        self.sizes, self.residual = map_sizes(channels, inputs), residual
        bias = not residual
        pairs = list(pairwise(channels))
        self.doublings = nn.ModuleList([convolution(more, 4 * some, 1, bias=bias) for some, more in pairs])
        self.stages = nn.ModuleList([blocks(some, depth, bias=bias) for some, _ in pairs])
        outputs = 4 * inputs[0]
        plain = convolution(channels[0], outputs, bias=bias)
        self.leave = Mute(channels[0], outputs, 3, padding=1, bias=False, device="meta") if residual else plain

    def forward(self, code: Tensor) -> Tensor:
        pieces = torch.split(code, [math.prod(size) for size in self.sizes], dim=1)
        x, *maps = (_as_map(piece, size) for piece, size in zip(pieces, self.sizes, strict=True))
        y = maps.pop()
        for number in reversed(range(len(maps))):
            y = self.stages[number](functional.pixel_shuffle(self.doublings[number](y), 2) + maps[number])
        y = functional.pixel_shuffle(self.leave(y), 2)
        return x - y if self.residual else y
