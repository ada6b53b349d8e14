"""The model file: weights, and all that is needed to use them, in one .safetensors file. Nothing is unpickled.

The metadata key `diabolo` holds JSON: format version, configuration, preprocessing, history, what it was trained on.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from diabolo.config import ModelConfig, from_json, to_json
from diabolo.data.preprocessing import Preprocessing
from diabolo.errors import FileError, FormatError
from diabolo.model.autoencoder import AutoencoderModel
from diabolo.training.history import Record
from diabolo.training.tensor_file import read_tensors, write_tensors

KEY, EXTRA = "diabolo", "extras"
DTYPES = ("|b1", "|u1", "|i1", "<u2", "<u4", "<u8", "<i2", "<i4", "<i8", "<f2", "<f4", "<f8")


@dataclass(frozen=True)
class Extra:
    """What one job adds to a trained model (probability tables, thresholds, a density): JSON values and arrays."""

    plain: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Trained:
    """A trained model and all that belongs to it.

    about: JSON values for people and programs: data, fingerprint, recipe, seed, seconds, stopped, figures, columns.
    extras: by the name of the job. Whoever uses one checks it first: a file's content is not to be trusted.
    """

    model: AutoencoderModel
    preprocessing: Preprocessing
    history: tuple[Record, ...]
    about: dict[str, Any] = field(default_factory=dict)
    extras: dict[str, Extra] = field(default_factory=dict)


def save_model(path: Path, trained: Trained, *, force: bool = False) -> None:
    """Write the model file whole or not at all. Raises FileError if something is in the way and `force` is false.

    Weights that float16 holds exactly are written in it.
    """
    tensors = decoding_tensors(trained, *trained.extras)
    plain = {
        "config": to_json(trained.model.config),
        "preprocessing": _preprocessing_to_json(trained.preprocessing),
        "history": [asdict(record) for record in trained.history],
        "about": trained.about,
        EXTRA: {job: extra.plain for job, extra in trained.extras.items()},
    }
    shortest = {name: _shortest(tensor) if name.startswith("model.") else tensor for name, tensor in tensors.items()}
    write_tensors(path, shortest, KEY, plain, force=force)


def decoding_tensors(trained: Trained, *jobs: str) -> dict[str, Tensor]:
    """Return the tensors of a model file: weights, preprocessing and what `jobs` added."""
    tensors = {f"model.{name}": weights for name, weights in trained.model.state_dict().items()}
    tensors["preprocessing.offset"] = torch.from_numpy(np.atleast_1d(trained.preprocessing.offset).copy())
    tensors["preprocessing.scale"] = torch.from_numpy(np.atleast_1d(trained.preprocessing.scale).copy())
    for job in jobs:
        arrays = trained.extras[job].arrays
        tensors |= {f"{EXTRA}.{job}.{name}": torch.from_numpy(array) for name, array in arrays.items()}
    return tensors


def _shortest(weights: Tensor) -> Tensor:
    """Return float32 weights as float16 if that changes none of them."""
    half = weights.to(torch.float16) if weights.dtype == torch.float32 else weights
    return half if torch.equal(half.to(weights.dtype), weights) else weights


def load_model(path: Path) -> Trained:
    """Read a model file. Raises FileError if it cannot be read, FormatError if it is damaged, foreign or newer."""
    if not path.is_file():
        raise FileError(f"There is no model file {path}; `diabolo train DATA --out {path.name}` makes one.")
    tensors, plain = read_tensors(path, KEY, "model file")
    try:
        return _read(plain, tensors)
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError, OverflowError) as error:
        raise FormatError(f"{path} cannot be used: {error}") from error


def _read(plain: dict[str, Any], tensors: dict[str, Tensor]) -> Trained:
    config = from_json(ModelConfig, plain["config"])
    model = AutoencoderModel(config)
    weights = {name.removeprefix("model."): _full(kept) for name, kept in tensors.items() if name.startswith("model.")}
    expected = {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in model.state_dict().items()}
    if expected != {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in weights.items()}:
        raise FormatError("its weights do not fit its configuration.")
    if not all(bool(torch.isfinite(tensor).all()) for tensor in weights.values()):
        raise FormatError("its weights are not all finite numbers.")
    model.load_state_dict(weights, assign=True)
    history = tuple(from_json(Record, record) for record in plain["history"])
    preprocessing = _preprocessing_from_json(plain["preprocessing"], tensors, config.shape)
    extras = _extras(plain.get(EXTRA, {}), tensors)
    return Trained(in_memory_format(model).eval(), preprocessing, history, {**plain["about"]}, extras)


def _extras(plain: dict[str, Any], tensors: dict[str, Tensor]) -> dict[str, Extra]:
    """Return each job's own part; its arrays are the tensors `extras.JOB.NAME`."""
    extras = {}
    for job, values in plain.items():
        start = f"{EXTRA}.{job}."
        arrays = {name.removeprefix(start): kept.numpy() for name, kept in tensors.items() if name.startswith(start)}
        extras[job] = Extra({**values}, arrays)
    return extras


def _full(weights: Tensor) -> Tensor:
    return weights.float() if weights.dtype == torch.float16 else weights


def in_memory_format(model: AutoencoderModel) -> AutoencoderModel:
    """Return the model with its convolutions' weights channels last, where it has any."""
    if any(weights.dim() == 4 for weights in model.parameters()):
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model


def _preprocessing_to_json(preprocessing: Preprocessing) -> dict[str, Any]:
    dtype = preprocessing.dtype.newbyteorder("<").str
    return {
        "dtype": dtype,
        "unit": preprocessing.unit,
        "constant": list(preprocessing.constant),
        "per_column": bool(preprocessing.scale.ndim),
        "curved": preprocessing.curved,
    }


def _preprocessing_from_json(
    plain: dict[str, Any], tensors: dict[str, Tensor], shape: tuple[int, ...]
) -> Preprocessing:
    if plain["dtype"] not in DTYPES:
        raise FormatError(f"its data type must be one of {', '.join(DTYPES)}, got {plain['dtype']!r}.")
    offset, scale = (tensors[f"preprocessing.{name}"].numpy() for name in ("offset", "scale"))
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
