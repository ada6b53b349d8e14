"""Noise as a camera's photos have it: of the sensor, spread by the mosaic, smoothed and sharpened, under a tone curve.

The clean image takes the same way without the noise: it is what a perfect sensor's photo would be.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from diabolo.model.corruption.draws import Numbers
from diabolo.model.corruption.filters import blurred, chroma_blurred, rescaled
from diabolo.model.corruption.mosaic import bilinear, malvar, mosaicked, places
from diabolo.model.corruption.raw import Colours, linear_of, sensor_noise, shot_and_read, srgb_of


@dataclass(frozen=True)
class Camera:
    """Shares of the images that get each step, and its range. Spreads are in pixels.

    shots: shot noise of a sensor value of 1. unmosaicked, corrected: no mosaic, and one interpolated with correction.
    smoothed, chroma: the camera's own noise reduction, of all and of colour alone. sharpened: unsharp mask.
    """

    shots: tuple[float, float] = (3e-5, 0.02)
    curved: float = 0.5
    unmosaicked: float = 0.3
    corrected: float = 0.35
    smoothed: float = 0.5
    smoothing: tuple[float, float] = (0.3, 1.2)
    chroma: float = 0.5
    chroma_smoothing: tuple[float, float] = (0.5, 3.0)
    sharpened: float = 0.3
    sharpening: tuple[float, float] = (0.2, 1.0)
    mask: tuple[float, float] = (0.5, 1.5)
    scaled: float = 0.3
    scales: tuple[float, float] = (0.7, 1.3)


def photographed(images: Tensor, draws: Numbers, camera: Camera) -> tuple[Tensor, Tensor]:
    """Return images (n, 3, h, w) of values in [0, 1] as a noisy photo shows them, and as one without noise does."""
    curved, colours = draws.coin(camera.curved), Colours(draws)
    raw = colours.unprocessed(linear_of(images, curved))
    shot, read = shot_and_read(draws, camera.shots)
    noisy = raw + _interpolated(sensor_noise(raw, shot, read, draws), draws, camera)
    noisy, clean = (srgb_of(colours.processed(values), curved) for values in (noisy, raw))
    noise = _smoothed(noisy - clean, draws, camera)
    noisy, clean = _sharpened(clean + noise, clean, draws, camera)
    scale = torch.where(draws.coin(camera.scaled), draws.scale(*camera.scales), 1.0)
    both = rescaled(torch.cat([noisy, clean], 1), scale).clamp(0, 1)
    return both[:, :3], both[:, 3:]


def _interpolated(noise: Tensor, draws: Numbers, camera: Camera) -> Tensor:
    """Return sensor noise (n, 3, h, w) as a mosaic keeps and a camera interpolates it.

    Interpolation is linear, so that the noise can take it by itself: the photos have been made smaller and are sharper
    than what a lens leaves for the mosaic, whose false colours would otherwise count as part of the picture.
    """
    start, kind = draws.even(0, 4).floor().long().flatten(), draws.even(0, 1)
    where = places((noise.shape[2], noise.shape[3]), start)
    mosaic = mosaicked(noise, where)
    linear = torch.where(kind < 1 - camera.corrected, bilinear(mosaic, where), malvar(mosaic, where))
    return torch.where(kind < camera.unmosaicked, noise, linear)


def _smoothed(noise: Tensor, draws: Numbers, camera: Camera) -> Tensor:
    """Return the noise that a camera's own reduction leaves: it spares the edges of the picture, so only noise is."""
    spread = torch.where(draws.coin(camera.smoothed), draws.even(*camera.smoothing), 0.0)
    chroma = torch.where(draws.coin(camera.chroma), draws.even(*camera.chroma_smoothing), 0.0)
    return chroma_blurred(blurred(noise, spread), chroma)


def _sharpened(noisy: Tensor, clean: Tensor, draws: Numbers, camera: Camera) -> tuple[Tensor, Tensor]:
    amount = torch.where(draws.coin(camera.sharpened), draws.even(*camera.sharpening), 0.0)
    both = torch.cat([noisy, clean], 1)
    both = both + amount * (both - blurred(both, draws.even(*camera.mask)))
    return both[:, :3], both[:, 3:]
