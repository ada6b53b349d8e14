"""Windows of a series to learn from, as long as its autocorrelation says."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diabolo.data.source import ArraySource, Source
from diabolo.data.tables.windows import Windows, learnt_windows

LEAST, LONGEST, MOST_STEPS, CLEAR = 60, 400, 20_000, 0.2


def windows_of(steps: ArrayLike, length: int | None = None) -> Windows:
    """Return the windows of a series (steps, channels) to learn from; its last tenth is held out to calibrate on.

    length: of a window, in steps; None takes the period. Raises InputError for a series that is too short.
    """
    source = ArraySource(np.asarray(steps))
    return learnt_windows(source, window_of_series(source) if length is None else length)


def window_of_series(source: Source) -> int:
    """Return the length of a window of a source of steps, by at most its first 20,000."""
    count = min(len(source), MOST_STEPS)
    return window_for(source.take(np.arange(count)).reshape(count, -1).astype(np.float64))


def window_for(steps: NDArray[np.float64]) -> int:
    """Return how many steps a window of a series (steps, channels) is to hold: its period, and at least 60.

    A short series bounds it: 60 to a third of the steps, a longer period to a sixth.
    """
    count = len(steps)
    wanted, most = max(LEAST, period(steps)), max(min(LEAST, count // 3), count // 6)
    return max(2, min(wanted, most))


def period(steps: NDArray[np.float64]) -> int:
    """Return the lag of 3 to 400 steps at which the channels' mean autocorrelation has its highest maximum; else 0.

    A maximum counts if it is above 0.2 (Paparrizos et al. 2022 take the highest, whatever it is).
    """
    steps = steps[:MOST_STEPS] - steps[:MOST_STEPS].mean(0)
    size = 1 << (2 * len(steps) - 1).bit_length()
    found = np.fft.irfft(np.square(np.abs(np.fft.rfft(steps, size, axis=0))), size, axis=0)
    found = found[: min(LONGEST + 2, len(steps))]
    moving = found[0] > 0
    if not moving.any():
        return 0
    mean = (found[:, moving] / found[0, moving]).mean(1)
    tops = np.flatnonzero((mean[1:-1] > mean[:-2]) & (mean[1:-1] > mean[2:])) + 1
    tops = tops[(tops >= 3) & (mean[tops] > CLEAR)]
    return int(tops[mean[tops].argmax()]) if len(tops) else 0
