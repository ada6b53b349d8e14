"""What cleans an image without a trained model: filters of scikit-image, PCA of patches, and BM3D where it is there.

Each takes colours together where it can: the noise of the channels is then told apart from the picture better.
"""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import ndimage
from skimage import restoration

Image = NDArray[np.float64]
"""(h, w) or (h, w, 3) of values in [0, 1]."""
Cleaner = Callable[[Image, float], Image]
"""(an image, the spread of its noise) -> the image cleaned."""
PATCH = 8


def _axis(image: Image) -> int | None:
    return -1 if image.ndim == 3 else None


def _by_plane(clean: Callable[[Image], Image], image: Image) -> Image:
    """Return an image cleaned channel by channel."""
    planes = image[..., None] if image.ndim == 2 else image
    return np.stack([clean(planes[..., number]) for number in range(planes.shape[2])], -1).reshape(image.shape)


def median(image: Image, noise: float) -> Image:
    size = 3 if noise < 30 / 255 else 5
    return np.asarray(ndimage.median_filter(image, size=(size, size, 1)[: image.ndim]))


def gaussian_blur(image: Image, noise: float) -> Image:
    width = 0.4 + 8 * noise
    return np.asarray(ndimage.gaussian_filter(image, (width, width, 0)[: image.ndim]))


def total_variation(image: Image, noise: float) -> Image:
    weight = max(1e-6, 1.05 * noise)
    return np.asarray(restoration.denoise_tv_chambolle(image, weight=weight, channel_axis=_axis(image)))  # type: ignore[no-untyped-call]


def non_local_means(image: Image, noise: float) -> Image:
    noise = max(noise, 1e-6)
    options = {"h": 0.8 * noise, "sigma": noise, "fast_mode": True, "patch_size": 5, "patch_distance": 6}
    return np.asarray(restoration.denoise_nl_means(image, channel_axis=_axis(image), **options))


def wavelets(image: Image, noise: float) -> Image:
    options = {"wavelet": "db4", "rescale_sigma": True, "convert2ycbcr": image.ndim == 3}
    clean = partial(restoration.denoise_wavelet, sigma=max(noise, 1e-6), channel_axis=_axis(image), **options)
    shifts = (3, 3, 0)[: image.ndim]
    return np.asarray(restoration.cycle_spin(image, func=clean, max_shifts=shifts, workers=1))


def patch_components(image: Image, noise: float) -> Image:
    return _by_plane(partial(_patch_components, noise=noise), image)


def _patch_components(image: Image, noise: float) -> Image:
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


def bm3d(image: Image, noise: float) -> Image:
    import bm3d as package

    clean = package.bm3d_rgb if image.ndim == 3 else package.bm3d
    return np.asarray(clean(image, max(noise, 1e-6)))


def stabilised(clean: Cleaner, image: Image, peak: float) -> Image:
    """Return an image of `peak` photons at white cleaned after Anscombe's transform, which makes its noise even.

    The way back is the closed form of the exact unbiased one (Makitalo and Foi 2011, IEEE TIP 20:2697, eq. 10).
    """
    root = 2 * np.sqrt(np.maximum(image, 0) * peak + 3 / 8)
    low, high = float(root.min()), float(max(root.max(), root.min() + 1e-6))
    found = np.maximum(clean((root - low) / (high - low), 1 / (high - low)) * (high - low) + low, 2 * np.sqrt(3 / 8))
    back = found**2 / 4 + np.sqrt(1.5) / (4 * found) - 11 / (8 * found**2) + 5 * np.sqrt(1.5) / (8 * found**3) - 1 / 8
    return np.asarray(np.clip(back / peak, 0, 1))


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


def applied(clean: Cleaner, image: Image, noise: float) -> Image:
    """Return an image (h, w) or (h, w, 3) cleaned, in [0, 1]."""
    return np.clip(clean(image, noise), 0, 1)
