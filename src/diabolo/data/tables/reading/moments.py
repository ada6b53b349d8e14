"""Dates, times of day and durations as text: the forms that all cells of a column have."""

import re
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from polars.series.string import StringNameSpace

YEARS = re.compile(r"^(?P<day>\d{4}([-/.])\d{1,2}\2\d{1,2}|\d{1,2}([-/.])\d{1,2}\3(?:\d{4}|\d{2}))(?P<rest>$|\D.*)")
NAMED = re.compile(
    r"(?i)^(?P<day>[a-z, ]*\d{1,2}[- ./]*[a-z]{3,9}\.?[- ,./]*\d{2,4}|[a-z]{3,9}\.? \d{1,2},? \d{4})(?P<rest>$|\D.*)"
)
CLOCK = re.compile(
    r"(?i)^(?P<joint>T| +|, ?)(?P<hour>\d{1,2}):\d\d(?P<second>:\d\d)?(?P<part>\.\d+)?(?P<noon>\s?[ap]m)?(?P<zone>.*)$"
)
ZONE = re.compile(r"^(?:(Z| ?UTC| ?GMT)|( ?)[-+]\d\d:?\d\d)?$")
NAMED_DAYS = (
    "%d %b %Y",
    "%d-%b-%Y",
    "%d/%b/%Y",
    "%d %B %Y",
    "%d-%B-%Y",
    "%d-%b-%y",
    "%d %b %y",
    "%b %d, %Y",
    "%B %d, %Y",
)
LONG_DAYS = ("%b %d %Y", "%B %d %Y", "%a, %d %b %Y", "%a %d %b %Y")
TIME = r"(?i)^(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?(?:\s*[ap]\.?m\.?)?$"
DURATION = r"(?i)^[-+]?(?:\d+\s*d(?:ays?)?,?\s*)?[-+]?\d+:[0-5]\d:[0-5]\d(?:\.\d+)?$|^[-+]?\d+:[0-5]\d$"
PAIRS = (("yes", "no"), ("true", "false"), ("y", "n"), ("t", "f"), ("ja", "nein"), ("si", "no"), ("s\u00ed", "no"))
SECOND = 1_000_000
SAMPLED = 60


def stamps(text: pl.Expr, form: str) -> pl.Expr:
    """Return microseconds since 1970 in UTC as datetimes without a zone, null for what has not that form."""
    if "%z" in form:
        read = text.str.to_datetime(form, time_unit="us", strict=False, time_zone="UTC")
        return read.dt.replace_time_zone(None)
    return text.str.to_datetime(form, time_unit="us", strict=False)


def dated(form: str) -> bool:
    """Return whether a form has no time of day."""
    return not any(part in form for part in ("%H", "%I"))


def forms_of(sample: pl.Series) -> tuple[str, ...]:
    """Return the forms of date that cells of a small sample may have, each once."""
    cells = sample.drop_nulls().str.strip_chars().unique(maintain_order=True).head(SAMPLED)
    return tuple(dict.fromkeys(form for cell in cells for form in _forms(cell)))


def _forms(cell: str) -> list[str]:
    found = YEARS.match(cell) or NAMED.match(cell)
    if found is None:
        return []
    clock = _clock(found["rest"])
    return [] if clock is None else [day + clock for day in _days(found["day"])]


def _days(day: str) -> list[str]:
    mark = next((mark for mark in "-/." if mark in day), "")
    parts = day.split(mark) if mark else [day]
    if len(parts) != 3 or not all(part.isdecimal() for part in parts):
        fits = pl.Series([day]).str
        return [form for form in (*NAMED_DAYS, *LONG_DAYS) if ("%y" in form) == (len(day) < 10) and _fits(fits, form)]
    if len(parts[0]) == 4:
        return [mark.join(("%Y", "%m", "%d"))]
    year = "%Y" if len(parts[2]) == 4 else "%y"
    first = mark.join(("%d", "%m", year))
    return [first] if mark == "." else [first, mark.join(("%m", "%d", year))]


def _fits(cell: "StringNameSpace", form: str) -> bool:
    return cell.to_date(form, strict=False)[0] is not None


def _clock(rest: str) -> str | None:
    """Return the form of what follows a day, None where it is no time of day."""
    if not rest:
        return ""
    found = CLOCK.match(rest)
    zone = None if found is None else ZONE.match(found["zone"])
    if found is None or zone is None:
        return None
    hour = "%I" if found["noon"] else "%H"
    second = (":%S" if found["second"] else "") + ("%.f" if found["part"] else "")
    noon = "" if not found["noon"] else " %p" if found["noon"][0].isspace() else "%p"
    offset = zone[1] or (f"{zone[2]}%z" if found["zone"] else "")
    return f"{found['joint']}{hour}:%M{second}{noon}{offset}"


def times(text: pl.Expr) -> pl.Expr:
    """Return times of day, null for what is none."""
    bare = text.str.strip_chars().str.to_uppercase().str.replace_all(r"[\s.]*([AP])\.?M\.?$", " ${1}M")
    forms = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
    parts = [
        pl.concat_str(pl.lit("2000-01-01 "), bare).str.to_datetime(f"%Y-%m-%d {form}", time_unit="us", strict=False)
        for form in (*forms, "%H:%M:%S%.f")
    ]
    return pl.coalesce(parts).dt.time()


def durations(text: pl.Expr) -> pl.Expr:
    """Return durations, null for what is none: [D days] HH:MM:SS[.f], or H:MM."""
    bare = text.str.strip_chars()
    sign = pl.when(bare.str.starts_with("-")).then(-1).otherwise(1)
    days = bare.str.extract(r"(?i)^[-+]?(\d+)\s*d").cast(pl.Int64, strict=False).fill_null(0)
    clock = bare.str.extract(r"(\d+:\d\d(?::\d\d(?:\.\d+)?)?)$")
    hours = clock.str.extract(r"^(\d+):").cast(pl.Int64, strict=False)
    minutes = clock.str.extract(r"^\d+:(\d\d)").cast(pl.Int64, strict=False)
    seconds = clock.str.extract(r"^\d+:\d\d:(\d\d(?:\.\d+)?)").cast(pl.Float64, strict=False).fill_null(0.0)
    whole = (days * 86_400 + hours * 3_600 + minutes * 60) * SECOND + (seconds * SECOND).round(0).cast(pl.Int64)
    return pl.when(bare.str.contains(DURATION)).then((sign * whole).cast(pl.Duration("us")))
