"""Days: which rows of a table belong to one day, so that alerts can be counted by the day."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from diabolo.data.source import Source
from diabolo.data.tables.dates import DAY, as_stamps, form_of, is_text
from diabolo.data.tables.frames import frames_of, rows_of
from diabolo.errors import InputError
from diabolo.jobs.detect.rules import Rule
from diabolo.jobs.detect.thresholds import Scores

SECONDS = 86_400


def raised(scores: Scores, calibration: Scores, rule: Rule, source: Source) -> NDArray[np.bool_]:
    """Return which rows of a source raise an alert. Raises InputError where the rule needs days and there are none."""
    days = days_of(source, rule.per_day) if rule.per_day else None
    return rule.raised(scores, calibration, days)


def days_of(source: Source, name: str) -> NDArray[np.int64]:
    """Return the day of each row, (n,), by a column of dates, of times (also as text), or of seconds as numbers.

    Raises InputError if the rows are of no table, the column is not there, or holds gaps or anything else.
    """
    table = frames_of(source)
    if table is None:
        raise InputError(f"--per-day names a column of a table, got '{name}' for rows without named columns.")
    there = table.names
    if name not in there:
        raise InputError(f"--per-day must be a column of {table.path}, got '{name}'; it has {', '.join(there[:50])}.")
    values = table.column(name)
    values = values if len(values) == len(source) else values.gather(rows_of(source, np.arange(len(source))))
    if values.null_count():
        raise InputError(f"--per-day needs a day for each row, and {name} has {values.null_count():,} gaps; fill them.")
    return _by_seconds(values) if values.dtype.is_numeric() else _by_dates(values, str(table.path))


def _by_seconds(values: pl.Series) -> NDArray[np.int64]:
    seconds = values.cast(pl.Float64).to_numpy()
    if not np.isfinite(seconds).all():
        raise InputError(f"--per-day needs a day for each row, and {values.name} has values that are not finite.")
    return np.floor(seconds / SECONDS).astype(np.int64)


def _by_dates(values: pl.Series, where: str) -> NDArray[np.int64]:
    form = form_of(values.cast(pl.String)) if is_text(values.dtype) else ""
    if not form and values.dtype not in (pl.Date, pl.Datetime):
        first = str(values[0])[:40]
        raise InputError(f"--per-day must name a column of dates, times or seconds, and {values.name} holds {first!r}.")
    days: NDArray[np.int64] = as_stamps(values, form, where).to_numpy() // DAY
    return days
