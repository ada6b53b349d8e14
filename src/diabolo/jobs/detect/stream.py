"""Detect in a stream: a step at a time, with the events of a batch.

A step has its score once the last window that holds it is complete: the delay is a window less one step.
"""

import numpy as np
from numpy.typing import ArrayLike

from diabolo.data.source import ArraySource
from diabolo.data.tables.windows import Windows
from diabolo.errors import ArgumentError, InputError
from diabolo.jobs.detect.detector import window_of
from diabolo.jobs.detect.events import Adaptive, Event, Merger, Merging, rate_of
from diabolo.jobs.detect.series import Errors, Spread, error_scale, window_errors
from diabolo.jobs.detect.series import of as fitted
from diabolo.training.files.contents import Known


class Stream:
    """A series that goes on. merging: how alerts become events. adapt: whether the threshold follows the series."""

    def __init__(self, trained: Known, merging: Merging | None = None, *, adapt: bool = False) -> None:
        """Raises InputError for a model of single rows, ArgumentError for a rule that needs the whole series."""
        length = window_of(trained)
        if length is None:
            raise InputError("A stream needs a model of series: train one with --preset series.")
        found = fitted(trained)
        if found.rule.counts_days:
            raise ArgumentError(
                f"The rule {found.rule.name} ranks a whole series; for a stream calibrate with --false-alarms RATE."
            )
        self.trained, self.length, self.merging = trained, length, merging or Merging(gap=length // 2)
        self._found, self._scale = found, error_scale(found)
        self._adaptive = Adaptive(rate_of(found.rule)) if adapt else None
        self._spread, self._merger = Spread(length, len(found.typical)), Merger(self.merging)
        self._steps: list[np.ndarray] = []
        self._scored = 0

    def update(self, step: ArrayLike) -> list[Event]:
        """Take the values of the next step, (columns,); return the events that begin, and those that end, by it."""
        values = np.asarray(step, np.float64).reshape(-1)
        if values.shape != self._found.typical.shape:
            raise InputError(f"A step has {len(self._found.typical)} values, got {len(values)}.")
        self._steps.append(values)
        if len(self._steps) <= self.length:
            return []  # a window and a step more: what `Windows` asks for
        found = self._scores(self._known())
        del self._steps[0]
        return found

    def _known(self) -> Errors:
        """Return the parts of the steps that the newest windows complete."""
        newest = Windows(ArraySource(np.array(self._steps)), self.length)
        errors = next(window_errors(self.trained, newest)) / self._scale
        return self._spread.add(errors if self._spread.seen == 0 else errors[1:])

    def _scores(self, parts: Errors) -> list[Event]:
        found: list[Event] = []
        for score in parts.sum(1):
            one = np.array([score])
            raised = bool(self._found.rule.raised(one, self._found.calibration)[0])
            above = self._adaptive is None or self._adaptive.above(float(score))
            found += (
                self._merger.alert(self._scored, float(score))
                if raised and above
                else self._merger.passed(self._scored)
            )
            self._scored += 1
        return found

    def close(self) -> list[Event]:
        """Return the events that end with the series."""
        return [*self._scores(self._spread.rest()), *self._merger.close()]
