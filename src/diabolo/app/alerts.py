"""A table of alerts: the samples ranked by their score, each with its p-value and the reasons."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from diabolo.data.frames import frame_of, frames_of
from diabolo.data.source import Source, Subset
from diabolo.data.writing import unformulated
from diabolo.jobs import detect, tabular
from diabolo.jobs.thresholds import alerts, p_values
from diabolo.training.model_file import Trained

if TYPE_CHECKING:
    import polars as pl

LEAST_REASONS, MOST_REASONS, COLUMNS_NAMED, TOGETHER = 1000, 20_000, 3, 1000
LONGEST = 60


def ranked(
    trained: Trained, source: Source, columns: Sequence[str] | None, items: Sequence[str] | None
) -> "pl.DataFrame":
    """Return a row for each sample, most suspicious first: row, score, p_value, alert, reasons.

    Reasons are given for the first 1,000 and for every alert (at most 20,000 rows); they name the three columns that
    add most, what was seen and expected there.
    """
    import polars as pl

    found = detect.of(trained)
    scores = detect.score(trained, source)
    raised = alerts(scores, found.calibration, found.rule)
    order = np.argsort(-scores, kind="stable")
    most = min(max(LEAST_REASONS, int(raised.sum())), MOST_REASONS)
    table = {
        "row": order,
        "score": scores[order],
        "p_value": p_values(scores, found.calibration)[order],
        "alert": raised[order],
    }
    frame = pl.DataFrame(table)
    if items is not None:
        frame.insert_column(1, pl.Series("item", [unformulated(items[i]) for i in order]))
    told = reasons(trained, source, order[:most], columns) if len(source.shape) == 1 else []
    return frame.with_columns(pl.Series("reasons", told, pl.String).extend_constant("", len(order) - len(told)))


def reasons(trained: Trained, source: Source, rows: NDArray[np.int64], columns: Sequence[str] | None) -> list[str]:
    """Return for each of the rows which columns made it suspicious, with their share of the score."""
    pieces = [rows[start : start + TOGETHER] for start in range(0, len(rows), TOGETHER)]
    return [text for some in pieces for text in _reasons(trained, source, some, columns)]


def _reasons(trained: Trained, source: Source, rows: NDArray[np.int64], columns: Sequence[str] | None) -> list[str]:
    chosen = Subset(source, rows)
    parts = tabular.by_column(trained, detect.explain(trained, chosen))
    share = parts / np.maximum(parts.sum(1, keepdims=True), 1e-30)
    most = np.argsort(-parts, axis=1, kind="stable")[:, :COLUMNS_NAMED]
    encoding = tabular.encoding_of(trained)
    names = encoding.names if encoding else columns or [f"column {number}" for number in range(source.shape[0])]
    seen = _seen(chosen, names)
    told: list[list[str]] = [[] for _ in rows]
    for column in most.T:
        wanted = _expected(trained, chosen, column, names)
        for i, j in enumerate(column):
            told[i].append(f"{names[j]}: {seen[names[j]][i]}, expected {wanted[names[j]][i]} ({share[i, j]:.0%})")
    return [unformulated("; ".join(lines)) for lines in told]


Texts = dict[str, list[str]]


def _seen(source: Source, names: Sequence[str]) -> Texts:
    import polars as pl

    every = np.arange(len(source))
    return _worded(
        frame_of(source, every) if frames_of(source) else pl.DataFrame(source.take(every), list(names), orient="row")
    )


def _expected(trained: Trained, source: Source, column: NDArray[np.int64], names: Sequence[str]) -> Texts:
    """Return, for one column of each row, what the other columns let expect there."""
    import polars as pl

    encoding = tabular.encoding_of(trained)
    owners = encoding.owners if encoding else np.arange(source.shape[0])
    back = detect.expected(trained, source, owners[None, :] == column[:, None])
    return _worded(encoding.decode(back) if encoding else pl.DataFrame(back, list(names), orient="row"))


def _worded(frame: "pl.DataFrame") -> Texts:
    """Return a table as text: numbers in six digits, dates by ISO 8601, gaps as 'missing'."""
    return {name: [_word(value) for value in frame[name]] for name in frame.columns}


def _word(value: object) -> str:
    if value is None or value != value:
        return "missing"
    if isinstance(value, bool | int) or not isinstance(value, float):
        return " ".join(str(value)[:LONGEST].split())
    return f"{value:.6g}"
