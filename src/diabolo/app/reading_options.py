"""The options that say how a table of text is read: one list, for every command that opens a table."""

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, signature
from typing import Annotated, Any

import typer

from diabolo.data.tables.reading.record import Asked, asked_from

OPTIONS: dict[str, Any] = {
    "columns": Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=KIND",
            help="Table: kinds of columns, as amount=number,when=date:%d/%m/%Y; or word, time, duration, yes/no.",
        ),
    ],
    "encoding": Annotated[
        str | None, typer.Option(metavar="NAME", help="Table of text: its encoding, as utf-8 or windows-1252.")
    ],
    "separator": Annotated[
        str | None, typer.Option(metavar="CHAR", help="Table of text: what parts its cells: ',', ';', '|' or tab.")
    ],
    "decimal": Annotated[
        str | None, typer.Option(metavar="CHAR", help="Table of text: the decimal sign of its numbers, '.' or ','.")
    ],
    "missing": Annotated[
        str | None, typer.Option(metavar="WORDS", help="Table: words that mean an empty cell, as '?,N/A'.")
    ],
    "header": Annotated[
        bool | None, typer.Option("--header/--no-header", help="Table of text: whether its first line holds names.")
    ],
}
ASKED, NOTHING = "asked", Asked()
"""The argument that the options make, and its value where none is given."""


def reads_tables(command: Callable[..., Any]) -> Callable[..., Any]:
    """Return a command with these options in the place of its argument `asked`, which is made of them.

    The command raises ArgumentError, before anything else, for an option that cannot be used.
    """
    own = signature(command)
    parameters: list[Parameter] = []
    for parameter in own.parameters.values():
        if parameter.name == ASKED:
            kind = parameter.kind
            parameters += [Parameter(name, kind, default=None, annotation=hint) for name, hint in OPTIONS.items()]
        else:
            parameters.append(parameter)

    @wraps(command)
    def reading(**given: Any) -> Any:
        asked = asked_from(**{name: given.pop(name, None) for name in OPTIONS})
        return command(**given, asked=asked)

    reading.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    return reading
