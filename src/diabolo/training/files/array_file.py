"""Arrays and JSON in one safetensors file, with a checksum over both, read without torch."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from diabolo.errors import FileError, FormatError

Arrays = dict[str, NDArray[Any]]
FORMAT = 1


def read_arrays(path: Path, key: str, what: str) -> tuple[Arrays, dict[str, Any]]:
    """Read what `write_tensors` wrote under the same key.

    Raises FileError if the file cannot be read, FormatError if it is damaged, of another version, or not `what` (as an
    error names it).
    """
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            if key not in metadata:
                raise FormatError(f"{path} is a safetensors file, but not a {what} of diabolo.")
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
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
    if plain.pop("sha256", None) != digest({name: _described(array) for name, array in arrays.items()}, plain):
        raise FormatError(f"{path} is damaged: its checksum is not that of its content; make or copy it anew.")
    return arrays, plain


Described = tuple[str, tuple[int, ...], NDArray[np.uint8]]
"""The type of an array as torch calls it, its shape and its bytes."""


def _described(array: NDArray[Any]) -> Described:
    return f"torch.{array.dtype.name}", array.shape, np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def digest(described: Mapping[str, Described], plain: dict[str, Any]) -> str:
    """Return the SHA-256 over `plain` as JSON and each array's name, type, shape and bytes, in the order of names."""
    found = hashlib.sha256(json.dumps(plain).encode())
    for name, (kind, shape, content) in sorted(described.items()):
        found.update(f"{name} {kind} {shape}".encode())
        found.update(content.data)
    return found.hexdigest()
