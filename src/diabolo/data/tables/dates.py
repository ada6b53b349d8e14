"""Dates and times, as such or as text of one form, as microseconds since 1970."""

from typing import TYPE_CHECKING

import numpy as np

from diabolo.errors import InputError

if TYPE_CHECKING:
    import polars as pl

FORMS = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%dT%H:%M:%S%.fZ",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
)
"""Forms of dates that text may have; the first that fits every value is taken."""
DAY = 86_400_000_000
FIRST_DAY, LAST_DAY = -719_162, 2_932_896
"""The first day of year 1 and the last of 9999, counted from 1970: beyond them Python has no dates."""


def is_text(kind: "pl.DataType") -> bool:
    """Return whether a column of that type holds words."""
    import polars as pl

    return kind in (pl.String, pl.Categorical, pl.Enum)


def form_of(words: "pl.Series") -> str:
    """Return the form of date that every word has, '' if they are no dates."""
    given = words.drop_nulls()
    if not len(given):
        return ""
    first = given.head(20)
    for form in FORMS:
        if _missed(first, form):
            continue
        if not _missed(given, form):
            return form
    return ""


def _missed(words: "pl.Series", form: str) -> int:
    return words.str.to_datetime(form, strict=False).null_count()


def as_stamps(values: "pl.Series", form: str, where: str) -> "pl.Series":
    """Return microseconds since 1970, null where they are missing. Raises InputError for what is no date.

    form: of text; '' where training had dates as such: then it is the one that fits most of the words.
    """
    import polars as pl

    if is_text(values.dtype):
        words = values.cast(pl.String)
        form = form or min(FORMS, key=lambda one: _missed(words, one))
        stamps = words.str.to_datetime(form, time_unit="us", strict=False)
    elif values.dtype in (pl.Date, pl.Datetime):
        zone = getattr(values.dtype, "time_zone", None)
        stamps = (values.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if zone else values).cast(
            pl.Datetime("us")
        )
    else:
        stamps = pl.Series(values.name, [None] * len(values), dtype=pl.Datetime("us"))
    refuse_others(values, stamps, where, "dates")
    return stamps.to_physical()


def times_of(values: "pl.Series") -> "pl.Series":
    """Return times of day, null for what is missing or none."""
    import polars as pl

    from diabolo.data.tables.reading.moments import times

    if values.dtype == pl.Time:
        return values
    if not is_text(values.dtype):
        return pl.Series(values.name, [None] * len(values), dtype=pl.Time)
    return pl.DataFrame(values.cast(pl.String)).select(times(pl.first())).to_series()


def refuse_others(given: "pl.Series", read: "pl.Series", where: str, kind: str) -> None:
    """Raise InputError if something was lost in reading `given` as a kind."""
    lost = (given.is_not_null() & read.is_null()).to_numpy()
    if lost.any():
        row = int(np.flatnonzero(lost)[0])
        raise InputError(
            f"{where} must have {kind} in the column {given.name}, as in training, and holds "
            f"{str(given[row])[:40]!r} (row {row}) and {int(lost.sum()) - 1:,} more that are none; mend them or leave "
            "them empty."
        )
