"""Residual networks of strided convolutions: a deeper pair than the lecture's, for variational models of images."""

from torch import Tensor, nn
from torch.nn import functional

from diabolo.model.networks.layers import convolution

ENTER = 5
"""Width of the first filter, which sees pixels."""


class Block(nn.Module):
    """x + conv(SiLU(conv(SiLU(x)))), on maps (n, channels, h, w)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        first, second = convolution(channels, channels), convolution(channels, channels)
        self.branch = nn.Sequential(nn.SiLU(), first, nn.SiLU(inplace=True), second)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = x + self.branch(x)
        return found


class Finer(nn.Module):
    """Maps (n, inputs, h, w) -> (n, outputs, 2 h, 2 w): a convolution gives the pixels of each cell of 2 x 2.

    A transposed convolution of the same cost overlaps unevenly, which shows as a chequered pattern (Odena et al. 2016).
    """

    outputs_per_value = 4
    """Outputs of the convolution for a channel: the pixels of a cell."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convolution = convolution(inputs, 4 * outputs)

    def forward(self, x: Tensor) -> Tensor:
        return functional.pixel_shuffle(self.convolution(x), 2)


def downward(channels: tuple[int, ...], blocks: int, inputs: int) -> list[nn.Module]:
    """Return layers that halve maps once for each number of `channels`, rounded up, with blocks after the last."""
    layers: list[nn.Module] = []
    for number, outputs in enumerate(channels):
        size = 3 if number else ENTER
        layers += [nn.SiLU()] if number else []
        layers += [nn.Conv2d(inputs, outputs, size, stride=2, padding=size // 2, device="meta")]
        inputs = outputs
    return [*layers, *(Block(inputs) for _ in range(blocks)), nn.SiLU()]


def upward(channels: tuple[int, ...], blocks: int, outputs: int) -> list[nn.Module]:
    """Return layers that mirror `downward`, doubling maps; the last of them gives `outputs` channels."""
    layers: list[nn.Module] = [Block(channels[-1]) for _ in range(blocks)]
    for inputs, wanted in zip(reversed(channels), [*reversed(channels[:-1]), outputs], strict=True):
        layers += [nn.SiLU(), Finer(inputs, wanted)]
    return layers
