"""Anomalies among the normal samples: those that look most like ones are left out, as many as are said to be there.

Anomalies that are alike hide each other from their nearest neighbours, so that rows are judged by their distance to
few others (Sugiyama and Borgwardt 2013): so few that four in ten draws hold no anomaly, 8 of a share of a tenth. Chosen
on seed 100 of bench/detect_contaminated.py.
"""

import numpy as np
from numpy.typing import NDArray

from diabolo.jobs.detect.rows.fit import MOST_REFERENCE_NUMBERS, fit_detector
from diabolo.jobs.detect.rows.score import Detector, Numbers, Scorer
from diabolo.jobs.detect.thresholds import Scores
from diabolo.model.forward import Reconstruct

ROUNDS, DRAWS, FEWEST = 4, 30, 3
DRAWN, EXPECTED = 16, 0.8
"""Rows in a draw at most, and the anomalies that one is expected to hold."""


def fit_to_most(
    reconstruct: Reconstruct, x: Numbers, share: float, *, weights: Numbers | None = None
) -> tuple[Detector, float]:
    """Return a detector fitted on prepared rows (n, columns) without the `share` most unlike the rest, and what left.

    Four times, each by the detector of those that the time before left.
    """
    kept = np.ones(len(x), bool)
    detector, out = fit_detector(reconstruct, x, weights=weights), round(share * len(x))
    for _ in range(ROUNDS if out and len(x) - out >= FEWEST else 0):
        kept = lowest(_suspicion(Scorer(detector, reconstruct), x, kept, round(EXPECTED / share)), share)
        detector = fit_detector(reconstruct, x[kept], weights=weights)
    return detector, 1 - float(kept.mean())


def lowest(scores: Scores, share: float) -> NDArray[np.bool_]:
    """Return which scores are left once the `share` of the highest is taken off."""
    kept = np.ones(len(scores), bool)
    kept[np.argsort(-scores, kind="stable")[: round(share * len(scores))]] = False
    return kept


def _suspicion(scorer: Scorer, x: Numbers, kept: NDArray[np.bool_], size: int) -> Scores:
    """Return a score of each row, (n,): as a detector's, with the distance to the nearest of `size` rows, 30 times."""
    generator, rows = np.random.default_rng(0), np.flatnonzero(kept)
    size = min(max(2, size), DRAWN, len(rows) - 1)
    draws = max(1, min(DRAWS, MOST_REFERENCE_NUMBERS // (size * scorer.columns)))
    drawn = np.stack([generator.choice(rows, size, replace=False) for _ in range(draws)])
    others = scorer.seen(x[drawn.ravel()]).astype(np.float64)
    distance, residual = np.empty(len(x)), np.empty(len(x))
    start = 0
    for piece in scorer.split(x):
        seen, some = scorer.seen(piece), slice(start, start + len(piece))
        far = _far(seen.astype(np.float64), others).reshape(len(piece), *drawn.shape)
        far[drawn == np.arange(len(x))[some, None, None]] = np.inf
        distance[some] = far.min(2).mean(1)
        residual[some] = scorer.weight * np.square(seen[:, 2 * scorer.columns :]).sum(1)
        start += len(piece)
    return np.asarray(distance / (float(np.median(distance)) or 1.0) + residual)


def _far(rows: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return squared distances, (n, m)."""
    found: NDArray[np.float64] = -2 * rows @ others.T
    found += np.square(rows).sum(1)[:, None] + np.square(others).sum(1)
    return np.maximum(found, 0, out=found)
