"""The command line of an environment without torch (the distribution diabolo-runtime): trained models at work."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from diabolo.app.commands.deploy.export import check
from diabolo.app.commands.deploy.score import score
from diabolo.app.commands.deploy.serve import serve
from diabolo.app.running import run
from diabolo.version import __version__

COMMANDS: dict[str, Callable[..., Any]] = {"score": score, "serve": serve, "check": check}
app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="Trained models of tables at work, without torch. To train one: pip install diabolo.",
    epilog="Exit status: 0 done, 1 the work failed, 2 wrong usage, 130 interrupted. --debug shows a traceback.",
)


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        print(__version__)
        raise typer.Exit


for name, command in COMMANDS.items():
    app.command(name)(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 the work failed, 2 wrong usage. An error is one line on stderr."""
    run(app, arguments)
