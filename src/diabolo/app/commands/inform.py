"""The commands `info` and `datasets`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from diabolo.app.commands.archives.inspect import list_archive
from diabolo.app.common import Json, say
from diabolo.app.reading_options import NOTHING, reads_tables
from diabolo.data.tables.reading.record import Asked


@reads_tables
def info(
    model: Annotated[Path, typer.Argument(metavar="MODEL|TABLE", help="Model file, a table, or an archive.")],
    asked: Asked = NOTHING,
    as_json: Json = False,
) -> None:
    """Say what a model is, what it learnt and how good it is; how a table is read; of an archive, what `list` says."""
    from diabolo.coding.archive.opening import is_archive
    from diabolo.data.opening import check_no_table, is_table, refuse_sheet
    from diabolo.training.files.contents import read_kept

    if is_table(model):
        _table(model, asked, as_json=as_json)
        return
    refuse_sheet(model)
    check_no_table(str(model), asked)
    if is_archive(model):
        list_archive(model, as_json)
        return
    kept = read_kept(model)  # what cannot be read is refused before PyTorch is loaded
    from diabolo.app.output.model import about_json, about_text
    from diabolo.training.files.model_file import loaded

    trained = loaded(model, kept)
    print(json.dumps(about_json(trained)) if as_json else about_text(trained))


def _table(path: Path, asked: Asked, *, as_json: bool) -> None:
    """Print how a table is read."""
    from diabolo.data.opening import open_data
    from diabolo.data.tables.frames import reading_of
    from diabolo.data.tables.reading.words import reading_text, table_json

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
