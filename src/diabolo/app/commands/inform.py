"""The commands `info` and `datasets`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from diabolo.app.commands.archives.inspect import list_archive
from diabolo.app.common import Json


def info(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Model file, or an archive.")], as_json: Json = False
) -> None:
    """Say what a model is, what it was trained on and how good it is; of an archive, what `list` says."""
    from diabolo.coding.archive.opening import is_archive

    if is_archive(model):
        list_archive(model, as_json)
        return
    from diabolo.app.output.model import about_json, about_text
    from diabolo.estimator import load

    estimator = load(model)
    print(json.dumps(about_json(estimator.trained_)) if as_json else about_text(estimator.trained_))


def datasets(as_json: Json = False) -> None:
    """List the data sets that have a name, and where each was found."""
    from dataclasses import asdict

    from diabolo.data.named import datasets as listed

    if as_json:
        print(json.dumps([asdict(item) for item in listed()]))
        return
    for item in listed():
        print(f"{item.name:<12}{item.what}\n{'':<12}{item.where} ({item.terms})")
