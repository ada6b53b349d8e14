"""Events: alerts of steps that belong together are one event, with a start, an end and a peak.

Alerts are merged over gaps. An event begins where M of N steps in a row raise an alert; a mute time drops events that
begin soon after another ended. `Merger` takes the alerts in order, so that a stream has the same events as a file.
"""

from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from diabolo.errors import ArgumentError
from diabolo.jobs.detect.rules import Rule
from diabolo.jobs.detect.thresholds import Scores

LATEST, FEWEST = 1000, 100
"""Scores that an adaptive threshold looks back on, and how many it needs."""


@dataclass(frozen=True)
class Event:
    """start, end: its first and last alert. peak: the step of its highest score. score: that of the peak.

    alerts: how many steps raised one. ended: whether no later alert can belong to it.
    """

    start: int
    end: int
    peak: int
    score: float
    alerts: int
    ended: bool = False


@dataclass(frozen=True)
class Merging:
    """gap: most steps without an alert inside an event. least, within: M alerts in N steps begin one. mute: steps."""

    gap: int = 0
    least: int = 1
    within: int = 1
    mute: int = 0

    def __post_init__(self) -> None:
        if min(self.gap, self.mute) < 0 or not 1 <= self.least <= self.within:
            raise ArgumentError(
                f"Events need a gap and a mute time of 0 or more and M of N with 1 <= M <= N, got a gap of {self.gap}, "
                f"{self.least} of {self.within} and {self.mute} muted."
            )


class Merger:
    """Alerts, in order, become events."""

    def __init__(self, how: Merging) -> None:
        self.how = how
        self._waiting: deque[tuple[int, float]] = deque()
        self._open: Event | None = None
        self._quiet_until = -1

    def alert(self, step: int, score: float) -> list[Event]:
        """Take a step that raises an alert; return the event that ended before it, and the event that it begins."""
        found = self.passed(step - 1)
        if self._open is not None:
            higher = {"peak": step, "score": score} if score > self._open.score else {}
            self._open = replace(self._open, end=step, alerts=self._open.alerts + 1, **higher)  # type: ignore[arg-type]
            return found
        self._waiting.append((step, score))
        while self._waiting[0][0] <= step - self.how.within:
            self._waiting.popleft()
        if len(self._waiting) < self.how.least or step <= self._quiet_until:
            return found
        peak, highest = max(self._waiting, key=lambda one: one[1])
        self._open = Event(self._waiting[0][0], step, peak, highest, len(self._waiting))
        self._waiting.clear()
        return [*found, self._open]

    def passed(self, step: int) -> list[Event]:
        """Take that all steps up to this one are known; return the event that has ended by it."""
        if self._open is None or step - self._open.end <= self.how.gap:
            return []
        return self.close()

    def close(self) -> list[Event]:
        """Return the event that is open, ended: no step comes any more."""
        if self._open is None:
            return []
        ended, self._open = replace(self._open, ended=True), None
        self._quiet_until = ended.end + self.how.mute
        return [ended]


def events_of(scores: Scores, raised: NDArray[np.bool_], how: Merging) -> list[Event]:
    """Return the events of a whole series. scores: of its steps (n,). raised: (n,), which raise an alert."""
    merger = Merger(how)
    found = [event for step in np.flatnonzero(raised).tolist() for event in merger.alert(step, float(scores[step]))]
    return [event for event in (*found, *merger.close()) if event.ended]


class Adaptive:
    """A threshold that follows the series: a score counts if it is also above the latest 1,000, but for their `rate`.

    A change of level so is one event, and no alarm for ever; a promise by held-out steps no longer holds.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._latest: deque[float] = deque()
        self._sorted: list[float] = []

    def above(self, score: float) -> bool:
        """Return whether a score is among the `rate` highest of the latest, and remember it."""
        place = int((1 - self.rate) * len(self._sorted))
        found = len(self._sorted) < FEWEST or score > self._sorted[min(place, len(self._sorted) - 1)]
        self._latest.append(score)
        insort(self._sorted, score)
        if len(self._latest) > LATEST:
            del self._sorted[bisect_left(self._sorted, self._latest.popleft())]
        return found


def adapted(scores: Scores, raised: NDArray[np.bool_], rule: Rule) -> NDArray[np.bool_]:
    """Return which alerts are left by an adaptive threshold, (n,). Raises ArgumentError for rules of no rate."""
    adaptive = Adaptive(rate_of(rule))
    above = np.fromiter((adaptive.above(score) for score in scores.tolist()), bool, len(scores))
    return np.asarray(raised & above)


def rate_of(rule: Rule) -> float:
    """Return the rate that a rule promises. Raises ArgumentError if it promises none."""
    if not rule.promises_rate:
        raise ArgumentError(f"An adaptive threshold follows a rate: give --false-alarms RATE, not {rule.name}.")
    return rule.value
