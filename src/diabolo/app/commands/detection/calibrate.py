"""The command `calibrate`."""

import json
from typing import Annotated

import typer

from diabolo.app.commands.detection.images import calibrate_images
from diabolo.app.commands.detection.rules import AlarmRate, Alerts, PerDay, chosen_rule, promise_of
from diabolo.app.common import (
    Columns,
    Contamination,
    Data,
    Decimal,
    Device,
    Encoding,
    Header,
    Json,
    Label,
    Missing,
    Model,
    Separator,
)
from diabolo.app.output.alert_summary import promise_text
from diabolo.data.tables.reading.record import asked_from
from diabolo.errors import ArgumentError


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
    columns: Columns = None,
    encoding: Encoding = None,
    separator: Separator = None,
    decimal: Decimal = None,
    missing: Missing = None,
    header: Header = None,
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
    opened = open_for(trained, data, label, asked_from(columns, encoding, separator, decimal, missing, header))
    marked = anomalous(opened.labels) if label else None
    rule = chosen_rule(false_alarms, alerts, per_day)
    trained = members.calibrate(trained, opened.train, marked, rule, contamination)
    if marked is not None and cost_miss is not None and cost_alarm is not None:
        scores = members.score(trained, opened.train)
        trained = members.detector_of(trained).with_rule(
            trained, cheapest(scores, marked, miss=cost_miss, alarm=cost_alarm)
        )
    save_model(model, trained, force=True)
    facts = {"model": str(model), **promise_of(trained)}
    print(json.dumps(facts, allow_nan=False) if as_json else promise_text(facts))
