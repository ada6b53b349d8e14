"""Rules of alerts as options of the commands `detect` and `calibrate`, and what a model's rule promises."""

from typing import TYPE_CHECKING, Annotated

import typer

from diabolo.app.output.alert_summary import Facts, promise
from diabolo.errors import ArgumentError

if TYPE_CHECKING:
    from diabolo.jobs.detect.rules import Rule
    from diabolo.training.files.contents import Known

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


def promise_of(trained: "Known", *, interval: bool = True) -> Facts:
    """Return the rule of a model and what it promises."""
    from diabolo.jobs.detect import members

    found = members.of(trained)
    shares = found.shares()
    blocks = int(shares.get("blocks", 0))
    return promise(found.calibration, found.rule, shares.get("contamination", 0.0), interval=interval, blocks=blocks)
