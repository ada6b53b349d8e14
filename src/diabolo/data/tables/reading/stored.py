"""Tables whose columns have types: what each holds, and their columns of text decided as those of text files are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import polars as pl

from diabolo.data.tables.reading.cells import Table
from diabolo.data.tables.reading.kinds import decide
from diabolo.data.tables.reading.record import Asked, ColumnReading, Reading
from diabolo.data.tables.reading.text import HUGE, Text
from diabolo.errors import InputError

TEXT = (pl.String, pl.Categorical, pl.Enum)
AS_TEXT = ("word",)


def read_stored(
    table: pl.LazyFrame, asked: Asked, needed: Callable[[Sequence[str]], Sequence[str]], where: str
) -> Text:
    """Return a table of Parquet and the like with its columns of text read. Raises InputError as `decide` does."""
    schema = table.collect_schema()
    wanted = needed(schema.names())
    for name in wanted:
        _check_asked(name, schema[name], asked.kind(name)[0], where)
    names = [name for name in wanted if schema[name] in (*TEXT, *HUGE) or asked.kind(name)[0] in AS_TEXT]
    rows = table.select(pl.len()).collect().item() if names else 0
    floats = any(schema[name].is_float() for name in wanted)
    found = decide(Table(table, where, rows, asked, doubtful=True), names, "." if floats else None)
    kept = [one for one in found if one.reading.kind not in ("word", "yes/no") or schema[one.reading.name] not in TEXT]
    read = table.with_columns(one.values for one in kept) if kept else table
    return Text(read, Reading(missing=asked.missing, columns=tuple(one.reading for one in found)), None, ())


def _check_asked(name: str, dtype: pl.DataType, kind: str, where: str) -> None:
    if kind in ("", "word") or dtype in TEXT or kind_of(dtype) == kind:
        return
    raise InputError(
        f"Column {name!r} of {where} is stored as {dtype}, and --columns asks for {kind}; leave it out of --columns, "
        f"or say {name}=word."
    )


def kind_of(dtype: pl.DataType) -> str:
    """Return the kind of a column by its type."""
    if dtype.is_numeric():
        return "number"
    named = {pl.Boolean: "yes/no", pl.Date: "date", pl.Datetime: "date", pl.Time: "time", pl.Duration: "duration"}
    return next((kind for one, kind in named.items() if dtype == one), "word")


def described(reading: Reading, columns: Mapping[str, pl.DataType], missing: Mapping[str, int], rows: int) -> Reading:
    """Return the reading with a line for each column that is learnt from, in their order."""
    found = []
    for name, dtype in columns.items():
        known = reading.column(name) or ColumnReading(name, kind_of(dtype))
        found.append(replace(known, missing=missing[name] / max(1, rows)))
    return replace(reading, columns=tuple(found))
