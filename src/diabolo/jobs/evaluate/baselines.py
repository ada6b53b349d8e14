"""The baselines: principal components, the best linear code of the same size; and filters for noisy images."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.decomposition import PCA

Prepared = NDArray[np.float32]
Reconstruct = Callable[[Prepared], Prepared]
MOST_TRIED = 256


def principal_components(samples: Prepared, latent: int, *, unit: bool) -> Reconstruct:
    """Fit PCA on prepared samples (n, dimensions) and return its reconstruction of others.

    unit: whether values are kept in [0, 1] afterwards. At most min(n, dimensions) components are taken.
    """
    return _kept_by(_fitted(samples, latent), unit=unit)


def components_against(clean: Prepared, noisy: Prepared, *, unit: bool) -> tuple[Reconstruct, int]:
    """Fit PCA on clean samples (n, dimensions); return what it keeps of noisy ones, and how many components it takes.

    noisy: the same samples. The number of components, at most 256, is the one that restores them best: a component that
    is kept costs the noise in it, one that is left out costs its variance.
    """
    pca = _fitted(clean, MOST_TRIED)
    wanted, given = pca.transform(clean), pca.transform(noisy)
    gains = np.square(wanted).mean(0, dtype=np.float64) - np.square(given - wanted).mean(0, dtype=np.float64)
    count = int(np.argmax(np.cumsum(gains))) + 1
    pca.components_ = pca.components_[:count]
    return _kept_by(pca, unit=unit), count


def _fitted(samples: Prepared, most: int) -> PCA:
    with np.errstate(invalid="ignore"):  # the shares of a variance of 0, which nobody asks for
        return PCA(min(most, *samples.shape), random_state=0).fit(samples)


def _kept_by(pca: PCA, *, unit: bool) -> Reconstruct:
    mean, axes = pca.mean_.astype(np.float32), pca.components_.astype(np.float32)

    def reconstruct(x: Prepared) -> Prepared:
        back: Prepared = (x - mean) @ axes.T @ axes + mean
        return np.clip(back, 0, 1) if unit else back

    return reconstruct


def _median(x: Prepared) -> Prepared:
    return np.asarray(ndimage.median_filter(x, size=(1, 3, 3, 1)[: x.ndim]), np.float32)


def _blur(x: Prepared) -> Prepared:
    return np.asarray(ndimage.gaussian_filter(x, sigma=(0, 1, 1, 0)[: x.ndim]), np.float32)


FILTERS: dict[str, Reconstruct] = {"median 3x3": _median, "Gaussian blur": _blur}
"""What cleans noisy images (n, h, w) or (n, h, w, c) without learning anything."""
