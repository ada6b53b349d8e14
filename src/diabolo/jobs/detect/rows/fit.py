"""A detector fitted on prepared normal samples; chosen by bench/detect_quality.py on seeds that its table hides."""

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.cluster import KMeans
from sklearn.covariance import ledoit_wolf
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from diabolo.data.source import spaced
from diabolo.jobs.detect.rows.neighbours import Neighbours, whole
from diabolo.jobs.detect.rows.plain import MOST, MOST_KEPT, Plain, straight
from diabolo.jobs.detect.rows.scales import NODES, Views
from diabolo.jobs.detect.rows.score import SHARE, Detector, Numbers, Scorer, rows_together
from diabolo.model.forward import Reconstruct

MOST_REFERENCES = 2000
MOST_REFERENCE_NUMBERS = 2**24
LARGEST_COVARIANCE = 1024
LEAST_SPREAD = 1e-3
IN_A_CELL, FEW = 32, 1024
LEAST_PLAIN = 1e-6


def fit_detector(reconstruct: Reconstruct, x: Numbers, *, weights: Numbers | None = None) -> Detector:
    """Fit on prepared normal samples (n, columns); at most 2,000 of them, evenly spaced, are kept as references.

    weights: (columns,) by how much a distance in each number counts; None: all alike.
    """
    most = max(1, min(MOST_REFERENCES, MOST_REFERENCE_NUMBERS // x.shape[1]))
    references = x[spaced(len(x), most)]
    views, together = fit_views(x, weights), rows_together(x.shape[1])
    residual = np.empty_like(x)
    for start in range(0, len(x), together):
        piece = x[start : start + together]
        np.subtract(piece, reconstruct(piece.T).T, out=residual[start : start + together])
    middle, whitening = _whitening((residual / views.spread).astype(np.float64))
    if weights is not None:
        whitening = whitening * (weights if whitening.shape[1] > 1 else weights[:, None])
    centres = fit_centres(views.scaled(references.T).T)
    unscaled = Detector(views, references, centres, middle, whitening, 1.0, 1.0)
    left = float(np.median(np.square(unscaled.residuals(residual.T)).sum(0))) / SHARE**2
    typical = float(np.median(Scorer(unscaled, reconstruct).neighbours.own()))
    return Detector(views, references, centres, middle, whitening, typical or 1.0, left or 1.0)


def _whitening(residual: NDArray[np.float64]) -> tuple[Numbers, Numbers]:
    """Return the mean, and the lower factor of the precision (Ledoit and Wolf 2004) of residuals (n, columns)."""
    middle = residual.mean(0)
    centred = residual - middle
    spread = np.sqrt(np.square(centred).mean(0)) + LEAST_SPREAD
    if residual.shape[1] == 1 or residual.shape[1] > LARGEST_COVARIANCE:
        factor = (1 / spread)[:, None]
    else:
        covariance, _ = ledoit_wolf(centred / spread, assume_centered=True)
        covariance += LEAST_SPREAD * np.eye(len(spread))
        factor = np.linalg.cholesky(np.linalg.inv(covariance)) / spread[:, None]
    return middle.astype(np.float32), factor.astype(np.float32)


def fit_centres(rows: Numbers) -> Numbers:
    """Return the centres of cells of about 32 of the rows (n, d); one cell where there are few."""
    if len(rows) <= FEW:
        return whole(rows.mean(0, keepdims=True))
    with threadpool_limits(1), warnings.catch_warnings():  # several threads add up in any order, and bits would differ
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer rows that differ than cells
        means = KMeans(len(rows) // IN_A_CELL, n_init=1, max_iter=30, random_state=0).fit(rows)
    return whole(np.asarray(means.cluster_centers_, np.float32))


def fit_views(x: Numbers, weights: Numbers | None = None) -> Views:
    """Fit on prepared samples (n, columns); weights: (columns,) what a distance in each number is multiplied by."""
    numbers = x.astype(np.float64)
    spread = numbers.std(0)
    low, high = numbers.min(0), numbers.max(0)
    places = np.linspace(low, high, NODES, axis=1)
    table = np.stack([_normal_scores(column, place) for column, place in zip(numbers.T, places, strict=True)])
    scale = np.where(low == high, 1.0, np.maximum(spread, 1e-12))
    if weights is not None:
        scale, table = scale / weights, table * weights[:, None]
    return Views(*(part.astype(np.float32) for part in (numbers.mean(0), scale, low, high, table)))


def _normal_scores(column: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the normal score of the middle rank of each value, interpolated at `places`."""
    values, counts = np.unique(column, return_counts=True)
    if len(values) == 1:
        return np.zeros(len(places))
    scores = norm.ppf((np.cumsum(counts) - counts / 2) / len(column))
    return np.asarray(np.interp(places, values, scores), np.float64)


def fit_plain(x: Numbers, weights: Numbers | None, *, curved: bool) -> Plain:
    """Fit on prepared normal samples (n, columns); at most 10,000 of them, evenly spaced, are kept."""
    spread = straight(x, curved=curved).std(0, dtype=np.float64)
    scale = np.where(spread > LEAST_PLAIN, 1 / np.maximum(spread, LEAST_PLAIN), 1.0).astype(np.float32)
    scale = scale if weights is None else scale * weights
    references = x[spaced(len(x), max(1, min(MOST, MOST_REFERENCE_NUMBERS // x.shape[1])))]
    seen = straight(references, curved=curved) * scale
    centres = fit_centres(seen)
    own = np.sqrt(Neighbours(seen, centres).own())
    return Plain(references, centres, scale, np.sort(own[spaced(len(own), MOST_KEPT)]), curved)
