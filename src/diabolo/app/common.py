"""What every command of the command line has in common: its options, its messages, its pages."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from diabolo.jobs.evaluate.record import Figures
    from diabolo.training.files.model_file import Trained
    from diabolo.training.loop import Callback

Data = Annotated[str, typer.Argument(metavar="DATA", help="Data set, array, image, folder, zip or table.")]
Model = Annotated[Path, typer.Option("--model", "-m", metavar="MODEL", help="Model file (.safetensors).")]
OrBundled = Annotated[
    Path | None,
    typer.Option(
        "--model", "-m", metavar="MODEL", help="Model file (.safetensors); if not given, the bundled one for photos."
    ),
]
Out = Annotated[Path, typer.Option("--out", "-o", metavar="PATH", help="Where to write; never over what is there.")]
Force = Annotated[bool, typer.Option("--force", help="Write over what is at --out.")]
Seed = Annotated[int, typer.Option(help="The same seed on the same machine gives the same bits.")]
Device = Annotated[str, typer.Option(help="auto (the GPU if there is one), cpu, cuda or mps.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")]
Label = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Column of a table that holds labels: not learnt from.")
]
Anomaly = Annotated[
    str | None,
    typer.Option(metavar="VALUE", help="With --label: the value that marks an anomaly, where it is not 1 or -1."),
]
Window = Annotated[
    int | None, typer.Option(metavar="N", help="Rows are a series: learn from windows of N steps, score each step.")
]
Contamination = Annotated[
    float, typer.Option(metavar="SHARE", help="Without labels: the share of anomalies among the rows, to be left out.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")]


def run_file(path: Path) -> None:
    """Run a Python file of the user's own. Raises FileError if there is none, InputError where it fails."""
    import runpy

    from diabolo.errors import DiaboloError, FileError, InputError

    if not path.is_file():
        raise FileError(f"There is no file {path} to run; --import takes a Python file that registers networks.")
    try:
        runpy.run_path(str(path), run_name=path.stem)
    except DiaboloError:
        raise
    except Exception as error:
        raise InputError(f"{path} cannot be run: {type(error).__name__}: {error}") from error


def make_room(path: Path, *, force: bool) -> None:
    """Make the folder of a page to come, and refuse a path that is in the way before any work is done."""
    from diabolo.errors import FileError
    from diabolo.files import check_free

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"The folder {path.parent} cannot be made: {error.strerror}.") from error
    check_free(path, force=force)


def watchers(name: str, shape: tuple[int, ...], *, quiet: bool, track: str | None = None) -> "list[Callback]":
    from math import prod

    from diabolo.app.progress import Messages, ProgressBar
    from diabolo.app.track import tracker

    found: list[Callback] = [Messages() if quiet else ProgressBar(name, prod(shape))]
    return [*found, tracker(track)] if track else found


def print_figures(trained: "Trained", figures: "Sequence[Figures]") -> None:
    from diabolo.app.output.likelihood import code_text
    from diabolo.app.output.tables import columns_text, figure_rows
    from diabolo.jobs.evaluate.measure import warnings as warned

    model, *baselines = figures
    print(columns_text(figure_rows([model, *baselines])), *code_text(trained), sep="\n")
    say(*warned(trained, model, baselines))


def asked_latent(given: str | None) -> int | str | None:
    """Return what --latent says: a whole number, 'auto', or what the estimator will refuse."""
    try:
        return None if given is None else int(given)
    except ValueError:
        return given


def asked_layers(given: str | None) -> tuple[int, ...] | None:
    """Return what --layers says: '512,256' is (512, 256). Raises ArgumentError for anything else."""
    from diabolo.errors import ArgumentError

    sizes = [] if given is None else given.split(",")
    if not all(size.strip().isdecimal() for size in sizes):
        raise ArgumentError(f"--layers must be whole numbers with commas between them, as 512,256, got {given!r}.")
    return None if given is None else tuple(int(size) for size in sizes)


def asked_window(given: str | None, preset: str) -> int | str | None:
    """Return what --window says: a whole number or 'auto', which presets of series start with; None: single rows.

    Raises ArgumentError for anything else.
    """
    from diabolo.errors import ArgumentError
    from diabolo.presets.presets import preset_of

    if given is None:
        return "auto" if preset_of(preset).windows else None
    if given != "auto" and not given.isdecimal():
        raise ArgumentError(f"--window must be a whole number from 2 to 10,000, or auto, got {given!r}.")
    return given if given == "auto" else int(given)


def print_curve(about: "dict[str, Any]") -> None:
    from diabolo.app.output.latent_curve import curve_text

    text = curve_text(about)
    if text:
        print(f"\n{text}")


def write_text(path: Path, text: str, *, force: bool) -> None:
    from diabolo.files import written_whole

    with written_whole(path, force=force) as temporary:
        temporary.write_text(text, encoding="utf-8")


def say(*lines: str) -> None:
    """Print lines to standard error."""
    for line in lines:
        print(line, file=sys.stderr)
