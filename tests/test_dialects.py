"""Small tables as banks, spreadsheets, pandas and databases write them: each is read right or refused."""

import gzip
import json
import tempfile
import zipfile
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings

from diabolo.app.cli import main
from diabolo.data.opening import open_data
from diabolo.data.source import Dataset
from diabolo.data.tables.files import open_table
from diabolo.data.tables.frames import frames_of, lines_of, reading_of
from diabolo.data.tables.reading.record import Asked, Reading, asked_from, reading_from_json
from diabolo.errors import ArgumentError, DiaboloError, FormatError, InputError
from random_dialects import Written, outcome, tables


def test_thousands_are_in_doubt_in_every_number_of_rows(tmp_path: Path) -> None:
    """Polars divides by 1,000 inexactly: 3.518 was no fraction of 3 digits to it, and 3.518 euros were read."""
    cells = [f"{number / 1000:.3f}" for number in range(1000, 10_000, 7)]
    for content in (f"a;b\n{''.join(f'{cell};x{chr(10)}' for cell in cells)}", "a;b\n3.518;x\n"):
        with pytest.raises(InputError, match="which has thousands or a decimal sign"):
            open_table(write(tmp_path, content))
        found = values(open_table(write(tmp_path, content), asked=asked_from(decimal=",")))
        assert found["a"] == [float(line.split(";")[0].replace(".", "")) for line in content.splitlines()[1:]]


def test_a_decimal_comma_asked_for_leaves_whole_numbers_whole(tmp_path: Path) -> None:
    path = write(tmp_path, f"id;n;a\n{'7' * 26};7;1,5\n{'8' * 26};8;2\n")
    found = values(open_table(path, asked=asked_from(decimal=",")))
    assert found == {"id": ["7" * 26, "8" * 26], "n": [7, 8], "a": [1.5, 2.0]}


def test_whole_numbers_beside_decimal_commas_do_not_say_that_a_point_is_decimal(tmp_path: Path) -> None:
    before = Asked(before=reading_of(open_table(write(tmp_path, "n;a\n850;1,5\n7;2,25\n")).train))
    assert values(open_table(write(tmp_path, "n;a\n1.234;0,5\n"), asked=before)) == {"n": [1234.0], "a": [0.5]}
    with pytest.raises(InputError, match="say which with --decimal"):
        open_table(write(tmp_path, "n;a\n1.234;2\n"), asked=before)


def test_rows_longer_than_their_names_are_no_table_of_decimal_commas(tmp_path: Path) -> None:
    """The names were taken for a title, and the first row for names parted by commas."""
    rows = [f"{n},5;{n},25;z" for n in range(20)]
    for more in (" x;y", ";y", ";y;"):
        with pytest.raises(InputError, match=r"Line 2 of .* cells, and the table has 3 columns"):
            open_table(write(tmp_path, "\n".join(["a;b;c", *(f"{row}{more}" for row in rows)])))
    for more in (";", ";;"):
        found = values(open_table(write(tmp_path, "\n".join(["a;b;c", *(f"{row}{more}" for row in rows)]))))
        assert found == {"a": [n + 0.5 for n in range(20)], "b": [n + 0.25 for n in range(20)], "c": ["z"] * 20}
    titled = "Banco X, S.A.\na;b\n" + "".join(f"{n},5;{n},25\n" for n in range(20))
    assert values(open_table(write(tmp_path, titled)))["b"] == [n + 0.25 for n in range(20)]


LATE = 2_000
"""Rows before the cell that is unlike the others: more than a look at the first lines sees."""


def values(data: Dataset) -> dict[str, list[Any]]:
    table = frames_of(data.train)
    assert table is not None
    return table.frame(np.arange(len(data.train))).to_dict(as_series=False)


def write(folder: Path, content: str | bytes, name: str = "t.csv") -> Path:
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / name


AMOUNTS = {"amount": [1234.5, 2.0, -3.25]}
SHOPS = {"shop": ["caf\u00e9", "\u00d1u"], "n": [1, 2]}
SHOP_TEXT = "shop,n\ncaf\u00e9,1\n\u00d1u,2\n"
READ: Mapping[str, tuple[str | bytes, Mapping[str, list[Any]]]] = {
    "decimal comma, semicolons": ("amount;b\n1.234,50;1\n2,00;2\n-3,25;3\n", AMOUNTS | {"b": [1, 2, 3]}),
    "decimal comma, tabs": ("amount\tb\n1234,5\t1\n2,0\t2\n-3,25\t3\n", AMOUNTS | {"b": [1, 2, 3]}),
    "decimal comma, quoted": ('amount,b\n"1.234,50",1\n"2,00",2\n"-3,25",3\n', AMOUNTS | {"b": [1, 2, 3]}),
    "decimal comma, no thousands": ("amount;b\n1234,5;x\n2;y\n-3,25;z\n", AMOUNTS | {"b": ["x", "y", "z"]}),
    "decimal comma settled by another column": ("a;b\n1.234;0,5\n2.500;0,75\n", {"a": [1234, 2500], "b": [0.5, 0.75]}),
    "three decimals settled by a leading zero": ("a;b\n1,234;x\n0,500;y\n", {"a": [1.234, 0.5], "b": ["x", "y"]}),
    "thousands by commas": ('amount,b\n"1,234.50",1\n2.00,2\n-3.25,3\n', AMOUNTS | {"b": [1, 2, 3]}),
    "thousands by commas, millions": ('a,b\n"1,234,567",1\n"2,000",2\n', {"a": [1234567, 2000], "b": [1, 2]}),
    "thousands by points, millions": ("a;b\n1.234.567;1\n2.000;2\n", {"a": [1234567, 2000], "b": [1, 2]}),
    "thousands by lakhs": ('a,b\n"12,34,567.5",1\n"2,000.5",2\n', {"a": [1234567.5, 2000.5], "b": [1, 2]}),
    "thousands by apostrophes": ("amount;b\n1'234.50;1\n2.00;2\n-3.25;3\n", AMOUNTS | {"b": [1, 2, 3]}),
    "thousands by blanks": ("amount;b\n1 234,50;1\n2,00;2\n-3,25;3\n", AMOUNTS | {"b": [1, 2, 3]}),
    "thousands by narrow blanks": ("amount;b\n1\u202f234,50;1\n2,00;2\n-3,25;3\n", AMOUNTS | {"b": [1, 2, 3]}),
    "dollars in front": ('amount,b\n"$1,234.50",1\n$2.00,2\n-$3.25,3\n', AMOUNTS | {"b": [1, 2, 3]}),
    "euros behind": ("amount;b\n1.234,50 \u20ac;1\n2,00 \u20ac;2\n-3,25 \u20ac;3\n", AMOUNTS | {"b": [1, 2, 3]}),
    "a currency's name": ('amount,b\nUSD 1234.50,1\n"USD 2.00",2\nUSD -3.25,3\n', AMOUNTS | {"b": [1, 2, 3]}),
    "percent": ("a,b\n12.5%,1\n-3%,2\n0%,3\n", {"a": [12.5, -3.0, 0.0], "b": [1, 2, 3]}),
    "accounting negatives": ("amount,b\n1234.50,1\n2.00,2\n(3.25),3\n", AMOUNTS | {"b": [1, 2, 3]}),
    "a minus behind": ("amount,b\n1234.50,1\n2.00,2\n3.25-,3\n", AMOUNTS | {"b": [1, 2, 3]}),
    "a typographic minus": ("amount,b\n1234.50,1\n2.00,2\n\u22123.25,3\n", AMOUNTS | {"b": [1, 2, 3]}),
    "blanks around cells and names": (" amount , b\n 1234.50, x\n2.00 ,y \n-3.25, z\n", AMOUNTS | {"b": list("xyz")}),
    "exponents": ("a,b\n1e-5,1\n-2.5E3,2\n", {"a": [1e-5, -2500.0], "b": [1, 2]}),
    "? for missing": ("a,b\n1.5,1\n?,2\n2.5,3\n", {"a": [1.5, None, 2.5], "b": [1, 2, 3]}),
    "- for missing": ("a,b\n1.5,1\n-,2\n2.5,3\n", {"a": [1.5, None, 2.5], "b": [1, 2, 3]}),
    "N/A for missing": ("a,b\n1.5,x\nN/A,N/A\n2.5,z\n", {"a": [1.5, None, 2.5], "b": ["x", None, "z"]}),
    "NULL for missing": ("a,b\n1.5,x\nNULL,NULL\n2.5,z\n", {"a": [1.5, None, 2.5], "b": ["x", None, "z"]}),
    "\\N for missing": ("a,b\n1.5,x\n\\N,\\N\n2.5,z\n", {"a": [1.5, None, 2.5], "b": ["x", None, "z"]}),
    "empty quotes for missing": ('a,b\n1.5,x\n"",""\n2.5,z\n', {"a": [1.5, None, 2.5], "b": ["x", None, "z"]}),
    "words with empty quotes and blanks": ('a,b\n1,x\n2," "\n3,""\n', {"a": [1, 2, 3], "b": ["x", None, None]}),
    "semicolons": ("a;b\n1.5;x\n2.25;y\n", {"a": [1.5, 2.25], "b": ["x", "y"]}),
    "tabs": ("a\tb\n1.5\tx\n2.25\ty\n", {"a": [1.5, 2.25], "b": ["x", "y"]}),
    "pipes": ("a|b\n1.5|x\n2.25|y\n", {"a": [1.5, 2.25], "b": ["x", "y"]}),
    "commas in quoted words": ('a;b\n1.5;"x, y"\n2.25;"y, z"\n', {"a": [1.5, 2.25], "b": ["x, y", "y, z"]}),
    "commas in words, semicolons": ("a;b\n1.5;x, y\n2.25;y, z\n", {"a": [1.5, 2.25], "b": ["x, y", "y, z"]}),
    "a separator that is declared": ("sep=;\na;b\n1;x\n2;y\n", {"a": [1, 2], "b": ["x", "y"]}),
    "UTF-8": (SHOP_TEXT, SHOPS),
    "UTF-8 with a mark": (SHOP_TEXT.encode("utf-8-sig"), SHOPS),
    "UTF-16 with a mark": (SHOP_TEXT.encode("utf-16"), SHOPS),
    "UTF-16, big end first": (b"\xfe\xff" + SHOP_TEXT.encode("utf-16-be"), SHOPS),
    "UTF-16 without a mark": (SHOP_TEXT.encode("utf-16-le"), SHOPS),
    "Latin-1": (SHOP_TEXT.encode("latin-1"), SHOPS),
    "Windows-1252": (
        "shop,n\n\u201ca\u201d,1\n\u20ac,2\n".encode("windows-1252"),
        {"shop": ["\u201ca\u201d", "\u20ac"], "n": [1, 2]},
    ),
    "CR LF": (SHOP_TEXT.replace("\n", "\r\n"), SHOPS),
    "CR alone": (SHOP_TEXT.replace("\n", "\r"), SHOPS),
    "CR alone, Latin-1": (SHOP_TEXT.replace("\n", "\r").encode("latin-1"), SHOPS),
    "empty lines": ("\na,b\n1,x\n\n2,y\n\n\n", {"a": [1, 2], "b": ["x", "y"]}),
    "empty lines, CR LF": ("a,b\r\n1,x\r\n\r\n2,y\r\n\r\n", {"a": [1, 2], "b": ["x", "y"]}),
    "a gap in the only column": ("a\n1\n\n3\n\n\n", {"a": [1, None, 3]}),
    "comments on top": ("# made by hand\n# in May\na,b\n1,x\n2,y\n", {"a": [1, 2], "b": ["x", "y"]}),
    "a title on top": (
        "Sales of May;;\n\nday;a;b\n1;1,5;x\n2;2,5;y\n",
        {"day": [1, 2], "a": [1.5, 2.5], "b": ["x", "y"]},
    ),
    "separators at the ends of lines": ("a;b;\n1;x;\n2;y;\n", {"a": [1, 2], "b": ["x", "y"]}),
    "no names": ("5.1,3.5,setosa\n4.9,3.0,setosa\n", {"column_1": [5.1, 4.9], "column_2": [3.5, 3.0]}),
    "no names, numbers": ("5.1,3.5\n4.9,3.0\n4.7,3.2\n", {"column_1": [5.1, 4.9, 4.7], "column_2": [3.5, 3.0, 3.2]}),
    "names that are years": ("place,2019,2020\nx,1,2\ny,3,4\n", {"place": ["x", "y"], "2019": [1, 3], "2020": [2, 4]}),
    "names that count": ("0,1,2\n1.5,2.5,3.5\n4.5,5.5,6.5\n", {"0": [1.5, 4.5], "1": [2.5, 5.5], "2": [3.5, 6.5]}),
    "pandas' row numbers": (",a,b\n0,1.5,x\n1,2.5,y\n", {"a": [1.5, 2.5], "b": ["x", "y"]}),
    "pandas' row names": (",a\nx,1.5\nx,2.5\n", {"column_1": ["x", "x"], "a": [1.5, 2.5]}),
    "line ends in quotes": ('a,b\n1,"x\ny"\n2,z\n', {"a": [1, 2], "b": ["x\ny", "z"]}),
    "a quote in a word": ('a,b\n1,3" pipe\n2,4" pipe\n', {"a": [1, 2], "b": ['3" pipe', '4" pipe']}),
    "ISO dates": ("d,a\n2024-01-31,1\n2024-02-01,2\n", {"d": [date(2024, 1, 31), date(2024, 2, 1)]}),
    "offsets": (
        "d,a\n2024-01-31 10:00:00+02:00,1\n2024-01-31 10:00:00-05:00,2\n",
        {"d": [datetime(2024, 1, 31, 8), datetime(2024, 1, 31, 15)]},
    ),
    "UTC": (
        "d,a\n2024-01-31 10:00:00 UTC,1\n2024-02-01 10:30:00 UTC,2\n",
        {"d": [datetime(2024, 1, 31, 10), datetime(2024, 2, 1, 10, 30)]},
    ),
    "12-hour clocks": (
        "d,a\n1/31/2024 1:30 PM,1\n2/1/2024 12:05 AM,2\n",
        {"d": [datetime(2024, 1, 31, 13, 30), datetime(2024, 2, 1, 0, 5)]},
    ),
    "day first, settled late": (
        "d,a\n" + "01/02/2024,1\n" * LATE + "13/02/2024,2\n",
        {"d": [date(2024, 2, 1)] * LATE + [date(2024, 2, 13)]},
    ),
    "month first, settled late": (
        "d,a\n" + "01/02/2024,1\n" * LATE + "02/13/2024,2\n",
        {"d": [date(2024, 1, 2)] * LATE + [date(2024, 2, 13)]},
    ),
    "points put the day first": ("d;a\n01.02.2024;1\n03.02.2024;2\n", {"d": [date(2024, 2, 1), date(2024, 2, 3)]}),
    "two-digit years": ("d,a\n31/01/24,1\n01/02/24,2\n", {"d": [date(2024, 1, 31), date(2024, 2, 1)]}),
    "months by name": ("d,a\n31-Jan-2024,1\n01-Feb-2024,2\n", {"d": [date(2024, 1, 31), date(2024, 2, 1)]}),
    "dates with gaps": ("d,a\n2024-01-31,1\n-,2\n", {"d": [date(2024, 1, 31), None], "a": [1, 2]}),
    "times of day": ("t,a\n12:30,1\n23:05,2\n", {"t": [time(12, 30), time(23, 5)], "a": [1, 2]}),
    "times of 12 hours": ("t,a\n12:30 am,1\n11:05 pm,2\n", {"t": [time(0, 30), time(23, 5)], "a": [1, 2]}),
    "durations": ("t,a\n26:30:00,1\n1:00:30,2\n", {"t": [timedelta(hours=26, minutes=30), timedelta(seconds=3630)]}),
    "durations of pandas": (
        "t,a\n1 days 02:00:00,1\n0 days 00:00:01.5,2\n",
        {"t": [timedelta(hours=26), timedelta(seconds=1.5)]},
    ),
    "ids of 26 digits": (f"id,a\n{10**25},1\n{10**25 + 1},2\n", {"id": [str(10**25), str(10**25 + 1)], "a": [1, 2]}),
    "ids of 60 digits": (f"id,a\n{10**59},1\n{10**59 + 1},2\n", {"id": [str(10**59), str(10**59 + 1)], "a": [1, 2]}),
    "ids beyond 2^63": (f"id,a\n{2**63},1\n{2**63 + 1},2\n", {"id": [str(2**63), str(2**63 + 1)], "a": [1, 2]}),
    "truth values": ("t,a\nTrue,1\nFalse,2\n", {"t": [True, False], "a": [1, 2]}),
    "yes and no": ("t,a\nyes,1\nno,2\n", {"t": ["yes", "no"], "a": [1, 2]}),
    "fractions late": ("a,b\n" + "1,x\n" * LATE + "2.5,y\n", {"a": [1.0] * LATE + [2.5]}),
    "missing late": ("a,b\n" + "1,x\n" * LATE + "?,y\n", {"a": [1] * LATE + [None]}),
    "mostly words late": ("a,b\n" + "1,x\n" * 1500 + "A,y\n" * 1500, {"a": ["1"] * 1500 + ["A"] * 1500}),
    "packed": (gzip.compress(SHOP_TEXT.encode("latin-1")), SHOPS),
}
REFUSED: Mapping[str, tuple[str | bytes, str]] = {
    "one bad cell late": (
        "a,b\n" + "1,x\n" * LATE + "abc,y\n",
        f"Column 'a' .* 'abc' in line {LATE + 2:,} is no number",
    ),
    "one comma late": ("a,b\n" + "1.5,x\n" * LATE + '"2,5",y\n', f"'2,5' in line {LATE + 2:,} is unlike the others"),
    "two readings of a comma": (
        'a,b\n"1,234",x\n"2,345",y\n',
        "'1,234' in line 2, which has .*--decimal",
    ),
    "two readings of a point": ("a;b\n1.234;x\n2.345;y\n", "'1.234' in line 2, which has thousands or .*--decimal"),
    "two readings of a point without names": ("\n0;0\n1.000;0\n", "'1.000' in line 3, which has thousands"),
    "two currencies": ("a,b\n$1.50,x\n\u20ac2.50,y\n", "holds numbers in .* in line 3; bring them to one unit"),
    "percent and shares": ("a,b\n12%,x\n0.5,y\n", "percentages, and '0.5' in line 3 has no %"),
    "two separators": ("a,b;c\nx,y;z\nu,v;w\n", r"parted by ',' or by ';'; say which with --separator"),
    "too many cells": ("a,b\n1,x\n2,y,z\n", "Line 3 of .* has 3 cells, and the table has 2 columns"),
    "too few cells": ("a,b,c\n1,x,2\n2,y\n", "Line 3 of .* has 2 cells, and the table has 3 columns"),
    "an open quote": ('a,b\n1,x\n2,"y\n3,z\n', "cell that does not end as it should, in line 3"),
    "a repeated name": ("a,a\n1,2\n", "share a name: a; rename or drop them"),
    "a name that lacks": ("a,,b\n1,2,3\n", r"without a name \(number 2\)"),
    "two readings of a date": (
        "d,a\n01/02/2024,1\n03/04/2024,2\n",
        "'01/02/2024' in line 2; say .* --columns d=date:",
    ),
    "a bad date late": ("d,a\n" + "2024-01-31,1\n" * LATE + "soon,2\n", f"'soon' in line {LATE + 2:,} is none"),
    "a bad time": ("t,a\n" + "12:30,1\n" * 40 + "noon,2\n", "holds times, and 'noon' in line 42 is none"),
    "damaged UTF-8": (SHOP_TEXT.encode() + b"x\xff,3\n", "neither UTF-8 nor Windows-1252 text, by line 2"),
    "half of UTF-16": (SHOP_TEXT.encode("utf-16")[:-1], "no utf-16 text after line 2"),
}


@pytest.mark.parametrize("name", READ)
def test_a_dialect_is_read(tmp_path: Path, name: str) -> None:
    content, wanted = READ[name]
    found = values(open_table(write(tmp_path, content, "t.csv.gz" if name == "packed" else "t.csv")))
    assert {column: found[column] for column in wanted} == dict(wanted)
    assert len(wanted) == 1 or list(found)[: len(wanted)] == list(wanted)


@pytest.mark.parametrize("name", REFUSED)
def test_a_doubt_is_refused_with_its_place(tmp_path: Path, name: str) -> None:
    content, reason = REFUSED[name]
    with pytest.raises(DiaboloError, match=reason) as refused:
        open_table(write(tmp_path, content))
    assert "\n" not in str(refused.value)


def test_the_lines_of_rows_are_those_of_the_file(tmp_path: Path) -> None:
    for content, wanted in (
        ("a,b\n1,x\n2,y\n", [2, 3]),
        ("# c\n\na,b\n1,x\n\n2,y\n\n", [4, 6]),
        ('a,b\n1,"x\n\ny"\n2,y\n', [2, 5]),
        ("1.5,x\r2.5,y\r", [1, 2]),
    ):
        train = open_table(write(tmp_path, content)).train
        assert lines_of(train, np.arange(2)).tolist() == wanted  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("content", "options", "wanted"),
    [
        ("a;b\n1.234;x\n2.345;y\n", {"decimal": "."}, {"a": [1.234, 2.345]}),
        ("a;b\n1.234;x\n2.345;y\n", {"decimal": ","}, {"a": [1234, 2345]}),
        (
            "d,a\n01/02/2024,1\n03/04/2024,2\n",
            {"columns": ["d=date:%m/%d/%Y"]},
            {"d": [date(2024, 1, 2), date(2024, 3, 4)]},
        ),
        ("a,b\n007,1\n012,2\n", {"columns": ["a=word,b=number"]}, {"a": ["007", "012"], "b": [1, 2]}),
        ("a,b\n1,yes\n2,no\n", {"columns": ["b=yes/no"]}, {"b": [True, False]}),
        ("a,b\n12:30,1\n1:15,2\n", {"columns": ["a=duration"]}, {"a": [timedelta(minutes=750), timedelta(minutes=75)]}),
        ("a,b\n-999,x\n2,none\n", {"missing": "-999,none"}, {"a": [None, 2], "b": ["x", None]}),
        ("1,2\n3,4\n", {"header": True}, {"1": [3], "2": [4]}),
        ("a,b\nc,d\n", {"header": False}, {"column_1": ["a", "c"], "column_2": ["b", "d"]}),
        ("a,b;c\n1,2;3\n", {"separator": "comma"}, {"a": [1], "b;c": ["2;3"]}),
        ("a~b\n1~2\n", {"separator": "~"}, {"a": [1], "b": [2]}),
        ("a,b\n\u0416,1\n".encode("windows-1251"), {"encoding": "windows-1251"}, {"a": ["\u0416"], "b": [1]}),
    ],
)
def test_an_option_settles_it(tmp_path: Path, content: str, options: Any, wanted: Mapping[str, list[Any]]) -> None:
    found = values(open_table(write(tmp_path, content), asked=asked_from(**options)))
    assert {name: found[name] for name in wanted} == dict(wanted)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"columns": ["a=money"]}, "one of number, word, .* got a=money"),
        ({"columns": ["a=number:%d"]}, "got a=number:%d"),
        ({"columns": ["a"]}, "NAME=KIND, .* got a"),
        ({"encoding": "klingon"}, "--encoding must be utf-8"),
        ({"separator": "::"}, "--separator must be one character"),
        ({"decimal": "'"}, "--decimal must be '.' or ','"),
    ],
)
def test_an_option_that_cannot_be_meant(options: Any, reason: str) -> None:
    with pytest.raises(ArgumentError, match=reason):
        asked_from(**options)


def test_a_decision_is_kept_and_applied_to_what_a_new_file_leaves_open(tmp_path: Path) -> None:
    first = reading_of(open_table(write(tmp_path, "d;a;b;s\n31/01/2024;1.234,5;x;yes\n01/02/2024;2,5;1;no\n")).train)
    assert first is not None
    kept = reading_from_json(json.loads(json.dumps(first.to_json())))
    assert kept == first
    assert [(one.kind, one.words) for one in kept.columns] == [
        ("date", "as %d/%m/%Y"),
        ("number", "decimal comma, thousands by '.'"),
        ("word", ""),
        ("yes/no", ""),
    ]
    before = Asked(before=kept)
    found = values(open_table(write(tmp_path, "d;a;b;s\n03/04/2024;1.234;7;yes\n"), asked=before))
    assert found == {"d": [date(2024, 4, 3)], "a": [1234.0], "b": ["7"], "s": ["yes"]}
    found = values(open_table(write(tmp_path, "d,a,b,s\n2024-04-03,1234.25,7,no\n"), asked=before))
    assert found == {"d": [date(2024, 4, 3)], "a": [1234.25], "b": ["7"], "s": ["no"]}
    with pytest.raises(InputError, match="'much' in line 2 is no number as the others are"):
        open_table(write(tmp_path, "d;a;b;s\n03/04/2024;much;7;yes\n"), asked=before)
    unnamed = reading_of(open_table(write(tmp_path, "1.5,x\n2.5,y\n")).train)
    for text in ("7,z\n", "column_1,column_2\n7,z\n"):
        again = open_table(write(tmp_path, text), asked=Asked(before=unnamed))
        assert values(again) == {"column_1": [7], "column_2": ["z"]}


@pytest.mark.parametrize("change", [{"columns": 3}, {"columns": [{"name": "a"}]}, {"header": 1}, {"more": 1}])
def test_a_damaged_decision_is_refused(change: dict[str, Any]) -> None:
    plain = Reading().to_json()
    with pytest.raises(FormatError, match="how its table is read is damaged"):
        reading_from_json(plain | change)


def test_info_and_training_say_how_a_table_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*words: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        said = capsys.readouterr()
        return said.out if ended.value.code in (0, None) else said.err

    rows = "".join(f"{1 + i % 28}.{1 + i % 12}.2024;{i},5 \u20ac;{'?' if i % 9 else 'x'}\n" for i in range(60))
    table, model = str(write(tmp_path, f"day;amount;note\n{rows}")), str(tmp_path / "m.safetensors")
    said = ["by semicolons", "date: day (as %d.%m.%Y)", "number: amount (decimal comma, in \u20ac)", "1 word: note"]
    told = json.loads(run("info", table, "--missing", "?", "--json"))
    kinds = {one["name"]: one["kind"] for one in told["columns"]}
    assert kinds == {"day": "date", "amount": "number", "note": "word"}
    assert told["columns"][2]["missing"] == pytest.approx(53 / 60)
    for words in (
        ("info", table),
        ("train", table, "--preset", "table", "--epochs", "1", "-q", "--out", model),
        ("info", model),
    ):
        out = run(*words)
        assert all(line in out for line in said)
    new = str(write(tmp_path, "day;amount;note\n1.1.2024;1.234;x\n", "new.csv"))
    run("detect", new, "-m", model, "--out", str(tmp_path / "alerts.csv"))
    assert "amount: 1234" in (tmp_path / "alerts.csv").read_text()
    assert "--decimal says how a table is read, and mnist is none" in run("info", "mnist", "--decimal", ",")


@settings(max_examples=200, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(tables())
def test_a_random_dialect_gives_its_values_back_or_is_refused_with_a_place(written: Written) -> None:
    with tempfile.TemporaryDirectory() as folder:
        outcome(written, Path(folder) / "t.csv")


def test_a_table_in_a_zip_or_of_feather_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("sales/t.csv", "amount;b\n1.234,50;1\n2,00;2\n-3,25;3\n")
        archive.writestr("__MACOSX/t.csv", "")
    assert values(open_data(tmp_path / "t.zip"))["amount"] == AMOUNTS["amount"]
    pl.DataFrame({"amount": ["1.234,50", "2,00", "-3,25"], "t": [time(1), time(2), None]}).write_ipc(
        tmp_path / "t.feather"
    )
    found = values(open_data(tmp_path / "t.feather"))
    assert found == {"amount": AMOUNTS["amount"], "t": [time(1), time(2), None]}
    (tmp_path / "t.feather").write_bytes((tmp_path / "t.feather").read_bytes()[:100])
    with pytest.raises(FormatError, match=r"t\.feather could not be read as a table"):
        open_data(tmp_path / "t.feather")


def test_arrays_as_keras_names_them(tmp_path: Path) -> None:
    images = np.arange(5 * 4, dtype=np.uint8).reshape(5, 2, 2)
    parts = {"x_test": images[3:], "x_train": images[:3], "y_train": np.array([0, 1, 2]), "y_test": np.array([3, 4])}
    np.savez(tmp_path / "k.npz", **parts)
    opened = open_data(tmp_path / "k.npz")
    assert opened.test is not None
    assert (len(opened.train), len(opened.test)) == (3, 2)
    assert (opened.labels.tolist(), opened.test_labels.tolist()) == ([0, 1, 2], [3, 4])  # type: ignore[union-attr]
