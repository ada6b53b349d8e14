"""Columns as inputs of an exported file: their types, and what stands for a gap. It needs neither onnx nor a model."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diabolo.data.tables.columns import Column, Dates, Numbers, Words

NO_DATE = -(2**63)
"""What stands for a date that is missing."""


@dataclass(frozen=True)
class Input:
    """A column as an input of the graph. kind: its type. missing: what stands for a gap; None: not a number."""

    kind: str
    missing: Any


def missing_word(column: Words) -> str:
    """Return the text that stands for a gap: one that is no word of the column's."""
    return next(text for text in ("", "(missing)", "\x00missing") if text not in column.words)


INPUTS: dict[type[Column], Callable[[Any], Input]] = {
    Numbers: lambda _: Input("float64", None),
    Words: lambda column: Input("string", missing_word(column)),
    Dates: lambda _: Input("int64", NO_DATE),
}


def input_of(column: Column) -> Input:
    """Return a column as an input of the graph."""
    return INPUTS[type(column)](column)


def column_of(values: list[Any], one: Input) -> NDArray[Any]:
    """Return the values of a column, None for a gap, as an array (n, 1) of its type."""
    missing = np.nan if one.missing is None else one.missing
    dtype = object if one.kind == "string" else np.dtype(one.kind)
    return np.array([missing if value is None else value for value in values], dtype).reshape(-1, 1)
