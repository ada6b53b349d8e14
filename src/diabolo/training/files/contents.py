"""What a model file keeps, read without torch: configuration, weights, preprocessing, and what jobs added."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from diabolo.config.json import from_json
from diabolo.config.model import ModelConfig
from diabolo.data.preprocessing import Preprocessing
from diabolo.errors import FileError, FormatError
from diabolo.model.forward import Reconstruct, dense
from diabolo.training.files.array_file import Arrays, read_arrays
from diabolo.training.history import Record

KEY, EXTRA, STEPS = "diabolo", "extras", ".steps"
"""Metadata key, what jobs add, and the ending of the steps of weights that are kept as int8."""
DTYPES = ("|b1", "|u1", "|i1", "<u2", "<u4", "<u8", "<i2", "<i4", "<i8", "<f2", "<f4", "<f8")
UNUSABLE = (ValueError, KeyError, TypeError, AttributeError, RuntimeError, OverflowError)
"""What content of no use makes Python raise."""


@dataclass(frozen=True)
class Extra:
    """What one job adds to a trained model (probability tables, thresholds, a density): JSON values and arrays."""

    plain: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)


class Known(Protocol):
    """A trained model, as far as a job needs no gradient: `Trained` with torch, `Kept` without.

    about: JSON values for people and programs: data, fingerprint, recipe, seed, seconds, stopped, figures, columns.
    extras: by the name of the job. Whoever uses one checks it first: a file's content is not to be trusted.
    """

    @property
    def config(self) -> ModelConfig: ...
    @property
    def preprocessing(self) -> Preprocessing: ...
    @property
    def about(self) -> dict[str, Any]: ...
    @property
    def extras(self) -> dict[str, Extra]: ...
    def forward(self) -> Reconstruct:
        """Return the autoencoder of prepared samples."""
        ...

    def version(self) -> Hashable:
        """Return a value that changes where the weights do."""
        ...


@dataclass(frozen=True)
class Kept:
    """The content of a model file. weights: as the file names them, without `model.`."""

    config: ModelConfig
    weights: Arrays
    preprocessing: Preprocessing
    history: tuple[Record, ...]
    about: dict[str, Any]
    extras: dict[str, Extra]

    def forward(self) -> Reconstruct:
        """Return the autoencoder of prepared samples, where `is_dense` says that it can be had."""
        return dense(self.config, self.weights)

    def version(self) -> Hashable:
        """Return a value that changes where the weights do: they are arrays of a file, and do not."""
        return 0


def read_kept(path: Path) -> Kept:
    """Read a model file. Raises FileError if it cannot be read, FormatError if it is damaged, foreign or newer."""
    if not path.is_file():
        raise FileError(f"There is no model file {path}; `diabolo train DATA --out {path.name}` makes one.")
    arrays, plain = read_arrays(path, KEY, "model file")
    try:
        return kept_of(plain, arrays)
    except UNUSABLE as error:
        raise FormatError(f"{path} cannot be used: {error}") from error


def kept_of(plain: dict[str, Any], arrays: Arrays) -> Kept:
    config = from_json(ModelConfig, plain["config"])
    weights = _weights(
        {name.removeprefix("model."): kept for name, kept in arrays.items() if name.startswith("model.")}
    )
    if not all(bool(np.isfinite(array).all()) for array in weights.values()):
        raise FormatError("its weights are not all finite numbers.")
    history = tuple(from_json(Record, record) for record in plain["history"])
    preprocessing = _preprocessing(plain["preprocessing"], arrays, config.shape)
    extras = _extras(plain.get(EXTRA, {}), arrays)
    return Kept(config, weights, preprocessing, history, {**plain["about"]}, extras)


def _weights(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the weights as float32; int8 ones are multiplied by the step of each output."""
    found = {}
    for name, array in arrays.items():
        steps = arrays.get(f"{name}{STEPS}")
        if array.dtype == np.int8 and steps is not None:
            array = array.astype(np.float32) * steps.astype(np.float32).reshape(-1, *[1] * (array.ndim - 1))
        if not name.endswith(STEPS):
            found[name] = _full(array)
    return found


def _full(weights: NDArray[Any]) -> NDArray[Any]:
    return weights.astype(np.float32) if weights.dtype == np.float16 else weights


def _extras(plain: dict[str, Any], arrays: Mapping[str, NDArray[Any]]) -> dict[str, Extra]:
    """Return each job's own part; its arrays are those named `extras.JOB.NAME`."""
    extras = {}
    for job, values in plain.items():
        start = f"{EXTRA}.{job}."
        own = {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
        extras[job] = Extra({**values}, own)
    return extras


def _preprocessing(plain: dict[str, Any], arrays: Mapping[str, NDArray[Any]], shape: tuple[int, ...]) -> Preprocessing:
    if plain["dtype"] not in DTYPES:
        raise FormatError(f"its data type must be one of {', '.join(DTYPES)}, got {plain['dtype']!r}.")
    offset, scale = (arrays[f"preprocessing.{name}"] for name in ("offset", "scale"))
    wanted = shape if plain["per_column"] else (1,)
    if offset.shape != wanted or scale.shape != wanted or offset.dtype != np.float64 or scale.dtype != np.float64:
        raise FormatError("its preprocessing does not fit its configuration.")
    if not (np.isfinite(offset).all() and np.isfinite(scale).all() and (scale > 0).all()):
        raise FormatError("its preprocessing has values that are not usable.")
    if not plain["per_column"]:
        offset, scale = offset.reshape(()), scale.reshape(())
    constant = tuple(int(column) for column in plain["constant"])
    curved = plain.get("curved") is True
    return Preprocessing(offset, scale, np.dtype(plain["dtype"]), bool(plain["unit"]), constant, curved)
