"""JPEG in torch, a batch at once: each image with its own quality, with chroma at full or at half size.

The same steps as the reference library (ITU-T T.81; libjpeg): YCbCr, means of 2 x 2 chroma pixels, cosine transform of
8 x 8 pixels, quantisation, and back; chroma is brought to full size by the triangle filter.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

LUMA_STEPS = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMA_STEPS = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *[(99,) * 8] * 4,
)
"""Quantisation at quality 50 (T.81, tables K.1 and K.2)."""
TO_YCC = (
    (0.299, 0.587, 0.114),
    (-0.168735892, -0.331264108, 0.5),
    (0.5, -0.418687589, -0.081312411),
)
TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136286, -0.714136286), (1.0, 1.772, 0.0))
SIDE = 8


def jpeg(images: Tensor, quality: Tensor, halved: Tensor) -> Tensor:
    """Return images (n, 3, h, w) of values in [0, 1] after JPEG, as multiples of 1/255.

    quality: (n,), 1 to 100. halved: (n,), whether chroma is kept at half size (4:2:0) or at full size (4:4:4).
    """
    height, width = images.shape[2:]
    below, right = -height % (2 * SIDE), -width % (2 * SIDE)
    levels = functional.pad(images.clamp(0, 1).mul(255).round_(), (0, right, 0, below), mode="replicate")
    ycc = mixed(levels, TO_YCC).round_()
    luma, chroma = ycc[:, :1] - 128, ycc[:, 1:]
    scale = _scale(quality)
    luma = _quantised(luma, _steps(LUMA_STEPS, scale))
    chroma_steps = _steps(CHROMA_STEPS, scale)
    full = _quantised(chroma, chroma_steps)
    half = _enlarged(_quantised(_halved(chroma), chroma_steps))
    chroma = torch.where(halved.view(-1, 1, 1, 1), half, full)
    luma = (luma.round_() + 128).clamp_(0, 255)
    chroma = chroma.round_().clamp_(-128, 127)
    rgb = mixed(torch.cat([luma, chroma], 1), TO_RGB)
    return rgb[:, :, :height, :width].round().clamp_(0, 255).div_(255)


def mixed(x: Tensor, rows: tuple[tuple[float, ...], ...]) -> Tensor:
    """Return linear combinations of the channels of (n, 3, h, w)."""
    return torch.einsum("oc,nchw->nohw", torch.tensor(rows, device=x.device, dtype=x.dtype), x).contiguous()


def _scale(quality: Tensor) -> Tensor:
    """Return by how many percent the tables are scaled (libjpeg, jpeg_quality_scaling)."""
    quality = quality.round().clamp(1, 100)
    return torch.where(quality < 50, (5000 / quality).floor(), 200 - 2 * quality)


def _steps(table: tuple[tuple[int, ...], ...], scale: Tensor) -> Tensor:
    """Return the quantisation steps of each image, (n, 1, 1, 1, 8, 8)."""
    base = torch.tensor(table, device=scale.device, dtype=torch.float32)
    return ((base * scale.view(-1, 1, 1, 1, 1, 1) + 50) / 100).floor_().clamp_(1, 255)


def _cosines(x: Tensor) -> Tensor:
    """Return the orthonormal cosine transform of 8 x 8 pixels, (64 frequencies, 64 pixels)."""
    pixels = torch.arange(SIDE, device=x.device, dtype=torch.float32)
    rows = torch.cos((2 * pixels + 1) * pixels.view(-1, 1) * (math.pi / 16)) / 2
    rows[0] /= math.sqrt(2)
    return torch.kron(rows, rows)


def _quantised(planes: Tensor, steps: Tensor) -> Tensor:
    """Return planes (n, c, h, w) with the cosine coefficients of each block rounded to multiples of the steps."""
    count, channels, height, width = planes.shape
    grid = (count, channels, height // SIDE, width // SIDE, SIDE, SIDE)
    blocks = planes.view(count, channels, height // SIDE, SIDE, width // SIDE, SIDE).transpose(3, 4).flatten(4)
    cosines = _cosines(planes)
    kept = (blocks @ cosines.T).view(grid).div_(steps).round_().mul_(steps)
    return (kept.flatten(4) @ cosines).view(grid).transpose(3, 4).reshape(planes.shape)


def _halved(chroma: Tensor) -> Tensor:
    """Return the means of 2 x 2 pixels; what lies between two levels goes down and up in turn (libjpeg, jcsample)."""
    bias = torch.tensor([0.25, 0.5], device=chroma.device).repeat(chroma.shape[3] // 4)
    return (functional.avg_pool2d(chroma, 2) + bias).floor_()


def _enlarged(half: Tensor) -> Tensor:
    """Return chroma at twice the size: each pixel 3/4 of the nearest and 1/4 of the next, along both sides."""
    return functional.interpolate(half, scale_factor=2, mode="bilinear", align_corners=False)
