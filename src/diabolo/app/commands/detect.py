"""The commands `detect` and `calibrate`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diabolo.app.commands.detect_images import calibrate_images, detect_images
from diabolo.app.common import Contamination, Data, Force, Json, Label, Model, Out, Window, make_room, say, write_text
from diabolo.app.output.alert_summary import (
    DRIFT_NOTE,
    SHOWN,
    Facts,
    measured,
    print_alerts,
    promise,
    promise_text,
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
TABLES = (".csv", ".parquet")


def _rows() -> "Listing":
    from diabolo.app.output.alerts import ranked

    return ranked


def _steps() -> "Listing":
    from diabolo.app.output.steps import stepwise

    return stepwise


LISTINGS: "dict[str, Callable[[], Listing]]" = {"rows": _rows, "series": _steps}
"""By detector: what makes the table of alerts."""
DRIFTING = ("rows",)
"""Detectors whose columns are compared with those of training, one by one."""


def detect(
    data: Data,
    model: Model,
    out: Out,
    false_alarms: AlarmRate = None,
    alerts: Alerts = None,
    per_day: PerDay = None,
    label: Label = None,
    maps: Maps = None,
    window: Window = None,
    report: Report = None,
    train: Train = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Rank the samples of DATA by how suspicious they are, with p-values, alerts and reasons: .csv or .parquet.

    Of a data set with two parts, its test part.
    """
    from diabolo.app.model_data import of_images, open_for, open_model
    from diabolo.app.output.alerts import TOGETHER
    from diabolo.app.output.steps import check_window
    from diabolo.data.writing import write_pieces
    from diabolo.files import check_free
    from diabolo.jobs.detect import members

    if out.suffix.lower() not in TABLES:
        raise ArgumentError(f"--out must end in .csv or .parquet, got {out}.")
    if train is not None and report is None:
        raise ArgumentError("--train is for the page's baselines; give --report too.")
    check_free(out, force=force)
    if report is not None:
        make_room(report, force=force)
    trained = open_model(model)
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
    trained = detector.with_rule(trained, rule) if rule else trained
    opened = open_for(trained, data, label).unseen
    say(*opened.notes)
    check_window(trained, window)
    normal = None if train is None else _normal(trained, train, label)
    table = LISTINGS[detector.name]()(trained, opened.train, opened.columns, opened.items)
    write_pieces(out, table.pieces, rows=TOGETHER, force=force)
    facts: dict[str, Any] = {"out": str(out), "samples": len(table), "alerts": int(table.raised.sum())}
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
    print_alerts(facts, table.highest(SHOWN))


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

    trained = load(model).trained_
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
    return promise(found.calibration, found.rule, found.shares().get("contamination", 0.0), interval=interval)


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
