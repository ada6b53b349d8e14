"""The residual U-shaped network: half the size at each stage, each map also handed across to the decoder.

Its code is all that its decoder sees: the samples themselves, the map of each stage, and the last map.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from diabolo.config.networks import UShapedConfig
from diabolo.model.networks.sizes import Size, map_sizes


def convolution(inputs: int, outputs: int, size: int = 3, *, stride: int = 1, bias: bool) -> nn.Conv2d:
    padding = size // 2 if stride == 1 else 0
    return nn.Conv2d(inputs, outputs, size, stride=stride, padding=padding, bias=bias, device="meta")


TOLD = 2
"""Channels that tell of the noise: its level, and 1 where it is known."""


def _biased(network: UShapedConfig) -> bool:
    return network.bias or not network.residual


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
        found: Tensor = x + self.second(functional.relu(self.first(x), inplace=True))
        return found


def blocks(channels: int, count: int, *, bias: bool) -> nn.Sequential:
    return nn.Sequential(*[Block(channels, bias=bias) for _ in range(count)])


class Downward(nn.Module):
    """(n, c, h, w) -> the code, (n, numbers): every map, flat, one after the other.

    A network that can be told the noise takes TOLD more channels; without them they are 0: it is not known.
    """

    def __init__(self, network: UShapedConfig, inputs: Size) -> None:
        super().__init__()
        channels, bias = network.channels, _biased(network)
        self.inputs, self.height, self.width = map_sizes(channels, inputs)[0]
        self.seen = self.inputs + TOLD * network.told
        self.enter = convolution(4 * self.seen, channels[0], bias=bias)
        depths = zip(channels, network.blocks_of, strict=True)
        self.stages = nn.ModuleList([blocks(outputs, depth, bias=bias) for outputs, depth in depths])
        pairs = pairwise(channels)
        self.halvings = nn.ModuleList([convolution(some, more, 2, stride=2, bias=bias) for some, more in pairs])

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([some.permute(0, 2, 3, 1).flatten(1) for some in self.maps(x)], 1)

    def maps(self, x: Tensor) -> list[Tensor]:
        """Return the padded samples and the map of each stage: what the code holds."""
        right, below = self.width - x.shape[3], self.height - x.shape[2]
        if right or below:
            x = functional.pad(x, (0, right, 0, below), mode="replicate")
        if x.shape[1] < self.seen:
            x = functional.pad(x, (0, 0, 0, 0, 0, self.seen - x.shape[1]))
        y = self.enter(functional.pixel_unshuffle(x, 2))
        maps = [x[:, : self.inputs]]
        for number, stage in enumerate(self.stages):
            y = stage(self.halvings[number - 1](y) if number else y)
            maps.append(y)
        return maps


def _as_map(piece: Tensor, size: Size) -> Tensor:
    channels, height, width = size
    return piece.view(-1, height, width, channels).permute(0, 3, 1, 2)


class Upward(nn.Module):
    """The code -> (n, c, padded h, padded w): the samples less what the network takes for noise, or (plain) its output.

    Without biases and with the difference, the output scales with the input, so that it carries over between noise
    levels (Mohan et al. 2020). more: channels of the output beyond those of the samples.
    """

    outputs_per_value = 4
    """Outputs of the last convolution for a channel: the pixels of a cell of 2 x 2."""

    def __init__(self, network: UShapedConfig, inputs: Size, *, more: int = 0) -> None:
        super().__init__()
        channels, self.residual, bias = network.channels, network.residual, _biased(network)
        self.sizes = map_sizes(channels, inputs)
        pairs = list(pairwise(channels))
        self.doublings = nn.ModuleList([convolution(more, 4 * some, 1, bias=bias) for some, more in pairs])
        depths = zip(channels[:-1], network.blocks_of[:-1], strict=True)
        self.stages = nn.ModuleList([blocks(some, depth, bias=bias) for some, depth in depths])
        outputs = 4 * (inputs[0] + more)
        plain = convolution(channels[0], outputs, bias=bias)
        self.leave = Mute(channels[0], outputs, 3, padding=1, bias=False, device="meta") if self.residual else plain

    def forward(self, code: Tensor) -> Tensor:
        pieces = torch.split(code, [math.prod(size) for size in self.sizes], dim=1)
        return self.of_maps([_as_map(piece, size) for piece, size in zip(pieces, self.sizes, strict=True)])

    def of_maps(self, found: list[Tensor]) -> Tensor:
        """Return the output for the samples and the maps themselves, which saves making a code of them."""
        x, *maps = found
        y = maps.pop()
        for number in reversed(range(len(maps))):
            y = self.stages[number](functional.pixel_shuffle(self.doublings[number](y), 2) + maps[number])
        y = functional.pixel_shuffle(self.leave(y), 2)
        if not self.residual:
            return y
        wanted = x.shape[1]
        return x - y if y.shape[1] == wanted else torch.cat([x - y[:, :wanted], y[:, wanted:]], 1)
