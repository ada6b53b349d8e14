"""Drift: which columns no longer look like the training data."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diabolo.data.source import Source, Subset, spaced
from diabolo.jobs.columns import encoding_of
from diabolo.jobs.detect.rows.opened import of
from diabolo.jobs.detect.rows.rows import prepared_rows
from diabolo.jobs.detect.rows.score import Numbers
from diabolo.training.files.contents import Known

MOST_COMPARED = 10_000
LEVEL, LEAST_DISTANCE, LEAST_WEIGHT = 0.001, 0.05, 0.01


@dataclass(frozen=True)
class Drift:
    """One column whose values no longer look like the training data's.

    column: its number. distance: between the two distribution functions (Kolmogorov and Smirnov), or of words in total
    variation. p: of no drift.
    """

    column: int
    distance: float
    p: float


def drift(trained: Known, source: Source) -> list[Drift]:
    """Return the columns of flat samples that look unlike the training data, farthest first.

    A two-sample Kolmogorov-Smirnov test for each number, a chi-square test of homogeneity for each column of words, at
    0.001 over the number of tests, on at most 10,000 rows; a distance below 0.05 is let be, however sure.
    The day of a column in order of time always moves on, and is not tested.
    """
    now = prepared_rows(trained, Subset(source, spaced(len(source), MOST_COMPARED)))
    before = of(trained).detector.references
    encoding = encoding_of(trained)
    owners = np.arange(now.shape[1]) if encoding is None else encoding.owners
    tested = np.ones(len(owners), bool) if encoding is None else encoding.weights >= LEAST_WEIGHT
    worded = set() if encoding is None else {i for i, column in enumerate(encoding.columns) if column.counted}
    found: dict[int, Drift] = {}
    for number in np.flatnonzero(tested):
        owner = int(owners[number])
        if owner not in worded:
            _note(found, _moved(owner, before[:, number], now[:, number]), len(owners))
    for owner in worded:
        _note(found, _shifted(owner, before[:, owners == owner], now[:, owners == owner]), len(owners))
    return sorted(found.values(), key=lambda one: -one.distance)


def _note(found: dict[int, Drift], one: Drift | None, tests: int) -> None:
    """Keep a column's largest distance, where it is sure enough to matter."""
    if one and one.p < LEVEL / tests and (one.column not in found or found[one.column].distance < one.distance):
        found[one.column] = one


def _moved(column: int, before: Numbers, now: Numbers) -> Drift | None:
    """Return the drift of numbers, None where it is too small to matter.

    p by Kolmogorov's limit, with the correction for samples that are not large (Stephens 1970).
    """
    before, now = np.sort(before), np.sort(now)
    both = np.concatenate([before, now])
    shares = [np.searchsorted(values, both, side="right") / len(values) for values in (before, now)]
    distance = float(np.abs(shares[0] - shares[1]).max())
    if distance <= LEAST_DISTANCE:
        return None
    from scipy.special import kolmogorov  # a fifth of a second that a file without drift need not wait

    root = np.sqrt(len(before) * len(now) / len(both))
    return Drift(column, distance, float(kolmogorov((root + 0.12 + 0.11 / root) * distance)))


def _shifted(column: int, before: Numbers, now: Numbers) -> Drift | None:
    """Return the drift of words: half the summed difference of their shares, and p by a chi-square test."""
    words, index = np.unique(np.concatenate([before, now]), axis=0, return_inverse=True)
    parts = np.split(index.ravel(), [len(before)])
    counts: NDArray[np.int64] = np.stack([np.bincount(part, minlength=len(words)) for part in parts])
    shares = counts / counts.sum(1, keepdims=True)
    distance = float(np.abs(shares[0] - shares[1]).sum() / 2)
    if distance <= LEAST_DISTANCE:
        return None
    from scipy.stats import chi2_contingency

    return Drift(column, distance, float(chi2_contingency(counts).pvalue))
