"""The normal row that is most like a row: the nearest of those that a model keeps, in standardised columns."""

import numpy as np
from numpy.typing import NDArray

from diabolo.data.source import Source
from diabolo.jobs.columns import weights_of
from diabolo.jobs.detect.rows.opened import of
from diabolo.jobs.detect.rows.rows import prepared_rows
from diabolo.training.files.contents import Known

TOGETHER = 2**22
"""Distances that are in memory at once."""


def nearest_of(trained: Known, source: Source) -> NDArray[np.int64]:
    """Return for each row the number of the nearest row among the references of the model's detector, (n,)."""
    detector, weights = of(trained).detector, weights_of(trained)
    scale = (1 if weights is None else weights) / detector.views.spread
    normal = (detector.references * scale).astype(np.float64)
    rows = (prepared_rows(trained, source) * scale).astype(np.float64)
    own, size = np.square(normal).sum(1) / 2, max(1, TOGETHER // len(normal))
    found = [(own - rows[start : start + size] @ normal.T).argmin(1) for start in range(0, len(rows), size)]
    return np.concatenate(found) if found else np.zeros(0, np.int64)
