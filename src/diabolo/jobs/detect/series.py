"""Detect in series: a score for each step, from the errors of all windows that hold it.

An autoencoder restores windows. The error of a window in a column is its mean square, in units of what is typical of
the column in training; a step's part of a column is the mean of the errors of all windows that hold the step, and its
score is the mean over the columns. Thresholds are set by maxima of blocks, as neighbouring steps are not exchangeable.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from diabolo.data.source import Source, Subset, spaced
from diabolo.data.tables.windows import Windows
from diabolo.errors import FormatError, InputError
from diabolo.jobs.detect.detector import JOB, WINDOW, T, window_of, with_rule
from diabolo.jobs.detect.rows.rows import prepared_rows
from diabolo.jobs.detect.rows.tails import Tail
from diabolo.jobs.detect.rules import FalseAlarms, Rule, rule_of
from diabolo.jobs.detect.thresholds import Scores, calibration_of
from diabolo.jobs.parallel import alone
from diabolo.training.files.contents import Extra, Known

if TYPE_CHECKING:
    from diabolo.training.files.model_file import Trained

TOGETHER_NUMBERS = 2**22
"""Numbers of windows whose errors are held at once."""
MOST_REFERENCES, LEAST_ERROR = 200, 1e-2
TAIL_SHARE, PROMISED = 0.3, np.arange(1, 1000) / 1000
Errors = NDArray[np.float64]


@dataclass(frozen=True)
class Calibrated:
    """typical: (columns,), a window's error in training. references: some prepared windows (r, numbers).

    calibration: 999 sorted scores that a normal block exceeds with probability 0.001, 0.002, ... blocks: how many
    blocks, each as long as a window, tell so; beyond 1 / (blocks + 1) the scores are extrapolated.
    """

    typical: NDArray[np.float32]
    references: NDArray[np.float32]
    calibration: Scores
    rule: Rule
    blocks: int

    def shares(self) -> dict[str, float]:
        """Return how many blocks calibrate; no share of anomalies is left out."""
        return {"blocks": float(self.blocks)}


def with_detector(trained: "Trained", learnt: Windows) -> "Trained":
    """Return the model with a detector of steps, calibrated on blocks of the steps that were held out, and of the rest.

    The errors of what was learnt are smaller; their maxima count by as much more as the held-out median is larger.
    """
    trained = replace(trained, about={**trained.about, WINDOW: learnt.length})
    some = learnt.take(spaced(len(learnt), MOST_REFERENCES))
    references = trained.preprocessing.prepare(some).reshape(len(some), -1)
    errors = list(window_errors(trained, learnt))
    typical = np.maximum(np.median(np.concatenate(errors), 0), LEAST_ERROR).astype(np.float32)
    found = Calibrated(typical, references, np.zeros(1), FalseAlarms(), 1)
    own = np.concatenate([parts.sum(1) for parts in _spread(errors, found, learnt.length)])
    held = own if learnt.held is None else score(_kept(trained, found), learnt.held)
    own = own * max(1.0, float(np.median(held)) / max(float(np.median(own)), 1e-12))
    maxima = np.concatenate([_maxima(scores, learnt.length) for scores in (own, held)])
    return _kept(trained, _calibrated(found, maxima))


def calibrate(trained: "Trained", source: Source, anomalous: NDArray[np.bool_], rule: Rule | None = None) -> "Trained":
    """Return the model calibrated on the normal steps of a series that it never saw.

    Only windows of normal steps that follow each other count: what lies between two anomalies is a series of its own.
    Raises InputError if none is longer than a window.
    """
    length, found = _needed(trained), of(trained)
    edges = np.flatnonzero(np.diff(np.concatenate([[True], anomalous, [True]])))
    long = [np.arange(start, end) for start, end in edges.reshape(-1, 2) if end - start > length]
    if not long:
        raise InputError(f"Calibration needs more than {length} normal steps in a row, and there are none.")
    maxima = np.concatenate([_maxima(score(trained, Subset(source, steps)), length) for steps in long])
    return _kept(trained, replace(_calibrated(found, maxima), rule=rule or found.rule))


def _maxima(scores: Scores, length: int) -> Scores:
    """Return the largest score of each whole block of `length` steps; of the series where it is shorter."""
    count = max(1, len(scores) // length)
    return np.array([block.max() for block in np.array_split(scores[-count * length :], count)])


def _calibrated(found: Calibrated, maxima: Scores) -> Calibrated:
    tail = Tail(np.sort(maxima).astype(np.float32), grows=True, share=TAIL_SHARE)
    return replace(found, calibration=np.sort(tail.score_at(PROMISED)), blocks=len(maxima))


def _kept(trained: "Trained", found: Calibrated) -> "Trained":
    arrays: dict[str, NDArray[Any]] = {
        "typical": found.typical,
        "references": found.references,
        "calibration": found.calibration,
    }
    kept = Extra({"blocks": found.blocks, **found.rule.to_json()}, arrays)
    return replace(trained, extras={**trained.extras, JOB: kept})


def of(trained: Known) -> Calibrated:
    """Return the detector of a model. Raises FormatError if it is damaged or of an earlier version."""
    kept, length = trained.extras[JOB], _needed(trained)
    numbers, blocks = int(np.prod(trained.config.shape)), kept.plain.get("blocks")
    typical, references = (kept.arrays.get(name) for name in ("typical", "references"))
    if typical is None or references is None:
        raise FormatError("The model's detector of series is of an earlier version; train the model anew.")
    fits = typical.dtype == references.dtype == np.float32 and references.ndim == 2 and len(references) > 0
    fits = fits and references.shape[1] == numbers == length * len(typical) and bool(np.isfinite(references).all())
    if not fits or not (np.isfinite(typical) & (typical > 0)).all() or not isinstance(blocks, int) or blocks < 1:
        raise FormatError("The model's detector of series is damaged; train the model anew.")
    return Calibrated(typical, references, calibration_of(kept.arrays), rule_of(kept.plain), blocks)


def score(trained: Known, source: Source) -> Scores:
    """Return the score of each step, (steps,), in order: the sum of its parts."""
    scores = np.empty(len(source))
    for steps, parts in step_parts(trained, source):
        scores[steps] = parts.sum(1)
    return scores


def explain(trained: Known, source: Source) -> NDArray[np.float32]:
    """Return what each column of each step adds to the step's score, (steps, columns)."""
    found = np.empty((len(source), source.shape[0]), np.float32)
    for steps, parts in step_parts(trained, source):
        found[steps] = parts
    return found


def step_parts(trained: Known, source: Source) -> Iterator[tuple[slice, Errors]]:
    """Yield the steps in order with their parts (steps, columns), as soon as every window that holds them is seen."""
    found, length, start = of(trained), _needed(trained), 0
    for parts in _spread(window_errors(trained, Windows(source, length)), found, length):
        yield slice(start, start + len(parts)), parts
        start += len(parts)


def _spread(errors: Iterable[Errors], found: Calibrated, length: int) -> Iterator[Errors]:
    """Yield the parts of the steps in order, (n, columns), from the errors of windows, some at a time."""
    spread, scale = Spread(length, len(found.typical)), error_scale(found)
    for some in errors:
        yield spread.add(some / scale)
    yield spread.rest()


def error_scale(found: Calibrated) -> Errors:
    """Return what a window's error in each column is divided by, (columns,)."""
    return found.typical.astype(np.float64) * len(found.typical)


class Spread:
    """Errors of windows become parts of steps: the mean over all windows that hold the step."""

    def __init__(self, length: int, columns: int) -> None:
        self.length, self.seen = length, 0
        self._open, self._holding = np.zeros((0, columns)), np.zeros(0)

    def add(self, errors: Errors) -> Errors:
        """Return the parts of the steps that no later window holds. errors: of the next windows, (n, columns)."""
        count, last = len(errors), self.length - 1
        self.seen += count
        sums, holding = np.zeros((count + last, errors.shape[1])), np.zeros(count + last)
        total = np.concatenate([np.zeros((1, errors.shape[1])), np.cumsum(errors, 0)])
        ends = np.minimum(np.arange(count + last) + 1, count)
        begins = np.maximum(np.arange(count + last) + 1 - self.length, 0)
        sums += total[ends] - total[begins]
        holding += ends - begins
        sums[: len(self._open)] += self._open
        holding[: len(self._holding)] += self._holding
        self._open, self._holding = sums[count:], holding[count:]
        return np.maximum(sums[:count] / holding[:count, None], 0)

    def rest(self) -> Errors:
        """Return the parts of the last steps: no window comes any more."""
        return np.maximum(self._open / np.maximum(self._holding, 1)[:, None], 0)


def window_errors(trained: Known, windows: Windows) -> Iterator[Errors]:
    """Yield the mean squared error of windows in each column, (n, columns), a few windows at a time."""
    reconstruct, size = trained.forward(), max(1, TOGETHER_NUMBERS // windows.shape[0])
    for start in range(0, len(windows), size):
        numbers = np.arange(start, min(start + size, len(windows)))
        x = prepared_rows(trained, Subset(windows, numbers))
        with alone():
            gaps = x - reconstruct(np.ascontiguousarray(x.T)).T
        yield np.square(gaps, out=gaps).reshape(len(x), windows.length, -1).mean(1, dtype=np.float64)


def _needed(trained: Known) -> int:
    length = window_of(trained)
    if length is None:
        raise InputError("This model was not trained on windows; train one with --window N.")
    return length


class Series:
    """The detector of the steps of a series, as `diabolo.jobs.detect.detector` asks for it."""

    name = "series"

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

    def of(self, trained: Known) -> Calibrated:
        return of(trained)

    def with_rule(self, trained: T, rule: Rule) -> T:
        return with_rule(trained, rule)
