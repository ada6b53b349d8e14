"""A photo codec in as few bytes as its weights need: whole numbers by row, entropy-coded, in a safetensors file."""

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from diabolo.coding.entropy import EntropyCoder
from diabolo.coding.photo.whole import prior_weights
from diabolo.coding.tables import tables_from_arrays, tables_from_counts
from diabolo.config.json import to_json
from diabolo.errors import FormatError
from diabolo.jobs.compress.photos import PHOTO
from diabolo.training.files.array_file import read_arrays
from diabolo.training.files.contents import EXTRA, UNUSABLE, kept_of
from diabolo.training.files.model_file import Trained, decoding_tensors, preprocessing_to_json, save_model, trained_of
from diabolo.training.files.tensor_file import write_tensors

KEY = "diabolo-packed"
PRIOR = "model.encoder.bottleneck.prior."
BLOCKS = (".first.weight", ".second.weight")
LEAST = 1024
"""Numbers of an array from which on it is coded."""
BITS = {"model.encoder": 8, "model.decoder": 10}
"""Of a weight within a residual block, and of the side analysis; the decoder's rounding shows at high quality."""
STRAIGHT_BITS = 11
"""Of a weight that every picture goes straight through: at 8 bits 41.0 dB become 39.5 (at a quality of 90)."""


def rounded_weights(trained: Trained) -> dict[str, tuple[NDArray[np.int32], NDArray[np.float32]]]:
    """Return the large arrays of weights, without the prior's, as whole numbers and the scale of each row."""
    found = {}
    for name, tensor in decoding_tensors(trained).items():
        bits = next((bits for start, bits in BITS.items() if name.startswith(start)), 0)
        if ".network." in name and not name.endswith(BLOCKS):
            bits = STRAIGHT_BITS
        if not bits or tensor.numel() < LEAST or tensor.dim() < 2 or name.startswith(PRIOR):
            continue
        rows = tensor.detach().cpu().float().flatten(1).numpy()
        scale = (np.abs(rows).max(1) / (2 ** (bits - 1) - 1)).astype(np.float32)
        found[name] = np.rint(rows / np.maximum(scale, 1e-20)[:, None]).astype(np.int32), scale
    return found


def write_packed(path: Path, trained: Trained, *, force: bool = False) -> None:
    """Write a photo codec; what `read_packed` gives differs in the rounding of weights."""
    arrays: dict[str, NDArray[Any]] = {}
    shapes: dict[str, list[int]] = {}
    whole = rounded_weights(trained)
    for name, tensor in decoding_tensors(trained, *trained.extras).items():
        array = tensor.detach().cpu().numpy()
        if name in whole:
            arrays[f"{name}:scale"] = whole[name][1]
            arrays |= _coded(name, whole[name][0])
            shapes[name] = list(array.shape)
        elif array.dtype.kind == "i" and array.size >= LEAST and array.dtype.itemsize < 4:
            arrays |= _coded(name, array.astype(np.int32))
            shapes[name] = list(array.shape)
        elif not name.startswith(PRIOR):
            arrays[name] = array
    plain = {
        "config": to_json(trained.config),
        "preprocessing": preprocessing_to_json(trained.preprocessing),
        "history": [asdict(record) for record in trained.history],
        "about": trained.about,
        EXTRA: {job: extra.plain for job, extra in trained.extras.items()},
        "packed": shapes,
    }
    write_tensors(
        path, {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}, KEY, plain, force=force
    )


def packed_file(trained: Trained) -> bytes:
    """Return the bytes of a file of a photo codec: packed, if that changes no weight, else as a model file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "carried.safetensors"
        write_packed(path, trained)
        known, found = (decoding_tensors(one, *one.extras) for one in (trained, read_packed(path)))
        if not all(torch.equal(tensor, found[name]) for name, tensor in known.items()):
            save_model(path, trained, force=True)
        return path.read_bytes()


def read_packed(path: Path) -> Trained:
    """Read what `write_packed` wrote. Raises FileError if it cannot be read, FormatError if it is damaged."""
    arrays, plain = read_arrays(path, KEY, "packed model file")
    try:
        for name, shape in plain.pop("packed").items():
            whole = _decoded(name, arrays, int(np.prod(shape))).reshape(shape)
            scale = arrays.pop(f"{name}:scale", None)
            rows = None if scale is None else scale.reshape(-1, *[1] * (whole.ndim - 1))
            arrays[name] = whole.astype(np.int16) if rows is None else whole.astype(np.float32) * rows
        start = f"{EXTRA}.{PHOTO}."
        photo = {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
        restored = prior_weights(photo, photo["gain"].shape[1])
        return trained_of(kept_of(plain, arrays | {f"{PRIOR}{name}": array for name, array in restored.items()}))
    except UNUSABLE as error:
        raise FormatError(f"{path} cannot be used: {error}") from error


def _coded(name: str, whole: NDArray[np.int32]) -> dict[str, NDArray[Any]]:
    symbols = whole.reshape(-1, 1)
    tables = tables_from_counts(symbols)
    data = np.frombuffer(EntropyCoder(tables).encode(symbols), np.uint8)
    return {f"{name}:data": data, **{f"{name}:{part}": array for part, array in tables.to_arrays().items()}}


def _decoded(name: str, arrays: dict[str, NDArray[Any]], count: int) -> NDArray[np.int32]:
    own = {part: arrays.pop(f"{name}:{part}") for part in ("data", "lowest", "sizes", "frequencies")}
    return EntropyCoder(tables_from_arrays(own)).decode(own["data"].tobytes(), count)[:, 0]
