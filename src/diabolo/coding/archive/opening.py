"""Opening an archive, and how every reader of one puts its refusal."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from diabolo.coding.archive.layout import MAGIC
from diabolo.errors import DiaboloError, FileError, FormatError


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open an archive for reading; raises as `reading` does. What is no plain file, such as a pipe, is refused."""
    with reading(path):
        if path.exists() and not path.is_file():
            raise FileError(f"{path} is no file; give the path of an archive.")
        with path.open("rb") as file:
            yield file


def is_archive(path: Path) -> bool:
    """Say whether a file begins as an archive does."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Put `path` before the reason of a FormatError, and --salvage after it; turn errors of the disk into FileError."""
    try:
        yield
    except FormatError as error:
        text = str(error)
        if text.startswith(str(path)):
            raise
        damage = ("damaged" in text or "cut off" in text) and "--salvage" not in text
        remedy = " `diabolo decompress --salvage` reads what is undamaged." if damage else ""
        raise FormatError(f"{path} cannot be read: {text}{remedy}") from error
    except DiaboloError:
        raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise FileError(f"{path} cannot be read: {reason}; check the path and its permissions.") from error
