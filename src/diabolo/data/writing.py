"""Samples and codes on their way out: arrays, tables, folders of images; written whole or not at all."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from diabolo.data.source import Array
from diabolo.errors import ArgumentError, FileError
from diabolo.files import check_free, written_whole

KINDS = ".npy, .csv, .parquet, or (images only) the name of a folder"


def check_destination(path: Path, shape: tuple[int, ...], *, force: bool) -> None:
    """Refuse, before any work, a path that samples of `shape` cannot be written to.

    Raises ArgumentError for an ending that does not fit, FileError for what is in the way.
    """
    flat, ending = len(shape) == 1, path.suffix.lower()
    if ending in (".csv", ".parquet") and not flat:
        raise ArgumentError(f"{path} is a table, but samples have the shape {shape}; write .npy or a folder.")
    if ending not in (".npy", ".csv", ".parquet") and (ending or flat):
        raise ArgumentError(f"--out must end in {KINDS}, got {path}.")
    if not ending and path.is_dir() and any(path.iterdir()) and not force:
        raise FileError(f"The folder {path} is not empty; choose another name or pass --force.")
    check_free(path if ending else path / "_", force=force) if ending else _check_parent(path)


def write_samples(
    path: Path, samples: Array, *, columns: Sequence[str] | None = None, items: Sequence[str] | None = None, force: bool
) -> None:
    """Write samples (n, *shape) by the path's ending; images (n, h, w[, c]) also as PNG files in a folder."""
    check_destination(path, samples.shape[1:], force=force)
    if not path.suffix:
        _write_folder(path, samples, items)
        return
    with written_whole(path, force=force) as temporary:
        if path.suffix.lower() == ".npy":
            np.save(temporary, samples, allow_pickle=False)
        else:
            _write_table(temporary, samples, columns)


def _check_parent(path: Path) -> None:
    if path.is_file():
        raise FileError(f"{path} is a file; images are written to a folder.")
    if not path.absolute().parent.is_dir():
        raise FileError(f"The folder {path.absolute().parent} does not exist; make it first.")


def _write_table(path: Path, samples: Array, columns: Sequence[str] | None) -> None:
    import polars as pl

    names = list(columns or (f"c{i}" for i in range(samples.shape[1])))
    table = pl.from_numpy(samples, schema=names)
    if path.suffix.lower() == ".csv":
        table.write_csv(path)
    else:
        table.write_parquet(path)


def _write_folder(path: Path, samples: Array, items: Sequence[str] | None) -> None:
    """Write PNG files to a folder beside `path`, which then takes its place file by file."""
    temporary = Path(tempfile.mkdtemp(dir=path.absolute().parent, prefix=f".{path.name}."))
    try:
        digits = len(str(max(1, len(samples) - 1)))
        names = items or [f"{i:0{digits}}" for i in range(len(samples))]
        for name, sample in zip(names, samples, strict=True):
            to_image(sample).save(temporary / f"{_plain(name)}.png")
        path.mkdir(exist_ok=True)
        for file in sorted(temporary.iterdir()):
            file.replace(path / file.name)
    except OSError as error:
        raise FileError(f"{path} could not be written: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _plain(name: str) -> str:
    """Return an item's name as a file name: folders joined by '_', the ending left out."""
    return str(Path(name).with_suffix("")).replace("/", "_").replace("\\", "_").lstrip(".") or "_"


def to_image(sample: Array) -> Image.Image:
    """Return a sample (h, w) or (h, w, c) as a picture; floats from 0 to 1 become 8-bit."""
    if sample.dtype.kind == "f":
        sample = np.rint(np.clip(sample, 0, 1) * 255).astype(np.uint8)
    if sample.ndim == 3 and sample.shape[2] == 1:
        sample = sample[:, :, 0]
    return Image.fromarray(sample)
