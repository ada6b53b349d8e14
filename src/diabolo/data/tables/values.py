"""Rows of a table as Python values (of JSON, of CSV text) to the numbers of an encoding and back. NumPy alone.

What is read here is read as data frames are (`columns`), or refused: a date in another form, a number in another
notation. One row takes microseconds, where a data frame takes milliseconds.
"""

import datetime
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diabolo.data.tables.columns import GAP, OTHER, Column, Dates, Numbers, Times, Words
from diabolo.data.tables.dates import FORMS
from diabolo.data.tables.encoding import WHOLE, Encoding

Row = Mapping[str, Any] | Sequence[Any]
PLAIN = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)
TRUTH = {"true": 1.0, "false": 0.0}
ISO = tuple(form for form in FORMS if form.startswith("%Y"))
"""Forms of dates that can be read in one way only."""
EPOCH, MICROSECOND = datetime.datetime(1970, 1, 1), datetime.timedelta(microseconds=1)
DIGITS = {"%Y": r"(\d{4})", "%m": r"(\d{2})", "%d": r"(\d{2})", "%H": r"(\d{2})", "%M": r"(\d{2})", "%S": r"(\d{2})"}
PLACES = {"%Y": "year", "%m": "month", "%d": "day", "%H": "hour", "%M": "minute", "%S": "second"}
LONGEST = 40


@dataclass(frozen=True)
class Refusal:
    """Why a row cannot be used. row: its number among those given, from 0. column: '' where it is the whole row."""

    row: int
    column: str
    value: str
    message: str


class UnreadableError(ValueError):
    """A value that is not of its column's kind; the text says what is allowed."""


def number(value: Any, column: Numbers) -> float:
    """Return a value of a column of numbers, NaN for a gap. Raises UnreadableError."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None:
        return math.nan
    if isinstance(value, str):
        if column.dtype == "Boolean" and value in TRUTH:
            return TRUTH[value]
        if not PLAIN.fullmatch(value):
            raise UnreadableError("a number is needed, written plainly, as 1234.5")
    elif not isinstance(value, float | int):
        raise UnreadableError("a number is needed")
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if math.isinf(found):
        raise UnreadableError("a finite number is needed")
    return found


def word(value: Any, column: Words) -> str | None:
    """Return a value of a column of words, None for a gap. Raises UnreadableError."""
    del column
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    raise UnreadableError("a text is needed")


def stamp(value: Any, column: Dates) -> int | None:
    """Return a value of a column of dates as microseconds since 1970, None for a gap. Raises UnreadableError."""
    if value is None:
        return None
    if isinstance(value, datetime.datetime):
        there = value.astimezone(datetime.UTC).replace(tzinfo=None) if value.tzinfo else value
        return (there - EPOCH) // MICROSECOND
    if isinstance(value, datetime.date):
        return (datetime.datetime(value.year, value.month, value.day) - EPOCH) // MICROSECOND
    if isinstance(value, str):
        for form in (column.form,) if column.form else ISO:
            found = _parsed(value, form)
            if found is not None:
                return found
    raise UnreadableError(f"a date of the form {column.form} is needed" if column.form else "an ISO date is needed")


def time_of_day(value: Any, column: Times) -> int | None:
    """Return a value of a column of times as microseconds since midnight, None for a gap. Raises UnreadableError."""
    del column
    if value is None:
        return None
    try:
        found = value if isinstance(value, datetime.time) else datetime.time.fromisoformat(value)
    except (TypeError, ValueError):
        raise UnreadableError("a time of day is needed, as 14:05 or 14:05:30") from None
    return (datetime.datetime.combine(EPOCH, found.replace(tzinfo=None)) - EPOCH) // MICROSECOND


def _pattern(form: str) -> tuple[re.Pattern[str], tuple[str, ...]]:
    """Return a form of dates as a pattern, and what its groups are."""
    pattern = ""
    places: list[str] = []
    for part in re.findall(r"%\.f|%[A-Za-z]|.", form):
        if part == "%.f":
            pattern, places = pattern + r"\.(\d{1,6})", [*places, "fraction"]
        elif part in DIGITS:
            pattern, places = pattern + DIGITS[part], [*places, PLACES[part]]
        else:
            pattern += re.escape(part)
    return re.compile(pattern, re.ASCII), tuple(places)


PATTERNS = {form: _pattern(form) for form in FORMS}


def _parsed(text: str, form: str) -> int | None:
    pattern, places = PATTERNS.get(form) or _pattern(form)
    match = pattern.fullmatch(text)
    if match is None:
        return None
    found = dict(zip(places, match.groups(), strict=True))
    fraction = int(found.pop("fraction", "0").ljust(6, "0"))
    year, month, day, hour, minute, second = (int(found.get(place, "0")) for place in PLACES.values())
    try:
        return (datetime.datetime(year, month, day, hour, minute, second, fraction) - EPOCH) // MICROSECOND
    except ValueError:
        return None


def _words_placed(column: Words) -> Callable[[list[Any]], NDArray[np.float64]]:
    table, codes = column.table, {word: code for code, word in enumerate(column.words)}
    return lambda words: table[[codes.get(word, len(codes)) for word in words]]


def _times_placed(column: Dates | Times) -> Callable[[list[Any]], NDArray[np.float64]]:
    def placed(stamps: list[Any]) -> NDArray[np.float64]:
        given = np.array([at or 0 for at in stamps], np.int64)
        return column.placed(given, np.array([at is None for at in stamps]))

    return placed


PLACED: dict[type[Column], Callable[[Any], Callable[[list[Any]], NDArray[np.float64]]]] = {
    Words: _words_placed,
    Dates: _times_placed,
    Times: _times_placed,
}
"""What makes values of a column that `READ` read into numbers (n, numbers); columns of numbers are made together."""
READ: dict[type[Column], Callable[[Any, Any], Any]] = {Numbers: number, Words: word, Dates: stamp, Times: time_of_day}


class Reader:
    """An encoding at work on rows of Python values. gaps: whether a number may be missing."""

    def __init__(self, encoding: Encoding, *, gaps: bool = True) -> None:
        self.encoding, self.gaps = encoding, gaps
        edges = np.searchsorted(encoding.owners, np.arange(len(encoding.columns) + 1))
        self.places = [slice(int(a), int(b)) for a, b in pairwise(edges)]
        own = list(zip(encoding.columns, self.places, strict=True))
        together: list[tuple[int, Numbers, slice]] = [
            (k, c, at) for k, (c, at) in enumerate(own) if isinstance(c, Numbers)
        ]
        self.numbers, self.begins = [k for k, _, _ in together], [at.start for _, _, at in together]
        self.fills = np.array([column.fill for _, column, _ in together])
        self.marks = [(k, at.stop - 1) for k, (_, column, at) in enumerate(together) if column.gaps]
        self.others = [(k, at, PLACED[type(c)](c)) for k, (c, at) in enumerate(own) if type(c) in PLACED]

    def read(self, rows: Sequence[Row]) -> tuple[NDArray[np.float64], list[Refusal]]:
        """Return rows as numbers (n, numbers), 0 for those that are refused, and why they are."""
        refused: list[Refusal] = []
        values = [self._values(row, number, refused) for number, row in enumerate(rows)]
        encoded = np.zeros((len(rows), self.places[-1].stop))
        good = [number for number, found in enumerate(values) if found is not None]
        if good:
            encoded[good] = self._encoded([values[number] for number in good])  # type: ignore[misc]
        return encoded, refused

    def _values(self, row: Row, number: int, refused: list[Refusal]) -> list[Any] | None:
        """Return the values of a row, one a column; None where it is refused."""
        columns, before = self.encoding.columns, len(refused)
        named = isinstance(row, Mapping)
        if not named and (isinstance(row, str | bytes) or not isinstance(row, Sequence) or len(row) != len(columns)):
            count = f"{len(row)} values" if isinstance(row, Sequence) else type(row).__name__
            refused.append(Refusal(number, "", count, f"A row must have {len(columns)} values, got {count}."))
            return None
        found = []
        for place, column in enumerate(columns):
            if named and column.name not in row:
                refused.append(Refusal(number, column.name, "", f"The row lacks {column.name}; null is a gap."))
                continue
            given = row[column.name] if named else row[place]  # type: ignore[call-overload,index]
            try:
                value = READ[type(column)](given, column)
                if not self.gaps and value != value:
                    raise UnreadableError("a number is needed: none was missing in training")
                found.append(value)
            except UnreadableError as why:
                text = str(given)[:LONGEST]
                refused.append(Refusal(number, column.name, text, f"{column.name} holds {text!r}: {why}."))
        return found if len(refused) == before else None

    def _encoded(self, rows: list[list[Any]]) -> NDArray[np.float64]:
        encoded = np.empty((len(rows), self.places[-1].stop))
        if self.numbers:  # all columns of numbers together: one by one they would take most of a row's time
            given = np.array([[row[at] for at in self.numbers] for row in rows], np.float64)
            empty = np.isnan(given)
            encoded[:, self.begins] = np.where(empty, self.fills, given)
            for k, at in self.marks:
                encoded[:, at] = empty[:, k]
        for number, place, placed in self.others:
            encoded[:, place] = placed([row[number] for row in rows])
        return encoded


def _number_shown(column: Numbers, numbers: NDArray[np.float64]) -> Any:
    if column.gaps and numbers[1] >= 0.5:
        return None
    value = float(numbers[0])
    if column.dtype == "Boolean":
        return value >= 0.5
    return round(value) if column.dtype in WHOLE else value


def _word_shown(column: Words, numbers: NDArray[np.float64]) -> Any:
    return (*column.shown, OTHER)[int(column.likeliest(numbers[None])[0])]


def _date_shown(column: Dates, numbers: NDArray[np.float64]) -> Any:
    if numbers[1] >= GAP / 2:
        return None
    when = EPOCH + int(column.stamps(numbers[None])[0]) * MICROSECOND
    if column.form:
        return when.strftime(column.form.replace("%.f", ".%f"))
    return when.date().isoformat() if column.dtype == "Date" else when.isoformat(sep=" ")


def _time_shown(column: Times, numbers: NDArray[np.float64]) -> Any:
    if numbers[0] >= GAP / 2:
        return None
    return (EPOCH + datetime.timedelta(seconds=int(column.seconds(numbers[None])[0]))).time().isoformat()


SHOWN: dict[type[Column], Callable[[Any, NDArray[np.float64]], Any]] = {
    Numbers: _number_shown,
    Words: _word_shown,
    Dates: _date_shown,
    Times: _time_shown,
}


def seen(value: Any, column: Column) -> Any:
    """Return a value that a row holds in JSON's types: text that stands for a number as one, a gap as None."""
    if isinstance(value, np.generic):
        value = value.item()
    read = READ[type(column)](value, column)
    if read is None or read != read:
        return None
    if isinstance(value, str) and isinstance(read, float):
        return shown(column, np.array([read, 0.0]))
    return value if isinstance(value, str | bool | int | float) else str(value)


def shown(column: Column, numbers: NDArray[np.float64]) -> Any:
    """Return what the numbers of a column stand for, in JSON's types: a number, a text, true or false, None."""
    return SHOWN[type(column)](column, numbers)
