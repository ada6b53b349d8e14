"""How much a file may ask of this machine, and how every reader puts its refusal."""

import errno
import math
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from diabolo.data.source import ArraySource, Source
from diabolo.errors import DiaboloError, FileError, FormatError

GIB = 2**30
SMALL_BYTES = GIB
"""Data of at most this many bytes (and a quarter of the free memory) are held in memory whole."""
MAX_IMAGE_PIXELS = 2**26
"""Pixels of one image (8192 x 8192)."""
MAX_IMAGE_BYTES = 2**28
"""Bytes of one image file; a plain 8-bit RGB image of MAX_IMAGE_PIXELS still fits."""
LARGE_CSV_BYTES = 2**28
"""A CSV above this is turned into a temporary Parquet file first; a packed one must unpack to less."""
MAX_HEADER_BYTES = 2**20
"""Bytes of the line of column names of a CSV."""
MAX_DEFLATE_RATIO = 1040
"""Deflate cannot pack better than 1032 : 1, so a size that claims more is a lie or a bomb."""
ALWAYS_FITS = 2**24
"""Bytes that are not worth a look at the free memory."""
DEFLATE_SLACK = 4096
"""Bytes that a tiny member may claim beyond the ratio."""

PACKAGE = Path(__file__).parent.parent
MISTAKES = (AttributeError, NameError, TypeError, AssertionError, NotImplementedError)
"""Errors that a program makes, and no file."""
OF_THE_DISK = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
"""Errors that are the disk's even without an errno, as polars raises them."""


def available_memory() -> int:
    """Return the bytes of memory that can still be had: free on the machine, and within the container's limit."""
    limits = [amount for amount in (_machine_memory(), _container_memory()) if amount is not None]
    return min(limits, default=4 * GIB)


def _machine_memory() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, StopIteration):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, ValueError, OSError):
        return None


def _container_memory() -> int | None:
    try:
        allowed = int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii"))
        used = int(Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return max(allowed - used, 0)


def is_small(size: int) -> bool:
    """Say whether `size` bytes may be held in memory whole."""
    return size <= min(SMALL_BYTES, available_memory() // 4)


def held(source: Source) -> Source:
    """Return the samples of `source` in memory if they are small, else `source` itself."""
    if source.in_memory or not is_small(len(source) * math.prod(source.shape) * source.dtype.itemsize):
        return source
    return ArraySource(source.take(np.arange(len(source))))


def check_fits(size: int, what: str) -> None:
    """Raise FormatError if `size` bytes would take more than half of the free memory."""
    if size <= ALWAYS_FITS:
        return
    free = available_memory()
    if size > free // 2:
        raise FormatError(
            f"{what} needs {size / GIB:.3g} GiB unpacked, and at most half of the {free / GIB:.3g} GiB "
            "of free memory is allowed; give a smaller file, or a .npy file, which is read piece by piece."
        )


def check_packed(packed: int, unpacked: int, what: str) -> None:
    """Raise FormatError if `packed` bytes of deflate cannot hold `unpacked` bytes, or if those do not fit."""
    if unpacked > MAX_DEFLATE_RATIO * packed + DEFLATE_SLACK:
        raise FormatError(
            f"{what} claims {unpacked} bytes in {packed} packed bytes, more than packing can do; "
            "the file is damaged or hostile, so get it anew."
        )
    check_fits(unpacked, what)


def check_member(info: zipfile.ZipInfo, path: Path) -> None:
    """Raise FormatError if a member of the zip at `path` is locked, or too large to unpack."""
    if info.flag_bits & 0x1:
        raise FormatError(f"{info.filename} in {path} is locked by a password; unpack it and give the folder.")
    check_packed(info.compress_size, info.file_size, f"{info.filename} in {path}")


@contextmanager
def reading(path: Path | str, kind: str) -> Iterator[None]:
    """Turn whatever a reader raises in the block into FileError (the disk) or FormatError (the contents).

    `kind` names what was expected, such as "an IDX file". Parsers of foreign bytes raise nearly
    anything (struct.error, SyntaxError, KeyError, zlib.error, ...). A mistake of this package is no damage of a file:
    what is raised in a line of its own, as `MISTAKES` are, passes.
    """
    try:
        yield
    except DiaboloError:
        raise
    except MemoryError as error:
        raise FormatError(f"{path} needs more memory than is free here; give a smaller file.") from error
    except OSError as error:
        if not isinstance(error, OF_THE_DISK) and error.errno in (None, errno.EINVAL):
            raise _damaged(path, kind, error) from error  # a parser's own, or an offset out of the file
        reason = error.strerror or type(error).__name__
        raise FileError(f"{path} could not be read: {reason}; check the path and its permissions.") from error
    except Exception as error:
        if isinstance(error, MISTAKES) and _is_ours(error):
            raise
        raise _damaged(path, kind, error) from error


def _is_ours(error: Exception) -> bool:
    """Return whether an error was raised in a line of this package, not in a library that it called."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and Path(trace.tb_frame.f_code.co_filename).is_relative_to(PACKAGE)


def _damaged(path: Path | str, kind: str, error: Exception) -> FormatError:
    lines = str(error).strip().splitlines()
    reason = lines[0][:200].rstrip(".:; ") if lines else type(error).__name__
    return FormatError(f"{path} could not be read as {kind} ({reason}); the file is damaged or of another kind.")
