"""An ONNX file of a model: written only if it decides as the model does, and checked where it has arrived.

Its metadata key `diabolo` holds JSON: columns, rule, threshold, the model's SHA-256, and 16 rows with their answers.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diabolo.deploy.export.compare import Answers, first_difference
from diabolo.deploy.export.inputs import Input, column_of
from diabolo.errors import DiaboloError, FileError, FormatError, InputError

KEY, FORMAT, SAMPLES, MOST_BYTES = "diabolo", 1, 16, 2**31
NAMES = ("score", "p_value", "alert", "contribution")


class DifferentError(DiaboloError):
    """An exported file that does not decide as its model does."""


@dataclass(frozen=True)
class Checked:
    """rows: that were compared. alerts: among them. largest: difference of a score."""

    rows: int
    alerts: int
    largest: float


def session_of(content: bytes | str) -> Any:
    """Return ONNX Runtime at work on a file, in one thread that does not spin while it waits.

    Raises FormatError if it cannot be read.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own classes, which have nothing in common
        raise FormatError(f"The file is no ONNX model that can be run: {str(error)[:200]}") from error


def answers_of(session: Any, fed: Mapping[str, NDArray[Any]], threshold: float | None = None) -> Answers:
    """Return what a file answers to rows. threshold: the least score that raises an alert; else its own."""
    told = {} if threshold is None else {"threshold": np.array([threshold])}
    return Answers(*session.run(list(NAMES), {**fed, **told}))


def export_table(path: Path, out: Path, *, rows: Sequence[Any] = (), force: bool = False) -> Checked:
    """Write the model of table rows in `path` as an ONNX file, if it answers as the model does; else nothing.

    rows: to compare them by, beside rows that are made from those that the model keeps.
    Raises DifferentError with the first row that differs, InputError for a model that scores no table.
    """
    from diabolo.deploy.export.samples import rows_kept, spread
    from diabolo.deploy.export.tables import graph_of
    from diabolo.deploy.runtime.table import open_model
    from diabolo.files import check_free, written_whole

    check_free(out, force=force)
    model = open_model(path)
    compared = [*_usable(model, rows), *_usable(model, rows_kept(model))]
    if not compared:
        raise InputError("None of the rows can be scored, so that the file cannot be compared with its model.")
    metadata = described(model, hashlib.sha256(path.read_bytes()).hexdigest(), spread(compared, SAMPLES))
    content = graph_of(model, metadata).SerializeToString()
    found = _compared(model, session_of(content), compared)
    with written_whole(out, force=force) as temporary:
        temporary.write_bytes(content)
    return found


def _usable(model: Any, rows: Sequence[Any]) -> list[Any]:
    return [rows[answer.row] for answer in model.score(rows, reasons=False).answers]


def model_answers(model: Any, rows: Sequence[Any]) -> Answers:
    """Return what the model itself answers to rows, all of which it can score."""
    parts: list[NDArray[np.float32]] = []
    answers = model.score(rows, reasons=False, look=lambda x: parts.append(model.contributions(x))).answers
    score, p_value, alert = (
        np.array([getattr(one, name) for one in answers]) for name in ("score", "p_value", "alert")
    )
    return Answers(score, p_value, alert, np.concatenate(parts))


def _compared(model: Any, session: Any, rows: Sequence[Any]) -> Checked:
    from diabolo.deploy.export.tables import feed

    wanted, got = model_answers(model, rows), answers_of(session, feed(model, rows))
    difference = first_difference(wanted, got, model.columns)
    if difference is not None:
        raise DifferentError(
            f"The exported file differs from the model in row {difference.row}, {rows[difference.row]}: "
            f"{difference.what}; nothing is written."
        )
    return Checked(len(rows), int(wanted.alert.sum()), float(np.abs(got.score - wanted.score).max()))


def described(model: Any, sha256: str, rows: Sequence[Any]) -> dict[str, Any]:
    """Return the metadata of a file."""
    from diabolo.deploy.export.tables import feed, inputs_of, threshold_of
    from diabolo.version import __version__

    wanted, fed = model_answers(model, rows), feed(model, rows)
    inputs, threshold = inputs_of(model), threshold_of(model)
    own = {
        name: {"column": column.name, "kind": one.kind, "missing": one.missing}
        for column, (name, one) in zip(model.encoding.columns, inputs.items(), strict=True)
    }
    answers = {name: np.asarray(getattr(wanted, name)).tolist() for name in NAMES}
    samples = {"inputs": {name: _plain(values) for name, values in fed.items()}, "answers": answers}
    return {
        "format": FORMAT,
        "version": __version__,
        "model_sha256": sha256,
        "inputs": own,
        "columns": list(model.columns),
        "encoding": model.encoding.to_json(),
        "rule": model.rule.to_json(),
        "threshold": threshold if np.isfinite(threshold) else None,
        "calibrated_on": len(model.detector.found.calibration),
        "score_unit": "nats",
        "reasons": "contribution: what each column adds to the score, in nats; the highest are the reasons",
        "samples": samples,
    }


def _plain(values: NDArray[Any]) -> list[Any]:
    """Return a column as JSON has it: a number that is missing as null."""
    return [None if value != value else value for value in values.ravel().tolist()]


def check(path: Path) -> Checked:
    """Ask an exported file for the answers to its own samples, on this machine.

    Raises FileError if there is none, FormatError if it is no export of diabolo, DifferentError if an answer differs.
    """
    if not path.is_file():
        raise FileError(f"There is no file {path}; `diabolo export MODEL --out {path.name}` makes one.")
    if path.stat().st_size > MOST_BYTES:
        raise FormatError(f"{path} has more than {MOST_BYTES:,} bytes, which no ONNX file may have.")
    session = session_of(str(path))
    metadata = session.get_modelmeta().custom_metadata_map
    try:
        plain = json.loads(metadata[KEY])
        inputs = {name: Input(one["kind"], one["missing"]) for name, one in plain["inputs"].items()}
        given, answers = plain["samples"]["inputs"], plain["samples"]["answers"]
        fed = {name: column_of(given[name], one) for name, one in inputs.items()}
        wanted = Answers(*(np.array(answers[name]) for name in NAMES))
        columns, threshold = plain["columns"], plain["threshold"]
        threshold = np.inf if threshold is None else float(threshold)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise FormatError(f"{path} is no export of diabolo, or its metadata is damaged: {error}") from error
    got = answers_of(session, fed, threshold)
    difference = first_difference(wanted, got, columns)
    if difference is not None:
        raise DifferentError(
            f"{path} answers otherwise here than where it was made, in sample {difference.row}: {difference.what}."
        )
    return Checked(len(wanted.score), int(wanted.alert.sum()), float(np.abs(got.score - wanted.score).max()))
