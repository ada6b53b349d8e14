"""Repairing: a damaged archive brought back by the parity behind it, in memory; what is left of it is for --salvage."""

import filecmp
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from diabolo.coding.archive.archive import ArchiveReader
from diabolo.coding.archive.recovery import add_recovery, repaired
from diabolo.errors import FileError, FormatError, MissingExtraError

R = TypeVar("R")
LARGEST = 1 << 32
"""Bytes of an archive that is repaired, in memory."""


def repaired_copy(archive: Path, out: Path) -> int | None:
    """Write the archive as it was, with a recovery record of the same share, to `out`; return the damaged parts.

    Returns None, and writes nothing, if there is no record, or too much is damaged for it.
    """
    if not archive.is_file():
        raise FileError(f"There is no archive {archive}.")
    if archive.stat().st_size > LARGEST:
        return None
    found = repaired(archive.read_bytes())
    if found is None:
        return None
    out.write_bytes(found.data)
    add_recovery(out, found.share)
    return found.damaged


def with_repair(archive: Path, work: Callable[[Path], R], *, told: Callable[[int], None], first: bool = False) -> R:
    """Return what `work` makes of an archive; if that is refused as damaged, of the archive repaired.

    told: told of the damaged parts, once repaired. first: whether to repair before any work (for salvage).
    Raises what `work` raises.
    """
    refusal: FormatError | None = None
    if not first or not is_damaged(archive):
        try:
            return work(archive)
        except FormatError as error:
            refusal = error
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / archive.name
        try:
            parts = repaired_copy(archive, copy)
        except MissingExtraError as error:
            if refusal is not None:
                raise FormatError(f"{refusal} Parity may repair it: {error}") from error
            parts = None  # salvage takes what is there
        if parts is None:
            if refusal is not None:
                raise refusal
            return work(archive)
        if filecmp.cmp(copy, archive, shallow=False):  # nothing was damaged: the refusal has another cause
            if refusal is not None:
                raise refusal
            return work(archive)
        told(max(parts, 1))
        try:
            return work(copy)
        except FormatError as error:
            raise refusal or error from error


def is_damaged(archive: Path) -> bool:
    """Say whether an archive has an end, blocks or names that cannot be read."""
    try:
        with ArchiveReader(archive) as reader:
            for _ in reader:
                pass
    except FormatError:
        return True
    return False
