"""A model at a command's door, and data in the order that it knows; neither needs torch where NumPy will do."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from diabolo.data.opening import is_table, open_data
from diabolo.data.source import Array, Dataset, Reordered
from diabolo.data.tables.reading.record import Asked
from diabolo.data.tables.windows import Windows
from diabolo.errors import ArgumentError, FormatError, InputError
from diabolo.jobs import table_input
from diabolo.jobs.columns import encoding_of
from diabolo.jobs.detect.detector import traits_of, window_of
from diabolo.model.forward import is_dense
from diabolo.training.files.contents import Kept, Known, read_kept

if TYPE_CHECKING:
    from typing import TypeGuard

    from diabolo.training.files.model_file import Trained


def open_model(path: Path, device: str = "cpu") -> "Kept | Trained":
    """Read a model file: without torch, which takes a second to load, where its network is dense.

    device: where another network computes.
    Raises FileError if it cannot be read, FormatError if it is damaged, foreign or newer.
    """
    kept = read_kept(path)
    if is_dense(kept.config):
        try:
            kept.forward()
        except FormatError as error:
            raise FormatError(f"{path} cannot be used: {error}") from error
        return kept
    from diabolo.training.files.model_file import loaded

    return loaded(path, kept, device)


def of_images(trained: "Kept | Trained") -> "TypeGuard[Trained]":
    """Return whether a model is for images of any size; none of those is `Kept`."""
    return traits_of(trained).any_size


def open_for(trained: Known, data: str | Path, label: str | None = None, asked: Asked | None = None) -> Dataset:
    """Open data for a model: of a table the columns that it knows, in their order, read as its own table was.

    asked: what the user says of how it is read. Raises as both parts do.
    """
    known = trained.about.get("columns") or ()
    if is_table(data):
        return matched(open_data(data, label=label, only=known, asked=table_input.asked_of(trained, asked)), trained)
    return matched(open_data(data, label=label, asked=asked), trained)


def with_marks(data: Dataset, label: str | None, anomaly: str | None, *, learns: bool = False) -> Dataset:
    """Return labelled data with 0 for normal samples and 1 for anomalies.

    anomaly: the value that marks these. learns: all other rows will count as normal, so that a value which is not there
    among several is refused. Raises ArgumentError for a value without a label, InputError where labels do not say which
    of them is the anomaly.
    """
    from diabolo.jobs.detect.labels import SHOWN, told

    if anomaly is not None and label is None:
        raise ArgumentError("--anomaly names a value of the column of labels; give --label COLUMN too.")
    if label is None or data.labels is None:
        return data
    marked = told(data.labels, anomaly)
    values = np.unique(data.labels[marked])
    note = () if set(values.tolist()) <= {1} else (f"{_labels_text(values, label)}: {int(marked.sum()):,} anomalies",)
    if anomaly is not None and not len(values):
        there = np.unique(data.labels)
        if learns and len(there) > 1:
            raise InputError(
                f"No row has {label} = {anomaly}, and all would count as normal; {label} holds "
                f"{', '.join(str(value) for value in there[:SHOWN])}: give one of these with --anomaly."
            )
        note = (f"No row has {label} = {anomaly}: there are no anomalies.",)
    tested = None if data.test_labels is None else told(data.test_labels, anomaly).astype(np.int64)
    return replace(data, labels=marked.astype(np.int64), test_labels=tested, notes=(*data.notes, *note))


def _labels_text(values: Array, label: str) -> str:
    return f"{label} = {', '.join(str(value) for value in values)}"


def matched(data: Dataset, trained: Known) -> Dataset:
    """Return a table with the columns of the training data, in their order, found by their names; other data as are.

    Raises InputError that names the columns that are missing.
    """
    wanted = trained.about.get("columns")
    if encoding_of(trained) or table_input.is_mixed(data.train):
        return as_seen(data, trained)
    if not wanted or data.columns is None or list(data.columns) == wanted:
        return data
    missing = [name for name in wanted if name not in data.columns]
    if missing:
        raise InputError(
            f"{data.name} lacks the columns {', '.join(missing)} that the model was trained on; "
            f"it has {', '.join(data.columns)}."
        )
    order = np.array([data.columns.index(name) for name in wanted])
    test = None if data.test is None else Reordered(data.test, order)
    return replace(data, train=Reordered(data.train, order), test=test, columns=tuple(wanted))


def as_samples(data: Dataset, trained: Known) -> Dataset:
    """Return data as what a model learns from: windows of a series, where it learnt those; else as they are.

    A number of a window is called by its column and its step, the last of them 0: "load -2", "load -1", "load 0".
    """
    length = window_of(trained)
    if length is None:
        return data
    steps, names = range(1 - length, 1), data.columns or [f"c{number}" for number in range(data.train.shape[0])]
    columns = tuple(f"{name} {step}" for step in steps for name in names)
    return replace(data, train=Windows(data.train, length), columns=columns, labels=None)


def as_seen(data: Dataset, trained: Known) -> Dataset:
    """Return a table as the model sees it: words and dates as numbers, each with a name of its own."""
    train = table_input.seen_by(trained, data.train)
    test = None if data.test is None else table_input.seen_by(trained, data.test)
    encoding = encoding_of(trained)
    columns = tuple(trained.about.get("columns") or ()) if encoding is None else encoding.numbers
    return replace(data, train=train, test=test, columns=columns if train is not data.train else data.columns)
