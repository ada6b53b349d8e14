"""What is said of a model's detector: after its training, and by `info`."""

import math
import shlex
from pathlib import Path
from typing import Any

import numpy as np

from diabolo.app.fit_and_measure import rows_given, unseen_of
from diabolo.app.model_data import matched
from diabolo.app.output.alert_summary import measured, rule_text, worst
from diabolo.data.source import Dataset
from diabolo.data.tables.columns import Words
from diabolo.data.tables.frames import frame_of, frames_of
from diabolo.jobs.columns import encoding_of
from diabolo.jobs.detect import members
from diabolo.jobs.detect.detector import traits_of
from diabolo.jobs.detect.labels import marks
from diabolo.jobs.detect.rules import RULES
from diabolo.jobs.detect.thresholds import passing
from diabolo.training.files.model_file import Trained

LOOKED_AT, NAMELIKE, FEWEST, OFTEN = 1000, 0.05, 20, 0.1
"""Rows looked at for a counter; share of rows whose word occurs twice or more, below which words are names;
fewest rows that show a column to grow, and the share of them in which it rises."""


def facts_of(trained: Trained) -> dict[str, Any]:
    """Return the rule of what an alert is and what it rests on. left_out: share of the rows it was fitted to."""
    found = members.of(trained)
    return {**found.rule.to_json(), "calibrated_on": len(found.calibration), **found.shares()}


def _of_rows(trained: Trained) -> bool:
    """Return whether a model has a usable detector of single rows: what is said below is of columns and labels."""
    return traits_of(trained).tabular and members.usable(trained)


def detector_text(facts: dict[str, Any]) -> str:
    if facts.get("blocks"):
        return _blocks_text(facts)
    text = f"{rule_text(facts)}, calibrated on {facts['calibrated_on']:,} samples"
    if RULES[facts["rule"]].promises_rate and not passing(facts["value"], facts["calibrated_on"]):
        needed = math.ceil(1 / facts["value"] - 1 - 1e-9)
        text += f" (too few: nothing will be an alert; calibrate on {needed:,}, or ask for a higher rate)"
    if facts.get("left_out"):
        text += f"; {facts['left_out']:.3g} of the rows it was fitted to were left out as anomalies"
    return f"{text}; {worst(facts)}" if facts.get("contamination") else text


def _blocks_text(facts: dict[str, Any]) -> str:
    """Return the rule of a series: it is about blocks of steps, each as long as a window."""
    count = int(facts["blocks"])
    text = f"{rule_text(facts)} of blocks of normal steps, calibrated on {count:,} blocks"
    if RULES[facts["rule"]].promises_rate and not passing(facts["value"], count):
        text += f" (few: below {1 / (count + 1):.2g} the threshold is extrapolated)"
    return text


def ranking(trained: Trained, data: Dataset) -> dict[str, Any]:
    """Return how well the detector ranks labelled rows that training did not see, and in words which; else nothing.

    Each held-out normal row stands for as many as make anomalies as rare as they are in the data.
    """
    if data.labels is None or not _of_rows(trained):
        return {}
    seen = matched(data, trained)
    rows = rows_given(trained, seen)
    unseen = unseen_of(trained, seen, rows)
    marked = marks(unseen.labels)
    if marked is None:
        return {}
    held = 1.0 if rows is None or seen.test is not None else len(rows) / max(1, int((~marked).sum()))
    found = measured(marked, members.score(trained, unseen.samples), unseen.weight * held)
    return {**found, "ranked": unseen.split} if found else {}


def after_training(facts: dict[str, Any], out: Path) -> tuple[str, ...]:
    """Return lines that say what a detector rests on, how well it ranks, and what to do next."""
    lines = [f"Its detector: {detector_text(facts)}"]
    if "auroc" in facts:
        figures = f"AUROC {facts['auroc']:.4f}, average precision {facts['average_precision']:.4f}"
        lines.append(f"It ranks the {facts['ranked']}: {figures}")
    return (*lines, f"Next: diabolo detect NEW -m {shlex.quote(str(out))} --out alerts.csv")


def advice(trained: Trained, data: Dataset) -> tuple[str, ...]:
    """Return what a detector of rows might yet be told."""
    if not _of_rows(trained):
        return ()
    lines, encoding = [], encoding_of(trained)
    for column in encoding.columns if encoding else ():
        if isinstance(column, Words) and column.total > 1 and sum(column.counts) < NAMELIKE * column.total:
            lines.append(_left_out(column.name, "holds a different word in nearly every row, as an id does"))
    lines += [_left_out(name, "grows with the rows, so that new ones always lie beyond it") for name in _growing(data)]
    if data.labels is None and not members.of(trained).shares().get("contamination"):
        lines.append("All rows were taken for normal; where some may not be, say what share: --contamination 0.01")
    return tuple(lines)


def _left_out(name: str, why: str) -> str:
    return f"Column {name} {why}: it is best left out, --ignore {shlex.quote(name)}"


def _growing(data: Dataset) -> list[str]:
    """Return the columns of numbers that never fall in the first rows and often rise, as row numbers and clocks do."""
    rows, table = np.arange(min(len(data.train), LOOKED_AT)), frames_of(data.train)
    if table is None or len(rows) < FEWEST:
        return []
    frame = frame_of(data.train, rows)
    numbers = [name for name, kind in frame.schema.items() if kind.is_numeric() and not frame[name].null_count()]
    steps = {name: np.diff(frame[name].cast(float).to_numpy()) for name in numbers}
    return [name for name, step in steps.items() if (step >= 0).all() and (step > 0).mean() >= OFTEN]
