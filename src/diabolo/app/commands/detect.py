"""The commands `detect` and `calibrate`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diabolo.app.commands.detect_images import calibrate_images, detect_images
from diabolo.app.common import (
    Contamination,
    Data,
    Device,
    Force,
    Json,
    Label,
    Model,
    Window,
    make_room,
    say,
    write_text,
)
from diabolo.app.output.alert_summary import (
    DRIFT_NOTE,
    SHOWN,
    Facts,
    measured,
    measured_lines,
    print_alerts,
    promise,
    promise_text,
    rule_text,
)
from diabolo.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from diabolo.app.output.alerts import Ranking
    from diabolo.data.source import Dataset, Source
    from diabolo.jobs.detect.drift import Drift
    from diabolo.jobs.detect.rules import Rule
    from diabolo.jobs.detect.thresholds import Scores
    from diabolo.training.files.contents import Known

    Listing = Callable[[Known, Source, Sequence[str] | None, Sequence[str] | None], Ranking]

AlarmRate = Annotated[
    float | None, typer.Option(metavar="RATE", help="Promise: this share of normal samples raises an alert, at most.")
]
Alerts = Annotated[int | None, typer.Option(metavar="N", help="The N most suspicious samples of a file are alerts.")]
PerDay = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN", help="With --alerts: N of each day; COLUMN holds dates, times, or seconds as numbers."
    ),
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
TABLES = (".csv", ".parquet")


def _rows() -> "Listing":
    from diabolo.app.output.alerts import ranked

    return ranked


def _steps() -> "Listing":
    from diabolo.app.output.steps import stepwise

    return stepwise


LISTINGS: "dict[str, Callable[[], Listing]]" = {"rows": _rows, "series": _steps}
"""By detector: what makes the table of alerts."""
IN_EVENTS = ("series",)
"""Detectors whose alerts are merged to events."""
DRIFTING = ("rows",)
"""Detectors whose columns are compared with those of training, one by one."""


def detect(
    data: Data,
    model: Model,
    out: Place = None,
    false_alarms: AlarmRate = None,
    alerts: Alerts = None,
    per_day: PerDay = None,
    label: Label = None,
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
    """Rank the samples of DATA by how suspicious they are, with p-values, alerts and reasons: .csv or .parquet.

    Of a data set with two parts, its test part. Of a series the events are written, each with its start, end and peak;
    DATA - reads its steps from standard input and prints events as they come.
    """
    from diabolo.app.commands.detect_stream import check_plain, detect_stream
    from diabolo.app.model_data import of_images, open_for, open_model
    from diabolo.app.output.alerts import TOGETHER
    from diabolo.app.output.events import event_lines, event_table, following, merging
    from diabolo.app.output.steps import check_window
    from diabolo.data.writing import write_pieces, write_samples
    from diabolo.files import check_free
    from diabolo.jobs.detect import members
    from diabolo.jobs.detect.detector import window_of

    if data == "-":
        check_plain((out, report, maps, train, steps, label))
        rule = chosen_rule(false_alarms, alerts, per_day)
        detect_stream(model, rule, gap, at_least, mute, adapt=adapt, as_json=as_json)
        return
    if out is None:
        raise ArgumentError("--out PATH says where to write the alerts: a .csv or .parquet file.")
    if out.suffix.lower() not in TABLES:
        raise ArgumentError(f"--out must end in .csv or .parquet, got {out}.")
    if train is not None and report is None:
        raise ArgumentError("--train is for the page's baselines; give --report too.")
    check_free(out, force=force)
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
    in_events = detector.name in IN_EVENTS
    if not in_events and (steps or adapt or mute or gap is not None or at_least is not None):
        raise ArgumentError(
            "--steps, --gap, --at-least, --mute and --adapt are for series; train with --preset series."
        )
    trained = detector.with_rule(trained, rule) if rule else trained
    opened = open_for(trained, data, label).unseen
    say(*opened.notes)
    check_window(trained, window)
    normal = None if train is None else _normal(trained, train, label)
    table = LISTINGS[detector.name]()(trained, opened.train, opened.columns, opened.items)
    table = following(table, members.of(trained).rule) if adapt else table
    events = event_table(table, merging(window_of(trained) or 2, gap, at_least, mute)) if in_events else None
    if events is None or steps:
        write_pieces(out, table.pieces, rows=TOGETHER, force=force)
    else:
        write_samples(out, events, force=force)
    facts: dict[str, Any] = {"out": str(out), "samples": len(table), "alerts": int(table.raised.sum())}
    facts |= {} if events is None else {"events": len(events)}
    facts |= _promise(trained, interval=as_json or report is not None)
    facts |= _measured(opened, table.scores, label)
    drifted = _drifted(trained, opened) if detector.name in DRIFTING else []
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
    if events is None:
        print_alerts(facts, table.highest(SHOWN))
        return
    print(f"{len(events):,} events, {facts['alerts']:,} of {len(table):,} steps, by {rule_text(facts)}: {out}")
    print(*event_lines(events, SHOWN), *measured_lines(facts), sep="\n")


def _normal(trained: "Known", train: str, label: str | None) -> "Source":
    """Return the normal rows that a page's baselines are fitted on."""
    from diabolo.app.fit_and_measure import normal_of
    from diabolo.app.model_data import open_for

    opened = open_for(trained, train, label)
    return opened.train if label is None else normal_of(opened).train


def calibrate(
    data: Data,
    model: Model,
    false_alarms: AlarmRate = None,
    alerts: Alerts = None,
    per_day: PerDay = None,
    cost_miss: Annotated[
        float | None, typer.Option(help="What an anomaly that is missed costs (with --label).")
    ] = None,
    cost_alarm: Annotated[float | None, typer.Option(help="What a false alarm costs (with --label).")] = None,
    label: Label = None,
    contamination: Contamination = 0.0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Choose MODEL's threshold anew on DATA that it never saw, and keep it in the model file.

    DATA are normal samples, or with --label rows of both kinds (0 normal, 1 anomaly): the normal ones calibrate.
    A model without a detector gets one: half of the normal samples fit it.
    """
    from diabolo.app.model_data import of_images, open_for
    from diabolo.estimator import load
    from diabolo.jobs.detect import members
    from diabolo.jobs.detect.labels import anomalous
    from diabolo.jobs.detect.rules import cheapest
    from diabolo.training.files.model_file import save_model

    trained = load(model, device=device).trained_
    costs = cost_miss is not None or cost_alarm is not None
    if costs and (cost_miss is None or cost_alarm is None or label is None or false_alarms or alerts):
        raise ArgumentError("--cost-miss and --cost-alarm go together, with --label and without another rule.")
    if of_images(trained):
        if per_day is not None:
            raise ArgumentError("--per-day names a column of a table; for images give --alerts N alone.")
        if costs:
            raise ArgumentError(
                "--cost-miss and --cost-alarm are for tables; for images give --false-alarms or --alerts."
            )
        if contamination:
            raise ArgumentError("--contamination is for tables; give the folder of good images with --label.")
        trained, found = calibrate_images(trained, data, chosen_rule(false_alarms, alerts, per_day), label)
        save_model(model, trained, force=True)
        facts = {"model": str(model), **found}
        print(json.dumps(facts, allow_nan=False) if as_json else promise_text(facts))
        return
    opened = open_for(trained, data, label)
    marked = anomalous(opened.labels) if label else None
    rule = chosen_rule(false_alarms, alerts, per_day)
    trained = members.calibrate(trained, opened.train, marked, rule, contamination)
    if marked is not None and cost_miss is not None and cost_alarm is not None:
        scores = members.score(trained, opened.train)
        trained = members.detector_of(trained).with_rule(
            trained, cheapest(scores, marked, miss=cost_miss, alarm=cost_alarm)
        )
    save_model(model, trained, force=True)
    facts = {"model": str(model), **_promise(trained)}
    print(json.dumps(facts, allow_nan=False) if as_json else promise_text(facts))


def chosen_rule(false_alarms: float | None, alerts: int | None, per_day: str | None) -> "Rule | None":
    """Return the rule that options ask for. Raises ArgumentError where they ask for two."""
    from diabolo.jobs.detect.rules import FalseAlarms, MostSuspicious

    if false_alarms is not None and alerts is not None:
        raise ArgumentError("--false-alarms and --alerts are two rules; give one.")
    if false_alarms is not None:
        return FalseAlarms(false_alarms)
    if per_day is not None and alerts is None:
        raise ArgumentError(f"--per-day counts alerts by the day of {per_day}; give --alerts N with it.")
    return None if alerts is None else MostSuspicious(float(alerts), per_day or "")


def _promise(trained: "Known", *, interval: bool = True) -> Facts:
    from diabolo.jobs.detect import members

    found = members.of(trained)
    shares = found.shares()
    blocks = int(shares.get("blocks", 0))
    return promise(found.calibration, found.rule, shares.get("contamination", 0.0), interval=interval, blocks=blocks)


def _measured(opened: "Dataset", scores: "Scores", label: str | None) -> dict[str, float]:
    """Return AUROC and average precision on labelled samples that have both kinds.

    Raises InputError for a column of labels that are not 0 and 1; those that data bring along may be others.
    """
    import numpy as np

    from diabolo.jobs.detect.labels import anomalous, marks

    if not np.any(opened.labels):
        return {}
    marked = marks(opened.labels) if label is None else anomalous(opened.labels)
    return {} if marked is None else measured(marked, scores, opened.weight)


def _drifted(trained: "Known", opened: "Dataset") -> "list[tuple[str, Drift]]":
    """Say which columns no longer look like the training data, and return them by name."""
    from diabolo.jobs.detect.drift import drift
    from diabolo.jobs.table_input import encoding_of

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
