"""Files that are written whole or not at all."""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from diabolo.errors import FileError

LONGEST_NAME = 255
FILE_ENDINGS = frozenset(
    f".{ending}"
    for ending in (
        *(
            "npy",
            "npz",
            "csv",
            "tsv",
            "txt",
            "json",
            "jsonl",
            "parquet",
            "zip",
            "gz",
            "tar",
            "html",
            "pdf",
            "xlsx",
            "db",
        ),
        *("dbo", "safetensors", "pt", "onnx", "zarr", "png", "jpg", "jpeg", "bmp", "gif", "tif", "tiff", "webp"),
        *("pgm", "ppm", "pbm", "pnm", "avif", "jxl"),
    )
)
"""Endings of paths that are meant as files; anything else is a folder's name."""


def check_free(path: Path, *, force: bool = False) -> None:
    """Refuse a path that cannot be written, before any work is done for it.

    Raises FileError if something is there and `force` is false, if it is a folder,
    or if its folder does not exist.
    """
    if len(os.fsencode(path.name)) > LONGEST_NAME:
        raise FileError(f"The name {path.name[:40]}... is too long; give one of at most {LONGEST_NAME} bytes.")
    if path.exists() and not path.is_file() and not path.is_dir():
        raise FileError(f"{path} is no ordinary file; give another path.")
    if path.is_dir():
        raise FileError(f"{path} is a folder; give the path of a file.")
    if path.exists() and not force:
        raise FileError(f"{path} is already there; choose another name or pass --force.")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise FileError(f"The folder {folder} does not exist; make it first.")
    if not os.access(folder, os.W_OK):
        raise FileError(f"The folder {folder} cannot be written; choose another.")


@contextmanager
def written_whole(path: Path, *, force: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside `path` that takes its place when the block ends well.

    After an error, or a killed run, nothing is left under the final name.
    Raises FileError if `path` is in the way or the disk is full.
    """
    check_free(path, force=force)
    path = path.resolve()
    temporary: Path | None = None
    try:
        beside = path.absolute().parent / f".{path.name[:40]}.{secrets.token_hex(8)}{path.suffix}"
        os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666))  # the system applies the umask
        temporary = beside
        mode = stat.S_IMODE(temporary.stat().st_mode)
        yield temporary
        temporary.chmod(mode)  # whoever wrote it may have put another file in its place
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        if isinstance(error, FileError):
            raise
        reason = "no space is left on the disk" if error.errno == errno.ENOSPC else error.strerror or error
        raise FileError(f"{path} could not be written: {reason}.") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def names_folder(path: Path) -> bool:
    """Say whether a path to write to is a folder's name: `restored`, `ds_0.5`, but not `x.png` or `x.csv`.

    >>> names_folder(Path("ds_0.5")), names_folder(Path("x.npz"))
    (True, False)
    """
    return path.is_dir() or path.suffix.lower() not in FILE_ENDINGS
