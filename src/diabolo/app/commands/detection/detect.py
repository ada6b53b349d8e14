"""The command `detect`."""

import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diabolo.app.commands.detection.images import detect_images
from diabolo.app.commands.detection.rules import AlarmRate, Alerts, PerDay, chosen_rule, promise_of
from diabolo.app.common import Anomaly, Data, Device, Force, Json, Label, Model, Window, make_room, say, write_text
from diabolo.app.output.alert_summary import (
    DRIFT_NOTE,
    SHOWN,
    measured,
    measured_lines,
    print_alerts,
    rule_text,
)
from diabolo.app.reading_options import NOTHING, reads_tables
from diabolo.data.tables.reading.record import Asked
from diabolo.errors import ArgumentError, EmptyTableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from diabolo.data.source import Dataset, Source
    from diabolo.jobs.detect.drift import Drift
    from diabolo.jobs.detect.listing.alerts import Ranking
    from diabolo.jobs.detect.listing.beside import Beside
    from diabolo.training.files.contents import Known

    Listing = Callable[[Known, Source, Sequence[str] | None, Sequence[str] | None, Beside | None], Ranking]


Keep = Annotated[
    list[str] | None,
    typer.Option(metavar="COLUMN", help="Column of the file to carry along into the alerts; repeatable."),
]
Maps = Annotated[
    Path | None, typer.Option("--maps", metavar="FOLDER", help="Images: write where each is suspicious, .png and .npy.")
]
Report = Annotated[
    Path | None, typer.Option("--report", metavar="PAGE", help="HTML page to write: alerts, reasons, baselines beside.")
]
Train = Annotated[
    str | None,
    typer.Option(
        metavar="DATA", help="With --report: normal rows to fit baselines on; if not given, those the model keeps."
    ),
]
Steps = Annotated[bool, typer.Option("--steps", help="Series: write the score of every step, not the events.")]
Gap = Annotated[
    int | None, typer.Option(metavar="N", help="Series: steps without an alert inside an event; half a window.")
]
AtLeast = Annotated[
    str | None, typer.Option(metavar="M/N", help="Series: an event begins with M alerts in N steps; 1/1.")
]
Mute = Annotated[int, typer.Option(metavar="N", help="Series: steps after an event in which no other begins.")]
Adapt = Annotated[
    bool, typer.Option("--adapt", help="Series: the threshold follows the latest 1,000 scores, for levels that change.")
]
Place = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="PATH", help="Where to write; never over what is there.")
]


def _rows() -> "Listing":
    from diabolo.jobs.detect.listing.alerts import ranked

    return ranked


def _steps() -> "Listing":
    from diabolo.app.output.steps import stepwise

    return stepwise


LISTINGS: "dict[str, Callable[[], Listing]]" = {"rows": _rows, "series": _steps}
"""By detector: what makes the table of alerts."""


@reads_tables
def detect(
    data: Data,
    model: Model,
    out: Place = None,
    false_alarms: AlarmRate = None,
    alerts: Alerts = None,
    per_day: PerDay = None,
    label: Label = None,
    asked: Asked = NOTHING,
    anomaly: Anomaly = None,
    keep: Keep = None,
    maps: Maps = None,
    window: Window = None,
    steps: Steps = False,
    gap: Gap = None,
    at_least: AtLeast = None,
    mute: Mute = 0,
    adapt: Adapt = False,
    report: Report = None,
    train: Train = None,
    device: Device = "auto",
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Rank the samples of DATA by how suspicious they are, with p-values, alerts and reasons.

    --out ends in .csv, .parquet, .xlsx, .json or .jsonl; - is standard output. Columns that the model did not learn, as
    ids, are carried along.

    Of a data set with two parts, its test part. Of a series the events are written, each with its start, end and peak;
    DATA - reads its steps from standard input and prints events as they come.
    """
    from diabolo.app.commands.detection.stream import check_plain, detect_stream
    from diabolo.app.model_data import of_images, open_for, open_model, with_marks
    from diabolo.app.output.events import event_lines, event_table, following, merging
    from diabolo.app.output.steps import check_window
    from diabolo.data.lists import STANDARD, check_list, write_list
    from diabolo.jobs.detect import members
    from diabolo.jobs.detect.detector import traits_of, window_of
    from diabolo.jobs.detect.listing.alerts import empty
    from diabolo.jobs.detect.listing.beside import beside_of

    if data == "-":
        check_plain((out, report, maps, train, steps, label))
        rule = chosen_rule(false_alarms, alerts, per_day)
        detect_stream(model, rule, gap, at_least, mute, adapt=adapt, as_json=as_json)
        return
    if out is None:
        raise ArgumentError("--out PATH says where to write the alerts: .csv, .parquet, .xlsx, .json, .jsonl, or -.")
    if as_json and out == STANDARD:
        raise ArgumentError("--out - and --json both write to standard output; give one of the two.")
    if train is not None and report is None:
        raise ArgumentError("--train is for the page's baselines; give --report too.")
    check_list(out, force=force)
    if report is not None:
        make_room(report, force=force)
    trained = open_model(model, device)
    rule = chosen_rule(false_alarms, alerts, per_day)
    title = f"Alerts in {Path(data).name}"
    if of_images(trained):
        if per_day is not None:
            raise ArgumentError("--per-day names a column of a table; for images give --alerts N alone.")
        if train is not None:
            raise ArgumentError("--train is for tables; images of any size have no baselines.")
        detect_images(trained, data, out, rule, label, maps, report, title, force=force, as_json=as_json)
        return
    if maps is not None:
        raise ArgumentError("--maps is for models of images of any size: train one with --preset surface.")
    members.of(trained)
    detector = members.detector_of(trained)
    in_events = traits_of(trained).in_events
    if not in_events and (steps or adapt or mute or gap is not None or at_least is not None):
        raise ArgumentError(
            "--steps, --gap, --at-least, --mute and --adapt are for series; train with --preset series."
        )
    trained = detector.with_rule(trained, rule) if rule else trained
    check_window(trained, window)
    try:
        opened = with_marks(open_for(trained, data, label, asked).unseen, label, anomaly)
    except EmptyTableError:
        say(f"{data} has no rows: the list is empty.")
        _write_empty(out, empty(members.of(trained).calibration), force=force, as_json=as_json)
        return
    say(*opened.notes)
    normal = None if train is None else _normal(trained, train, label, anomaly, asked)
    beside = beside_of(opened.train, trained.about.get("columns") or opened.columns or (), keep or ())
    if beside.left_out:
        say(f"Too large to be carried along: {', '.join(beside.left_out)}; name the columns you need with --keep.")
    table = LISTINGS[detector.name]()(trained, opened.train, opened.columns, opened.items, beside)
    table = following(table, members.of(trained).rule) if adapt else table
    events = event_table(table, merging(window_of(trained) or 2, gap, at_least, mute)) if in_events else None
    listed = table.pieces if events is None or steps else lambda: iter([events])
    write_list(out, listed, force=force)
    facts: dict[str, Any] = {"out": str(out), "samples": len(table), "alerts": int(table.raised.sum())}
    facts |= {} if events is None else {"events": len(events)}
    facts |= promise_of(trained, interval=as_json or report is not None)
    facts |= _measured(opened, table, label)
    drifted = _drifted(trained, opened) if traits_of(trained).tabular else []
    facts["drift"] = [name for name, _ in drifted]
    if report is not None:
        from diabolo.app.pages.detection import detect_page, page_of

        page = page_of(trained, opened, table, facts, title=title, drifted=drifted, normal=normal)
        write_text(report, detect_page(page), force=force)
        say(*page.detection.warnings, f"The report: {report.absolute()}")
        facts["beside"] = [one.figures for one in page.detection.methods]
    if as_json:
        print(json.dumps(facts, allow_nan=False))
        return
    with redirect_stdout(sys.stderr if out == STANDARD else sys.stdout):
        if events is None:
            print_alerts(facts, table.highest(SHOWN))
            return
        print(f"{len(events):,} events, {facts['alerts']:,} of {len(table):,} steps, by {rule_text(facts)}: {out}")
        print(*event_lines(events, SHOWN), *measured_lines(facts), sep="\n")


def _write_empty(out: Path, table: "Ranking", *, force: bool, as_json: bool) -> None:
    """Write a list without rows."""
    from diabolo.data.lists import write_list

    write_list(out, table.pieces, force=force)
    if as_json:
        print(json.dumps({"out": str(out), "samples": 0, "alerts": 0}))


def _normal(trained: "Known", train: str, label: str | None, anomaly: str | None, asked: Asked) -> "Source":
    """Return the normal rows that a page's baselines are fitted on."""
    from diabolo.app.fit_and_measure import normal_of
    from diabolo.app.model_data import open_for, with_marks

    opened = with_marks(open_for(trained, train, label, asked), label, anomaly)
    return opened.train if label is None else normal_of(opened).train


def _measured(opened: "Dataset", table: "Ranking", label: str | None) -> dict[str, Any]:
    """Return AUROC, average precision and the outcome of the rule on labelled samples that have both kinds.

    Labels that data bring along, without --label, may be others than 0 and 1.
    """
    import numpy as np

    from diabolo.app.output.detection.outcome import outcome
    from diabolo.jobs.detect.labels import anomalous, marks

    if not np.any(opened.labels):
        return {}
    marked = marks(opened.labels) if label is None else anomalous(opened.labels)
    found = {} if marked is None else measured(marked, table.scores, opened.weight)
    if marked is None or not found:
        return {}
    return {**found, "outcome": outcome(marked, table.raised, weight=opened.weight)}


def _drifted(trained: "Known", opened: "Dataset") -> "list[tuple[str, Drift]]":
    """Say which columns no longer look like the training data, and return them by name."""
    from diabolo.jobs.columns import encoding_of
    from diabolo.jobs.detect.drift import drift

    if len(opened.train.shape) != 1:
        return []
    found = drift(trained, opened.train)
    encoding = encoding_of(trained)
    names = encoding.names if encoding else opened.columns
    named = [(names[one.column] if names else f"column {one.column}", one) for one in found]
    if found:
        some = ", ".join(f"{name} ({one.distance:.2f})" for name, one in named[:10])
        words = f"these data no longer look like the training data, in: {some}; calibrate or train anew."
        say(f"Warning: {words} {DRIFT_NOTE}")
    return named
