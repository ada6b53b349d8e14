"""Tables of any kind of columns at a model's door: the encoding it keeps, and rows as it sees them."""

import warnings
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from diabolo.data.limits import held
from diabolo.data.preprocessing import bounded, unchanging
from diabolo.data.source import Array, ArraySource, Source
from diabolo.data.tables.encoding import Encoding, fit_encoding
from diabolo.data.tables.frames import Encoded, EncodedArray, FrameSource, frame_of, frames_of, reading_of, root_of
from diabolo.data.tables.reading.record import Asked, ColumnReading, Reading, reading_from_json
from diabolo.errors import InputError
from diabolo.jobs.columns import JOB, encoding_of, encoding_of_numbers
from diabolo.training.files.contents import Extra, Known

READING = "reading"
T = TypeVar("T", bound=Known)
MOST_FITTED = 500_000
"""Rows that an encoding is fitted to."""


def is_mixed(source: Source) -> bool:
    """Return whether rows have to be encoded before anything can be learnt from them."""
    return isinstance(root_of(source), FrameSource)


def fit_to(source: Source, rows: NDArray[np.int64]) -> Encoding:
    """Return an encoding fitted on some rows of a table. Raises InputError for columns that cannot be learnt from."""
    some = bounded(rows, source, MOST_FITTED)
    table, frame = frames_of(source), frame_of(source, some)
    same = [name for name in frame.columns if len(frame) > 1 and frame[name].n_unique() == 1]
    if same:
        warnings.warn(unchanging(same, ""), stacklevel=3)
    where = str(table.path if table else "the table")
    reading = reading_of(source)
    words = () if reading is None else tuple(one.name for one in reading.columns if one.kind in ("word", "yes/no"))
    return fit_encoding(frame, where, words)


def encoded(source: Source, encoding: Encoding) -> Source:
    """Return a table as rows of numbers, in memory if they are small. Raises InputError if it lacks a column."""
    table = frames_of(source)
    if table is None:
        raise InputError(
            f"The model was trained on a table with the columns {', '.join(encoding.names[:20])}; give such a table."
        )
    missing = [name for name in encoding.names if name not in table.columns]
    if missing:
        raise InputError(
            f"{table.path} lacks the columns {', '.join(missing)} that the model was trained on; "
            f"it has {', '.join(table.columns[:50])}."
        )
    rows = Encoded(source, encoding)
    kept = held(rows)
    return EncodedArray(kept.array, source, encoding) if isinstance(kept, ArraySource) else kept


def seen_by(trained: Known, source: Source) -> Source:
    """Return rows as a model sees them: encoded where it was trained on columns of any kind, or where values lack."""
    if isinstance(root_of(source), Encoded | EncodedArray):
        return source
    encoding = encoding_of(trained)
    if encoding is None and is_mixed(source):
        encoding = encoding_of_numbers(trained)
    return source if encoding is None else encoded(source, encoding)


def told_of(source: Source) -> dict[str, Any]:
    """Return what a model keeps of how its table was read; nothing for arrays and data frames."""
    reading = reading_of(source)
    return {} if reading is None else {READING: reading.to_json()}


def asked_of(trained: Known, asked: Asked | None = None) -> Asked:
    """Return how a table for a model is to be read: as the user asks, and as its own table was.

    A model of an earlier version keeps the kinds of its columns alone.
    """
    asked = Asked() if asked is None else asked
    if READING in trained.about:
        return replace(asked, before=reading_from_json(trained.about[READING]))
    encoding = encoding_of(trained)
    if encoding is None:
        return asked
    columns = (ColumnReading(column.name, column.kind, getattr(column, "form", "")) for column in encoding.columns)
    return replace(asked, before=Reading(columns=tuple(columns)))


def with_encoding(trained: T, encoding: Encoding) -> T:
    """Return the model with the encoding of its table."""
    extras = {**trained.extras, JOB: Extra({"columns": encoding.to_json()})}
    return replace(trained, extras=extras)  # type: ignore[type-var]


def in_own_units(trained: Known, samples: Array) -> Array | pl.DataFrame:
    """Return decoded samples in the table's own units; other samples as they are."""
    encoding = encoding_of(trained)
    return samples if encoding is None else encoding.decode(samples)


def as_rows(trained: Known, samples: Array | pl.DataFrame) -> Array:
    """Return samples to show: of an encoded table rows (n, columns) of its own values, others as they are."""
    found = in_own_units(trained, samples) if isinstance(samples, np.ndarray) else samples
    if isinstance(found, np.ndarray):
        return found
    rows = [["missing" if value is None else value for value in row] for row in found.iter_rows()]
    return np.array(rows, object).reshape(found.shape)
