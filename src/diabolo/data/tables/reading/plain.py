"""Plain text as polars reads it: UTF-8, one line a row, and the types of columns guessed from the first lines."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

MISSING = ("NA", "N/A", "null", "NULL", "\\N", "#N/A", "NaN", "<NA>")
"""Words that mean an empty cell in any column."""
FIRST_LINES, FIRST_OF_LARGE = 1000, 10_000


@dataclass(frozen=True)
class Plain:
    """What polars reads and how. raw: names as the file has them; names: those that the columns get."""

    source: Path | bytes
    separator: str
    skipped: int
    header: bool
    raw: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def size(self) -> int:
        return len(self.source) if isinstance(self.source, bytes) else self.source.stat().st_size

    def empty(self) -> pl.LazyFrame:
        """Return the table without rows."""
        return pl.LazyFrame(schema=dict.fromkeys(self.names, pl.String))

    def read(self, words: Collection[str], *, every: bool) -> pl.DataFrame:
        """Read it. words: columns that stay text; every: all do. Raises ComputeError where cells belie the guess."""
        guess: dict[str, Any] = {"infer_schema": False} if every else {"infer_schema_length": FIRST_LINES}
        table = pl.read_csv(self.source, **self._options(dict.fromkeys(words, pl.String)), **guess)
        _check_width(len(table.columns), len(self.names))
        table.columns = list(self.names)
        return table

    def scan(self, words: Collection[str], label: str | None, *, every: bool) -> pl.LazyFrame:
        """Open it without reading. Whole numbers become fractions, which later lines may have, but for the label."""
        guess: dict[str, Any] = {"infer_schema": False} if every else {"infer_schema_length": FIRST_OF_LARGE}
        given: dict[str, Any] = dict.fromkeys(words, pl.String)
        if not every:
            begin = self._renamed(pl.scan_csv(self.source, **self._options(given), **guess)).collect_schema()
            given |= {name: pl.Float64 for name, kind in begin.items() if kind.is_integer() and name != label}
        return self._renamed(pl.scan_csv(self.source, **self._options(given), **guess))

    def _renamed(self, table: pl.LazyFrame) -> pl.LazyFrame:
        given = table.collect_schema().names()
        _check_width(len(given), len(self.names))
        return table.rename({old: new for old, new in zip(given, self.names, strict=True) if old != new})

    def _options(self, kinds: dict[str, Any]) -> dict[str, Any]:
        places = [f"column_{place}" for place in range(_first(), _first() + len(self.names))]
        given = dict(zip(self.names, self.raw if self.header else places, strict=True))
        return {
            "separator": self.separator,
            "skip_lines": self.skipped,
            "has_header": self.header,
            "null_values": list(MISSING),
            "schema_overrides": {given[name]: kind for name, kind in kinds.items()},
            "glob": False,
        }


@cache
def _first() -> int:
    """Return the number of the first column without a name: 1 for polars before 2, then 0."""
    return int(pl.read_csv(b"0\n", has_header=False).columns[0].removeprefix("column_"))


def _check_width(found: int, wanted: int) -> None:
    if found != wanted:
        raise pl.exceptions.ComputeError("lines of several lengths")
