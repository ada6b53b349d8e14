"""The command line: one verb a job. Heavy imports live inside the commands, so that --help answers at once."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from diabolo.app.commands.archives.compress import compress
from diabolo.app.commands.archives.decompress import decompress
from diabolo.app.commands.archives.inspect import list_archive, repair, verify
from diabolo.app.commands.codes import decode, encode
from diabolo.app.commands.denoise import denoise
from diabolo.app.commands.deploy.export import check, export
from diabolo.app.commands.deploy.score import score
from diabolo.app.commands.deploy.serve import serve
from diabolo.app.commands.detection.calibrate import calibrate
from diabolo.app.commands.detection.detect import detect
from diabolo.app.commands.detection.learn import learn
from diabolo.app.commands.generate import generate, interpolate, likelihood, map_codes
from diabolo.app.commands.inform import datasets, info
from diabolo.app.commands.playground import playground
from diabolo.app.commands.reports import demo, report, reproduce
from diabolo.app.commands.studio import studio
from diabolo.app.commands.train import train
from diabolo.app.common import run_file
from diabolo.app.running import announced, run
from diabolo.version import __version__

DATA = """DATA is the name of a data set (see `diabolo datasets`), an .npy, .npz or IDX file, an image, a folder or zip
of images, or a CSV, TSV or Parquet table."""
COMMANDS: dict[str, Callable[..., Any]] = {
    "demo": demo,
    "train": train,
    "info": info,
    "encode": encode,
    "decode": decode,
    "report": report,
    "datasets": datasets,
    "reproduce": reproduce,
    "compress": compress,
    "decompress": decompress,
    "list": list_archive,
    "verify": verify,
    "repair": repair,
    "denoise": denoise,
    "detect": detect,
    "calibrate": calibrate,
    "learn": learn,
    "generate": generate,
    "interpolate": interpolate,
    "likelihood": likelihood,
    "export": export,
    "check": check,
    "score": score,
    "serve": serve,
    "studio": studio,
    "playground": playground,
    "map": map_codes,
}
WITHOUT_TORCH = {"info", "datasets", "list", "verify", "detect", "score", "serve", "playground"}
"""Commands that answer without PyTorch, of most models."""
app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help=f"Autoencoders that learn the code of your data and put it to work.\n\n{DATA}",
    epilog="Exit status: 0 done, 1 the work failed, 2 wrong usage, 130 interrupted. --debug shows a traceback.",
)


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    imported: Annotated[
        Path | None,
        typer.Option("--import", metavar="FILE.py", help="Run a Python file of your own first: it registers networks."),
    ] = None,
) -> None:
    if version:
        print(__version__)
        raise typer.Exit
    if imported is not None:
        run_file(imported)


for name, command in COMMANDS.items():
    app.command(name)(command if name in WITHOUT_TORCH else announced(command))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 the work failed, 2 wrong usage. An error is one line on stderr."""
    run(app, arguments)
