"""Where the photo codec's training starts: at the cosines of JPEG, which its deep transforms then improve on."""

import math

import torch
from torch import Tensor, nn

from diabolo.model.photo.codec import PhotoCodec
from diabolo.model.photo.transforms import CELL, Gains, Residual


@torch.no_grad()
def draw(model: PhotoCodec, generator: torch.Generator) -> None:
    """Draw the weights of convolutions with unit gain by fan-in; then start both transforms at the cosines of JPEG."""
    model.to_empty(device=generator.device)
    for layer in model.modules():
        if isinstance(layer, Gains):
            layer.start()
        elif isinstance(layer, nn.Conv2d):
            layer.weight.normal_(0, 1 / math.sqrt(layer.weight[0].numel()), generator=generator)
            if layer.bias is not None:
                layer.bias.zero_()
    for layer in model.modules():
        if isinstance(layer, Residual):
            layer.second.weight.zero_()
    start_at_cosines(model)


START_GAIN = 1.7
"""Suits quality 0: whole steps of an orthonormal transform that balance rate and error there."""
OPPONENT = ((1.0, 1.0, 1.0), (1.0, 0.0, -1.0), (1.0, -2.0, 1.0))
CHROMA_SHARE = 0.5
"""Part of the frequencies of brightness that colour differences get, along a side."""


def cosines(count: int, device: torch.device) -> Tensor:
    """Return the `count` smoothest of the orthonormal cosines of 8 x 8 pixels of 3 colours, (count, 3, 8, 8)."""
    place = torch.arange(CELL, device=device, dtype=torch.float64)
    waves = torch.cos(math.pi * (2 * place[None] + 1) * place[:, None] / (2 * CELL)) * math.sqrt(2 / CELL)
    waves[0] /= math.sqrt(2)
    colours = torch.tensor(OPPONENT, device=device, dtype=torch.float64)
    colours /= colours.norm(dim=1, keepdim=True)
    basis = torch.einsum("kc,uy,vx->kuvcyx", colours, waves, waves)
    share = torch.tensor([1.0, CHROMA_SHARE, CHROMA_SHARE], device=device, dtype=torch.float64)
    roughness = (place[:, None].square() + place.square())[None] / share.square()[:, None, None]
    order = torch.argsort(roughness.flatten(), stable=True)[:count]
    return basis.flatten(0, 2)[order].float()


def start_at_cosines(model: PhotoCodec) -> None:
    """Set the linear path of both transforms, where it is wide enough, to the cosine transform of 8 x 8 pixels."""
    one, two, three = (layer for layer in model.analysis if isinstance(layer, nn.Conv2d))
    last = model.to_map
    up, leave = (layer for layer in model.synthesis if isinstance(layer, nn.Conv2d))
    latent = model.sizes.latent
    if one.weight.shape[1] != 3 or len(one.weight) < 12 or len(two.weight) < 48 or len(three.weight) < latent:
        return
    for layer, inputs in ((one, 3), (two, 12)):
        middle = layer.weight.shape[2] // 2
        layer.weight[: 4 * inputs].zero_()
        for row in range(4 * inputs):
            layer.weight[row, row // 4, middle + row // 2 % 2, middle + row % 2] = 1
    basis = cosines(latent, one.weight.device)
    three.weight[:latent].zero_()
    # a pixel of a cell, in bits from the highest: its row and column in the half, the quarter, the eighth
    halves = basis.view(latent, 3, 2, 2, 2, 2, 2, 2)  # (latent, colour, y2, y1, y0, x2, x1, x0)
    inner = halves.permute(0, 1, 4, 7, 3, 6, 2, 5).reshape(latent, 48, 2, 2)
    three.weight[:latent, :48, 1:, 1:] = inner
    last.weight.zero_()
    last.weight[range(latent), range(latent), 1, 1] = START_GAIN
    up.weight[:192].zero_()
    quarters = basis.view(latent, 3, 2, 4, 2, 4).permute(1, 3, 5, 2, 4, 0).reshape(48, 4, latent)
    if up.weight.shape[0] >= 192:
        up.weight[:192, :, 1, 1] = quarters.reshape(192, latent) / START_GAIN
        leave.weight.zero_()
        leave.weight[range(48), range(48), 1, 1] = 1
