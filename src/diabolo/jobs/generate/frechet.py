"""How far new samples are from real ones as a whole: a Frechet distance that needs no network and no download."""

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from diabolo.data.source import Array
from diabolo.errors import InputError
from diabolo.training.files.model_file import Trained

COMPONENTS = 64
NAME = f"Frechet distance in {COMPONENTS} principal components"


def frechet_distance(trained: Trained, real: Array, new: Array) -> float:
    """Return the Frechet distance of two sets of samples in the first 64 principal components of the real ones.

    real, new: (n, *shape) in the data's own units, 2 or more of each. The components are found in prepared units and
    scaled by nothing, so that the distance is in prepared units squared. It is no FID: that one is measured in the
    features of a network of natural photographs (Heusel et al. 2017, eq. 6), and figures of the two do not compare.
    """
    if min(len(real), len(new)) < 2:
        raise InputError(f"A distance needs 2 samples or more of each kind, got {len(real)} and {len(new)}.")
    first, second = (trained.preprocessing.prepare(x).reshape(len(x), -1).astype(np.float64) for x in (real, new))
    pca = PCA(
        min(COMPONENTS, *first.shape),
        svd_solver="covariance_eigh" if first.shape[1] <= 4096 else "auto",
        random_state=0,
    )
    pca.fit(first)
    return distance_of(pca.transform(first), pca.transform(second))


def distance_of(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) of the normals fitted to features (n, d) and (m, d)."""
    means = first.mean(0), second.mean(0)
    one, two = (np.atleast_2d(np.cov(features, rowvar=False)) for features in (first, second))
    crossed = np.sqrt(np.clip(np.linalg.eigvals(one @ two).real, 0, None)).sum()
    return float(max(0.0, np.square(means[0] - means[1]).sum() + np.trace(one) + np.trace(two) - 2 * crossed))
