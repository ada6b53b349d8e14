"""The commands `export` and `check`."""

from pathlib import Path
from typing import Annotated

import typer

from diabolo.app.common import Force, Json, Out


def export(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Model file of a table (.safetensors).")],
    out: Out,
    to: Annotated[str, typer.Option(metavar="KIND", help="onnx.")] = "onnx",
    rows: Annotated[
        Path | None, typer.Option(metavar="ROWS.csv", help="Rows that the model has not seen, to compare the two by.")
    ] = None,
    force: Force = False,
) -> None:
    """Write a model of table rows as one ONNX file, which other languages and machines run.

    The file is run beside the model before it is written: scores within 0.001, alerts and the order of reasons
    exactly; else nothing is written, and the first row that differs is named. It carries 16 rows with their answers,
    for `check`, and the threshold as an input that can be changed.
    """
    from diabolo.deploy.runtime.table import rows_of_csv
    from diabolo.errors import ArgumentError, MissingExtraError

    if to != "onnx":
        raise ArgumentError(f"--to must be onnx, got {to!r}.")
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"diabolo export needs {error.name}: pip install 'diabolo[export]'.") from error
    from diabolo.deploy.export.onnx_file import export_table

    some = [row for part in rows_of_csv(rows) for row in part][:5000] if rows else []
    found = export_table(model, out, rows=some, force=force)
    print(f"Written: {out}")
    print(
        f"Compared with the model on {found.rows:,} rows: {found.alerts:,} alerts and all reasons are the same; "
        f"scores differ by {found.largest:.1g} nats at most."
    )
    print(f"On the machine where it is to run: diabolo check {out.name}")


def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File that `export` wrote (.onnx).")],
    as_json: Json = False,
) -> None:
    """Run an exported file on its own 16 rows: tell whether this machine gives the answers that it was made with.

    It needs NumPy and ONNX Runtime, no torch.
    """
    import json
    from dataclasses import asdict

    from diabolo.errors import MissingExtraError

    try:
        import onnxruntime  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError("diabolo check needs onnxruntime: pip install onnxruntime.") from error
    from diabolo.deploy.export.onnx_file import check as checked

    found = checked(file)
    if as_json:
        print(json.dumps(asdict(found)))
    else:
        print(f"{file}: {found.rows} rows, the same alerts and reasons; scores differ by {found.largest:.1g} at most.")
