"""Columns of text that are numbers in another notation, or with a few cells that are no numbers: never learnt as words.

A decimal comma, thousands separators, a currency, a percent sign, an accountant's (12.50), blanks or one bad cell turn
a column of numbers into text. Learnt as words, its values would be lost in silence.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from diabolo.errors import InputError

MOSTLY = 0.95
"""Share of the cells, gaps aside, from which on a column counts as numbers."""
MISSING = ("", "-", "--", "?", ".", "na", "n/a", "nan", "null", "none", "\\n", "#n/a", "missing")
BLANKS = r"[\s\u00a0\u202f]"
CURRENCY = r"(?:[$\u20ac\u00a3\u00a5]|[A-Z]{3})"
NUMBER = (
    rf"^{BLANKS}*\(?{BLANKS}*[-+\u2212]?{BLANKS}*(?:{CURRENCY}{BLANKS}*)?[-+\u2212]?"
    rf"(?:\d{{1,3}}(?:[.,'\u2019\s\u00a0\u202f]\d{{3}})+|\d+)?(?:[.,]\d+)?(?:[eE][-+]?\d+)?"
    rf"{BLANKS}*(?:%|{CURRENCY})?-?{BLANKS}*\)?{BLANKS}*$"
)
PLAIN = r"^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$"


def check_notation(column: pl.Series, where: str, lines: NDArray[np.int64] | None = None) -> None:
    """Raise InputError if a column of text holds numbers, with its first cell that is no plain number.

    lines: of the file, (n,), by which the cell is named; None where there is no file.
    """
    text = column.cast(pl.String)
    missing = text.is_null() | text.str.strip_chars().str.to_lowercase().is_in(MISSING)
    numbers = text.str.contains(NUMBER) & text.str.contains(r"\d") & ~missing
    there = len(text) - int(missing.sum())
    if there < 2 or float(numbers.sum() or 0) < MOSTLY * there:
        return
    odd = (~text.str.contains(PLAIN) & text.is_not_null()).arg_true()
    if not len(odd):
        return
    row = int(odd[0])
    cell, place = str(text[row])[:40], "" if lines is None else f" in line {int(lines[row]):,}"
    if bool(numbers[row]):
        remedy = "write its numbers plainly, as 1234.5"
    else:
        remedy = "correct that cell, or empty it if the value is missing"
    raise InputError(
        f"Column {column.name!r} of {where} holds numbers, and {cell!r}{place} is no plain number; "
        f"{remedy}, or leave the column out with --ignore {column.name!r}."
    )
