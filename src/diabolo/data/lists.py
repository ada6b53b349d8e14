"""Lists of alerts and events on their way out: CSV, Parquet, a spreadsheet, JSON, or lines to standard output."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from diabolo.data.writing import for_spreadsheets
from diabolo.errors import ArgumentError
from diabolo.files import check_free, written_whole

if TYPE_CHECKING:
    import polars as pl

    Pieces = Callable[[], Iterator[pl.DataFrame]]

STANDARD = Path("-")
MOST_OF_A_SHEET = 1_048_575
"""Rows below the head of a sheet of .xlsx."""
EXACT_IN_A_SHEET = 10**15 - 1
"""The largest whole number that a cell of .xlsx shows with all its digits; longer ids become text."""
ROW_GROUP = 2**17


def check_list(path: Path, *, force: bool) -> None:
    """Refuse, before any work, a path that no list can be written to. Raises ArgumentError for its ending."""
    if path == STANDARD:
        return
    if path.suffix.lower() not in WRITERS:
        raise ArgumentError(f"--out must end in {', '.join(WRITERS)}, or be - for standard output; got {path}.")
    check_free(path, force=force)


def write_list(path: Path, pieces: "Pieces", *, force: bool) -> None:
    """Write a table, given in pieces, by the path's ending, in bounded memory (.xlsx: whole)."""
    import polars as pl

    if path == STANDARD:
        for number, piece in enumerate(pieces()):
            sys.stdout.write(for_spreadsheets(piece).write_csv(include_header=number == 0))
        return
    with written_whole(path, force=force) as temporary:
        try:
            WRITERS[path.suffix.lower()](temporary, pieces)
        except pl.exceptions.PolarsError as error:
            raise OSError(str(error)) from error


def _lazy(pieces: "Pieces") -> "pl.LazyFrame":
    from polars.io.plugins import register_io_source

    return register_io_source(lambda *_: pieces(), schema=next(pieces()).schema)


def _csv(path: Path, pieces: "Pieces") -> None:
    for_spreadsheets(_lazy(pieces)).sink_csv(path)


def _parquet(path: Path, pieces: "Pieces") -> None:
    # of random digits zstd's level 1 packs 5 % less than polars' 3, in half the time
    _lazy(pieces).sink_parquet(path, compression="zstd", compression_level=1, row_group_size=ROW_GROUP)


def _lines(path: Path, pieces: "Pieces") -> None:
    with path.open("w", encoding="utf-8") as file:
        for piece in pieces():
            file.write(piece.write_ndjson())


def _json(path: Path, pieces: "Pieces") -> None:
    with path.open("w", encoding="utf-8") as file:
        begin = "["
        for piece in pieces():
            for line in piece.write_ndjson().splitlines():
                file.write(f"{begin}\n{line}")
                begin = ","
        file.write("[]\n" if begin == "[" else "\n]\n")


def _sheet(path: Path, pieces: "Pieces") -> None:
    import polars as pl
    import polars.selectors as cs

    table = for_spreadsheets(pl.concat(list(pieces())))
    long = [pl.col(name).abs().max() > EXACT_IN_A_SHEET for name in table.select(cs.integer()).columns]
    table = table.with_columns(
        pl.col(name).cast(pl.String) for name, found in table.select(long).to_dict(as_series=False).items() if found[0]
    )
    if len(table) > MOST_OF_A_SHEET:
        raise ArgumentError(f"A sheet of .xlsx has {MOST_OF_A_SHEET:,} rows, got {len(table):,}; write .parquet.")
    table.write_excel(path, worksheet="alerts")


WRITERS: "dict[str, Callable[[Path, Pieces], None]]" = {
    ".csv": _csv,
    ".parquet": _parquet,
    ".xlsx": _sheet,
    ".json": _json,
    ".jsonl": _lines,
}
