"""Tables in random dialects, with the values that were written: what a reader must find again, or refuse.

One dialect is left out: points for thousands in a file that commas part. There 1.234 is read as 1.234, as every program
writes it, unless another cell shows a decimal comma.
"""

import csv
import io
import re
from dataclasses import dataclass, replace
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from diabolo.data.source import Dataset
from diabolo.data.tables.files import open_table
from diabolo.data.tables.frames import frames_of
from diabolo.data.tables.reading.numbers import MISSING
from diabolo.errors import FormatError, InputError

NAMED = re.compile(r"[Ll]ine \d|--(?:separator|decimal|encoding|columns|header|no-header)")
"""What a refusal must hold: a place, or the option that settles it."""
MISSING_WORDS = ("", "?", "-", "N/A", "NULL", "\\N")
FORMS = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%y")
WORDS = st.text("abcdefgh \u00e9\u00f1\u00fc\u00c5,;|.'", min_size=2, max_size=9).map(str.strip)
NO_WORDS = {*MISSING, "", "e"}


@dataclass(frozen=True)
class Written:
    """A table as bytes, and its columns: a name, the kind, and the values."""

    content: bytes
    columns: dict[str, tuple[str, list[Any]]]
    header: bool


@dataclass(frozen=True)
class Style:
    """How numbers are written."""

    decimal: str
    thousands: str
    unit: str
    behind: bool
    negative: str

    def text(self, value: Decimal) -> str:
        whole, _, fraction = f"{abs(value):f}".partition(".")
        groups = f"{int(whole):,}".replace(",", self.thousands)
        size = groups + (self.decimal + fraction if fraction else "")
        size = f"{size} {self.unit}" if self.behind and self.unit else f"{self.unit}{size}"
        if value >= 0:
            return size
        return (
            f"({size})" if self.negative == "()" else f"{size}-" if self.negative == "behind" else self.negative + size
        )


@st.composite
def styles(draw: st.DrawFn) -> Style:
    decimal = draw(st.sampled_from(".,"))
    thousands = draw(st.sampled_from(["", "", "," if decimal == "." else ".", "'", " ", "\u202f"]))
    unit = draw(st.sampled_from(["", "", "", "$", "\u20ac", "EUR", "%"]))
    return Style(
        decimal, thousands, unit, draw(st.booleans()), draw(st.sampled_from(["-", "-", "()", "behind", "\u2212"]))
    )


def cells(draw: st.DrawFn, kind: str, rows: int, style: Style) -> tuple[list[Any], list[str]]:
    """Return the values of a column and its cells."""
    if kind == "number":
        places = draw(st.integers(0, 4))
        units = st.integers(-(10 ** draw(st.integers(1, 9))), 10**9)
        numbers = [Decimal(number).scaleb(-places) for number in draw(st.lists(units, min_size=rows, max_size=rows))]
        return numbers, [style.text(number) for number in numbers]
    if kind == "date":
        form = draw(st.sampled_from(FORMS))
        day = st.dates(date(1990, 1, 1), date(2040, 12, 31))
        days = draw(st.lists(day, min_size=rows, max_size=rows))
        return days, [one.strftime(form) for one in days]
    if kind == "time":
        clock = st.builds(time, st.integers(0, 23), st.integers(0, 59))
        clocks = draw(st.lists(clock, min_size=rows, max_size=rows))
        return clocks, [f"{one:%H:%M}" for one in clocks]
    word = WORDS.filter(lambda text: text.lower() not in NO_WORDS and any(map(str.isalpha, text)))
    words = draw(st.lists(word, min_size=rows, max_size=rows))
    return words, words


@st.composite
def tables(draw: st.DrawFn) -> Written:
    rows, style, separator = draw(st.integers(2, 12)), draw(styles()), draw(st.sampled_from(",;\t|"))
    if separator == "," and style.thousands == ".":
        style = replace(style, thousands="")
    kinds = draw(st.lists(st.sampled_from(["number", "number", "word", "date", "time"]), min_size=2, max_size=4))
    header = draw(st.booleans()) or not {"number", "date", "time"} & set(kinds)
    names = [f"{kind} {place}" for place, kind in enumerate(kinds)]
    missing = draw(st.sampled_from(MISSING_WORDS))
    columns, texts = {}, []
    for place, (name, kind) in enumerate(zip(names, kinds, strict=True)):
        values, written = cells(draw, kind, rows, style)
        if kind != "word" and draw(st.booleans()):
            gap = draw(st.integers(0, rows - 1))
            values[gap], written[gap] = None, missing
        if draw(st.integers(0, 3)) == 0 and kind != "word":
            written = [f" {cell}" if cell else cell for cell in written]
        columns[name if header else f"column_{place + 1}"] = (kind, values)
        texts.append(written)
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    stream = io.StringIO(newline="")
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    writer = csv.writer(stream, delimiter=separator, lineterminator=end, quoting=quoting)
    stream.write(draw(st.sampled_from(["", "", f"# a comment{end}"])))
    writer.writerows([names] * header)
    empty = draw(st.integers(0, rows + 5))
    for place, row in enumerate(zip(*texts, strict=True)):
        stream.write(end if place == empty else "")
        writer.writerow(row)
    stream.write(draw(st.sampled_from(["", end])))
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "windows-1252"]))
    text = stream.getvalue()
    if encoding == "windows-1252" and ("\u202f" in text or "\u2212" in text):
        encoding = "utf-8"
    return Written(text.encode(encoding), columns, header)


def outcome(written: Written, path: Path) -> str:
    """Return 'read' where all values come back, 'refused' where a place is named; raises AssertionError else."""
    path.write_bytes(written.content)
    try:
        data = open_table(path)
    except (InputError, FormatError) as error:
        said = str(error)
    else:
        compare(data, written)
        return "read"
    assert NAMED.search(said), said
    return "refused"


def compare(data: Dataset, written: Written) -> None:
    """Raise AssertionError for a value that is not what was written."""
    table = frames_of(data.train)
    assert table is not None
    frame = table.frame(np.arange(len(data.train)))
    assert list(frame.columns) == list(written.columns), (frame.columns, written)
    for name, (kind, values) in written.columns.items():
        found = frame[name]
        if all(value is None for value in values):
            continue
        if kind == "number":
            assert found.dtype.is_numeric(), (name, found, written)
            wanted = [None if value is None else float(value) for value in values]
            assert found.cast(float).to_list() == wanted, (name, found, written)
        else:
            assert found.to_list() == values, (name, found, written)
