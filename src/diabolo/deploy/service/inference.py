"""The Open Inference Protocol, version 2: one tensor a column (text as BYTES), or one of numbers (rows, columns)."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from diabolo.data.tables.columns import Column, Numbers
from diabolo.deploy.service.bodies import RefusedError, json_of
from diabolo.deploy.service.rows import Scoring, answered, refused
from diabolo.version import __version__

TYPES = ("BOOL", "BYTES", *(f"{kind}{bits}" for kind in ("INT", "UINT") for bits in (8, 16, 32, 64)), "FP32", "FP64")
OUTPUTS = (("score", "FP64"), ("p_value", "FP64"), ("alert", "BOOL"))
REASONS = {"name": "reasons", "datatype": "BYTES", "shape": [-1]}


class Inference:
    """The calls of the protocol. Reasons come as a further output where `parameters` has `reasons`: true."""

    def __init__(self, scoring: Scoring) -> None:
        self.scoring = scoring

    async def server(self, request: Request) -> Response:
        del request
        return JSONResponse({"name": "diabolo", "version": __version__, "extensions": []})

    async def model(self, request: Request) -> Response:
        """Answer GET /v2/models/NAME."""
        served = self.scoring.served(request)
        inputs = [
            {"name": column.name, "datatype": _datatype(column), "shape": [-1]}
            for column in served.model.encoding.columns
        ]
        outputs = [{"name": name, "datatype": kind, "shape": [-1]} for name, kind in OUTPUTS]
        found = {"name": served.name, "versions": [served.version], "platform": "diabolo", "inputs": inputs}
        return JSONResponse({**found, "outputs": [*outputs, REASONS]})

    async def ready(self, request: Request) -> Response:
        """Answer GET /v2/models/NAME/ready."""
        served = self.scoring.served(request)
        return JSONResponse({"name": served.name, "ready": True})

    async def infer(self, request: Request) -> Response:
        """Answer POST /v2/models/NAME/infer; 422 if a row cannot be used."""
        served = self.scoring.served(request)
        body = await json_of(request, self.scoring.settings.most_bytes)
        rows = _rows(body.get("inputs"), served.model.columns)
        parameters = body.get("parameters")
        reasons = isinstance(parameters, dict) and parameters.get("reasons") is True
        found = await self.scoring.score(served, rows, reasons=reasons)
        if found.refused:
            first = found.refused[0]
            why = {"error": f"Row {first.row}: {first.message}", "refused": [refused(each) for each in found.refused]}
            return JSONResponse(why, 422)
        answers = found.answers
        outputs = [_tensor(name, kind, [getattr(each, name) for each in answers]) for name, kind in OUTPUTS]
        if reasons:
            outputs.append(_tensor("reasons", "BYTES", [json.dumps(answered(each)["reasons"]) for each in answers]))
        own = {"model_name": served.name, "model_version": served.version, "outputs": outputs}
        return JSONResponse({**own, **({"id": body["id"]} if isinstance(body.get("id"), str) else {})})


def _datatype(column: Column) -> str:
    return ("BOOL" if column.dtype == "Boolean" else "FP64") if isinstance(column, Numbers) else "BYTES"


def _tensor(name: str, kind: str, data: list[Any]) -> dict[str, Any]:
    return {"name": name, "datatype": kind, "shape": [len(data)], "data": data}


def _rows(inputs: Any, columns: tuple[str, ...]) -> list[Any]:
    """Return the rows that tensors hold. Raises RefusedError for tensors that are no columns of one length."""
    if not isinstance(inputs, list) or not inputs or not all(isinstance(each, dict) for each in inputs):
        raise RefusedError(400, '"inputs" must be a list of tensors {name, shape, datatype, data}.')
    if len(inputs) == 1 and len(columns) > 1:
        values, (count, wide) = _data(inputs[0], 2)
        if wide != len(columns):
            raise RefusedError(400, f"A single tensor must have the shape (rows, {len(columns)}), got {wide} columns.")
        return [values[row * wide : (row + 1) * wide] for row in range(count)]
    named: dict[str, list[Any]] = {str(each.get("name")): _data(each, 1)[0] for each in inputs}
    lacking = [name for name in columns if name not in named]
    if lacking or len({len(values) for values in named.values()}) > 1:
        why = f"{', '.join(lacking[:20])} are not there" if lacking else "their lengths differ"
        raise RefusedError(400, f"A tensor is needed for each column, all of one length; {why}.")
    return [dict(zip(named, values, strict=True)) for values in zip(*named.values(), strict=True)]


def _data(tensor: Mapping[str, Any], dimensions: int) -> tuple[list[Any], tuple[int, int]]:
    """Return the numbers of a tensor in a flat list, and its rows and columns."""
    shape, data, kind = (tensor.get(name) for name in ("shape", "data", "datatype"))
    name = str(tensor.get("name"))[:40]
    if kind not in TYPES:
        raise RefusedError(400, f"The datatype of {name} must be one of {', '.join(TYPES)}, got {str(kind)[:20]!r}.")
    sizes = isinstance(shape, list) and all(type(size) is int and size >= 0 for size in shape)
    if not sizes or not isinstance(data, list):
        raise RefusedError(400, f"The tensor {name} needs a shape of whole numbers, and its data as a list.")
    assert isinstance(shape, list)
    rows, wide = (shape[0] if shape else 1), (shape[1] if len(shape) == 2 else 1)
    if len(shape) > 2 or (dimensions == 2 and len(shape) != 2) or (dimensions == 1 and wide != 1):
        allowed = "(rows, columns)" if dimensions == 2 else "(rows,) or (rows, 1)"
        raise RefusedError(400, f"The tensor {name} must have the shape {allowed}, got {shape}.")
    flat = [value for part in data for value in part] if data and all(isinstance(each, list) for each in data) else data
    if len(flat) != rows * wide:
        raise RefusedError(400, f"The tensor {name} has {len(flat)} numbers, and its shape says {rows * wide}.")
    return flat, (rows, wide)
