"""Rows of a table, column by column in its own units, as text."""

from typing import Any

import numpy as np

from diabolo.app.drawing import markup
from diabolo.data.source import Array
from diabolo.jobs.table_input import in_own_units
from diabolo.training.files.model_file import Trained

LONGEST = 40


def columns_of(trained: Trained, samples: Array) -> list[tuple[str, list[Any]]]:
    """Return the name of each column of the model's table, or its number, and its values in samples (n, numbers)."""
    own = in_own_units(trained, samples)
    if not isinstance(own, np.ndarray):
        return [(series.name, series.to_list()) for series in own]
    names = trained.about.get("columns") or [f"column {number}" for number in range(own.shape[1])]
    return [(str(name), list(values)) for name, values in zip(names, own.T, strict=True)]


def value_text(value: Any) -> str:
    """Return a value of a table in few digits or letters."""
    if value is None:
        return "missing"
    if isinstance(value, float | np.floating):
        return markup.brief(value)
    text = str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def apart_text(given: Any, found: Any) -> str:
    """Return by how much two numbers differ; of other values, whether they do."""
    try:
        return value_text(float(found) - float(given))
    except (TypeError, ValueError):
        return "the same" if found == given else "another"
