"""The noise that a denoiser took out of an image: how strong, how it grows with the signal, how far it spreads.

The best estimate c of the clean image is uncorrelated with its own error, so that the noise's variance is the sum of
that of what was removed and of the expected squared error of c.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from diabolo.jobs.denoise.scale import Pixels

LAGS, BINS = 4, 24
"""Distances from 0 to 3 pixels, and steps of brightness."""
CORRELATED, SURE = 0.2, 0.5 / 255
"""Correlation from which on neighbours count as alike; the expected error of a pixel that is surely right."""


@dataclass(frozen=True)
class Noise:
    """level: the spread, as a share of white. variance = shot * value + read, in the same units squared.

    lags: the correlation of neighbours at 0 to 3 pixels, along rows and columns.
    """

    level: float
    shot: float
    read: float
    lags: tuple[float, ...]

    @property
    def spreads(self) -> int:
        """Pixels over which the noise is alike: 0 for white noise."""
        return max((lag for lag, value in enumerate(self.lags) if value > CORRELATED), default=0)

    def at(self, brightness: Pixels) -> Pixels:
        """Return the spread of the noise where the picture is that bright."""
        variance = np.float32(self.shot) * np.maximum(brightness, 0) + np.float32(self.read)
        return np.asarray(np.sqrt(variance), np.float32)


@dataclass
class Removed:
    """Sums over tiles, from which the noise follows; a pixel counts the more, the smaller its expected error is.

    So texture, where noise and picture are hard to tell apart, counts little.
    """

    counts: NDArray[np.float64] = field(default_factory=lambda: np.zeros(BINS))
    brightness: NDArray[np.float64] = field(default_factory=lambda: np.zeros(BINS))
    values: NDArray[np.float64] = field(default_factory=lambda: np.zeros(BINS))
    squares: NDArray[np.float64] = field(default_factory=lambda: np.zeros(BINS))
    products: NDArray[np.float64] = field(default_factory=lambda: np.zeros(LAGS))
    pairs: NDArray[np.float64] = field(default_factory=lambda: np.zeros(LAGS))

    def add(self, given: Pixels, cleaned: Pixels, error: Pixels | None) -> None:
        """Add a tile (h, w, c); error: the expected one (h, w), where the network gives it."""
        removed = given - cleaned
        square = np.square(removed).mean(2)
        if error is not None:
            square = square + np.square(error)
        value = cleaned.mean(2)
        open_ended = ((given > 0) & (given < 1)).all(2).ravel()
        bins = np.clip((value * BINS).astype(np.int64), 0, BINS - 1).ravel()
        weights = open_ended + 1e-6
        if error is not None:
            weights = weights / np.sqrt(np.square(error.ravel().astype(np.float64)) + SURE**2)
        self.brightness += np.bincount(bins, minlength=BINS)
        for total, part in ((self.counts, 1.0), (self.values, value.ravel()), (self.squares, square.ravel())):
            total += np.bincount(bins, weights * part, BINS)
        for lag in range(LAGS):
            for one, other in _shifted(removed, lag):
                self.products[lag] += float((one * other).sum(dtype=np.float64))
                self.pairs[lag] += one.size

    def noise(self) -> Noise:
        """Return the noise of all tiles together."""
        if not self.counts.sum():
            return Noise(0.0, 0.0, 0.0, (1.0,) + (0.0,) * (LAGS - 1))
        shot, read = self._line()
        steps = (np.arange(BINS) + 0.5) / BINS
        level = float(np.sqrt(np.average(shot * steps + read, weights=self.brightness)))
        means = self.products / np.maximum(self.pairs, 1)
        lags = means / means[0] if means[0] > 0 else np.eye(LAGS)[0]
        return Noise(level, shot, read, tuple(float(value) for value in lags))

    def _line(self) -> tuple[float, float]:
        """Return (shot, read): the line through the variances of all steps of brightness, neither below 0."""
        from scipy.optimize import nnls

        there = self.counts > 0
        weights = np.sqrt(self.counts[there])
        value, variance = self.values[there] / self.counts[there], self.squares[there] / self.counts[there]
        weights = weights / np.maximum(variance, 1e-12)
        design = np.stack([np.maximum(value, 0), np.ones_like(value)], 1) * weights[:, None]
        found, _ = nnls(design, variance * weights)
        return float(found[0]), float(found[1])


def _shifted(image: Pixels, lag: int) -> list[tuple[Pixels, Pixels]]:
    height, width = image.shape[:2]
    return [(image[: height - lag], image[lag:]), (image[:, : width - lag], image[:, lag:])]
