"""Columns of text in a data frame that are numbers in another notation, or with a few cells that are no numbers.

Learnt as words, their values would be lost in silence. A text file is read in its notation (`reading/`); a data frame
has types of its own, so here such a column is refused.
"""

import polars as pl

from diabolo.data.tables.reading.numbers import MOSTLY, PLAIN, is_missing, is_number
from diabolo.errors import InputError


def check_notation(column: pl.Series, where: str) -> None:
    """Raise InputError if a column of text holds numbers, with its first cell that is no plain number."""
    cell = pl.col("cell")
    table = pl.DataFrame({"cell": column.cast(pl.String)}).with_columns(
        missing=is_missing(cell), number=is_number(cell) & ~is_missing(cell), plain=cell.str.contains(PLAIN)
    )
    there = len(table) - int(table["missing"].sum())
    if there < 2 or int(table["number"].sum()) < MOSTLY * there:
        return
    odd = (~table["plain"] & table["cell"].is_not_null()).arg_true()
    if not len(odd):
        return
    row = int(odd[0])
    remedy = (
        "write its numbers plainly, as 1234.5"
        if table["number"][row]
        else "correct that cell, or empty it if the value is missing"
    )
    raise InputError(
        f"Column {column.name!r} of {where} holds numbers, and {str(column[row])[:40]!r} in row {row:,} is no plain "
        f"number; {remedy}, or leave the column out with --ignore {column.name!r}."
    )
