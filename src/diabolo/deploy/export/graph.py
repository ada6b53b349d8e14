"""A graph of ONNX, written operation by operation; its names are of no use outside."""

from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import TensorProto, helper, numpy_helper

OPSET, LEARNING, IR = 20, 3, 10
"""Versions of the operations, of those of ai.onnx.ml, and of the format: what ONNX Runtime has read since 1.18."""
Value = str
"""The name of a value of the graph."""
TYPES = {
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "int64": TensorProto.INT64,
    "bool": TensorProto.BOOL,
    "string": TensorProto.STRING,
}


class Graph:
    """Operations in order; each method returns the name of what it makes. Rows come first in every shape."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, kind: str, *shape: int | str) -> Value:
        self.inputs.append(helper.make_tensor_value_info(name, TYPES[kind], shape))
        return name

    def changeable(self, name: str, value: float) -> Value:
        """Return an input (1,) of float64 that has a value where none is given."""
        self.constants.append(numpy_helper.from_array(np.array([value]), name))
        return self.input(name, "float64", 1)

    def output(self, value: Value, name: str, kind: str, *shape: int | str) -> None:
        self.nodes.append(helper.make_node("Identity", [value], [name]))
        self.outputs.append(helper.make_tensor_value_info(name, TYPES[kind], shape))

    def constant(self, value: ArrayLike) -> Value:
        name = f"/c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def do(self, kind: str, *values: Value, domain: str = "", **options: Any) -> Value:
        """Return what an operation makes of values."""
        name = f"/v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(values), [name], domain=domain, **options))
        return name

    def both(self, kind: str, *values: Value, **options: Any) -> tuple[Value, Value]:
        """Return the two values that an operation makes."""
        names = [f"/v{len(self.nodes)}", f"/w{len(self.nodes)}"]
        self.nodes.append(helper.make_node(kind, list(values), names, **options))
        return names[0], names[1]

    def cast(self, value: Value, kind: str) -> Value:
        return self.do("Cast", value, to=TYPES[kind])

    def sum(self, value: Value, axis: int, *, keep: bool = False) -> Value:
        return self.do("ReduceSum", value, self.constant(np.array([axis], np.int64)), keepdims=int(keep))

    def model(self, metadata: dict[str, str]) -> onnx.ModelProto:
        """Return the model, checked."""
        graph = helper.make_graph(self.nodes, "diabolo", self.inputs, self.outputs, self.constants)
        sets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", LEARNING)]
        found = helper.make_model(graph, opset_imports=sets, ir_version=IR, producer_name="diabolo")
        helper.set_model_props(found, metadata)
        onnx.checker.check_model(found, full_check=True)
        return found
