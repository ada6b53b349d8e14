"""The detector of table rows in an ONNX graph: prepared rows to scores, p-values and what each column adds.

The nearest references are found by products, in float64, and measured by differences. They are those of the cell of the
row, as in `diabolo.jobs.detect.rows.neighbours`.
"""

import numpy as np
from numpy.typing import NDArray

from diabolo.data.preprocessing import Preprocessing
from diabolo.deploy.export.graph import Graph, Value
from diabolo.jobs.detect.rows.neighbours import FARTHEST, NEIGHBOURS, Neighbours, whole_limit
from diabolo.jobs.detect.rows.plain import ALIKE as ALIKE_DISTANCE
from diabolo.jobs.detect.rows.plain import FARTHEST as MOST_CURVED
from diabolo.jobs.detect.rows.plain import Plain
from diabolo.jobs.detect.rows.scales import HIGHEST, LOWEST, Views
from diabolo.jobs.detect.rows.score import Scorer
from diabolo.jobs.detect.rows.tails import Tail
from diabolo.jobs.detect.thresholds import ALIKE, Scores

FAR = np.float64(1e300)
"""What stands for the distance of a reference that is not of a row's cell."""


def prepared(graph: Graph, how: Preprocessing, x: Value) -> Value:
    """Return rows (n, numbers) of float64 in prepared units, float32."""
    straight = graph.do("Sub", x, graph.constant(np.asarray(how.offset, np.float64)))
    found = graph.cast(graph.do("Div", straight, graph.constant(np.asarray(how.scale, np.float64))), "float32")
    if not how.curved:
        return found
    size = graph.do("Abs", found)
    root = graph.do("Sqrt", graph.do("Add", graph.do("Mul", size, size), graph.constant(np.float32(1))))
    return graph.do("Mul", graph.do("Sign", found), graph.do("Log", graph.do("Add", root, size)))


def _silu(graph: Graph, x: Value) -> Value:
    return graph.do("Mul", x, graph.do("Sigmoid", x))


ACTIVATIONS = {"relu": lambda graph, x: graph.do("Relu", x), "linear": lambda _, x: x, "silu": _silu}


def reconstructed(graph: Graph, layers: list[tuple[NDArray[np.float32], str]], x: Value) -> Value:
    """Return what the autoencoder makes of prepared rows."""
    for factor, after in layers:
        x = graph.do("Gemm", x, graph.constant(factor[:, :-1].T), graph.constant(factor[:, -1]))
        x = ACTIVATIONS[after](graph, x)
    return x


def scored(
    graph: Graph, scorer: Scorer, layers: list[tuple[NDArray[np.float32], str]], x: Value
) -> tuple[Value, Value]:
    """Return the scores (n,) of prepared rows, float32, and what each number adds, (n, numbers)."""
    detector, views = scorer.detector, scorer.detector.views
    scaled = _over(graph, "Div", _over(graph, "Sub", x, views.mean), views.spread)
    left = _whitened(graph, scorer, graph.do("Sub", x, reconstructed(graph, layers, x)))
    seen = graph.do("Concat", scaled, _ranked(graph, views, x), left, axis=1)
    near = _over(graph, "Div", _nearest(graph, scorer.neighbours, seen, scaled), np.float32(detector.typical_distance))
    residual = _over(graph, "Mul", graph.do("Mul", left, left), scorer.weight)
    three = graph.do("Reshape", near, graph.constant(np.array([-1, 3, views.columns], np.int64)))
    parts = graph.do("Add", graph.sum(three, 1), residual)
    own = graph.sum(parts, 1)
    if scorer.plain is None or scorer.tail is None:
        return own, parts
    plain_parts = _plain_parts(graph, scorer.plain.plain, scorer.plain.neighbours, x)
    plain = graph.sum(plain_parts, 1)
    plain_nats = _nats(graph, scorer.plain.tail, graph.do("Sqrt", plain))
    own_nats = _nats(graph, scorer.tail, own)
    told = _shared(graph, parts, own, own_nats, np.float32(0))
    told = graph.do("Add", told, _shared(graph, plain_parts, plain, plain_nats, ALIKE_DISTANCE))
    return graph.do("Add", plain_nats, own_nats), told


def p_values(graph: Graph, scores: Value, calibration: Scores) -> Value:
    """Return the p-values (n,) of scores (n,) of float64."""
    alike = graph.do("Sub", scores, _over(graph, "Mul", graph.do("Abs", scores), np.float64(ALIKE)))
    column = graph.do("Unsqueeze", alike, graph.constant(np.array([1], np.int64)))
    above = graph.cast(graph.do("GreaterOrEqual", graph.constant(calibration[None]), column), "float64")
    return _over(
        graph, "Div", _over(graph, "Add", graph.sum(above, 1), np.float64(1)), np.float64(1 + len(calibration))
    )


def by_column(graph: Graph, parts: Value, owners: NDArray[np.int64]) -> Value:
    """Return what each column adds (n, columns), from what each number does."""
    if len(owners) == owners[-1] + 1:
        return parts
    own = (owners[:, None] == np.arange(owners[-1] + 1)).astype(np.float64)
    return graph.cast(graph.do("MatMul", graph.cast(parts, "float64"), graph.constant(own)), "float32")


def _over(graph: Graph, kind: str, x: Value, by: object) -> Value:
    return graph.do(kind, x, graph.constant(np.asarray(by)))


def _ranked(graph: Graph, views: Views, x: Value) -> Value:
    density, begin, scores, rises = views.lookup
    place = _over(graph, "Mul", _over(graph, "Sub", x, views.low), density[:, 0])
    limits = [graph.constant(limit) for limit in (LOWEST, HIGHEST)]
    node = graph.do("Clip", graph.do("Floor", place), *limits)
    index = _over(graph, "Add", graph.cast(node, "int64"), begin[:, 0].astype(np.int64))
    rise, base = (graph.do("Gather", graph.constant(table), index) for table in (rises, scores))
    return graph.do("Add", graph.do("Mul", rise, graph.do("Sub", place, node)), base)


def _whitened(graph: Graph, scorer: Scorer, residual: Value) -> Value:
    factor, shift = scorer.detector.whitened
    if factor.shape[1] == 1:
        return _over(graph, "Add", _over(graph, "Mul", residual, factor[:, 0]), shift[:, 0])
    return _over(graph, "Add", _over(graph, "MatMul", residual, factor.T), shift[:, 0])


def _nearest(graph: Graph, neighbours: Neighbours, seen: Value, deciding: Value) -> Value:
    """Return the squared differences of rows to their nearest references, the mean over these, (n, d)."""
    references = neighbours.references
    middle = references.mean(0, dtype=np.float64)
    about = references - middle
    doubled = _over(graph, "MatMul", _over(graph, "Sub", graph.cast(seen, "float64"), middle), -2 * about.T)
    grades = _over(graph, "Add", doubled, np.square(about).sum(1))
    inside = graph.do("Gather", graph.constant(_inside(neighbours)), _cell(graph, neighbours, deciding))
    grades = graph.do("Where", inside, grades, graph.constant(FAR))
    count = graph.constant(np.array([min(NEIGHBOURS, len(references))], np.int64))
    _, nearest = graph.both("TopK", grades, count, largest=0, axis=1)
    rows = graph.do("Unsqueeze", seen, graph.constant(np.array([1], np.int64)))
    gaps = graph.do("Sub", rows, graph.do("Gather", graph.constant(references), nearest))
    axis = graph.constant(np.array([1], np.int64))
    return graph.do("ReduceMean", graph.do("Mul", gaps, gaps), axis, keepdims=0)


def _inside(neighbours: Neighbours) -> NDArray[np.bool_]:
    """Return which references belong to which cell, (cells, references)."""
    found = np.zeros((len(neighbours.cells), len(neighbours.references)), np.bool_)
    for row, cell in zip(found, neighbours.cells, strict=True):
        row[cell.members] = True
    return found


def _cell(graph: Graph, neighbours: Neighbours, deciding: Value) -> Value:
    """Return the cell of each row, (n,), by whole numbers."""
    centres = neighbours.centres
    most = whole_limit(centres.shape[1])
    bounds = [graph.constant(np.array([limit], np.int64)) for limit in (0, centres.shape[1], 1)]
    first = graph.do("Slice", deciding, *bounds)
    counted = graph.do("Round", _over(graph, "Mul", first, np.float32(most / FARTHEST)))
    limits = [graph.constant(np.float32(limit)) for limit in (-most, most)]
    grades = _over(graph, "MatMul", graph.do("Clip", counted, *limits), 2 * centres.T)
    return graph.do("ArgMax", _over(graph, "Sub", grades, np.square(centres).sum(1)), axis=1, keepdims=0)


def _plain_parts(graph: Graph, plain: Plain, neighbours: Neighbours, x: Value) -> Value:
    if plain.curved:
        limits = [graph.constant(limit) for limit in (-MOST_CURVED, MOST_CURVED)]
        x = graph.do("Sinh", graph.do("Clip", x, *limits))
    seen = _over(graph, "Mul", x, plain.scale)
    return _nearest(graph, neighbours, seen, seen)


def _nats(graph: Graph, tail: Tail, scores: Value) -> Value:
    """Return -log p of scores (n,), float32."""
    given = graph.cast(scores, "float64")
    places, values = tail.steps
    column = graph.do("Unsqueeze", given, graph.constant(np.array([1], np.int64)))
    passed = graph.cast(graph.do("GreaterOrEqual", column, graph.constant(places[None])), "float64")
    limits = [graph.constant(np.int64(limit)) for limit in (0, len(places) - 2)]
    number = graph.do("Clip", _over(graph, "Sub", graph.cast(graph.sum(passed, 1), "int64"), np.int64(1)), *limits)
    begin, width, low, rise = (
        graph.do("Gather", graph.constant(table), number)
        for table in (places[:-1], np.diff(places), values[:-1], np.diff(values))
    )
    share = graph.do("Div", graph.do("Sub", given, begin), width)
    inside = graph.do("Clip", share, graph.constant(np.float64(0)), graph.constant(np.float64(1)))
    found = graph.do("Add", low, graph.do("Mul", inside, rise))
    return graph.cast(_grown(graph, tail, given, found) if tail.grows else found, "float32")


def _grown(graph: Graph, tail: Tail, scores: Value, found: Value) -> Value:
    begin, count, excess = tail.beyond
    base = graph.constant(np.float64(np.log((len(tail.kept) + 1) / (count + 1))))
    over = graph.do("Max", _over(graph, "Sub", scores, np.float64(begin)), graph.constant(np.float64(0)))
    one = _over(graph, "Add", _over(graph, "Div", over, np.float64(count * excess)), np.float64(1))
    far = graph.do("Add", base, _over(graph, "Mul", graph.do("Log", one), np.float64(count)))
    beyond = graph.do("Greater", scores, graph.constant(np.float64(begin)))
    return graph.do("Where", beyond, far, graph.do("Min", found, base))


def _shared(graph: Graph, parts: Value, total: Value, nats: Value, least: np.float32) -> Value:
    """Return nats (n,) shared out as parts (n, numbers) are of their total; alike where that is at most `least`."""
    axis = graph.constant(np.array([1], np.int64))
    whole, each = graph.do("Unsqueeze", total, axis), graph.do("Unsqueeze", nats, axis)
    zero = graph.do("LessOrEqual", whole, graph.constant(least))
    count = graph.do("Shape", parts, start=1, end=2)
    alike = graph.do("Div", graph.constant(np.float32(1)), graph.cast(count, "float32"))
    safe = graph.do("Where", zero, graph.constant(np.float32(1)), whole)
    return graph.do("Mul", graph.do("Where", zero, alike, graph.do("Div", parts, safe)), each)
