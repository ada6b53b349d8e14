"""Tensors and JSON in one safetensors file, with a checksum over both; written whole or not at all."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from diabolo.errors import FileError, FormatError
from diabolo.files import written_whole

Tensors = dict[str, Tensor]


FORMAT = 1


def write_tensors(path: Path, tensors: Mapping[str, Tensor], key: str, plain: dict[str, Any], *, force: bool) -> None:
    """Write tensors, and `plain` with the format's version as JSON under `key` of the metadata.

    Raises FileError if something is in the way and `force` is false, or if it cannot be written (a full disk).
    """
    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    content = {"format": FORMAT, **plain}
    text = json.dumps({**content, "sha256": digest(kept, content)}, allow_nan=False)
    with written_whole(path, force=force) as temporary:
        try:
            save_file(kept, temporary, metadata={key: text})
        except SafetensorError as error:
            raise FileError(f"{path} could not be written: {error}.") from error


def read_tensors(path: Path, key: str, what: str) -> tuple[Tensors, dict[str, Any]]:
    """Read what `write_tensors` wrote under the same key.

    Raises FileError if the file cannot be read, FormatError if it is damaged, of another version, or not `what` (as an
    error names it).
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if key not in metadata:
                raise FormatError(f"{path} is a safetensors file, but not a {what} of diabolo.")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        plain = json.loads(metadata[key])
    except FormatError:
        raise
    except PermissionError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}.") from error
    except (SafetensorError, OSError, ValueError, TypeError, RecursionError) as error:
        raise FormatError(f"{path} is not a readable {what} (damaged, cut off, or of another kind): {error}") from error
    version = plain.get("format") if isinstance(plain, dict) else None
    if type(version) is not int or version != FORMAT:
        raise FormatError(f"{path} has format version {version}, this diabolo reads {FORMAT}; install a newer one.")
    if plain.pop("sha256", None) != digest(tensors, plain):
        raise FormatError(f"{path} is damaged: its checksum is not that of its content; make or copy it anew.")
    return tensors, plain


def digest(tensors: Mapping[str, Tensor], plain: dict[str, Any]) -> str:
    """Return the SHA-256 over `plain` as JSON and each tensor's name, type, shape and bytes, in the order of names."""
    found = hashlib.sha256(json.dumps(plain).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        found.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return found.hexdigest()
