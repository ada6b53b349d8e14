"""Tensors and JSON in one safetensors file, with a checksum over both; written whole or not at all."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from diabolo.errors import FileError
from diabolo.files import written_whole
from diabolo.training.files import array_file
from diabolo.training.files.array_file import FORMAT, read_arrays

Tensors = dict[str, Tensor]


def write_tensors(path: Path, tensors: Mapping[str, Tensor], key: str, plain: dict[str, Any], *, force: bool) -> None:
    """Write tensors, and `plain` with the format's version as JSON under `key` of the metadata.

    Raises FileError if something is in the way and `force` is false, or if it cannot be written (a full disk).
    """
    kept, places = {}, set[int]()
    for name, tensor in tensors.items():
        found = tensor.detach().cpu().contiguous()
        kept[name] = found.clone() if found.data_ptr() in places else found  # weights that layers share
        places.add(found.data_ptr())
    content = {"format": FORMAT, **plain}
    text = json.dumps({**content, "sha256": digest(kept, content)}, allow_nan=False)
    with written_whole(path, force=force) as temporary:
        try:
            save_file(kept, temporary, metadata={key: text})
        except SafetensorError as error:
            raise FileError(f"{path} could not be written: {error}.") from error


def read_tensors(path: Path, key: str, what: str) -> tuple[Tensors, dict[str, Any]]:
    """Read what `write_tensors` wrote under the same key; raises what `read_arrays` raises."""
    arrays, plain = read_arrays(path, key, what)
    return {name: torch.from_numpy(array) for name, array in arrays.items()}, plain


def digest(tensors: Mapping[str, Tensor], plain: dict[str, Any]) -> str:
    """Return `array_file.digest` of tensors on the processor."""
    described = {
        name: (str(tensor.dtype), tuple(tensor.shape), tensor.flatten().view(torch.uint8).numpy())
        for name, tensor in tensors.items()
    }
    return array_file.digest(described, plain)
