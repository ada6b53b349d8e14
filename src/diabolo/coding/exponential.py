"""Tables of exp and of the logistic function, made by whole numbers alone, so that every machine has the same."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

STEPS = 512
"""Steps of one nat."""
REACH = 16 * STEPS
"""Tables go this many steps from 0."""
ONE = 1 << 60
RATIO = 1_150_671_902_385_460_292
"""exp(-1 / 512) in units of 2^-60, rounded down."""
MASS_BITS = 30
"""The logistic table is in units of 2^-30."""


@cache
def exponential() -> tuple[int, ...]:
    """Return exp(-i / 512) for i = 0 to 8192 in units of 2^-60: each is the one before times RATIO, rounded down."""
    values = [ONE]
    for _ in range(REACH):
        values.append(values[-1] * RATIO >> 60)
    return tuple(values)


@cache
def logistic() -> NDArray[np.float64]:
    """Return 1 / (1 + exp(-i / 512)) for i = -8192 to 8192, whole numbers of 2^-30; below 0, 1 - its mirror image."""
    above = [(1 << MASS_BITS + 60) // (ONE + value) for value in exponential()]
    below = [(1 << MASS_BITS) - value for value in above[:0:-1]]
    return np.array(below + above, dtype=np.float64)


@cache
def shares() -> NDArray[np.float64]:
    """Return exp(-i / 64) for i = 0 to 1024 in units of 2^-16, rounded down."""
    return np.array([value >> 44 for value in exponential()[::8]], dtype=np.float64)


@cache
def sharpness(count: int, largest: int) -> NDArray[np.int32]:
    """Return `largest` * exp(-i / 16) for i = 0 to count - 1, rounded down (count at most 257)."""
    return np.array([largest * value >> 60 for value in exponential()[::32][:count]], dtype=np.int32)
