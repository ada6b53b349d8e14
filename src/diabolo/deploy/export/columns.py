"""Columns of a table in an ONNX graph: values as they are to the numbers that a model sees, as `columns` encodes them.

Dates are microseconds since 1970: no operation reads their text.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from diabolo.data.tables.columns import GAP, TURN, WEEK, Column, Dates, Numbers, Words
from diabolo.data.tables.dates import DAY
from diabolo.deploy.export.graph import Graph, Value
from diabolo.deploy.export.inputs import NO_DATE, missing_word

NO_WORD = "\x00"
"""The only key of a column of which no word is kept."""


def _numbers(graph: Graph, column: Numbers, given: Value) -> Value:
    empty = graph.do("IsNaN", given)
    filled = graph.do("Where", empty, graph.constant(np.float64(column.fill)), given)
    return graph.do("Concat", filled, graph.cast(empty, "float64"), axis=1) if column.gaps else filled


def _words(graph: Graph, column: Words, given: Value) -> Value:
    known = [missing_word(column) if word is None else word for word in column.words]
    codes = graph.do(
        "LabelEncoder",
        given,
        domain="ai.onnx.ml",
        keys_strings=known or [NO_WORD],
        values_int64s=list(range(len(known))) or [0],
        default_int64=len(known),
    )
    flat = graph.do("Reshape", codes, graph.constant(np.array([-1], np.int64)))
    return graph.do("Gather", graph.constant(column.table), flat)


def _dates(graph: Graph, column: Dates, given: Value) -> Value:
    empty = graph.do("Equal", given, graph.constant(np.int64(NO_DATE)))
    filled = graph.do("Where", empty, graph.constant(np.int64(int(column.low) * DAY)), given)
    stamp = graph.cast(filled, "float64")
    day = graph.do("Floor", graph.do("Div", stamp, graph.constant(np.float64(DAY))))
    limits = [graph.constant(np.float64(limit)) for limit in (column.low, column.high)]
    parts = [graph.do("Clip", day, *limits) if column.clock else day]
    parts.append(graph.do("Mul", graph.cast(empty, "float64"), graph.constant(np.float64(GAP))))
    within = graph.do("Sub", stamp, graph.do("Mul", day, graph.constant(np.float64(DAY))))
    for used, part, whole in ((column.timed, within, float(DAY)), (column.weekly, day, WEEK)):
        turn = graph.do(
            "Mul", graph.do("Div", part, graph.constant(np.float64(whole))), graph.constant(np.float64(TURN))
        )
        parts += [graph.do("Sin", turn), graph.do("Cos", turn)] if used else []
    return graph.do("Concat", *parts, axis=1)


PLACED: dict[type[Column], Callable[[Graph, Any, Value], Value]] = {Numbers: _numbers, Words: _words, Dates: _dates}


def placed(graph: Graph, column: Column, given: Value) -> Value:
    """Return the numbers (n, k) of a column from its values (n, 1)."""
    return PLACED[type(column)](graph, column, given)
