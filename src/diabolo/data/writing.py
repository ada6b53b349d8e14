"""Samples and codes on their way out: arrays, tables, folders of images; written whole or not at all."""

import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from PIL import Image

from diabolo.data.source import Array
from diabolo.errors import ArgumentError, DiaboloError, FileError
from diabolo.files import check_free, names_folder, written_whole

if TYPE_CHECKING:
    import polars as pl

Frame = TypeVar("Frame", "pl.DataFrame", "pl.LazyFrame")
ENDINGS = (".npy", ".csv", ".parquet")
FORMULA = r"^[=+\-@\t\r\n]"
"""How a cell begins that a spreadsheet would run (OWASP, CSV injection)."""
KINDS = ".npy, .csv, .parquet, or (pictures only) the name of a folder"


def check_destination(path: Path, shape: tuple[int, ...], *, pictures: bool, force: bool) -> None:
    """Refuse, before any work, a path that samples of `shape` cannot be written to.

    pictures: whether the samples can be shown, which a folder needs.
    Raises ArgumentError for an ending that does not fit, FileError for what is in the way.
    """
    flat, ending = len(shape) == 1, path.suffix.lower()
    if ending in (".csv", ".parquet") and not flat:
        raise ArgumentError(f"{path} is a table, but samples have the shape {shape}; write .npy or a folder.")
    if ending in ENDINGS:
        check_free(path, force=force)
        return
    if not pictures or not names_folder(path):
        raise ArgumentError(f"--out must end in {KINDS}, got {path}; these samples are {_kind(shape, pictures)}.")
    if path.is_dir() and any(path.iterdir()) and not force:
        raise FileError(f"The folder {path} is not empty; choose another name or pass --force.")
    if path.exists() and not path.is_dir():
        raise FileError(f"{path} is no folder; pictures are written to a folder.")
    check_free(path.with_name(f"{path.name}.new"), force=True)


def _kind(shape: tuple[int, ...], pictures: bool) -> str:
    return "pictures" if pictures else f"numbers of the shape {shape}, no pictures"


def are_pictures(shape: tuple[int, ...], dtype: np.dtype[np.generic], *, unit: bool) -> bool:
    """Return whether samples can be shown: 8 or 16 bits, or floats from 0 to 1."""
    shown = dtype in (np.uint8, np.uint16, np.bool_) or (dtype.kind == "f" and unit)
    colour_ok = len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3) and dtype != np.uint16)
    return shown and colour_ok


def write_samples(
    path: Path, samples: "Array | pl.DataFrame", *, columns: Sequence[str] | None = None, force: bool
) -> None:
    """Write samples (n, *shape) by the path's ending; pictures (n, h, w[, c]) also as PNG files in a folder.

    Raises ArgumentError for an array of words and dates.
    """
    if not isinstance(samples, np.ndarray):
        if path.suffix.lower() not in (".csv", ".parquet"):
            raise ArgumentError(f"Rows with words or dates need .csv or .parquet, got {path}.")
        with written_whole(path, force=force) as temporary:
            _write_table(temporary, samples)
        return
    if path.suffix.lower() not in ENDINGS:
        _write_folder(path, samples)
        return
    with written_whole(path, force=force) as temporary, temporary.open("wb") as file:
        if path.suffix.lower() == ".npy":
            np.save(file, samples, allow_pickle=False)
        else:
            _write_table(temporary, samples, columns)


def _write_table(path: Path, samples: "Array | pl.DataFrame", columns: Sequence[str] | None = None) -> None:
    import polars as pl

    table = samples
    if isinstance(samples, np.ndarray):
        names = list(columns or (f"c{i}" for i in range(samples.shape[1])))
        table = pl.from_numpy(samples, schema=names, orient="row")
    assert isinstance(table, pl.DataFrame)
    try:
        if path.suffix.lower() == ".csv":
            for_spreadsheets(table).write_csv(path)
        else:
            table.write_parquet(path)
    except pl.exceptions.PolarsError as error:
        raise OSError(str(error)) from error


def unformulated(text: str) -> str:
    """Return text that no spreadsheet takes for a formula."""
    return f"'{text}" if re.match(FORMULA, text) else text


def for_spreadsheets(table: Frame) -> Frame:
    """Return a table whose heads and cells of text no spreadsheet takes for formulas: an apostrophe comes first."""
    import polars as pl
    import polars.selectors as cs

    text = cs.string()
    named = table.rename(unformulated)
    return named.with_columns(pl.when(text.str.contains(FORMULA)).then(pl.lit("'") + text).otherwise(text).name.keep())


def _write_folder(path: Path, samples: Array) -> None:
    """Write PNG files to a folder beside `path` that then takes its place whole."""
    digits = len(str(max(1, len(samples) - 1)))
    with folder_whole(path) as temporary:
        for number, sample in enumerate(samples):
            to_image(sample).save(temporary / f"{number:0{digits}}.png")


@contextmanager
def folder_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path` that takes its place, and that of what is there, when all went well.

    Raises FileError if it cannot be written.
    """
    old = path.with_name(f".{path.name}.old")
    temporary: Path | None = None
    try:
        temporary = Path(tempfile.mkdtemp(dir=path.absolute().parent, prefix=f".{path.name[:40]}."))
        yield temporary
        temporary.chmod(0o755)
        if path.exists():
            path.rename(old)
        temporary.rename(path)
    except OSError as error:
        if isinstance(error, DiaboloError):
            raise
        raise FileError(f"{path} could not be written: {error.strerror or error}.") from error
    finally:
        if old.exists() and not path.exists():
            old.rename(path)
        for left in (temporary, old):
            if left is not None:
                shutil.rmtree(left, ignore_errors=True)


def to_image(sample: Array) -> Image.Image:
    """Return a sample (h, w) or (h, w, c) as a picture; floats from 0 to 1 become 8-bit."""
    if sample.dtype.kind == "f":
        sample = np.rint(np.clip(sample, 0, 1) * 255).astype(np.uint8)
    if sample.ndim == 3 and sample.shape[2] == 1:
        sample = sample[:, :, 0]
    return Image.fromarray(sample)
