"""IDX files, the format of MNIST: a small header, then bytes; plain or packed by gzip."""

import gzip
import math
import struct
from pathlib import Path
from typing import IO, cast

import numpy as np
from numpy.typing import NDArray

from diabolo.data.limits import check_fits, check_packed, reading
from diabolo.errors import FormatError

UNSIGNED_BYTE = 0x08
MAX_DIMENSIONS = 4
OTHER_TYPES = {0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes whole, as an array of the shape that its header gives.

    The length is checked against the file, and against the free memory, before the body is read.
    Raises FileError if the file cannot be read; FormatError if it is damaged, too short, too long,
    too large, or holds numbers other than unsigned bytes. Layout: http://yann.lecun.com/exdb/mnist/.
    """
    with reading(path, "an IDX file"), _opened(path) as stream:
        shape = _header(stream, path)
        size = math.prod(shape)
        _check_size(path, size)
        body = stream.read(size + 1)
        if len(body) != size:
            found = "fewer" if len(body) < size else "more"
            raise FormatError(f"{path} must hold {size} bytes after its header, but holds {found}; get it anew.")
        return np.frombuffer(bytearray(body), dtype=np.uint8).reshape(shape)


def labels_beside(path: Path, count: int) -> NDArray[np.int64] | None:
    """Return the labels that lie beside an IDX file of images under MNIST's names, if there are `count` of them.

    Raises FormatError if that file is there but damaged.
    """
    beside = path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))
    if beside == path or not beside.is_file():
        return None
    labels = read_idx(beside)
    return labels.astype(np.int64) if labels.shape == (count,) else None


def _opened(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def _header(stream: IO[bytes], path: Path) -> tuple[int, ...]:
    start = stream.read(4)
    if len(start) < 4 or start[:2] != b"\0\0":
        raise FormatError(f"{path} does not begin as an IDX file does (two zero bytes); check what it is.")
    kind, dimensions = start[2], start[3]
    if kind != UNSIGNED_BYTE:
        name = OTHER_TYPES.get(kind, f"numbers of the unknown type {kind:#04x}")
        raise FormatError(f"{path} holds {name}, and only unsigned bytes are read; save it as .npy instead.")
    if not 1 <= dimensions <= MAX_DIMENSIONS:
        raise FormatError(f"{path} has {dimensions} dimensions, and 1 to {MAX_DIMENSIONS} are read; check the file.")
    sizes = stream.read(4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise FormatError(f"{path} ends within its header; get it anew.")
    return struct.unpack(f">{dimensions}I", sizes)


def _check_size(path: Path, size: int) -> None:
    there = path.stat().st_size
    if path.suffix == ".gz":
        check_packed(there, size, str(path))
    elif size > there:
        raise FormatError(f"{path} must hold {size} bytes after its header, but has {there} in all; get it anew.")
    else:
        check_fits(size, str(path))
