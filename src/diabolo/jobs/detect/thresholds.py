"""Thresholds apart from weights: p-values from scores of held-out normal samples (`rules` turn them into alerts).

p = (1 + held-out scores at or above it) / (1 + held-out scores) (Vovk, Gammerman and Shafer 2005, section 2.2). Where
new normal samples are exchangeable with those held out, P(p <= rate) <= rate, whatever the detector.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diabolo.errors import ArgumentError, FormatError, InputError

MOST_CONTAMINATED, TAIL, FAR, ALIKE = 0.5, 0.9, 3.0, 2e-5
Scores = NDArray[np.float64]


def calibration_of(arrays: Mapping[str, NDArray[Any]]) -> Scores:
    """Return the sorted scores that a model file keeps. Raises FormatError if they are damaged."""
    kept = arrays.get("calibration", np.zeros(0))
    if kept.dtype != np.float64 or kept.ndim != 1 or not len(kept):
        raise FormatError("The model's calibration is damaged; calibrate it anew.")
    if not np.isfinite(kept).all() or (np.diff(kept) < 0).any():
        raise FormatError("The model's calibration is no sorted list of scores; calibrate it anew.")
    return kept


def check_contamination(share: object) -> float:
    """Return the share of anomalies among rows as a number. Raises ArgumentError unless it is from 0 to below 0.5."""
    number = isinstance(share, (int, float, np.number)) and not isinstance(share, bool)
    if not number or not 0 <= share < MOST_CONTAMINATED:  # type: ignore[operator]
        raise ArgumentError(
            f"contamination must be the share of anomalies among the rows, from 0 to below {MOST_CONTAMINATED:g}, "
            f"got {share!r}."
        )
    return float(share)  # type: ignore[arg-type]


def worst_rate(rate: float, contamination: float) -> float:
    """Return how high a promised rate may be if all that left of calibration as anomalies were normal."""
    return min(1.0, rate + contamination / (1 - contamination))


def without_outliers(scores: Scores, share: float) -> Scores:
    """Return held-out scores (n,), sorted, without those of the `share` of the highest that are far beyond the rest.

    Far: its logarithm lies 3 times as far above the median of the rest as the rest's 90th percentile does. To take off
    the whole share would take a normal row for each anomaly that scores no higher than normal rows do.
    """
    ranked = np.sort(scores)
    left = len(ranked) - round(share * len(ranked))
    if left == len(ranked):
        return ranked
    logs = np.log(np.maximum(ranked, np.finfo(np.float64).tiny))
    middle, high = np.quantile(logs[:left], (0.5, TAIL))
    within = int(np.searchsorted(logs, middle + FAR * (high - middle), side="right"))
    return ranked[: max(left, within)]


def passing(rate: float, count: int) -> int:
    """Return how many of `count` calibration scores and a new one a rate lets pass; 0: nothing can be an alert."""
    return math.floor(rate * (count + 1) + 1e-9)


def _least_alike(scores: Scores) -> Scores:
    """Return the least that counts as equal to each score."""
    return np.asarray(scores - ALIKE * np.abs(scores))


def p_values(scores: Scores, calibration: Scores) -> Scores:
    """Return the p-value of each score; `calibration` holds the scores of held-out normal samples, sorted.

    Scores that differ by less than 2e-5 of them are alike: those of equal rows may, by the order of their sums.
    """
    above = len(calibration) - np.searchsorted(calibration, _least_alike(scores), side="left")
    return np.asarray((1 + above) / (1 + len(calibration)), np.float64)


def above_rank(calibration: Scores, ranks: int) -> float | None:
    """Return the least score whose p-value lets it pass among `ranks` calibration scores; None where ranks is 0."""
    if not ranks:
        return None
    last = float(calibration[-ranks])
    return float(np.nextafter(last / (1 - math.copysign(ALIKE, last)), np.inf))


def rate_interval(count: int, rate: float, *, confidence: float = 0.95) -> tuple[float, float]:
    """Return within what the false-alarm rate lies, given `count` calibration samples.

    The rate of a conformal threshold that k of m + 1 ranks pass is Beta(k, m + 1 - k) over the
    calibration sets (Vovk 2012).
    """
    from scipy.special import betaincinv  # `detect` need not wait for it

    ranks = passing(rate, count)
    if ranks == 0:
        return 0.0, 0.0
    tail = (1 - confidence) / 2
    low, high = betaincinv(ranks, count + 1 - ranks, (tail, 1 - tail))
    return float(low), float(high)


def resampled_rates(normal: Scores, rate: float, *, repeats: int, seed: int) -> Scores:
    """Return the false-alarm rates, (repeats,), of one half of normal scores at a promise kept by the other half."""
    generator, half = np.random.default_rng(seed), len(normal) // 2
    orders = (generator.permutation(normal) for _ in range(repeats))
    return np.array([(p_values(order[half:], np.sort(order[:half])) <= rate).mean() for order in orders])


def cheapest_score(scores: Scores, anomalous: NDArray[np.bool_], *, miss: float, alarm: float) -> float:
    """Return the threshold that costs least on labelled samples: `miss` an anomaly missed, `alarm` a false alarm.

    Raises ArgumentError for costs that are not above 0, InputError if one of the two labels is lacking.
    """
    if not (0 < miss < math.inf and 0 < alarm < math.inf):
        raise ArgumentError(f"--cost-miss and --cost-alarm must be above 0, got {miss:g} and {alarm:g}.")
    if anomalous.all() or not anomalous.any():
        raise InputError("Costs need both normal and anomalous rows; give a labelled file that has both.")
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], anomalous[order]
    cost = miss * (hits.sum() - np.cumsum(hits)) + alarm * np.cumsum(~hits)
    last = np.append(ranked[1:] != ranked[:-1], True)
    best = int(np.flatnonzero(last)[np.argmin(cost[last])])
    nothing = miss * hits.sum()
    beyond = ranked[0] + 2 * ALIKE * abs(ranked[0])
    return float(beyond if nothing <= cost[best] else _least_alike(ranked[best]))
