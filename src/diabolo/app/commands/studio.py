"""The command `studio`."""

from pathlib import Path
from typing import Annotated

import typer

from diabolo.app.common import Device, Label, say

Models = Annotated[
    list[Path], typer.Option("--model", "-m", metavar="MODEL", help="Model file (.safetensors); several if repeated.")
]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port of 127.0.0.1; 0 takes one that is free.")]


def studio(
    model: Models,
    data: Annotated[
        str | None, typer.Argument(metavar="[DATA]", help="Samples to show: data set, array, folder, zip or table.")
    ] = None,
    port: Port = 7860,
    label: Label = None,
    device: Device = "auto",
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open the page.")] = False,
) -> None:
    """Open a page on this machine to explore models: map of codes, reconstruct, compress, denoise, detect, train.

    Nothing leaves the machine: the page is served on 127.0.0.1 and asks nothing of a network.
    """
    from diabolo.app.studio.server import check_installed, serve, taken
    from diabolo.app.studio.shelf import Shelf
    from diabolo.data.opening import open_data

    check_installed()
    opened = None if data is None else open_data(data, label=label)
    say(*(opened.notes if opened else ()))
    shelf = Shelf(model, opened, device)
    serve(shelf, taken(port), browser=not no_browser)
