"""Where the photo codec's training starts: at the cosines of JPEG, which its deep transforms then improve on."""

import math

import torch
from torch import Tensor, nn

from diabolo.model.networks.photo.transforms import MIDDLE, Analysis, Residual, Synthesis
from diabolo.model.networks.sizes import CELL

SMALL = 0.02
START_GAIN = 1.7
"""Suits quality 0: whole steps of an orthonormal transform that balance rate and error there."""
OPPONENT = ((1.0, 1.0, 1.0), (1.0, 0.0, -1.0), (1.0, -2.0, 1.0))
CHROMA_SHARE = 0.5
"""Part of the frequencies of brightness that colour differences get, along a side."""


def cosines(count: int, channels: int, device: torch.device) -> Tensor:
    """Return the `count` smoothest of the orthonormal cosines of 8 x 8 pixels, (count, channels, 8, 8)."""
    place = torch.arange(CELL, device=device, dtype=torch.float64)
    waves = torch.cos(math.pi * (2 * place[None] + 1) * place[:, None] / (2 * CELL)) * math.sqrt(2 / CELL)
    waves[0] /= math.sqrt(2)
    colours = torch.eye(channels, device=device, dtype=torch.float64)
    if channels == len(OPPONENT):
        colours = torch.tensor(OPPONENT, device=device, dtype=torch.float64)
    colours /= colours.norm(dim=1, keepdim=True)
    basis = torch.einsum("kc,uy,vx->kuvcyx", colours, waves, waves)
    share = torch.full((channels,), CHROMA_SHARE, device=device, dtype=torch.float64)
    share[0] = 1
    roughness = (place[:, None].square() + place.square())[None] / share.square()[:, None, None]
    order = torch.argsort(roughness.flatten(), stable=True)[:count]
    return basis.flatten(0, 2)[order].float()


@torch.no_grad()
def start_at_cosines(coming: Analysis, going: Synthesis) -> None:
    """Set the linear path of both transforms, where it is wide enough, to the cosine transform of 8 x 8 pixels.

    The last convolution of a residual block starts small.
    """
    for block in (*coming.modules(), *going.modules()):
        if isinstance(block, Residual):
            block.second.weight.mul_(SMALL)
    one, two, three = (layer for layer in coming.layers if isinstance(layer, nn.Conv2d))
    up, leave = (layer for layer in going.layers if isinstance(layer, nn.Conv2d))
    places, channels = len(coming.to_map.weight), one.weight.shape[1]
    quarter = 16 * channels
    wide = len(one.weight) >= 4 * channels and len(two.weight) >= quarter and len(three.weight) >= places
    if not wide or up.weight.shape[0] < 4 * quarter:
        return
    for layer, inputs in ((one, channels), (two, 4 * channels)):
        middle = layer.weight.shape[2] // 2
        layer.weight[: 4 * inputs].zero_()
        for row in range(4 * inputs):
            layer.weight[row, row // 4, middle + row // 2 % 2, middle + row % 2] = 1
    basis = cosines(places, channels, one.weight.device)
    count = len(basis)
    three.weight[:count].zero_()
    # a pixel of a cell, in bits from the highest: its row and column in the half, the quarter, the eighth
    halves = basis.view(count, channels, 2, 2, 2, 2, 2, 2)  # (count, channel, y2, y1, y0, x2, x1, x0)
    three.weight[:count, :quarter, 1:, 1:] = halves.permute(0, 1, 4, 7, 3, 6, 2, 5).reshape(count, quarter, 2, 2)
    coming.to_map.weight[:count].zero_()
    coming.to_map.weight[range(count), range(count), 1, 1] = START_GAIN
    up.weight[: 4 * quarter].zero_()
    quarters = basis.view(count, channels, 2, 4, 2, 4).permute(1, 3, 5, 2, 4, 0).reshape(4 * quarter, count)
    up.weight[: 4 * quarter, :count, 1, 1] = quarters / START_GAIN
    assert leave.bias is not None
    leave.bias.fill_(MIDDLE)
    leave.weight.zero_()
    leave.weight[range(quarter), range(quarter), 1, 1] = 1
