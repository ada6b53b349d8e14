"""Columns of text that hold numbers: their one notation, or the refusal that names the cell in doubt."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from diabolo.data.tables.reading.cells import Decided, Table
from diabolo.data.tables.reading.numbers import (
    MOSTLY,
    OPEN_POINT,
    PLAIN,
    POINT,
    WHOLE,
    Counts,
    Notation,
    is_missing,
    is_number,
    unit_of,
    values_of,
)
from diabolo.data.tables.reading.record import ColumnReading
from diabolo.errors import InputError

FEWEST = 1
"""Cells that a column needs to be of a kind."""


def is_numeric(shown: "Written") -> bool:
    """Return whether a column counts as numbers."""
    return shown.there >= FEWEST and shown.numbers >= MOSTLY * shown.there


@dataclass(frozen=True)
class Written:
    """What the cells of a column of numbers show."""

    counts: Counts
    there: int
    numbers: int
    with_unit: int
    plain: int
    whole: int
    long: int


def notations_of(
    table: Table, shown: Mapping[str, Written], decimal: str | None
) -> dict[str, tuple[Notation, Written]]:
    """Return the notation of each column; one may settle what another leaves open. decimal: that of other columns."""
    others = {one.counts.decimal for one in shown.values() if one.counts.decimal} | ({decimal} if decimal else set())
    common = others.pop() if len(others) == 1 else None
    return {name: (_notation(table, name, one, common), one) for name, one in shown.items()}


def written(table: Table, name: str) -> Written:
    """Count what the cells of a column show; of plain numbers less, as it takes a fraction of the time."""
    text = table.text(name)
    bare = text.str.replace("^[-+]", "")
    there = ~is_missing(text)
    first = table.counted(
        there=there.sum(),
        plain=(text.str.contains(PLAIN) & there).sum(),
        whole=(text.str.contains(WHOLE) & there).sum(),
        long=(text.str.contains(WHOLE) & text.cast(pl.Int64, strict=False).is_null()).sum(),
        point=bare.str.contains(POINT).sum(),
        open_point=bare.str.contains(OPEN_POINT).sum(),
    )
    point, open_point = first.pop("point"), first.pop("open_point")
    if first["plain"] == first["there"]:
        return Written(
            Counts(point, 0, open_point, 0, 0, 0, point + open_point, 0), numbers=first["plain"], with_unit=0, **first
        )
    marks = ("point", "comma", "open_point", "open_comma", "apostrophe", "blank", "dotted", "with_comma")
    found = table.counted(
        **dict(zip(marks, Counts.of(text), strict=True)),
        numbers=(is_number(text) & there).sum(),
        with_unit=(unit_of(text).is_not_null() & there).sum(),
    )
    numbers, with_unit = found.pop("numbers"), found.pop("with_unit")
    return Written(Counts(**found), numbers=numbers, with_unit=with_unit, **first)


def _notation(table: Table, name: str, shown: Written, common: str | None) -> Notation:
    unit = _unit(table, name) if shown.with_unit else ""
    decimal = table.asked.decimal or shown.counts.decimal
    if decimal == "":
        raise _mixed(table, name, shown, unit)
    if decimal is None and not shown.counts.open:
        decimal = "."
    if decimal is None:
        decimal = common or _known_decimal(table, name)
    if decimal is None and not shown.counts.open_comma and not table.doubtful:
        decimal = "."
    if decimal is None:
        cell, place = table.place(name, table.text(name).str.contains(r"\d[.,]\d{3}"))
        raise InputError(
            f"Column {name!r} of {table.where} holds {cell} in {place}, which has thousands or a decimal sign, and no "
            "other cell tells; say which with --decimal . or --decimal ,"
        )
    return shown.counts.notation(decimal, unit)


def _known_decimal(table: Table, name: str) -> str | None:
    """Return the decimal sign that the model's own table had; whole numbers show none beside decimal commas."""
    before = table.asked.before
    known = None if before is None else before.column(name)
    if before is None or known is None or known.kind != "number":
        return None
    return None if known.plain and any(column.decimal == "," for column in before.columns) else known.decimal


def _unit(table: Table, name: str) -> str:
    units = table.frame.select(unit=unit_of(table.text(name))).drop_nulls().unique().sort("unit").head(3).collect()
    found = units["unit"].to_list()
    if len(found) > 1:
        cell, place = table.place(name, unit_of(table.text(name)) == found[-1])
        raise InputError(
            f"Column {name!r} of {table.where} holds numbers in {' and '.join(found)}, as {cell} in {place}; bring "
            f"them to one unit, or read it as words with --columns {name}=word."
        )
    bare = ~is_missing(table.text(name)) & unit_of(table.text(name)).is_null() & is_number(table.text(name))
    bare &= ~table.text(name).str.contains(r"^[-+(]*0*[.,]?0*\)?$")
    if found[0] == "%" and table.counted(bare=bare.sum())["bare"]:
        cell, place = table.place(name, bare)
        raise InputError(
            f"Column {name!r} of {table.where} holds percentages, and {cell} in {place} has no %; write all cells "
            "alike."
        )
    return str(found[0])


def _mixed(table: Table, name: str, shown: Written, unit: str) -> InputError:
    counts = shown.counts
    rarer = "," if counts.comma <= counts.point else "."
    usual = counts.notation("." if rarer == "," else ",", unit)
    cell, place = table.place(name, values_of(table.text(name), usual).is_null() & ~is_missing(table.text(name)))
    return InputError(
        f"Column {name!r} of {table.where} holds numbers with decimal points and with decimal commas: {cell} in "
        f"{place} is unlike the others; correct it, or read the column as words with --columns {name}=word."
    )


def numbers_in(table: Table, name: str, notation: Notation, shown: Written) -> Decided | None:
    """Read numbers; None where whole numbers are too long for 64 bits, so that they must be names."""
    text = table.text(name)
    missing = 1 - shown.there / max(1, table.rows)
    reading = ColumnReading(name, "number", "", notation.decimal, notation.thousands, notation.unit, missing)
    if shown.plain == shown.there and (notation == Notation() or shown.whole == shown.there):
        if shown.long and not table.asked_kind(name)[0]:
            return None
        whole = shown.whole == shown.there and not shown.long
        return Decided(reading, text.cast(pl.Int64 if whole else pl.Float64, strict=False).alias(name))
    values = values_of(text, notation)
    bad = values.is_null() & ~is_missing(text)
    if table.counted(bad=bad.sum())["bad"]:
        cell, place = table.place(name, bad)
        word = cell.strip("'\"")
        left_out = f", or leave the column out with --ignore {name!r}" if table.asked.before is None else ""
        raise InputError(
            f"Column {name!r} of {table.where} holds numbers, and {cell} in {place} is no number as the others are; "
            f"correct that cell, or say --missing {word!r} if it means an empty cell, or --columns {name}=word to read "
            f"words{left_out}."
        )
    return Decided(reading, values.alias(name))
