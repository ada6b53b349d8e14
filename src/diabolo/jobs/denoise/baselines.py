"""What cleans an image without a trained model: filters of scikit-image, PCA of patches, and BM3D where it is there."""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import ndimage
from skimage import restoration

Plane = NDArray[np.float64]
Cleaner = Callable[[Plane, float], Plane]
"""(an image (h, w) of values in [0, 1], the spread of its noise) -> the image cleaned."""
PATCH = 8


def median(image: Plane, noise: float) -> Plane:
    return np.asarray(ndimage.median_filter(image, size=3 if noise < 30 / 255 else 5))


def gaussian_blur(image: Plane, noise: float) -> Plane:
    return np.asarray(ndimage.gaussian_filter(image, 0.4 + 8 * noise))


def total_variation(image: Plane, noise: float) -> Plane:
    return np.asarray(restoration.denoise_tv_chambolle(image, weight=max(1e-6, 1.05 * noise)))  # type: ignore[no-untyped-call]


def non_local_means(image: Plane, noise: float) -> Plane:
    noise = max(noise, 1e-6)
    options = {"h": 0.8 * noise, "sigma": noise, "fast_mode": True, "patch_size": 5, "patch_distance": 6}
    return np.asarray(restoration.denoise_nl_means(image, **options))


def wavelets(image: Plane, noise: float) -> Plane:
    clean = partial(restoration.denoise_wavelet, sigma=max(noise, 1e-6), wavelet="db4", rescale_sigma=True)
    return np.asarray(restoration.cycle_spin(image, func=clean, max_shifts=3, workers=1))


def patch_components(image: Plane, noise: float) -> Plane:
    """Shrink the principal components of all patches of 8 x 8 by Wiener's rule, and average what overlaps."""
    if min(image.shape) < 2 * PATCH:
        return image
    padded = np.pad(image, PATCH - 1, mode="symmetric")
    windows = sliding_window_view(padded, (PATCH, PATCH))
    patches = windows.reshape(-1, PATCH * PATCH)
    mean = patches.mean(0)
    values, vectors = np.linalg.eigh(np.cov(patches, rowvar=False))
    shrunk = (vectors * np.clip(1 - noise**2 / np.maximum(values, 1e-12), 0, 1)) @ vectors.T
    cleaned = ((patches - mean) @ shrunk + mean).reshape(windows.shape)
    total = np.zeros_like(padded)
    for row in range(PATCH):
        for column in range(PATCH):
            total[row : row + len(windows), column : column + windows.shape[1]] += cleaned[:, :, row, column]
    inner = slice(PATCH - 1, 1 - PATCH)
    return total[inner, inner] / PATCH**2


def bm3d(image: Plane, noise: float) -> Plane:
    import bm3d as package

    return np.asarray(package.bm3d(image, max(noise, 1e-6)))


BASELINES: dict[str, Cleaner] = {
    "median": median,
    "Gaussian blur": gaussian_blur,
    "total variation": total_variation,
    "non-local means": non_local_means,
    "wavelets": wavelets,
    "PCA of patches": patch_components,
}
BM3D = "BM3D"


def baselines() -> dict[str, Cleaner]:
    """Return the baselines by name; BM3D where its package is installed (`pip install bm3d`)."""
    return {**BASELINES, BM3D: bm3d} if find_spec("bm3d") else dict(BASELINES)


def applied(clean: Cleaner, image: NDArray[np.float64], noise: float) -> NDArray[np.float64]:
    """Return an image (h, w) or (h, w, 3) cleaned plane by plane, in [0, 1]."""
    planes = image[..., None] if image.ndim == 2 else image
    cleaned = np.stack([clean(planes[..., channel], noise) for channel in range(planes.shape[2])], -1)
    return np.clip(cleaned.reshape(image.shape), 0, 1)
