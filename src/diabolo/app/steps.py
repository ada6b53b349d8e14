"""A table of a series' steps, in order, each with its score, its p-value and the columns that made it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from diabolo.app.alerts import COLUMNS_NAMED
from diabolo.data.source import Source
from diabolo.data.writing import unformulated
from diabolo.errors import ArgumentError
from diabolo.jobs import detect, series
from diabolo.jobs.thresholds import alerts, p_values
from diabolo.training.model_file import Trained

if TYPE_CHECKING:
    import polars as pl


def check_window(trained: Trained, asked: int | None) -> None:
    """Raise ArgumentError if --window asks for another length than the model was trained on."""
    own = series.window_of(trained)
    if asked is not None and asked != own:
        has = "on single rows" if own is None else f"on windows of {own} steps"
        raise ArgumentError(f"--window must be left out or as in training, got {asked}; the model was trained {has}.")


def stepwise(
    trained: Trained, source: Source, columns: Sequence[str] | None, items: Sequence[str] | None
) -> "pl.DataFrame":
    """Return a row for each step, in the order of the series: row, score, p_value, alert, reasons."""
    import polars as pl

    del items
    found, parts = detect.of(trained), series.explain(trained, source)
    scores = parts.sum(1, dtype=np.float64)
    names = columns or [f"column {number}" for number in range(source.shape[0])]
    most = np.argsort(-parts, axis=1, kind="stable")[:, :COLUMNS_NAMED]
    share = np.take_along_axis(parts, most, 1) / np.maximum(scores[:, None], 1e-30)
    told = [_told(names, *both) for both in zip(most, share, strict=True)]
    return pl.DataFrame(
        {
            "row": np.arange(len(scores)),
            "score": scores,
            "p_value": p_values(scores, found.calibration),
            "alert": alerts(scores, found.calibration, found.rule),
            "reasons": [unformulated(text) for text in told],
        }
    )


def _told(names: Sequence[str], most: NDArray[np.int64], share: NDArray[np.float32]) -> str:
    return "; ".join(f"{names[column]} ({part:.0%})" for column, part in zip(most, share, strict=True))
