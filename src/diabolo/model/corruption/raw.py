"""From a photo back to what the sensor saw, and the noise of a sensor (Brooks et al. 2019, Unprocessing Images).

All take and return images (n, 3, h, w) of values in [0, 1]; every other argument is (n, 1, 1, 1) or as stated.
"""

import torch
from torch import Tensor

from diabolo.model.corruption.draws import Numbers

CAMERAS = (
    ((1.0234, -0.2969, -0.2266), (-0.5625, 1.6328, -0.0469), (-0.0703, 0.2188, 0.6406)),
    ((0.4913, -0.0541, -0.0202), (-0.6130, 1.3513, 0.2906), (-0.1564, 0.2151, 0.7183)),
    ((0.8380, -0.2630, -0.0639), (-0.2887, 1.0725, 0.2496), (-0.0627, 0.1427, 0.5438)),
    ((0.6596, -0.2079, -0.0562), (-0.4782, 1.3016, 0.1933), (-0.0970, 0.1581, 0.5181)),
)
"""XYZ -> the camera's colours, of four cameras (Brooks et al. 2019)."""
SRGB_TO_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
RED_GAINS, BLUE_GAINS, BRIGHTNESS = (1.9, 2.4), (1.5, 1.9), (0.8, 0.1)
"""White balance, and 1 over the gain of all colours (mean, spread)."""
KNEE = 0.9
"""Brightness from which on the gains fade, so that white stays white."""
GAMMA, LEAST = 2.2, 1e-8
READ_SLOPE, READ_OFFSET, READ_SPREAD = 2.18, 1.20, 0.26
"""log(read) = slope * log(shot) + offset + normal noise, in natural logarithms (Brooks et al. 2019, section 3.1)."""


def shot_and_read(draws: Numbers, shots: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """Return the shot and the read noise of each image: variance = shot * value + read."""
    shot = draws.scale(*shots)
    return shot, (READ_SLOPE * shot.log() + READ_OFFSET + draws.normal(0, READ_SPREAD)).exp()


def sensor_noise(raw: Tensor, shot: Tensor, read: Tensor, draws: Numbers) -> Tensor:
    """Return normal noise of the variance shot * value + read."""
    return draws.white(raw) * (raw.clamp_min(0) * shot + read).sqrt()


class Colours:
    """One camera for each image: a mixture of four, with white balance and brightness drawn."""

    def __init__(self, draws: Numbers) -> None:
        weights = torch.cat([draws.even(1e-3, 1) for _ in CAMERAS], 1).flatten(1)
        device = weights.device
        cameras = torch.einsum("nk,kij->nij", weights / weights.sum(1, keepdim=True), torch.tensor(CAMERAS).to(device))
        to_camera = cameras @ torch.tensor(SRGB_TO_XYZ).to(device)
        self.to_camera = to_camera / to_camera.sum(2, keepdim=True)
        self.to_srgb = torch.linalg.inv_ex(self.to_camera).inverse
        brightness = 1 / draws.normal(*BRIGHTNESS).clamp(0.5, 1.1)
        ones = torch.ones_like(brightness)
        self.gains = torch.cat([draws.even(*RED_GAINS), ones, draws.even(*BLUE_GAINS)], 1) * brightness

    def unprocessed(self, linear: Tensor) -> Tensor:
        """Return linear sRGB as sensor values: other colours, less gain; white stays white."""
        seen = torch.einsum("nij,njhw->nihw", self.to_camera, linear).clamp_(0, 1)
        grey = seen.mean(1, keepdim=True)
        mask = ((grey - KNEE).clamp_min(0) / (1 - KNEE)).square()
        return seen * torch.maximum(mask + (1 - mask) / self.gains, 1 / self.gains)

    def processed(self, raw: Tensor) -> Tensor:
        """Return sensor values as linear sRGB, cut to [0, 1]."""
        balanced = (raw * self.gains).clamp(0, 1)
        return torch.einsum("nij,njhw->nihw", self.to_srgb, balanced).clamp_(0, 1)


def linear_of(srgb: Tensor, curved: Tensor) -> Tensor:
    """Return sRGB as linear light: the inverse of a tone curve (smoothstep) where `curved`, and of the gamma."""
    x = srgb.clamp(0, 1)
    flat = 0.5 - torch.sin(torch.asin(1 - 2 * x) / 3)
    return torch.where(curved, flat, x).clamp_min(LEAST).pow(GAMMA)


def srgb_of(linear: Tensor, curved: Tensor) -> Tensor:
    """Return linear light as sRGB: gamma, and a tone curve where `curved`."""
    x = linear.clamp(LEAST, 1).pow(1 / GAMMA)
    return torch.where(curved, x * x * (3 - 2 * x), x)
