"""The commands `info` and `datasets`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diabolo.app.common import Columns, Decimal, Encoding, Header, Json, Missing, Separator, say

if TYPE_CHECKING:
    from diabolo.data.tables.reading.record import Asked


def info(
    model: Annotated[Path, typer.Argument(metavar="MODEL|TABLE")],
    columns: Columns = None,
    encoding: Encoding = None,
    separator: Separator = None,
    decimal: Decimal = None,
    missing: Missing = None,
    header: Header = None,
    as_json: Json = False,
) -> None:
    """Say what a model is, what it was trained on and how good it is; or how a table is read, column by column."""
    from diabolo.app.output.model import about_json, about_text
    from diabolo.data.opening import check_no_table, is_table
    from diabolo.data.tables.reading.record import asked_from
    from diabolo.estimator import load

    asked = asked_from(columns, encoding, separator, decimal, missing, header)
    if is_table(model):
        _table(model, asked, as_json=as_json)
        return
    check_no_table(str(model), asked)
    estimator = load(model)
    print(json.dumps(about_json(estimator.trained_)) if as_json else about_text(estimator.trained_))


def _table(path: Path, asked: "Asked", *, as_json: bool) -> None:
    """Print how a table is read."""
    from diabolo.app.output.reading import reading_text, table_json
    from diabolo.data.opening import open_data
    from diabolo.data.tables.frames import reading_of

    opened = open_data(path, asked=asked)
    reading = reading_of(opened.train)
    assert reading is not None
    if as_json:
        print(json.dumps(table_json(reading, len(opened.train), opened.notes)))
        return
    say(*opened.notes)
    print(f"{'table':<14}{path}: {len(opened.train):,} rows, {len(reading.columns):,} columns")
    print(reading_text(reading))


def datasets(as_json: Json = False) -> None:
    """List the data sets that have a name, and where each was found."""
    from dataclasses import asdict

    from diabolo.data.named import datasets as listed

    if as_json:
        print(json.dumps([asdict(item) for item in listed()]))
        return
    for item in listed():
        print(f"{item.name:<12}{item.what}\n{'':<12}{item.where} ({item.terms})")
