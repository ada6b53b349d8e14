"""The model that an archive carries: only what decodes this archive, in few bytes (docs/format.md)."""

import math
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from diabolo.coding.archive.layout import Promise
from diabolo.coding.tables import Tables, tables_from_arrays
from diabolo.config.json import to_json
from diabolo.errors import FormatError
from diabolo.jobs.compress.levels import NAME
from diabolo.model.autoencoder import AutoencoderModel
from diabolo.training.files.array_file import read_arrays
from diabolo.training.files.contents import EXTRA, UNUSABLE, kept_of
from diabolo.training.files.model_file import (
    Trained,
    decoding_tensors,
    preprocessing_to_json,
    shortest,
    trained_of,
)
from diabolo.training.files.tensor_file import write_tensors

KEY, PIXELS = "diabolo-carried", "pixels"
HALF = 1 << 23
MOST_WEIGHTS = 1 << 28
"""Of a model that an archive carries, those that it leaves out included: they take memory, and no bytes of a file."""


@dataclass(frozen=True)
class Carried:
    """A model without what its archive does not need; identity: of the whole model, as the archive names it."""

    trained: Trained
    identity: bytes


def carried_file(trained: Trained, identity: bytes, promise: Promise, level: int | None) -> bytes:
    """Return the file of what decodes an archive: the decoder and the tables of one level, or the pixel network.

    level: of a lossy archive.
    """
    job = NAME if promise == Promise.LOSSY else PIXELS
    tensors: dict[str, Tensor] = {}
    for name, tensor in decoding_tensors(trained, job).items():
        if name.startswith("model.decoder.") and promise == Promise.LOSSY:
            tensors |= shortest(name, tensor)
        elif not name.startswith("model."):
            tensors[name] = tensor
    if level is not None:
        one = _one_level(tables_from_arrays(trained.extras[job].arrays), level, trained.config.latent)
        tensors |= {f"{EXTRA}.{job}.{name}": torch.from_numpy(array) for name, array in one.to_arrays().items()}
    plain = {
        "of": identity.hex(),
        "config": to_json(trained.config),
        "preprocessing": preprocessing_to_json(trained.preprocessing),
        "history": [],
        "about": {"seed": trained.about.get("seed")},
        EXTRA: {job: trained.extras[job].plain},
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "carried.safetensors"
        write_tensors(path, tensors, KEY, plain, force=False)
        return path.read_bytes()


def read_carried(path: Path) -> Carried:
    """Read what `carried_file` made. Raises FormatError if it is damaged or of another kind."""
    arrays, plain = read_arrays(path, KEY, "model of an archive")
    try:
        identity = bytes.fromhex(plain.pop("of"))
        kept = kept_of(plain, arrays)
        wanted = {name: tuple(tensor.shape) for name, tensor in AutoencoderModel(kept.config).state_dict().items()}
        if sum(map(math.prod, wanted.values())) > MOST_WEIGHTS:
            raise FormatError(f"it has more than {MOST_WEIGHTS:,} weights.")
        missing = wanted.keys() - kept.weights.keys()
        kept.weights.update({name: np.zeros(wanted[name], np.float32) for name in missing})
        return Carried(trained_of(kept), identity)
    except UNUSABLE as error:
        raise FormatError(f"the model that the archive carries cannot be used: {error}") from error


def _one_level(tables: Tables, level: int, latent: int) -> Tables:
    """Return the tables with those of all other levels made as small as they can be."""
    ends = np.cumsum([0, *tables.sizes.tolist()])
    lowest, sizes, frequencies = [], [], []
    for number in range(len(tables.sizes)):
        own = number // latent == level
        part = tables.frequencies[ends[number] : ends[number + 1]] if own else np.full(2, HALF, np.int32)
        lowest.append(int(tables.lowest[number]) if own else 0)
        sizes.append(len(part))
        frequencies.append(part)
    return Tables(np.array(lowest, np.int32), np.array(sizes, np.int32), np.concatenate(frequencies).astype(np.int32))
