"""The command `learn`: what confirmed and cleared cases teach a detector."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diabolo.app.common import Anomaly, Device, Force, Json, Model, say
from diabolo.app.output.alert_summary import promise_text
from diabolo.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from diabolo.data.source import Source

Cases = Annotated[
    str, typer.Argument(metavar="CONFIRMED", help="Table of cases: an alert list with a column of verdicts, or rows.")
]


def learn(
    confirmed: Cases,
    model: Model,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="NEW", help="Model file to write (.safetensors).")],
    label: Annotated[
        str, typer.Option(metavar="COLUMN", help="Column of verdicts; empty cells are left out.")
    ] = "label",
    anomaly: Anomaly = None,
    data: Annotated[
        str | None, typer.Option("--data", metavar="DATA", help="Where the cases stand, if CONFIRMED only names them.")
    ] = None,
    by: Annotated[
        str, typer.Option("--by", metavar="COLUMN", help="With --data: what names a case: row, or a column of both.")
    ] = "row",
    device: Device = "auto",
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Teach MODEL confirmed anomalies and cleared cases, and write a new model file, calibrated anew."""
    from diabolo.app.commands.detection.rules import promise_of
    from diabolo.app.model_data import open_for
    from diabolo.data.opening import open_data
    from diabolo.data.source import Subset
    from diabolo.data.tables.frames import frames_of
    from diabolo.estimator import load
    from diabolo.files import check_free
    from diabolo.jobs.detect.confirmed.teaching import learn_labels
    from diabolo.training.files.model_file import save_model

    check_free(out, force=force)
    trained = load(model, device=device).trained_
    table = frames_of(open_data(confirmed).train)
    for name in (label, *([by] if data is not None else [])):
        if table is None or name not in table.names:
            raise InputError(f"{confirmed} must be a table with the column {name}; --label and --by name others.")
    assert table is not None
    cases, marked = _judged(table.column(label), anomaly)
    source = open_for(trained, confirmed if data is None else data).train
    seen = Subset(source, cases if data is None else _named(source, data, table.column(by).gather(cases), by))
    trained = learn_labels(trained, Subset(seen, marked.nonzero()[0]), cleared=Subset(seen, (~marked).nonzero()[0]))
    save_model(out, trained, force=force)
    facts: dict[str, Any] = {"model": str(out), "anomalies": int(marked.sum()), "cleared": int((~marked).sum())}
    facts |= promise_of(trained)
    if as_json:
        print(json.dumps(facts, allow_nan=False))
        return
    say(f"{facts['anomalies']:,} anomalies and {facts['cleared']:,} cleared cases are learnt from.")
    print(promise_text(facts))


def _judged(verdicts: "pl.Series", anomaly: str | None) -> "tuple[Any, Any]":
    """Return the cases that have a verdict, and which of these are anomalies."""
    import numpy as np
    import polars as pl

    from diabolo.jobs.detect.labels import told

    there = verdicts.is_not_null() & (verdicts.cast(pl.String).str.strip_chars() != "")
    cases = np.flatnonzero(there.to_numpy())
    if not len(cases):
        raise InputError(f"The column {verdicts.name} has no verdict; write 1 for an anomaly, 0 for a cleared case.")
    given = verdicts.gather(cases)
    labels = given.to_numpy() if given.dtype.is_numeric() or given.dtype == pl.Boolean else given.cast(pl.String)
    return cases, told(np.asarray(labels), anomaly)


def _named(source: "Source", data: str, names: "pl.Series", by: str) -> "NDArray[np.int64]":
    """Return the rows of a source that cases name: by their number, or by a column of the table."""
    import numpy as np
    import polars as pl

    from diabolo.data.tables.frames import frames_of

    table = frames_of(source)
    wanted = names.cast(pl.String).to_list()
    if by == "row":
        there = {str(row): row for row in range(len(source))}
    elif table is None or by not in table.names:
        raise InputError(f"{data} lacks the column {by} of --by.")
    else:
        known = table.column(by).cast(pl.String)
        there = {name: row for row, name in enumerate(known) if name is not None}
        twice = known.filter(known.is_in(wanted) & known.is_duplicated()).drop_nulls()
        if len(twice):
            raise InputError(
                f"{data} has {int((known == twice[0]).sum()):,} rows with {by} = {twice[0]}, so that {by} names no "
                "single case; give another column with --by, or row."
            )
    lacking = [name for name in wanted if name not in there]
    if None in lacking:
        raise InputError(
            f"{lacking.count(None):,} cases have a verdict and no {by}; fill them in, or empty the verdict."
        )
    if lacking:
        raise InputError(f"{data} has no row with {by} = {lacking[0]} ({len(lacking):,} cases are not there).")
    return np.array([there[name] for name in wanted], np.int64)
