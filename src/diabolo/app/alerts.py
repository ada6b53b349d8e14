"""A table of alerts: the samples ranked by their score, each with its p-value and the reasons."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from diabolo.data.source import Source, Subset
from diabolo.jobs import detect
from diabolo.jobs.thresholds import alerts, p_values
from diabolo.training.model_file import Trained

if TYPE_CHECKING:
    import polars as pl

MOST_REASONS, COLUMNS_NAMED = 1000, 3
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def ranked(
    trained: Trained, source: Source, columns: Sequence[str] | None, items: Sequence[str] | None
) -> "pl.DataFrame":
    """Return a row for each sample, most suspicious first: row, score, p_value, alert, reasons.

    Reasons are given for the first 1,000; they name the three columns that add most, what was seen and expected there.
    """
    import polars as pl

    found = detect.of(trained)
    scores = detect.score(trained, source)
    raised = alerts(scores, found.calibration, found.rule)
    order = np.argsort(-scores, kind="stable")
    told = reasons(trained, source, order[:MOST_REASONS], columns) if len(source.shape) == 1 else []
    table = {
        "row": order,
        "score": scores[order],
        "p_value": p_values(scores, found.calibration)[order],
        "alert": raised[order],
        "reasons": told + [""] * (len(order) - len(told)),
    }
    frame = pl.DataFrame(table)
    return (
        frame if items is None else frame.insert_column(1, pl.Series("item", [unformulated(items[i]) for i in order]))
    )


def reasons(
    trained: Trained, source: Source, rows: np.ndarray[tuple[int], np.dtype[np.int64]], columns: Sequence[str] | None
) -> list[str]:
    """Return for each of the rows which columns made it suspicious, with their share of the score."""
    chosen = Subset(source, rows)
    parts, back = detect.explain(trained, chosen), detect.expected(trained, chosen)
    seen = chosen.take(np.arange(len(rows)))
    names = columns or [f"column {number}" for number in range(source.shape[0])]
    most = np.argsort(-parts, axis=1, kind="stable")[:, :COLUMNS_NAMED]
    share = parts / np.maximum(parts.sum(1, keepdims=True), 1e-30)
    return [
        unformulated("; ".join(
            f"{names[j]}: {seen[i, j]:.6g}, expected {back[i, j]:.6g} ({share[i, j]:.0%})" for j in most[i]
        ))
        for i in range(len(rows))
    ]  # fmt: skip


def unformulated(text: str) -> str:
    """Return text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text
