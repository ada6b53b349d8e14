"""Attributes of samples: one label or number for each of them, from the data themselves or from a table beside them."""

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from diabolo.data.limits import LARGE_CSV_BYTES, reading
from diabolo.data.source import Array, Dataset
from diabolo.errors import ArgumentError, FormatError, InputError

OWN = "labels"
FEW = 20
"""Distinct values up to which whole numbers are names of groups."""


def labels_of(data: Dataset, chosen: str) -> Array:
    """Return one label for each training sample: the data's own for 'labels', else a column of a table.

    chosen: 'labels', or 'TABLE:COLUMN' (the column can be left out where there is one only).
    Raises ArgumentError if there are no such labels.
    """
    if chosen == OWN:
        if data.labels is None:
            raise ArgumentError(f"{data.name} has no labels of its own; give a table of them, TABLE.csv:COLUMN.")
        return data.labels
    path, _, column = (chosen, "", "") if Path(chosen).is_file() else chosen.rpartition(":")
    if not path:
        raise ArgumentError(f"{chosen} is not there; give 'labels' for the data's own, or TABLE.csv:COLUMN.")
    found = read_attributes(Path(path), data)
    if column and column not in found:
        raise ArgumentError(f"{path} has no column {column!r}; it has {', '.join(found)}.")
    if not column and len(found) > 1:
        raise ArgumentError(f"{path} has several columns, so name one: {path}:{next(iter(found))} for instance.")
    return found[column or next(iter(found))]


def read_attributes(path: Path, data: Dataset) -> dict[str, Array]:
    """Return the columns of a table (CSV, TSV or Parquet), each an array with one entry for each training sample.

    Where the samples are files and a column holds their names, rows are found by it; else they are taken in order.
    Raises FileError if it cannot be read, FormatError if its rows do not fit the samples.
    """
    with reading(path, "a table of attributes"):
        if path.stat().st_size > LARGE_CSV_BYTES:
            raise FormatError(f"{path} is too large for a table of attributes; cut it to the columns that matter.")
        try:
            table = _read(path)
        except pl.exceptions.PolarsError as error:
            raise FormatError(f"{path} is no readable table: {str(error).splitlines()[0]}") from error
    table = _matched(table, path, data)
    return {name: table[name].to_numpy() for name in table.columns}


def _read(path: Path) -> pl.DataFrame:
    if path.suffix.lower() == ".parquet":
        return pl.read_parquet(path)
    separator = "\t" if path.name.lower().endswith((".tsv", ".tsv.gz")) else ","
    return pl.read_csv(path, separator=separator, infer_schema_length=None)


def _matched(table: pl.DataFrame, path: Path, data: Dataset) -> pl.DataFrame:
    """Return the rows in the samples' order, without the column of file names."""
    if data.items:
        for name in (name for name, kind in table.schema.items() if kind == pl.String):
            rows = {Path(file).name: row for row, file in enumerate(table[name]) if file is not None}
            wanted = [rows.get(Path(item).name) for item in data.items]
            missing = sum(row is None for row in wanted)
            if missing < len(wanted):
                if missing:
                    raise FormatError(f"{path} has no row for {missing:,} of {len(wanted):,} samples.")
                return table.drop(name)[[row for row in wanted if row is not None]]
    if len(table) != len(data.train):
        raise FormatError(
            f"{path} has {len(table):,} rows, and {data.name} {len(data.train):,} samples; give one each."
        )
    return table


def numbers_of(attributes: dict[str, Array]) -> dict[str, NDArray[np.float64]]:
    """Return attributes as numbers: a column of up to 20 groups (not two numbers) as one share for each, 'NAME=GROUP'.

    Columns that never change, or that are text of more groups, are left out. Raises InputError if nothing is left.
    """
    found: dict[str, NDArray[np.float64]] = {}
    for name, values in attributes.items():
        distinct = np.unique(values[~_missing(values)])
        text = values.dtype.kind in "OUS"
        whole = not text and np.array_equal(distinct, np.trunc(distinct))
        if len(distinct) < 2 or (text and len(distinct) > FEW):
            continue
        if text or (whole and 2 < len(distinct) <= FEW):
            found |= {f"{name}={_plain(value)}": (values == value).astype(np.float64) for value in distinct}
        else:
            found[name] = np.nan_to_num(values.astype(np.float64), nan=float(distinct.astype(np.float64).mean()))
    if not found:
        raise InputError("No attribute tells the samples apart; give columns of numbers or of up to 20 groups.")
    return found


def _missing(values: Array) -> NDArray[np.bool_]:
    if values.dtype.kind == "O":
        return np.array([value is None for value in values])
    return np.isnan(values) if values.dtype.kind == "f" else np.zeros(values.shape, bool)


def _plain(value: object) -> str:
    return f"{float(value):g}" if isinstance(value, np.number) else str(value)
