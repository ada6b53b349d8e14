"""Which columns are named as the reasons of a score, in which order: the one place that decides it."""

import numpy as np
from numpy.typing import NDArray

COLUMNS_NAMED, LEAST_SHARE = 3, 0.05


def named(parts: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return the columns that add most, highest first (n, 3), the share of each, and whether it is named.

    parts: what each column adds to the score, (n, columns). The first is named always, others from a share of 5 %.
    """
    share = parts / np.maximum(parts.sum(1, keepdims=True), 1e-30)
    most = np.argsort(-parts, axis=1, kind="stable")[:, :COLUMNS_NAMED]
    shares = np.take_along_axis(share, most, 1)
    told = shares >= LEAST_SHARE
    told[:, :1] = True
    return most, shares, told
