"""Labels: which samples are anomalies."""

import numpy as np
from numpy.typing import NDArray

from diabolo.data.source import Array
from diabolo.errors import InputError


def marks(labels: Array | None) -> NDArray[np.bool_] | None:
    """Return which samples are labelled as anomalies; None where labels say nothing of that, being none or others."""
    known = labels is not None and set(np.unique(labels).tolist()) <= {0, 1}
    return np.asarray(labels == 1) if known else None


def anomalous(labels: Array | None) -> NDArray[np.bool_]:
    """Return which samples are labelled as anomalies: of two whole labels, the larger.

    Raises InputError for labels that are not just 0 and 1 (or False and True), or that call every row anomalous.
    """
    if labels is None:
        raise InputError("These data have no labels; name their column with --label.")
    values = np.unique(labels)
    if not set(values.tolist()) <= {0, 1}:
        shown = ", ".join(str(value) for value in values[:5])
        raise InputError(f"A label must be 0 (normal) or 1 (anomaly), got {len(values)} values: {shown}; write it so.")
    marked: NDArray[np.bool_] = labels == 1
    if marked.all():
        raise InputError("Every row is labelled as an anomaly; training needs normal rows (label 0).")
    return marked
