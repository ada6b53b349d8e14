"""A series' steps, in order, each with its score, its p-value and the columns that made it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from diabolo.data.source import Source
from diabolo.errors import ArgumentError
from diabolo.jobs.detect import members, series
from diabolo.jobs.detect.days import raised
from diabolo.jobs.detect.detector import window_of
from diabolo.jobs.detect.listing.alerts import Ranking
from diabolo.jobs.detect.listing.beside import Beside
from diabolo.jobs.detect.listing.reasons import joined
from diabolo.jobs.detect.rows.named import COLUMNS_NAMED, LEAST_SHARE
from diabolo.training.files.contents import Known


def check_window(trained: Known, asked: int | None) -> None:
    """Raise ArgumentError if --window asks for another length than the model was trained on."""
    own = window_of(trained)
    if asked is not None and asked != own:
        has = "on single rows" if own is None else f"on windows of {own} steps"
        raise ArgumentError(f"--window must be left out or as in training, got {asked}; the model was trained {has}.")


def stepwise(
    trained: Known,
    source: Source,
    columns: Sequence[str] | None,
    items: Sequence[str] | None = None,
    beside: Beside | None = None,
) -> Ranking:
    """Return the steps, in the order of the series, with the columns that add most to each."""
    del items
    found, parts = members.of(trained), series.explain(trained, source)
    scores = parts.sum(1, dtype=np.float64)
    names = columns or [f"column {number}" for number in range(source.shape[0])]
    most = np.argsort(-parts, axis=1, kind="stable")[:, :COLUMNS_NAMED]
    share = np.take_along_axis(parts, most, 1) / np.maximum(scores[:, None], 1e-30)
    told = [_told(names, *both) for both in zip(most, share, strict=True)]
    alarms = raised(scores, found.calibration, found.rule, source)
    return Ranking(scores, np.arange(len(scores)), alarms, found.calibration, told, beside=beside)


def _told(names: Sequence[str], most: NDArray[np.int64], share: NDArray[np.float32]) -> str:
    told = [f"{names[column]} ({part:.0%})" for column, part in zip(most, share, strict=True)]
    return joined(told[: max(1, int((share >= LEAST_SHARE).sum()))])
