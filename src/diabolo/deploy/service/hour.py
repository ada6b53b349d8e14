"""The rows of the last hour against the training data, column by column, in memory that does not grow."""

import threading
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

BINS, MINUTES, LEAST_ROWS = 10, 60, 100


class Hour:
    """Counts of prepared numbers in the tenths of the training data, minute by minute, for 60 minutes.

    references: prepared rows of the training data, (r, numbers).
    """

    def __init__(self, references: NDArray[np.float32], clock: Callable[[], float] = time.monotonic) -> None:
        self.clock, self.changing = clock, threading.Lock()
        levels = np.linspace(0, 1, BINS + 1)[1:-1]
        self.edges = np.quantile(references, levels, axis=0).astype(np.float32)
        self.columns = references.shape[1]
        self.expected = np.cumsum(self._counts(references), 1) / len(references)
        self.minutes = np.zeros((MINUTES, self.columns, BINS), np.int64)
        self.rows, self.begun = np.zeros(MINUTES, np.int64), np.full(MINUTES, -1, np.int64)

    def _counts(self, x: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return how many of the numbers lie in which tenth, (numbers, 10)."""
        tenth = (x[:, None] > self.edges).sum(1) + np.arange(self.columns) * BINS
        return np.bincount(tenth.ravel(), minlength=self.columns * BINS).reshape(self.columns, BINS)

    def add(self, x: NDArray[np.float32]) -> None:
        """Count prepared rows (n, numbers)."""
        counts, minute = self._counts(x), int(self.clock() // 60)
        place = minute % MINUTES
        with self.changing:
            if self.begun[place] != minute:
                self.minutes[place], self.rows[place], self.begun[place] = 0, 0, minute
            self.minutes[place] += counts
            self.rows[place] += len(x)

    def drift(self) -> tuple[int, NDArray[np.float64]]:
        """Return the rows of the last hour, and how far each number's distribution is from the training data's.

        The distance is the largest between the two cumulative shares (Kolmogorov and Smirnov's), from 0 to 1, at the
        tenths of the training data; 0 for fewer than 100 rows.
        """
        with self.changing:
            now = self.begun > int(self.clock() // 60) - MINUTES
            rows, counts = int(self.rows[now].sum()), self.minutes[now].sum(0)
        if rows < LEAST_ROWS:
            return rows, np.zeros(self.columns)
        return rows, np.abs(np.cumsum(counts, 1) / rows - self.expected).max(1)
