"""Rules: what makes a score an alert. Three kinds, each a class of its own and a line in the one table."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from diabolo.errors import ArgumentError, FormatError
from diabolo.jobs.detect.thresholds import Scores, above_rank, cheapest_score, p_values, passing

USUAL_RATE = 0.01
Marks = NDArray[np.bool_]


@dataclass(frozen=True)
class Rule(ABC):
    """What an alert is. value: the rate, the count or the score that the rule is about."""

    name: ClassVar[str]
    promises_rate: ClassVar[bool] = False
    """Whether the rule promises a rate of false alarms."""
    counts_days: ClassVar[bool] = False
    """Whether alerts can be counted by the day."""
    each: ClassVar[bool] = True
    """Whether one sample raises an alert whatever the others are."""

    value: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise ArgumentError(f"{self.name} must be a finite number, got {self.value}.")

    @property
    def per_day(self) -> str:
        """The column by whose days alerts are counted; '' where they are counted by the file."""
        return ""

    @abstractmethod
    def raised(self, scores: Scores, calibration: Scores, days: NDArray[np.int64] | None = None) -> Marks:
        """Return which scores (n,) raise an alert. days: (n,), by which alerts are counted; None: all are one."""

    def threshold(self, calibration: Scores) -> float:
        """Return the least score that raises an alert, as far as the calibration scores tell."""
        return float(calibration[-max(1, passing(USUAL_RATE, len(calibration)))])

    @abstractmethod
    def least(self, scores: Scores, calibration: Scores) -> float | None:
        """Return the least score that is an alert among these; None where none can be, or each day has its own."""

    def to_json(self) -> dict[str, Any]:
        """Return the rule as a model file keeps it, see `rule_of`."""
        return {"rule": self.name, "value": float(self.value), **({"per_day": self.per_day} if self.per_day else {})}


@dataclass(frozen=True)
class FalseAlarms(Rule):
    """At most the share `value` of normal samples raises an alert."""

    name = "false-alarms"
    promises_rate = True
    value: float = USUAL_RATE

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.value < 1:
            raise ArgumentError(
                f"--false-alarms must lie between 0 and 1, got {self.value:g}; 0.01 is one in a hundred."
            )

    def raised(self, scores: Scores, calibration: Scores, days: NDArray[np.int64] | None = None) -> Marks:
        del days
        return p_values(scores, calibration) <= self.value

    def threshold(self, calibration: Scores) -> float:
        return float(calibration[-max(1, passing(self.value, len(calibration)))])

    def least(self, scores: Scores, calibration: Scores) -> float | None:
        del scores
        return above_rank(calibration, passing(self.value, len(calibration)))


@dataclass(frozen=True)
class MostSuspicious(Rule):
    """The `value` highest scores are alerts: of a file, or of each day by the column `day`."""

    name = "alerts"
    counts_days = True
    each = False
    day: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.value < 1 or self.value != int(self.value):
            raise ArgumentError(f"--alerts must be a whole number >= 1, got {self.value:g}.")

    @property
    def per_day(self) -> str:
        return self.day

    def raised(self, scores: Scores, calibration: Scores, days: NDArray[np.int64] | None = None) -> Marks:
        del calibration
        chosen = np.zeros(len(scores), np.bool_)
        if days is None:
            chosen[np.argsort(-scores, kind="stable")[: int(self.value)]] = True
            return chosen
        order = np.lexsort((-scores, days))
        begins = np.flatnonzero(np.diff(days[order], prepend=days[order[:1]] - 1))
        place = np.arange(len(order)) - np.repeat(begins, np.diff(begins, append=len(order)))
        chosen[order[place < self.value]] = True
        return chosen

    def least(self, scores: Scores, calibration: Scores) -> float | None:
        del calibration
        return None if self.day else float(np.sort(scores)[-min(int(self.value), len(scores))])


@dataclass(frozen=True)
class Threshold(Rule):
    """A score of `value` or more is an alert."""

    name = "threshold"

    def raised(self, scores: Scores, calibration: Scores, days: NDArray[np.int64] | None = None) -> Marks:
        del calibration, days
        return np.asarray(scores >= self.value)

    def threshold(self, calibration: Scores) -> float:
        del calibration
        return self.value

    def least(self, scores: Scores, calibration: Scores) -> float | None:
        del scores, calibration
        return self.value


RULES: dict[str, type[Rule]] = {kind.name: kind for kind in (FalseAlarms, MostSuspicious, Threshold)}


def rule_of(plain: Mapping[str, Any]) -> Rule:
    """Return the rule that a model file keeps. Raises FormatError if it is damaged."""
    name, value, per_day = plain.get("rule"), plain.get("value"), plain.get("per_day", "")
    kind = RULES.get(name) if isinstance(name, str) else None
    if kind is None or not isinstance(value, float) or not isinstance(per_day, str):
        raise FormatError("The model's rule for alerts is damaged; calibrate it anew.")
    if not per_day:
        return kind(value)
    if not kind.counts_days:
        raise FormatError(f"The model's rule {name} cannot be counted by the day; calibrate it anew.")
    return MostSuspicious(value, per_day)


def cheapest(scores: Scores, anomalous: Marks, *, miss: float, alarm: float) -> Threshold:
    """Return the threshold that costs least on labelled samples: `miss` an anomaly missed, `alarm` a false alarm.

    Raises ArgumentError for costs that are not above 0, InputError if one of the two labels is lacking.
    """
    return Threshold(cheapest_score(scores, anomalous, miss=miss, alarm=alarm))
