"""Detect in series: a score for each step, from all windows that hold it.

A step's part of a column is the mean, over the windows that hold the step, of what the column adds there to the
window's score; a step's score is the sum of its parts.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from diabolo.data.source import Source, Subset
from diabolo.data.tables.windows import Windows
from diabolo.errors import InputError
from diabolo.jobs.detect.detector import WINDOW, T, window_of
from diabolo.jobs.detect.rows import rows
from diabolo.jobs.detect.rules import Rule
from diabolo.jobs.detect.thresholds import Scores
from diabolo.training.files.contents import Known

if TYPE_CHECKING:
    from diabolo.training.files.model_file import Trained

TOGETHER_NUMBERS = 2**22
"""Numbers of windows whose parts are held at once."""


def with_detector(trained: "Trained", learnt: Windows) -> "Trained":
    """Return the model with a detector of windows, calibrated on the steps that were held out."""
    found = rows.with_detector(trained, learnt)
    found = replace(found, about={**found.about, WINDOW: learnt.length})
    return rows.with_calibration(found, score(found, learnt.held or learnt.source))


def calibrate(trained: "Trained", source: Source, anomalous: NDArray[np.bool_], rule: Rule | None = None) -> "Trained":
    """Return the model calibrated on the normal steps of a series that it never saw.

    Only windows of normal steps that follow each other count: what lies between two anomalies is a series of its own.
    Raises InputError if none is longer than a window.
    """
    length = _needed(trained)
    edges = np.flatnonzero(np.diff(np.concatenate([[True], anomalous, [True]])))
    long = [np.arange(start, end) for start, end in edges.reshape(-1, 2) if end - start > length]
    if not long:
        raise InputError(f"Calibration needs more than {length} normal steps in a row, and there are none.")
    scores = np.concatenate([score(trained, Subset(source, steps)) for steps in long])
    return rows.with_calibration(trained, scores, rule)


def score(trained: Known, source: Source) -> Scores:
    """Return the score of each step, (steps,), in order: the sum of its parts."""
    scores = np.empty(len(source))
    for steps, parts in _step_parts(trained, source):
        scores[steps] = parts.sum(1, dtype=np.float64)
    return scores


def explain(trained: Known, source: Source) -> NDArray[np.float32]:
    """Return what each column of each step adds to the step's score, (steps, columns)."""
    found = np.empty((len(source), source.shape[0]), np.float32)
    for steps, parts in _step_parts(trained, source):
        found[steps] = parts
    return found


def _step_parts(trained: Known, source: Source) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Yield the steps in order with their parts (steps, columns), as soon as every window that holds them is seen."""
    length = _needed(trained)
    windows, columns = Windows(source, length), source.shape[0]
    size = max(1, TOGETHER_NUMBERS // (length * columns))
    open_steps = np.zeros((length - 1, columns))
    for start in range(0, len(windows), size):
        numbers = np.arange(start, min(start + size, len(windows)))
        parts = rows.explain(trained, Subset(windows, numbers)).reshape(len(numbers), length, columns)
        sums = np.concatenate([open_steps, np.zeros((len(numbers), columns))])
        for lag in range(length):
            sums[lag : lag + len(numbers)] += parts[:, lag]
        last = numbers[-1] == len(windows) - 1
        steps = np.arange(start, len(source) if last else start + len(numbers))
        yield slice(start, start + len(steps)), _means(sums[: len(steps)], steps, len(source), length)
        open_steps = sums[len(numbers) :]


def _means(sums: NDArray[np.float64], steps: NDArray[np.int64], count: int, length: int) -> NDArray[np.float32]:
    """Return sums over windows divided by how many windows hold each step: fewer at both ends."""
    holding = np.minimum(np.minimum(steps + 1, count - steps), min(length, count - length + 1))
    return (sums / holding[:, None]).astype(np.float32)


def _needed(trained: Known) -> int:
    length = window_of(trained)
    if length is None:
        raise InputError("This model was not trained on windows; train one with --window N.")
    return length


class Series:
    """The detector of the steps of a series, as `diabolo.jobs.detect.detector` asks for it."""

    name, item, contaminated = "series", "step", False

    def fit(self, trained: "Trained", source: Windows, contamination: float = 0.0) -> "Trained":
        del contamination
        return with_detector(trained, source)

    def calibrate(
        self,
        trained: "Trained",
        samples: Source,
        anomalous: NDArray[np.bool_] | None = None,
        rule: Rule | None = None,
        contamination: float = 0.0,
    ) -> "Trained":
        del contamination
        return calibrate(trained, samples, np.zeros(len(samples), bool) if anomalous is None else anomalous, rule)

    def samples(self, given: Source) -> Source:
        return given

    def score(self, trained: Known, samples: Source) -> Scores:
        return score(trained, samples)

    def explain(self, trained: Known, samples: Source) -> NDArray[Any]:
        """Return what each column adds to the score of each step, (steps, columns)."""
        return explain(trained, samples)

    def of(self, trained: Known) -> rows.Calibrated:
        return rows.of(trained)

    def with_rule(self, trained: T, rule: Rule) -> T:
        return rows.with_rule(trained, rule)
