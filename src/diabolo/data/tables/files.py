"""Tables: CSV and Parquet by polars, read block by block where they are large; data frames by narwhals."""

import csv
import gzip
import io
import shutil
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import polars as pl
import polars.selectors as cs
from numpy.typing import NDArray

from diabolo.data.arrays import as_labels
from diabolo.data.limits import LARGE_CSV_BYTES, MAX_HEADER_BYTES, held, is_small
from diabolo.data.source import Array, ArraySource, Dataset, Source, follow
from diabolo.data.tables.encoding import fits
from diabolo.data.tables.frames import (
    FEWEST_ROWS,
    MOST_ROWS,
    FrameSource,
    TableArray,
    in_memory,
    parsing,
    rows_together,
)
from diabolo.errors import EmptyTableError, FileError, FormatError, InputError

MISSING = ("NA", "N/A", "null", "NULL")
"""Words of a CSV that mean an empty cell."""
FIRST_LINES = 1000
SEPARATORS = (",", ";", "\t")
EXACT_IN_FLOAT32 = (pl.Boolean, pl.Int8, pl.Int16, pl.UInt8, pl.UInt16, pl.Float32)
ONE_FILE: dict[str, Any] = {"glob": False, "hive_partitioning": False}
PROBE = """
import os, sys, polars
try:
    table = polars.scan_parquet(sys.argv[1], glob=False, hive_partitioning=False)
    table.sink_ipc(os.devnull, compression="uncompressed")
except BaseException as error:
    print(error)
    sys.exit(1)
"""
NAMES = (pl.String, pl.Categorical, pl.Enum)


@dataclass(frozen=True)
class ParquetSource:
    """Rows of a table that are read when they are taken, a block at a time, so that it may exceed the memory.

    dtype: float32 where that holds every column exactly, else float64.
    """

    path: Path
    table: pl.LazyFrame
    columns: tuple[str, ...]
    dtype: np.dtype[np.generic]
    rows: int
    in_memory: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.columns),)

    @property
    def block(self) -> int:
        return rows_together(len(self.columns) * self.dtype.itemsize)

    @property
    def frames(self) -> FrameSource:
        """The same rows as data frames."""
        return FrameSource(self.table, self.columns, self.rows, self.path)

    def __len__(self) -> int:
        return self.rows

    def take(self, rows: NDArray[np.int64]) -> Array:
        """Return `rows` as an array (len(rows), columns).

        Raises IndexError for a row that is not there; FileError or FormatError if the file cannot be read.
        """
        taken: Array = np.empty((len(rows), len(self.columns)), self.dtype)
        if len(rows) == 0:
            return taken
        if rows.min() < 0 or rows.max() >= self.rows:
            raise IndexError(f"rows must lie in 0..{self.rows - 1}, got {rows.min()}..{rows.max()}.")
        order = np.argsort(rows, kind="stable")
        edges = np.flatnonzero(np.diff(rows[order] // self.block)) + 1
        with parsing(self.path):
            for some in np.split(order, edges):
                first, last = int(rows[some[0]]), int(rows[some[-1]])
                part = self._between(first, last)
                if follow(rows[some]) and follow(some):
                    taken[some[0] : some[-1] + 1] = part
                else:
                    taken[some] = part[rows[some] - first]
        return taken

    def _between(self, first: int, last: int) -> Array:
        number = pl.Float32 if self.dtype == np.float32 else pl.Float64
        part = self.table.slice(first, last - first + 1).select(cs.by_name(self.columns).cast(number))
        return part.collect().to_numpy()


def open_table(path: Path, label: str | None = None, ignore: Sequence[str] = (), only: Sequence[str] = ()) -> Dataset:
    """Open a CSV, TSV (each also `.gz`) or Parquet file.

    Where every column holds numbers or booleans and nothing is missing, the samples are numbers; else they are data
    frames, which training learns to encode. A column named by `label` is split off as whole-number class labels (names
    are numbered in sorted order); those in `ignore` are left out, and where all of `only` are there, the others too.
    A small table is held in memory; of a large one only blocks are, and a CSV above 256 MiB is turned into a temporary
    Parquet file first.
    Raises FileError if the file cannot be read; FormatError if it is damaged; InputError if it is empty,
    lacks the label, or has columns that share a name, hold lists and the like, or infinite values.
    """
    with parsing(path):
        table = _scan_parquet(path) if path.suffix.lower() == ".parquet" else _scan_csv(path, label)
        schema = table.collect_schema()
        _check_names(schema.names(), label, ignore, path)
        columns = {name: dtype for name, dtype in schema.items() if name != label and name not in ignore}
        if only and columns.keys() >= set(only):
            columns = {name: dtype for name, dtype in columns.items() if name in only}
        if ignore and not columns:
            raise InputError(f"No column of {path} is left to learn from; its columns are: {_some(list(schema))}.")
        rows = table.select(pl.len()).collect().item()
        check_shape(rows, len(columns), str(path))
        check_kinds([name for name, dtype in columns.items() if not fits(dtype)], str(path))
        full = check_values(table, columns, str(path))
        labels = None if label is None else _labels(table, label, path)
        plain = full and all(is_number(dtype) for dtype in columns.values())
        source = _numbers(path, table, columns, rows) if plain else _frames(path, table, tuple(columns), rows)
        return Dataset(path.name.split(".")[0], source, labels=labels, columns=tuple(columns), origin=str(path))


def _numbers(path: Path, table: pl.LazyFrame, columns: Mapping[str, pl.DataType], rows: int) -> Source:
    exact = all(dtype in EXACT_IN_FLOAT32 for dtype in columns.values())
    dtype = np.dtype(np.float32 if exact else np.float64)
    source = ParquetSource(path, table, tuple(columns), dtype, rows)
    kept = held(source)
    return TableArray(kept.array, source.frames) if isinstance(kept, ArraySource) else kept


def others_than_numbers(source: FrameSource) -> list[str]:
    """Return the columns of a table that hold something else than numbers, or lack some."""
    with parsing(source.path):
        schema = source.table.collect_schema()
        kinds = {name: schema[name] for name in source.columns}
        return [
            name
            for name, dtype in kinds.items()
            if not (is_number(dtype) and check_values(source.table, {name: dtype}, str(source.path)))
        ]


def _frames(path: Path, table: pl.LazyFrame, columns: tuple[str, ...], rows: int) -> FrameSource:
    source = FrameSource(table, columns, rows, path)
    some = source.frame(np.arange(min(rows, FEWEST_ROWS)))
    size = some.estimated_size() / len(some)
    if not is_small(int(size * rows)):
        return replace(source, row_bytes=int(size))
    return replace(in_memory(table.select(cs.by_name(columns)).collect(), path), table=table)


def _scan_parquet(path: Path) -> pl.LazyFrame:
    """Open a Parquet file, once another process has read it through.

    A damaged length makes polars ask for petabytes, and Rust then ends the whole process
    (https://github.com/pola-rs/polars/issues/15342); here that is the other process.
    """
    command = [sys.executable, "-P", "-c", PROBE, str(path.absolute())]
    probe = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    if probe.returncode != 0:
        raise ValueError(probe.stdout.decode(errors="replace") or "reading it ended the process")
    return pl.scan_parquet(path, **ONE_FILE)


def _scan_csv(path: Path, label: str | None) -> pl.LazyFrame:
    packed = path.suffix.lower() == ".gz"
    if not packed and path.stat().st_size > LARGE_CSV_BYTES:
        with path.open("rb") as stream:
            separator = _separator(stream, path)
        return _converted(path, separator, label)
    if not packed:
        with path.open("rb") as stream:
            return _read_csv(path, _separator(stream, path)).lazy()
    with gzip.open(path, "rb") as stream:
        content = cast(IO[bytes], stream).read(LARGE_CSV_BYTES + 1)
    if len(content) > LARGE_CSV_BYTES:
        raise FormatError(f"{path} unpacks to more than {LARGE_CSV_BYTES} bytes; unpack it to a plain CSV first.")
    return _read_csv(content, _separator(io.BytesIO(content), path)).lazy()


def _read_csv(source: Path | bytes, separator: str) -> pl.DataFrame:
    """Read a CSV; the types of columns are guessed from its first lines, and from all of them where that fails.

    Every line costs six times the reading (a million cells: 0.6 s and 0.1 s).
    """
    read = partial(pl.read_csv, source, separator=separator, null_values=MISSING, glob=False)
    try:
        table = read(infer_schema_length=FIRST_LINES)
    except pl.exceptions.ComputeError:  # a column goes on as something else
        return read(infer_schema_length=None)
    empty = [name for name, values in table.head(FIRST_LINES).to_dict().items() if values.null_count() == len(values)]
    return read(infer_schema_length=None) if empty and len(table) > FIRST_LINES else table


def _separator(stream: IO[bytes], path: Path) -> str:
    """Check the line of column names, and return what separates them."""
    line = next((text for text in iter(lambda: stream.readline(MAX_HEADER_BYTES), b"") if text.strip()), b"")
    if not line:
        raise InputError(f"{path} is an empty table; give a line of column names and lines of numbers.")
    text = line.decode("utf-8-sig").rstrip("\r\n")
    separator = "\t" if ".tsv" in path.suffixes else max(SEPARATORS, key=text.count)
    check_names(next(csv.reader([text], delimiter=separator)), str(path))
    return separator


def _converted(path: Path, separator: str, label: str | None) -> pl.LazyFrame:
    """Stream a large CSV into a temporary Parquet file, which goes when the returned table does."""
    folder = Path(tempfile.mkdtemp(prefix="diabolo-"))
    try:
        if shutil.disk_usage(folder).free < path.stat().st_size:
            raise FileError(f"{path} needs a temporary copy, and {folder.parent} is too full; set TMPDIR elsewhere.")
        options: dict[str, Any] = {"separator": separator, "null_values": list(MISSING), "glob": False}
        begin = pl.scan_csv(path, infer_schema_length=10_000, **options)
        whole = [name for name, dtype in begin.collect_schema().items() if dtype.is_integer() and name != label]
        # a column may go on with fractions after the lines that its type was guessed from
        every = pl.scan_csv(
            path, infer_schema_length=10_000, schema_overrides=dict.fromkeys(whole, pl.Float64), **options
        )
        every.sink_parquet(folder / "table.parquet", row_group_size=MOST_ROWS)
        table = pl.scan_parquet(folder / "table.parquet", **ONE_FILE)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(table, shutil.rmtree, folder, ignore_errors=True)
    return table


def check_names(names: Sequence[str], what: str) -> None:
    unnamed = [str(number) for number, name in enumerate(names, 1) if not name.strip()]
    if unnamed:
        raise InputError(f"{what} has columns without a name (number {_some(unnamed)}); name or drop them.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{what} has columns that share a name: {_some(twice)}; rename or drop them.")


def _check_names(names: Sequence[str], label: str | None, ignore: Sequence[str], path: Path) -> None:
    for what, name in (("label", label), *(("ignore", each) for each in ignore)):
        if name is not None and name not in names:
            raise InputError(f"{what} must be a column of {path}, got '{name}'; its columns are: {_some(names)}.")
    if label in ignore:
        raise InputError(f"'{label}' is the label already and not learnt from; leave it out of ignore.")


def check_shape(rows: int, columns: int, what: str) -> None:
    if rows == 0 or columns == 0:
        kind = EmptyTableError if columns else InputError
        raise kind(f"{what} has {rows} rows and {columns} columns; give at least one of each.")


def is_number(dtype: pl.DataType) -> bool:
    return dtype.is_numeric() or dtype == pl.Boolean


def check_kinds(others: Sequence[str], what: str) -> None:
    if others:
        raise InputError(f"{what} has columns that are no numbers, words or dates: {_some(others)}; drop them.")


def check_values(table: pl.LazyFrame, columns: Mapping[str, pl.DataType], what: str) -> bool:
    """Refuse infinite values, and return whether none is missing; one look in bounded memory."""
    floats = [name for name, dtype in columns.items() if dtype.is_float()]
    missing = [cs.by_name(name).null_count().alias(f"null {name}") for name in columns]
    missing += [cs.by_name(name).is_nan().sum().alias(f"nan {name}") for name in floats]
    infinite = [cs.by_name(name).is_infinite().sum().alias(f"infinite {name}") for name in floats]
    found = table.select(*missing, *infinite).collect(engine="streaming").row(0)
    _refuse(dict(zip(floats, found[len(missing) :], strict=True)), "values that are infinite", what)
    return not any(found[: len(missing)])


def _refuse(counts: Mapping[str, int], which: str, what: str) -> None:
    bad = [f"{name} ({count})" for name, count in counts.items() if count]
    if bad:
        raise InputError(f"{what} has {which} in: {_some(bad)}; fill them in, or drop those rows or columns.")


def _labels(table: pl.LazyFrame, label: str, path: Path) -> Array:
    values = table.select(cs.by_name(label)).collect().to_series()
    _refuse({label: values.null_count()}, "missing values", str(path))
    if values.dtype in NAMES:
        return values.cast(pl.String).to_numpy().astype(np.str_)
    labels = as_labels(values.to_numpy(), len(values))
    if labels is None:
        raise InputError(f"label must be a column of names or whole numbers, and '{label}' holds {values.dtype}.")
    return labels


def _some(names: Sequence[str]) -> str:
    more = f", ... ({len(names)} in all)" if len(names) > 20 else ""
    return ", ".join(names[:20]) + more
