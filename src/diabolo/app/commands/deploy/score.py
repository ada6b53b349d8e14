"""The command `score`."""

from pathlib import Path
from typing import Annotated

import typer

from diabolo.app.common import Force, Model


def score(
    rows: Annotated[Path, typer.Argument(metavar="ROWS.csv", help="Rows of a table, names in the first line.")],
    model: Model,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="PATH", help="Where to write; if not given, it is printed.")
    ] = None,
    false_alarms: Annotated[
        float | None, typer.Option(metavar="RATE", help="This share of normal rows raises an alert; else the model's.")
    ] = None,
    no_reasons: Annotated[bool, typer.Option("--no-reasons", help="Scores, p-values and alerts alone.")] = False,
    force: Force = False,
) -> None:
    """Score the rows of a CSV file with NumPy alone: one JSON object a line, in the order of the rows.

    A row that cannot be used has a line that names its column and value; the exit status is then 1.
    `detect` reads more kinds of files and ranks the rows; it needs polars.
    """
    import sys

    from diabolo.app.output.answers import lines_of
    from diabolo.deploy.runtime.table import open_model, rows_of_csv
    from diabolo.errors import InputError
    from diabolo.files import written_whole

    opened, refused = open_model(model, false_alarms=false_alarms), [0]
    lines = lines_of(opened, rows_of_csv(rows), refused, reasons=not no_reasons)
    if out is None:
        sys.stdout.writelines(lines)
    else:
        with written_whole(out, force=force) as temporary, temporary.open("w", encoding="utf-8") as file:
            file.writelines(lines)
    if refused[0]:
        raise InputError(f"{refused[0]:,} rows of {rows} cannot be used; their lines say why.")
