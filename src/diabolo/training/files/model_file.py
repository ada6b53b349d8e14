"""The model file: weights, and all that is needed to use them, in one .safetensors file. Nothing is unpickled.

The metadata key `diabolo` holds JSON: format version, configuration, preprocessing, history, what it was trained on.
"""

from collections.abc import Hashable
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from diabolo.config.json import to_json
from diabolo.config.model import ModelConfig
from diabolo.data.preprocessing import Preprocessing
from diabolo.errors import FormatError
from diabolo.model.autoencoder import AutoencoderModel
from diabolo.model.forward import ACTIVATIONS, Reconstruct, dense, is_dense
from diabolo.model.networks.own import Modules, check_wanted
from diabolo.training.devices import choose_device, device_of
from diabolo.training.files.contents import EXTRA, KEY, STEPS, UNUSABLE, Extra, Kept, read_kept
from diabolo.training.files.tensor_file import write_tensors
from diabolo.training.history import Record

MOST_STEPS = 127
"""The largest number of an int8 weight."""


@dataclass(frozen=True)
class Trained:
    """A trained model and all that belongs to it; `Known` says what about and extras are."""

    model: AutoencoderModel
    preprocessing: Preprocessing
    history: tuple[Record, ...]
    about: dict[str, Any] = field(default_factory=dict)
    extras: dict[str, Extra] = field(default_factory=dict)

    @property
    def config(self) -> ModelConfig:
        return self.model.config

    def on(self, device: str) -> Self:
        """Return the same with its model on a device ('auto', 'cpu', 'cuda', 'mps'): a copy, if it lies elsewhere.

        Raises ArgumentError if the device is not there.
        """
        wanted, here = choose_device(device), device_of(self.model)
        return self if wanted == here else replace(self, model=deepcopy(self.model).to(wanted))

    def forward(self) -> Reconstruct:
        """Return the autoencoder of prepared samples, by NumPy where it can; but torch's SiLU is twice as fast."""
        if not is_dense(self.config):
            return _by_torch(self.model)
        weights = {name: kept.cpu().numpy() for name, kept in self.model.state_dict().items()}
        return dense(self.config, weights, {**ACTIVATIONS, "silu": _silu})

    def version(self) -> Hashable:
        """Return a value that changes where the weights do: where they lie, and how often they were changed there."""
        weights = self.model.state_dict(keep_vars=True).values()
        return tuple((kept.data_ptr(), 0 if kept.is_inference() else kept._version) for kept in weights)


def _silu(x: NDArray[np.float32]) -> None:
    torch.nn.functional.silu(torch.from_numpy(x), inplace=True)


def _by_torch(model: AutoencoderModel) -> Reconstruct:
    device = device_of(model)

    def reconstruct(x: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            shaped = torch.from_numpy(np.ascontiguousarray(x.T)).view(-1, *model.config.shape).to(device)
            found: NDArray[np.float32] = model(shaped).flatten(1).cpu().numpy().T
            return found

    return reconstruct


def save_model(path: Path, trained: Trained, *, force: bool = False) -> None:
    """Write the model file whole or not at all. Raises FileError if something is in the way and `force` is false.

    Weights that float16 holds exactly are written in it, and those that are int8 times a step of each output as such.
    """
    tensors = decoding_tensors(trained, *trained.extras)
    plain = {
        "config": to_json(trained.model.config),
        "preprocessing": preprocessing_to_json(trained.preprocessing),
        "history": [asdict(record) for record in trained.history],
        "about": trained.about,
        EXTRA: {job: extra.plain for job, extra in trained.extras.items()},
    }
    short: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        short |= shortest(name, tensor) if name.startswith("model.") else {name: tensor}
    write_tensors(path, short, KEY, plain, force=force)


def decoding_tensors(trained: Trained, *jobs: str) -> dict[str, Tensor]:
    """Return the tensors of a model file: weights, preprocessing and what `jobs` added."""
    tensors = {f"model.{name}": weights for name, weights in trained.model.state_dict().items()}
    tensors["preprocessing.offset"] = torch.from_numpy(np.atleast_1d(trained.preprocessing.offset).copy())
    tensors["preprocessing.scale"] = torch.from_numpy(np.atleast_1d(trained.preprocessing.scale).copy())
    for job in jobs:
        arrays = trained.extras[job].arrays
        tensors |= {f"{EXTRA}.{job}.{name}": torch.from_numpy(array) for name, array in arrays.items()}
    return tensors


def shortest(name: str, weights: Tensor) -> dict[str, Tensor]:
    """Return float32 weights as float16, or int8 and steps, if that changes none of them."""
    if weights.dtype != torch.float32:
        return {name: weights}
    half = weights.to(torch.float16)
    if torch.equal(half.float(), weights):
        return {name: half}
    if weights.dim() > 1:
        counted, steps = stepped(weights)
        if torch.equal(from_steps(counted, steps), weights):
            return {name: counted, f"{name}{STEPS}": steps}
    return {name: weights}


def stepped(weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return weights (outputs, ...) as int8 and the float16 step of each output, nearest to the weights."""
    steps = (weights.flatten(1).abs().amax(1) / MOST_STEPS).to(torch.float16)
    shape = (-1,) + (1,) * (weights.dim() - 1)
    counted = (weights / steps.float().clamp_min(1e-12).view(shape)).round().clamp(-MOST_STEPS, MOST_STEPS)
    return counted.to(torch.int8), steps


def from_steps(counted: Tensor, steps: Tensor) -> Tensor:
    """Return the weights that `stepped` gives."""
    return counted.float() * steps.float().view((-1,) + (1,) * (counted.dim() - 1))


def load_model(path: Path, device: str = "cpu", modules: Modules | None = None) -> Trained:
    """Read a model file; its model lies on `device`.

    modules: the user's encoder and decoder, of the classes that the file names, where it names any.
    Raises FileError if it cannot be read, FormatError if it is damaged, foreign or newer.
    """
    return loaded(path, read_kept(path), device, modules)


def loaded(path: Path, kept: Kept, device: str = "cpu", modules: Modules | None = None) -> Trained:
    """Return the model of a file whose content is read already, as `load_model` does. Raises FormatError."""
    try:
        trained = trained_of(kept, modules)
    except UNUSABLE as error:
        raise FormatError(f"{path} cannot be used: {error}") from error
    return trained.on(device)


def trained_of(kept: Kept, modules: Modules | None = None) -> Trained:
    if modules:
        check_wanted(kept.config.network, modules)
    model = AutoencoderModel(kept.config, modules=modules)
    weights = {name: torch.from_numpy(array) for name, array in kept.weights.items()}
    expected = {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in model.state_dict().items()}
    if expected != {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in weights.items()}:
        raise FormatError("its weights do not fit its configuration.")
    model.load_state_dict(weights, assign=True)
    return Trained(in_memory_format(model).eval(), kept.preprocessing, kept.history, kept.about, kept.extras)


def in_memory_format(model: AutoencoderModel) -> AutoencoderModel:
    """Return the model with its convolutions' weights channels last, where it has any."""
    if any(weights.dim() == 4 for weights in model.parameters()):
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model


def preprocessing_to_json(preprocessing: Preprocessing) -> dict[str, Any]:
    dtype = preprocessing.dtype.newbyteorder("<").str
    return {
        "dtype": dtype,
        "unit": preprocessing.unit,
        "constant": list(preprocessing.constant),
        "per_column": bool(preprocessing.scale.ndim),
        "curved": preprocessing.curved,
    }
