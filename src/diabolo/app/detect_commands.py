"""The commands `detect` and `calibrate`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diabolo.app.common import Data, Force, Json, Label, Model, Out, say
from diabolo.errors import ArgumentError

if TYPE_CHECKING:
    from diabolo.data.source import Dataset
    from diabolo.jobs.thresholds import Rule
    from diabolo.training.model_file import Trained

FalseAlarms = Annotated[
    float | None, typer.Option(metavar="RATE", help="Promise: this share of normal samples raises an alert, at most.")
]
Alerts = Annotated[int | None, typer.Option(metavar="N", help="The N most suspicious samples of a file are alerts.")]
TABLES = (".csv", ".parquet")
SHOWN = 5


def detect(
    data: Data,
    model: Model,
    out: Out,
    false_alarms: FalseAlarms = None,
    alerts: Alerts = None,
    label: Label = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Rank the samples of DATA by how suspicious they are, with p-values, alerts and reasons: .csv or .parquet."""
    from diabolo.app.alerts import ranked
    from diabolo.app.train import matched
    from diabolo.data.opening import open_data
    from diabolo.estimator import load
    from diabolo.files import check_free
    from diabolo.jobs import detect as job

    if out.suffix.lower() not in TABLES:
        raise ArgumentError(f"--out must end in .csv or .parquet, got {out}.")
    check_free(out, force=force)
    trained = load(model).trained_
    job.of(trained)
    rule = chosen_rule(false_alarms, alerts)
    trained = job.with_rule(trained, rule) if rule else trained
    opened = matched(open_data(data, label=label), trained)
    say(*opened.notes)
    table = ranked(trained, opened.train, opened.columns, opened.items)
    _write(out, table, force=force)
    facts: dict[str, Any] = {"out": str(out), "samples": len(table), "alerts": int(table["alert"].sum())}
    facts |= _promise(trained)
    facts |= _measured(opened, table) if label else {}
    facts["drift"] = _drift(trained, opened)
    if as_json:
        print(json.dumps(facts, allow_nan=False))
        return
    print(f"{facts['alerts']:,} alerts in {len(table):,} samples, by {facts['rule']} = {facts['value']:g}: {out}")
    for row in table.head(SHOWN).iter_rows(named=True):
        print(f"  row {row['row']}: score {row['score']:.4g}, p = {row['p_value']:.2g}. {row['reasons']}")
    if "auroc" in facts:
        print(f"AUROC {facts['auroc']:.4f}, average precision {facts['average_precision']:.4f}")


def calibrate(
    data: Data,
    model: Model,
    false_alarms: FalseAlarms = None,
    alerts: Alerts = None,
    cost_miss: Annotated[
        float | None, typer.Option(help="What an anomaly that is missed costs (with --label).")
    ] = None,
    cost_alarm: Annotated[float | None, typer.Option(help="What a false alarm costs (with --label).")] = None,
    label: Label = None,
    as_json: Json = False,
) -> None:
    """Choose MODEL's threshold anew on DATA that it never saw, and keep it in the model file.

    DATA are normal samples, or with --label rows of both kinds (0 normal, 1 anomaly): the normal ones calibrate.
    A model without a detector gets one: half of the normal samples fit it.
    """
    import numpy as np

    from diabolo.app.train import matched
    from diabolo.data.opening import open_data
    from diabolo.data.source import Subset
    from diabolo.estimator import load
    from diabolo.jobs import detect as job
    from diabolo.jobs.thresholds import cheapest
    from diabolo.training.model_file import save_model

    costs = cost_miss is not None or cost_alarm is not None
    if costs and (cost_miss is None or cost_alarm is None or label is None or false_alarms or alerts):
        raise ArgumentError("--cost-miss and --cost-alarm go together, with --label and without another rule.")
    trained = load(model).trained_
    opened = matched(open_data(data, label=label), trained)
    normal = opened.train
    if label:
        marked = job.anomalous(opened.labels)
        normal = Subset(opened.train, np.flatnonzero(~marked))
    trained = job.calibrate(trained, normal, chosen_rule(false_alarms, alerts))
    if cost_miss is not None and cost_alarm is not None:
        scores = job.score(trained, opened.train)
        trained = job.with_rule(trained, cheapest(scores, marked, miss=cost_miss, alarm=cost_alarm))
    save_model(model, trained, force=True)
    facts = {"model": str(model), **_promise(trained)}
    print(json.dumps(facts, allow_nan=False) if as_json else _promise_text(facts))


def chosen_rule(false_alarms: float | None, alerts: int | None) -> "Rule | None":
    """Return the rule that options ask for. Raises ArgumentError where they ask for two."""
    from diabolo.jobs.thresholds import Rule

    if false_alarms is not None and alerts is not None:
        raise ArgumentError("--false-alarms and --alerts are two rules; give one.")
    if false_alarms is not None:
        return Rule("false-alarms", false_alarms)
    return None if alerts is None else Rule("alerts", float(alerts))


def _promise(trained: "Trained") -> "dict[str, float | str | list[float]]":
    """Return the rule, the calibration samples behind it, and within what the false-alarm rate lies (95 %)."""
    from diabolo.jobs import detect as job
    from diabolo.jobs.thresholds import rate_interval

    found = job.of(trained)
    facts: dict[str, float | str | list[float]] = {"rule": found.rule.name, "value": found.rule.value}
    facts["calibrated_on"] = len(found.calibration)
    if found.rule.name == "false-alarms":
        facts["rate_interval"] = list(rate_interval(len(found.calibration), found.rule.value))
        if found.rule.value * (len(found.calibration) + 1) < 1:
            say(
                f"Warning: {len(found.calibration)} calibration samples cannot promise a rate of {found.rule.value:g}: "
                "nothing will be an alert; calibrate on more normal samples, or ask for a higher rate."
            )
    return facts


def _promise_text(facts: "dict[str, float | str | list[float]]") -> str:
    text = f"{facts['model']}: {facts['rule']} = {facts['value']:g}, calibrated on {facts['calibrated_on']:,} samples"
    interval = facts.get("rate_interval")
    return (
        f"{text}; the rate lies within {interval[0]:.3g} to {interval[1]:.3g} (95 %)"
        if isinstance(interval, list)
        else text
    )


def _measured(opened: "Dataset", table: object) -> dict[str, float]:
    """Return AUROC and average precision on labelled samples that have both kinds."""
    import numpy as np
    import polars as pl
    from sklearn.metrics import average_precision_score, roc_auc_score

    from diabolo.jobs.detect import anomalous

    assert isinstance(table, pl.DataFrame)
    marked = anomalous(opened.labels)[table["row"].to_numpy()] if np.any(opened.labels) else np.zeros(0)
    if not marked.any():
        return {}
    scores = table["score"].to_numpy()
    return {
        "auroc": float(roc_auc_score(marked, scores)),
        "average_precision": float(average_precision_score(marked, scores)),
    }


def _drift(trained: "Trained", opened: "Dataset") -> list[str]:
    """Say which columns no longer look like the training data, and return them."""
    from diabolo.jobs.detect import drift
    from diabolo.jobs.tabular import encoding_of

    if len(opened.train.shape) != 1:
        return []
    found = drift(trained, opened.train)
    encoding = encoding_of(trained)
    names = encoding.names if encoding else opened.columns
    named = [names[one.column] if names else f"column {one.column}" for one in found]
    if found:
        some = ", ".join(f"{name} ({one.distance:.2f})" for name, one in zip(named[:10], found, strict=False))
        say(f"Warning: these data no longer look like the training data, in: {some}; calibrate or train anew.")
    return named


def _write(out: Path, table: object, *, force: bool) -> None:
    import polars as pl

    from diabolo.files import written_whole

    assert isinstance(table, pl.DataFrame)
    with written_whole(out, force=force) as temporary:
        if out.suffix.lower() == ".csv":
            table.write_csv(temporary)
        else:
            table.write_parquet(temporary)
