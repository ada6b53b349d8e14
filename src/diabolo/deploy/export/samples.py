"""Rows to compare a model and its export by: normal ones that the model keeps, and the same with values exchanged."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from diabolo.data.tables.values import shown
from diabolo.deploy.runtime.table import TableModel

MOST = 500


def rows_kept(model: TableModel, seed: int = 0) -> list[dict[str, Any]]:
    """Return up to 1,500 rows: references of the model, the same with columns mixed, and with one value far off."""
    generator, how = np.random.default_rng(seed), model.kept.preprocessing
    references = model.detector.found.references
    chosen = references[np.linspace(0, len(references) - 1, min(MOST, len(references))).astype(np.int64)]
    mixed = np.column_stack([generator.permutation(column) for column in chosen.T])
    far = chosen.copy()
    far[np.arange(len(far)), generator.integers(0, far.shape[1], len(far))] += 5
    own = how.restore(np.concatenate([chosen, mixed, far])).astype(np.float64)
    columns = list(zip(model.encoding.columns, model.reader.places, strict=True))
    return [{column.name: shown(column, row[place]) for column, place in columns} for row in own]


def spread(rows: Sequence[Any], count: int) -> list[Any]:
    """Return so many of the rows, evenly spaced."""
    return [rows[int(at)] for at in np.linspace(0, len(rows) - 1, min(count, len(rows)))]
