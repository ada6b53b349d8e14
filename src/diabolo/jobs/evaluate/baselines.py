"""The baselines: principal components, the best linear code of the same size; and filters for noisy images."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.decomposition import PCA

Prepared = NDArray[np.float32]
Reconstruct = Callable[[Prepared], Prepared]


def principal_components(samples: Prepared, latent: int, *, unit: bool) -> Reconstruct:
    """Fit PCA on prepared samples (n, dimensions) and return its reconstruction of others.

    unit: whether values are kept in [0, 1] afterwards. At most min(n, dimensions) components are taken.
    """
    pca = PCA(min(latent, *samples.shape), random_state=0).fit(samples)

    def reconstruct(x: Prepared) -> Prepared:
        back: Prepared = pca.inverse_transform(pca.transform(x)).astype(np.float32)
        return np.clip(back, 0, 1) if unit else back

    return reconstruct


def _median(x: Prepared) -> Prepared:
    return np.asarray(ndimage.median_filter(x, size=(1, 3, 3, 1)[: x.ndim]), np.float32)


def _blur(x: Prepared) -> Prepared:
    return np.asarray(ndimage.gaussian_filter(x, sigma=(0, 1, 1, 0)[: x.ndim]), np.float32)


FILTERS: dict[str, Reconstruct] = {"median 3x3": _median, "Gaussian blur": _blur}
"""What cleans noisy images (n, h, w) or (n, h, w, c) without learning anything."""
