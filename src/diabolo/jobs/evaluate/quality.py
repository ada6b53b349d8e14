"""How like a clean image another is: PSNR and SSIM."""

import math

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from diabolo.data.preprocessing import PIXEL_LIMITS
from diabolo.data.source import Array


def _unit(image: Array, white: float | None) -> NDArray[np.float64]:
    return image.astype(np.float64) / (white or PIXEL_LIMITS.get(image.dtype, 1.0))


def psnr(clean: Array, image: Array, *, white: float | None = None) -> float:
    """Return the peak signal-to-noise ratio in dB: 10 log10(1 / mean squared error) in [0, 1]; inf if equal.

    white: the value that becomes 1, the largest of the type where it is not given.
    """
    error = float(np.square(_unit(clean, white) - _unit(image, white)).mean())
    return math.inf if error == 0 else -10 * math.log10(error)


def ssim(clean: Array, image: Array, *, white: float | None = None) -> float:
    """Return the structural similarity, 1 for equal images (Wang et al. 2004: Gaussian windows of 1.5 pixels).

    white: as `psnr` has it.
    """
    channel = -1 if clean.ndim == 3 else None
    small = min(clean.shape[:2]) < 11
    options = {"win_size": min(clean.shape[:2]) // 2 * 2 - 1} if small else {"gaussian_weights": True, "sigma": 1.5}
    if small and options["win_size"] < 3:
        return 1.0 if np.array_equal(clean, image) else math.nan
    return float(
        structural_similarity(  # type: ignore[no-untyped-call]
            _unit(clean, white),
            _unit(image, white),
            data_range=1.0,
            channel_axis=channel,
            use_sample_covariance=False,
            **options,
        )
    )
