"""Tables: CSV and Parquet by polars, read block by block where they are large; data frames by narwhals."""

import gzip
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import polars as pl
import polars.selectors as cs
from numpy.typing import NDArray

from diabolo.data.arrays import as_labels
from diabolo.data.limits import LARGE_CSV_BYTES, check_member, held, is_small
from diabolo.data.source import Array, ArraySource, Dataset, Source, follow
from diabolo.data.tables.encoding import fits
from diabolo.data.tables.frames import (
    FEWEST_ROWS,
    NOTHING,
    About,
    FrameSource,
    TableArray,
    in_memory,
    parsing,
    rows_together,
)
from diabolo.data.tables.reading.content import Content
from diabolo.data.tables.reading.record import Asked
from diabolo.data.tables.reading.stored import described, read_stored
from diabolo.data.tables.reading.text import Text, read_text
from diabolo.errors import EmptyTableError, FormatError, InputError

TEXTS, FEATHER = (".csv", ".tsv", ".txt"), (".feather", ".arrow")
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
    about: About = NOTHING
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
        return FrameSource(self.table, self.columns, self.rows, self.path, about=self.about)

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


def open_table(
    path: Path,
    label: str | None = None,
    ignore: Sequence[str] = (),
    only: Sequence[str] = (),
    asked: Asked | None = None,
) -> Dataset:
    """Open a CSV, TSV (each also `.gz`) or Parquet file.

    Where every column holds numbers or booleans and nothing is missing, the samples are numbers; else they are data
    frames, which training learns to encode. A column named by `label` is split off as whole-number class labels (names
    are numbered in sorted order); those in `ignore` are left out, and where all of `only` are there, the others too.
    A small table is held in memory; of a large one only blocks are, and a CSV above 256 MiB is turned into a temporary
    Parquet file first.
    asked: what the user says of how it is read; the rest is decided by the file, said and kept (`Reading`).
    Raises FileError if the file cannot be read; FormatError if it is damaged; InputError if it is empty,
    lacks the label, or has columns that share a name, hold lists and the like, or infinite values, and for any cell
    whose meaning is in doubt, with its line.
    """
    asked = Asked() if asked is None else asked

    def needed(names: Sequence[str]) -> list[str]:
        _check_names(names, label, ignore, path)
        left = [name for name in names if name != label and name not in ignore]
        if ignore and not left:
            raise InputError(f"No column of {path} is left to learn from; its columns are: {_some(list(names))}.")
        known = [name for name in left if name in only] if set(left) >= set(only) and only else left
        return known if label is None else [*known, label]

    with parsing(path):
        text = _opened(path, asked, needed, label)
        table, schema = text.table, text.table.collect_schema()
        columns = {name: schema[name] for name in needed(schema.names()) if name != label}
        rows = table.select(pl.len()).collect().item()
        check_shape(rows, len(columns), str(path))
        check_kinds([name for name, dtype in columns.items() if not fits(dtype)], str(path))
        notes = text.notes
        if text.index in columns and not only and _counts_rows(table, text.index, rows):
            del columns[text.index]
            notes += (f"The first column of {path.name} has no name and counts the rows; it is left out.",)
        missing = missing_in(table, columns, str(path))
        labels = None if label is None else _labels(table, label, path)
        plain = not any(missing.values()) and all(is_number(dtype) for dtype in columns.values())
        about = About(text.lines, described(text.reading, columns, missing, rows))
        make = _numbers if plain else _frames
        source = make(path, table, columns, rows, about)
        return Dataset(
            path.name.split(".")[0], source, labels=labels, columns=tuple(columns), origin=str(path), notes=notes
        )


def _opened(path: Path, asked: Asked, needed: Callable[[Sequence[str]], Sequence[str]], label: str | None) -> Text:
    """Return a table of any kind of file, with the kinds of its columns decided."""
    if path.suffix.lower() in FEATHER:
        return read_stored(pl.read_ipc(path).lazy(), asked, needed, str(path))
    if path.suffix.lower() != ".parquet":
        return read_text(_content(path), asked, needed, large=LARGE_CSV_BYTES, label=label)
    return read_stored(_scan_parquet(path), asked, needed, str(path))


def _counts_rows(table: pl.LazyFrame, name: str, rows: int) -> bool:
    """Return whether a column holds a whole number of its own in each row."""
    column = cs.by_name(name)
    return table.collect_schema()[name].is_integer() and table.select(column.n_unique()).collect().item() == rows


def _numbers(path: Path, table: pl.LazyFrame, columns: Mapping[str, pl.DataType], rows: int, about: About) -> Source:
    exact = all(dtype in EXACT_IN_FLOAT32 for dtype in columns.values())
    dtype = np.dtype(np.float32 if exact else np.float64)
    source = ParquetSource(path, table, tuple(columns), dtype, rows, about)
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


def _frames(
    path: Path, table: pl.LazyFrame, columns: Mapping[str, pl.DataType], rows: int, about: About
) -> FrameSource:
    source = FrameSource(table, tuple(columns), rows, path, about=about)
    some = source.frame(np.arange(min(rows, FEWEST_ROWS)))
    size = some.estimated_size() / len(some)
    if not is_small(int(size * rows)):
        return replace(source, row_bytes=int(size))
    return replace(in_memory(table.select(cs.by_name(*columns)).collect(), path), table=table, about=about)


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


def zipped_table(path: Path) -> str | None:
    """Return the name of the table of text that is alone in a zip, None where there is no such zip."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/") and "__MACOSX" not in name]
    except (OSError, ValueError, zipfile.BadZipFile):
        return None
    return names[0] if len(names) == 1 and names[0].lower().endswith(TEXTS) else None


def _content(path: Path) -> Content:
    """Return the bytes of a table of text, unpacked. Raises FormatError for more than 256 MiB of unpacked text."""
    member = zipped_table(path) if path.suffix.lower() == ".zip" else None
    if path.suffix.lower() != ".gz" and member is None:
        return Content(path)
    if member is not None:
        with zipfile.ZipFile(path) as archive:
            check_member(archive.getinfo(member), path)
            with archive.open(member) as packed:
                content = packed.read(LARGE_CSV_BYTES + 1)
    else:
        with gzip.open(path, "rb") as stream:
            content = cast(IO[bytes], stream).read(LARGE_CSV_BYTES + 1)
    if len(content) > LARGE_CSV_BYTES:
        raise FormatError(f"{path} unpacks to more than {LARGE_CSV_BYTES} bytes; unpack it to a plain CSV first.")
    return Content(path, content)


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
    return not any(missing_in(table, columns, what).values())


def missing_in(table: pl.LazyFrame, columns: Mapping[str, pl.DataType], what: str) -> dict[str, int]:
    """Return how many values each column lacks, by one look in bounded memory. Raises InputError for infinite ones."""
    floats = [name for name, dtype in columns.items() if dtype.is_float()]
    sums = [cs.by_name(name).null_count().alias(f"null {name}") for name in columns]
    sums += [cs.by_name(name).is_nan().sum().alias(f"nan {name}") for name in floats]
    infinite = [cs.by_name(name).is_infinite().sum().alias(f"infinite {name}") for name in floats]
    found = table.select(*sums, *infinite).collect(engine="streaming").row(0)
    _refuse(dict(zip(floats, found[len(sums) :], strict=True)), "values that are infinite", what)
    missing = dict(zip(columns, found, strict=False))
    for name, count in zip(floats, found[len(columns) : len(sums)], strict=True):
        missing[name] += count or 0
    return missing


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
