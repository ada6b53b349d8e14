"""The word DATA of the command line: what a name or a path may be, and the reader that opens it."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from diabolo.data.arrays import check_array, open_npy, open_npz
from diabolo.data.idx import labels_beside, read_idx
from diabolo.data.images.one_size import ENDINGS, open_images
from diabolo.data.limits import reading
from diabolo.data.named import SETS, open_named
from diabolo.data.source import ArraySource, Dataset
from diabolo.data.tables.files import open_table, zipped_table
from diabolo.data.tables.reading.record import Asked
from diabolo.errors import EmptyTableError, FileError, FormatError, InputError

TABLES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet", ".feather", ".arrow")
PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib")
PATHS = ".npy, .npz, IDX, an image, a folder or zip of images, CSV (also in a zip), TSV, Parquet or Feather"
SHEETS = (".xlsx", ".xlsm", ".xls", ".ods")
ALLOWED = f"the name of a data set, or {PATHS}"


def open_data(
    data: str | Path,
    *,
    label: str | None = None,
    ignore: str | Sequence[str] | None = None,
    only: Sequence[str] = (),
    asked: Asked | None = None,
) -> Dataset:
    """Open a data set by its name or its path.

    label: the column of a table file that holds the labels. ignore: columns to leave out. only: those that a model
    knows; a table that has them all is taken without its others. asked: how a table is read, where its file leaves it
    open or is to be overruled.

    A word that is the name of a data set is that data set; write ./mnist for a path of that name.
    Raises InputError if `data` or `label` cannot be meant; FileError if nothing is there or it cannot
    be read; FormatError if it is damaged, too large or of an unknown kind.

    >>> open_data("digits").train.shape
    (8, 8)
    """
    if not isinstance(data, str | Path) or str(data) == "":
        raise InputError(f"data must be {ALLOWED}; got {data!r}.")
    left_out = _names(ignore)
    if isinstance(data, str) and data in SETS:
        _check_no_columns(data, label, left_out)
        check_no_table(data, asked)
        return open_named(data)
    path = Path(data)
    with reading(path, "data"):
        return _open_path(path, label, left_out, only, asked)


def is_table(data: str | Path) -> bool:
    """Return whether data are the path of a table, or of a zip that holds one table of text alone."""
    if isinstance(data, str) and data in SETS:
        return False
    return str(data).lower().endswith(TABLES) or (
        Path(data).suffix.lower() == ".zip" and zipped_table(Path(data)) is not None
    )


def _names(ignore: str | Sequence[str] | None) -> tuple[str, ...]:
    names = (ignore,) if isinstance(ignore, str) else () if ignore is None else ignore
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise InputError(f"ignore must be the name of a column, or a list of them; got {ignore!r}.")
    return tuple(names)


def _open_path(
    path: Path, label: str | None, ignore: Sequence[str], only: Sequence[str], asked: Asked | None
) -> Dataset:
    if not path.exists():
        raise FileError(_missing(path))
    if not path.is_file() and not path.is_dir():
        raise FileError(f"{path} is neither a file nor a folder; give {ALLOWED}.")
    name = path.name.lower()
    if path.is_file():
        _check_kind(path, name)
        if is_table(path):
            return open_table(path, label, ignore, only, asked)
    _check_no_columns(str(path), label, ignore)
    check_no_table(str(path), asked)
    return open_images(path) if path.is_dir() else _reader(name)(path)


def _check_kind(path: Path, name: str) -> None:
    if name.endswith(PICKLES):
        raise FormatError(f"{path} is a pickle, which can run any program and is never read; save it as .npy or .npz.")
    refuse_sheet(path)
    if not name.endswith((*TABLES, *READERS)):
        raise FormatError(f"{path} is of an unknown kind; give {ALLOWED}.")
    if path.stat().st_size == 0:
        kind = EmptyTableError if name.endswith(TABLES) else FormatError
        raise kind(f"{path} is empty; write it anew.")


def refuse_sheet(path: Path) -> None:
    """Raise FormatError for a spreadsheet, with what to do."""
    if path.suffix.lower() in SHEETS:
        raise FormatError(f"{path} is a spreadsheet, which is not read; save its sheet as CSV, and give that file.")


def _check_no_columns(data: str, label: str | None, ignore: Sequence[str]) -> None:
    for what, names in (("label", [] if label is None else [label]), ("ignore", ignore)):
        if names:
            raise InputError(
                f"{what} names a column of a CSV, TSV or Parquet file, and {data} is none; leave '{names[0]}' out."
            )


def check_no_table(data: str, asked: Asked | None) -> None:
    """Raise InputError where options of tables are given for data that are none."""
    if asked is not None and asked.given:
        raise InputError(f"{asked.given[0]} says how a table is read, and {data} is none; leave it out.")


def _missing(path: Path) -> str:
    close = difflib.get_close_matches(str(path), SETS, n=1, cutoff=0.6)
    beside = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
    near = close or [str(path.parent / name) for name in difflib.get_close_matches(path.name, beside, n=1)]
    meant = f"did you mean {near[0]}? The" if near else "the"
    return f"{path} is not there; {meant} data sets with a name are {', '.join(SETS)}, and a path may be {PATHS}."


def _open_idx(path: Path) -> Dataset:
    images = check_array(read_idx(path), what=str(path))
    return Dataset(
        path.name.split(".")[0], ArraySource(images), labels=labels_beside(path, len(images)), origin=str(path)
    )


def _reader(name: str) -> Callable[[Path], Dataset]:
    return next(reader for ending, reader in READERS.items() if name.endswith(ending))


READERS: Mapping[str, Callable[[Path], Dataset]] = MappingProxyType(
    {
        ".npy": open_npy,
        ".npz": open_npz,
        "-ubyte": _open_idx,
        "-ubyte.gz": _open_idx,
        ".idx": _open_idx,
        ".idx.gz": _open_idx,
        ".zip": open_images,
        **dict.fromkeys(ENDINGS, open_images),
    }
)
