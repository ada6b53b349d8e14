"""Learning rates as a function of the step alone, so that a resumed run needs no state of theirs."""

import math


def learning_rate(schedule: str, peak: float, step: int, steps: int) -> float:
    """Return the rate at `step` of `steps` (0-based).

    one-cycle: from peak / 25 up to peak over the first 30 %, then down to nothing, both along half a cosine
    (Smith and Topin 2018, with torch's default sizes). constant: the peak.
    """
    if schedule == "constant":
        return peak
    rising = max(1.0, 0.3 * steps - 1)
    if step <= rising:
        return _between(peak / 25, peak, step / rising)
    return _between(peak, peak / 250_000, (step - rising) / max(1.0, steps - 1 - rising))


def _between(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * min(1.0, share))) / 2
