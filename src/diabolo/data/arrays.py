"""Arrays of NumPy: what is accepted, and the files `.npy` and `.npz`; nothing is ever unpickled."""

import math
import zipfile
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from diabolo.data.limits import check_fits, check_member, is_small, reading
from diabolo.data.source import Array, ArraySource, Dataset
from diabolo.errors import FormatError, InputError

SAMPLES = ("images", "X", "x")
KERAS = ("x_train", "y_train", "x_test", "y_test")
LABELS = ("labels", "y", "person")
CHANNELS = (1, 3)
HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def check_array(array: Array, *, what: str = "the array") -> Array:
    """Return `array` with numbers in the machine's byte order, after checking that it can be learnt from.

    Allowed: (n, columns), (n, height, width) or (n, height, width, channels) with 1 or 3 channels,
    of booleans, whole numbers or real numbers. Raises InputError otherwise, or if it is empty.
    """
    _check_kind(array.dtype, what)
    _check_shape(array.shape, what)
    if array.dtype.isnative:
        return array
    check_fits(array.nbytes, what)
    return np.asarray(array).astype(array.dtype.newbyteorder("="))


def _check_kind(dtype: np.dtype[np.generic], what: str) -> None:
    if dtype.kind not in "biuf":
        raise InputError(f"{what} holds {dtype}, and only numbers and booleans are read; convert it to a number type.")


def _check_shape(shape: tuple[int, ...], what: str) -> None:
    if len(shape) not in (2, 3, 4):
        raise InputError(
            f"{what} has shape {shape}; give a table (n, columns) or images (n, height, width) "
            "or (n, height, width, channels)."
        )
    if 0 in shape:
        raise InputError(f"{what} has shape {shape}, which is empty; give at least one sample.")
    if len(shape) == 4 and shape[3] not in CHANNELS:
        hint = "move the channels last with transpose(0, 2, 3, 1)" if shape[1] in CHANNELS else "drop the others"
        raise InputError(f"{what} has shape {shape}, and the last axis must be 1 or 3 channels; {hint}.")


def as_labels(labels: Array, count: int) -> Array | None:
    """Return one label for each of `count` samples, as int64 or as names, or None if these are not such labels."""
    if labels.shape == (count, 1):
        labels = labels[:, 0]
    if labels.shape != (count,):
        return None
    if labels.dtype.kind in "biu":
        return labels.astype(np.int64)
    if labels.dtype.kind == "f" and np.all(np.isfinite(labels)) and np.all(labels == np.trunc(labels)):
        return labels.astype(np.int64)
    return labels if labels.dtype.kind == "U" else None


def open_npy(path: Path) -> Dataset:
    """Open an array file: in memory if it is small, else memory-mapped, so that it may exceed the memory.

    Raises FileError if it cannot be read, FormatError if it is damaged, InputError if `check_array` refuses it.
    """
    with reading(path, "a .npy array"):
        with path.open("rb") as stream:
            shape, dtype = _header(stream, str(path))
        _check_kind(dtype, str(path))
        _check_shape(shape, str(path))
        mapped = npy.open_memmap(path, mode="r")
        array: Array = np.array(mapped) if is_small(mapped.nbytes) else mapped
    return Dataset(path.stem, ArraySource(check_array(array, what=str(path))), origin=str(path))


def open_npz(path: Path) -> Dataset:
    """Open an archive of arrays.

    The samples are `images`, `X`, `x` or the only array; the labels are `labels`, `y` or `person`. As Keras names them
    they are `x_train` and `x_test`, with labels `y_train` and `y_test`.
    Raises FileError if it cannot be read, FormatError if it is damaged, too large or has no such array,
    InputError if `check_array` refuses the array.
    """
    with reading(path, "a .npz archive"), zipfile.ZipFile(path) as archive:
        names = [name[:-4] for name in archive.namelist() if name.endswith(".npy")]
        if KERAS[0] in names:
            return _of_keras(archive, names, path)
        chosen = _chosen(names, path)
        array = check_array(_member(archive, chosen, path), what=f"{chosen} in {path}")
        beside = [name for name in LABELS if name in names and name != chosen]
        labels = as_labels(_member(archive, beside[0], path), len(array)) if beside else None
    notes = (f"{beside[0]} is left out: it is not one label for each sample.",) if beside and labels is None else ()
    return Dataset(path.stem, ArraySource(array), labels=labels, origin=str(path), notes=notes)


def _of_keras(archive: zipfile.ZipFile, names: list[str], path: Path) -> Dataset:
    """Return the two parts of an archive as Keras writes it; it may lack labels, or the part to test on."""
    x_train, y_train, x_test, y_test = (
        check_array(_member(archive, name, path), what=f"{name} in {path}")
        if name in names and name.startswith("x")
        else (_member(archive, name, path) if name in names else None)
        for name in KERAS
    )
    assert x_train is not None
    if x_test is not None and x_test.shape[1:] != x_train.shape[1:]:
        raise FormatError(f"x_train and x_test in {path} must hold samples of one shape; write them anew.")
    test = None if x_test is None else ArraySource(x_test)
    labels = None if y_train is None else as_labels(y_train, len(x_train))
    test_labels = None if y_test is None or x_test is None else as_labels(y_test, len(x_test))
    return Dataset(path.stem, ArraySource(x_train), test, labels, test_labels, origin=str(path))


def _chosen(names: list[str], path: Path) -> str:
    found = [name for name in SAMPLES if name in names]
    others = [name for name in names if name not in LABELS]
    if found:
        return found[0]
    if len(others) == 1:
        return others[0]
    if len(names) == 1:
        return names[0]
    there = ", ".join(names[:10]) or "none"
    raise FormatError(f"{path} must hold an array named {', '.join(SAMPLES)}, or one only; it holds: {there}.")


def _header(stream: IO[bytes], what: str) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    """Read the header of a `.npy`; refuse what would need unpickling before any of it is read."""
    version = npy.read_magic(stream)
    if version not in HEADERS:
        raise FormatError(f"{what} is a .npy of version {version}, and 1.0 and 2.0 are read; save plain numbers.")
    shape, _, dtype = HEADERS[version](stream)
    if dtype.hasobject:
        raise FormatError(f"{what} holds Python objects (a pickle), which are never read; save numbers instead.")
    return shape, dtype


def _member(archive: zipfile.ZipFile, name: str, path: Path) -> Array:
    """Read one array of the archive, once its size agrees with its header and fits the memory."""
    info = archive.getinfo(f"{name}.npy")
    check_member(info, path)
    what = f"{name} in {path}"
    with archive.open(info) as stream:
        shape, dtype = _header(stream, what)
        if stream.tell() + math.prod(shape) * dtype.itemsize != info.file_size:
            raise FormatError(f"{what} is not as long as its header says; get the file anew.")
    with archive.open(info) as stream:
        array: Array = npy.read_array(stream, allow_pickle=False)
        stream.read(1)  # only at the end of the member does zipfile compare its checksum
    return array
