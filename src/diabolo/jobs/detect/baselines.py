"""Detectors to beat: what is usual for tables, each fitted on normal rows, in columns standardised by those rows."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

Rows = NDArray[np.float64]
Scorer = Callable[[Rows, Rows, int], NDArray[np.float64]]
"""(normal rows, rows to score, seed) -> scores, (n,): higher is more suspicious."""

NEIGHBOURS, VARIANCE = 5, 0.9
LARGEST_COVARIANCE = 1024
"""Columns beyond which a covariance is left out: it would have more numbers than many rows can tell."""


def neighbours(normal: Rows, rows: Rows, seed: int) -> NDArray[np.float64]:
    """Return the mean distance to the 5 nearest normal rows (Angiulli and Pizzuti 2002)."""
    del seed
    found = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(normal))).fit(normal).kneighbors(rows)[0]
    return np.asarray(found.mean(1))


def mahalanobis(normal: Rows, rows: Rows, seed: int) -> NDArray[np.float64]:
    """Return the squared Mahalanobis distance, by the covariance of Ledoit and Wolf (2004)."""
    del seed
    return np.asarray(LedoitWolf().fit(normal).mahalanobis(rows))


def components(normal: Rows, rows: Rows, seed: int) -> NDArray[np.float64]:
    """Return the squared distance from the components that hold 90 % of the variance (Jackson and Mudholkar 1979)."""
    if not normal.any():
        return np.asarray(np.square(rows).sum(1))
    pca = PCA(VARIANCE, random_state=seed, svd_solver="full").fit(normal)
    return np.asarray(np.square(rows - pca.inverse_transform(pca.transform(rows))).sum(1))


def forest(normal: Rows, rows: Rows, seed: int) -> NDArray[np.float64]:
    """Return how few random cuts set a row apart (Liu, Ting and Zhou 2008), by scikit-learn's defaults."""
    return np.asarray(-IsolationForest(random_state=seed).fit(normal).score_samples(rows))


def standardised(scorer: Scorer) -> Scorer:
    """Return the scorer for columns as they come."""

    def scored(normal: Rows, rows: Rows, seed: int) -> NDArray[np.float64]:
        scaler = StandardScaler().fit(normal)
        return scorer(scaler.transform(normal), scaler.transform(rows), seed)

    return scored


BASELINES: dict[str, Scorer] = {
    "k-nearest neighbours": standardised(neighbours),
    "Mahalanobis": standardised(mahalanobis),
    "PCA": standardised(components),
    "isolation forest": standardised(forest),
}


def baseline_scores(normal: Rows, rows: Rows, seed: int = 0) -> dict[str, NDArray[np.float64]]:
    """Return the scores of rows (n, columns) by each baseline; beyond 1,024 columns without Mahalanobis."""
    wide = normal.shape[1] > LARGEST_COVARIANCE
    return {
        name: scorer(normal, rows, seed) for name, scorer in BASELINES.items() if not (wide and name == "Mahalanobis")
    }
