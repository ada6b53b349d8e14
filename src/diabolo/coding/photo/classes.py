"""The tables of the classes: a normal distribution with some outliers, beside what was counted."""

import math

import numpy as np
from numpy.typing import NDArray

from diabolo.coding.photo.whole import APART, CLASSES
from diabolo.coding.tables import Tables, tables_from_probabilities
from diabolo.model.networks.photo.prior import LEAST_SCALE, TAIL, TAIL_SCALE

WIDEST = 512
REACH = 6.0
PRIOR_COUNT = 2000.0
"""What the normal distribution weighs against symbols counted."""


def widths() -> NDArray[np.int64]:
    """Return how far from 0 the table of each class from 1 on goes."""
    scales = LEAST_SCALE * np.exp(APART * np.arange(1, CLASSES))
    found: NDArray[np.int64] = np.minimum(np.ceil(REACH * scales) + 1, WIDEST).astype(np.int64)
    return found


def class_tables(counts: list[NDArray[np.int64]] | None = None) -> Tables:
    """Return the tables; counts: of the symbols from -width to width of each class from 1 on, where any were seen."""
    lowest, probabilities = [], []
    for number, width in enumerate(widths(), 1):
        scale = LEAST_SCALE * math.exp(APART * number)
        expected = mass(np.arange(-width, width + 1), scale)
        if counts is not None:
            found = counts[number - 1] + counts[number - 1][::-1]
            expected = (found + PRIOR_COUNT * expected) / (found.sum() + PRIOR_COUNT)
        lowest.append(-int(width))
        probabilities.append(expected)
    return tables_from_probabilities(lowest, probabilities)


def mass(symbols: NDArray[np.int64], scale: float) -> NDArray[np.float64]:
    """Return the probability of whole numbers under the distribution of training."""
    root = math.sqrt(0.5) / scale
    below = np.array([math.erf(root * (symbol - 0.5)) for symbol in symbols])
    above = np.array([math.erf(root * (symbol + 0.5)) for symbol in symbols])
    far = TAIL_SCALE * scale + 1
    tail = np.exp(-np.abs(symbols) / far) / (2 * far)
    found: NDArray[np.float64] = (1 - TAIL) * (above - below) / 2 + TAIL * tail
    return found
