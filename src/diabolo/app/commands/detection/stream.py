"""`diabolo detect -`: steps from standard input, events to standard output."""

import csv
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from diabolo.errors import ArgumentError, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from diabolo.jobs.detect.rules import Rule


def detect_stream(
    model: Path, rule: "Rule | None", gap: int | None, least: str | None, mute: int, *, adapt: bool, as_json: bool
) -> None:
    """Read lines of a CSV with a header, and print each event as it begins and as it ends.

    Raises InputError for a column that is missing or a value that is no number, with its line.
    """
    from diabolo.app.model_data import open_model
    from diabolo.app.output.events import event_text, merging
    from diabolo.jobs.detect import members
    from diabolo.jobs.detect.detector import window_of
    from diabolo.jobs.detect.stream import Stream

    trained = open_model(model)
    trained = members.detector_of(trained).with_rule(trained, rule) if rule else trained
    stream = Stream(trained, merging(window_of(trained) or 2, gap, least, mute), adapt=adapt)
    lines = csv.reader(sys.stdin)
    heads = next(lines, [])
    places = _places(heads, trained.about.get("columns"))
    found = []
    for number, line in enumerate(lines, 2):
        found = stream.update([_number(line, place, number, heads) for place in places])
        for event in found:
            print(json.dumps(asdict(event)) if as_json else event_text(event), flush=True)
    for event in stream.close():
        print(json.dumps(asdict(event)) if as_json else event_text(event), flush=True)


def _places(heads: "Sequence[str]", columns: "Sequence[str] | None") -> list[int]:
    if not heads:
        raise InputError("Standard input is empty; give lines of a CSV, the names of the columns first.")
    missing = [name for name in columns or () if name not in heads]
    if missing:
        raise InputError(f"Standard input lacks the columns {', '.join(missing)}; it has {', '.join(heads)}.")
    return [heads.index(name) for name in columns] if columns else list(range(len(heads)))


def _number(line: "Sequence[str]", place: int, number: int, heads: "Sequence[str]") -> float:
    try:
        return float(line[place])
    except (IndexError, ValueError) as error:
        given = repr(line[place]) if place < len(line) else "nothing"
        raise InputError(f"Line {number}: {heads[place]} must be a number, got {given}.") from error


def check_plain(given: "Sequence[object]") -> None:
    """Raise ArgumentError if options that need a whole file are given with '-'."""
    if any(given):
        raise ArgumentError(
            "`diabolo detect -` prints events: --out, --report, --maps, --train and --steps need a file."
        )
