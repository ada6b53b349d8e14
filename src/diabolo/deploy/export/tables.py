"""A model of table rows as one ONNX file: columns in; score, p-value, alert and what each column adds out.

`threshold` is an input with a value: the least score that raises an alert can be changed without a new export.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from diabolo.data.tables.values import READ, Row
from diabolo.deploy.export.columns import placed
from diabolo.deploy.export.detector import by_column, p_values, prepared, scored
from diabolo.deploy.export.graph import Graph
from diabolo.deploy.export.inputs import Input, column_of, input_of
from diabolo.deploy.runtime.table import TableModel
from diabolo.errors import InputError
from diabolo.jobs.columns import encoding_of
from diabolo.jobs.detect.rows.score import Scorer
from diabolo.model.forward import layers

OUTPUTS = ("score", "p_value", "alert", "contribution")
RESERVED = (*OUTPUTS, "threshold")
WIDEST = 4000
"""Columns of a table that is exported; each is an input."""


def inputs_of(model: TableModel) -> dict[str, Input]:
    """Return the inputs of the graph, by their names; a column that is called as an output gets a further '_'."""
    columns = model.encoding.columns
    if len(columns) > WIDEST:
        raise InputError(f"A table of at most {WIDEST:,} columns can be exported, got {len(columns):,}.")
    return {f"{column.name}_" if column.name in RESERVED else column.name: input_of(column) for column in columns}


def threshold_of(model: TableModel) -> float:
    """Return the least score that raises an alert; infinite where none can."""
    least = model.rule.least(np.zeros(1), model.detector.found.calibration)
    return math.inf if least is None else least


def graph_of(model: TableModel, metadata: Mapping[str, Any]) -> onnx.ModelProto:
    """Return the graph of a model, with metadata as JSON."""
    graph, kept, scorer = Graph(), model.kept, model.detector.scorer
    if not isinstance(scorer, Scorer):
        raise InputError("A model that learnt from labels has no ONNX form yet; export the one that it was made from.")
    given = [graph.input(name, one.kind, "rows", 1) for name, one in inputs_of(model).items()]
    threshold = graph.changeable("threshold", threshold_of(model))
    numbers = [placed(graph, *both) for both in zip(model.encoding.columns, given, strict=True)]
    x = prepared(graph, kept.preprocessing, graph.do("Concat", *numbers, axis=1))
    score, parts = scored(graph, scorer, layers(kept.config, kept.weights), x)
    wide = graph.cast(score, "float64")
    graph.output(wide, "score", "float64", "rows")
    graph.output(p_values(graph, wide, model.detector.found.calibration), "p_value", "float64", "rows")
    graph.output(graph.do("GreaterOrEqual", wide, threshold), "alert", "bool", "rows")
    owners = model.owners if encoding_of(kept) else np.arange(len(model.owners))
    graph.output(by_column(graph, parts, owners), "contribution", "float32", "rows", model.width)
    return graph.model({"diabolo": json.dumps(metadata)})


def feed(model: TableModel, rows: Sequence[Row]) -> dict[str, NDArray[Any]]:
    """Return rows as the graph takes them. Raises UnreadableError for values that it cannot have."""
    names, found = inputs_of(model), {}
    for place, (column, (name, one)) in enumerate(zip(model.encoding.columns, names.items(), strict=True)):
        values = [row[column.name] if isinstance(row, Mapping) else row[place] for row in rows]
        found[name] = column_of([READ[type(column)](value, column) for value in values], one)
    return found
