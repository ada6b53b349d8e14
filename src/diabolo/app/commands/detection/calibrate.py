"""The command `calibrate`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diabolo.app.commands.detection.images import calibrate_images
from diabolo.app.commands.detection.rules import AlarmRate, Alerts, PerDay, chosen_rule, promise_of
from diabolo.app.common import Anomaly, Contamination, Data, Device, Force, Json, Label, Model, say
from diabolo.app.output.alert_summary import promise_text
from diabolo.app.reading_options import NOTHING, reads_tables
from diabolo.data.tables.reading.record import Asked
from diabolo.errors import ArgumentError

if TYPE_CHECKING:
    from diabolo.data.source import Source
    from diabolo.training.files.model_file import Trained

LEARNT = 0.1
"""Share of the learnt rows among those given above which a model is said to have learnt from them."""


@reads_tables
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
    asked: Asked = NOTHING,
    anomaly: Anomaly = None,
    contamination: Contamination = 0.0,
    device: Device = "auto",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="NEW", help="Model file to write; if not given, MODEL.calibrated."),
    ] = None,
    in_place: Annotated[bool, typer.Option("--in-place", help="Write over MODEL.")] = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Choose MODEL's threshold anew on DATA that it never saw, and write a new model file.

    DATA are normal samples, or with --label rows of both kinds (0 normal, 1 anomaly): the normal ones calibrate.
    A model without a detector gets one: half of the normal samples fit it.
    """
    from diabolo.app.model_data import of_images, open_for, with_marks
    from diabolo.app.output.detection.outcome import Costs, outcome, outcome_text
    from diabolo.estimator import load
    from diabolo.files import check_free
    from diabolo.jobs.detect import members
    from diabolo.jobs.detect.labels import anomalous
    from diabolo.jobs.detect.rules import cheapest
    from diabolo.training.files.model_file import save_model

    if in_place and out is not None:
        raise ArgumentError("--out and --in-place are two places to write to; give one.")
    place = model if in_place else out or model.with_name(f"{model.stem}.calibrated{model.suffix}")
    check_free(place, force=force or in_place)
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
        save_model(place, trained, force=force or in_place)
        facts: dict[str, Any] = {"model": str(place), **found}
        print(json.dumps(facts, allow_nan=False) if as_json else promise_text(facts))
        return
    opened = with_marks(open_for(trained, data, label, asked), label, anomaly, learns=True)
    say(*opened.notes)
    _warn_of_learnt(trained, opened.train)
    marked = anomalous(opened.labels) if label else None
    rule, costs_of = chosen_rule(false_alarms, alerts, per_day), None
    trained = members.calibrate(trained, opened.train, marked, rule, contamination)
    if marked is not None and cost_miss is not None and cost_alarm is not None:
        scores, costs_of = members.score(trained, opened.train), Costs(cost_miss, cost_alarm)
        trained = members.detector_of(trained).with_rule(
            trained, cheapest(scores, marked, miss=cost_miss, alarm=cost_alarm)
        )
    save_model(place, trained, force=force or in_place)
    facts = {"model": str(place), **promise_of(trained)}
    if costs_of is not None and marked is not None:
        fitted = members.of(trained)
        raised = fitted.rule.raised(scores, fitted.calibration)
        facts["outcome"] = outcome(marked, raised, costs_of, opened.weight)
    if as_json:
        print(json.dumps(facts, allow_nan=False))
        return
    print(promise_text(facts), *([outcome_text(facts["outcome"])] if "outcome" in facts else []), sep="\n")


def _warn_of_learnt(trained: "Trained", source: "Source") -> None:
    """Say so where a model is calibrated on the rows that it learnt from."""
    from diabolo.jobs.detect.detector import traits_of

    if not traits_of(trained).tabular:
        return
    from diabolo.jobs.detect.members import usable
    from diabolo.jobs.detect.rows.learnt import share_learnt

    share = share_learnt(trained, source) if usable(trained) else 0.0
    if share >= LEARNT:
        say(
            f"Warning: the model learnt from these rows ({share:.0%} of the learnt rows that it keeps are among them): "
            "their scores are too low, and the promise does not hold; calibrate on rows that it never saw."
        )
