"""Filters of a batch of images in torch, each image with its own width."""

import torch
from torch import Tensor
from torch.nn import functional

from diabolo.model.corruption.jpeg import TO_RGB, TO_YCC, mixed


def blurred(images: Tensor, spread: Tensor) -> Tensor:
    """Return images (n, c, h, w) blurred by a Gaussian of each image's spread (n, 1, 1, 1) in pixels; 0: unchanged.

    At the edge the weights of the pixels that are there are scaled to a sum of 1.
    """
    height, width = images.shape[2:]
    return _weights(spread, height) @ images @ _weights(spread, width).transpose(2, 3)


def _weights(spread: Tensor, size: int) -> Tensor:
    """Return the weight of each pixel (last) for each blurred pixel along one side, (n, 1, size, size)."""
    numbers = torch.arange(size, device=spread.device)
    away = (numbers - numbers.view(-1, 1)).square()
    return torch.softmax(-away / (2 * spread.square().clamp_min(1e-4)), 3)


def chroma_blurred(noise: Tensor, spread: Tensor) -> Tensor:
    """Return noise (n, 3, h, w) whose two colour differences are blurred, and whose luma is not."""
    ycc = mixed(noise, TO_YCC)
    return mixed(torch.cat([ycc[:, :1], blurred(ycc[:, 1:], spread)], 1), TO_RGB)


def rescaled(images: Tensor, scale: Tensor) -> Tensor:
    """Return images (n, c, h, w) made larger or smaller by each image's scale (n, 1, 1, 1), cut to the same size.

    Beyond the edge the image is mirrored. Bilinear; a scale of 1 changes nothing.
    """
    count, _, height, width = images.shape
    rows, columns = (torch.arange(size, device=images.device) - (size - 1) / 2 for size in (height, width))
    down = (rows.view(1, -1, 1) / scale.view(-1, 1, 1)) * (2 / max(1, height - 1))
    across = (columns.view(1, 1, -1) / scale.view(-1, 1, 1)) * (2 / max(1, width - 1))
    places = torch.stack([across.expand(count, height, width), down.expand(count, height, width)], 3)
    return functional.grid_sample(images, places, "bilinear", "reflection", align_corners=True)
