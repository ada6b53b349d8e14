"""Tables of text: one place that decides how a file is read. Polars reads it as it is where its dialect is plain.

Where it is not (another encoding, lines that end in CR, empty lines, quotes in odd places, too many cells), it is
written anew in plain form by Python's csv module, which names the line of what is wrong. Columns that polars does not
know for numbers are decided by all of their cells.
"""

import io
import shutil
import tempfile
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from diabolo.data.tables.reading.cells import Table
from diabolo.data.tables.reading.content import AS_UTF_8, Content, Look, encoding_of, guessed_encoding, look_at
from diabolo.data.tables.reading.dialect import Dialect, check_names, dialect_of
from diabolo.data.tables.reading.kinds import as_read, decide
from diabolo.data.tables.reading.lines import Lines, lines_within, write_anew
from diabolo.data.tables.reading.plain import Plain
from diabolo.data.tables.reading.record import Asked, Reading
from diabolo.errors import FileError

ROW_GROUP = 2**16
THOUSAND, NEARLY = 1000, 1e-6
UNPADDED = r"^(?:0|-?[1-9]\d{0,17})$"
UNPADDED_FRACTION = r"^-?(?:0|[1-9]\d{0,14})(?:\.\d*)?(?:[eE][-+]?\d+)?$"
HUGE = (pl.Int128, pl.UInt128) if hasattr(pl, "UInt128") else (pl.Int128,)


@dataclass(frozen=True)
class Text:
    """A table of text as it was read. reading: what was decided. lines: of its rows. notes: what a user should see."""

    table: pl.LazyFrame
    reading: Reading
    lines: Lines | None
    notes: tuple[str, ...]
    index: str = ""
    """The first column where it has no name of its own, as pandas writes row numbers."""


def read_text(
    content: Content,
    asked: Asked,
    needed: Callable[[Sequence[str]], Sequence[str]],
    *,
    large: int,
    label: str | None = None,
) -> Text:
    """Read a table of text. needed: given all names, those whose columns are decided; others stay as they come.

    large: bytes from which on it becomes a temporary Parquet file. label: a column whose whole numbers stay whole.
    Raises InputError or FormatError that names the line, the column and the cell of what is wrong or in doubt.
    """
    guessed = _asked_encoding(asked) or guessed_encoding(content)
    dialect = dialect_of(content, guessed, asked)
    looked = look_at(content, dialect.separator)
    encoding = guessed if asked.encoding else encoding_of(content, guessed, looked)
    if encoding != guessed:
        dialect = dialect_of(content, encoding, asked)
    check_names(dialect.names, str(content.path), ", or say --no-header if its first line holds values")
    notes = dialect.notes
    if encoding == "windows-1252" and not asked.encoding:
        notes += (f"{content.path.name} is no UTF-8 and is read as Windows-1252; say --encoding if words look wrong.",)
    file = _Opened(content, encoding, dialect, looked, asked, needed(dialect.names), label, content.size > large)
    if _is_plain(looked, encoding, dialect):
        found = file.as_it_is()
        if found is not None:
            return replace(found, notes=(*notes, *found.notes))
    found = file.anew()
    return replace(found, notes=(*notes, *found.notes))


def _asked_encoding(asked: Asked) -> str | None:
    """Return the encoding asked for; as UTF-8 that which may begin with a mark."""
    wanted = asked.encoding or ""
    return "utf-8-sig" if wanted.lower().replace("_", "-") in ("utf-8", "utf8") else wanted or None


def _is_plain(looked: Look, encoding: str, dialect: Dialect) -> bool:
    """Return whether polars may read a file as it is: it would take empty lines and lines too short for rows."""
    full = looked.parts >= (looked.lines - dialect.top) * (len(dialect.raw) - 1)
    sound = looked.utf_8 and encoding in AS_UTF_8 and full and not dialect.spare
    return sound and not looked.returned and not looked.empty and looked.quotes % 2 == 0


@dataclass(frozen=True)
class _Opened:
    """A table of text whose dialect is known. needed: names of columns to decide."""

    content: Content
    encoding: str
    dialect: Dialect
    looked: Look
    asked: Asked
    needed: Sequence[str]
    label: str | None
    large: bool

    def as_it_is(self) -> Text | None:
        """Return the table as polars reads the file itself; None where only the lines can tell what is wrong."""
        dialect, top = self.dialect, self.dialect.top
        plain = Plain(self.content.source, dialect.separator, top, dialect.header, dialect.raw, dialect.names)
        expected = self.looked.lines - top - dialect.header
        folder = _Folder.of(self.content.size) if self.large else None
        try:
            table = self._loaded(plain, folder)
            rows = table.select(pl.len()).collect().item()
            if rows != expected and self.looked.quotes:
                raise pl.exceptions.ComputeError("rows that go on over several lines")
            return self._decided(plain, table, rows, Lines(top + dialect.header + 1), folder)
        except pl.exceptions.ComputeError:
            _leave(folder)
            return None
        except BaseException:
            _leave(folder)
            raise

    def anew(self) -> Text:
        """Return the table, written anew in plain form."""
        names = self.dialect.names
        folder = _Folder.of(self.content.size) if self.large else None
        try:
            if folder is None:
                written = io.BytesIO()
                lines = write_anew(self.content, self.encoding, self.dialect, written)
                source: Path | bytes = written.getvalue()
            else:
                source = folder.path / "anew.csv"
                with source.open("wb") as stream:
                    lines = write_anew(self.content, self.encoding, self.dialect, stream)
            plain = Plain(source, ",", 0, False, names, names)
            table = plain.empty() if not plain.size else self._loaded(plain, folder)
            rows = table.select(pl.len()).collect().item()
            return self._decided(plain, table, rows, lines, folder)
        except BaseException:
            _leave(folder)
            raise

    @property
    def _words(self) -> list[str]:
        """Columns that are to be read as text, whatever they look like."""
        if self.asked.decimal == "," or self.asked.missing:
            return list(self.dialect.names)
        kinds = {name: self.asked.kind(name)[0] for name in self.needed}
        odd = [name for name, kind in kinds.items() if kind not in ("", "number") or as_read(self.asked.before, name)]
        return [*odd, *self._carried]

    @property
    def _carried(self) -> list[str]:
        """Columns that nobody learns from, as ids, and that an alert list may carry along."""
        return [name for name in self.dialect.names if name not in self.needed]

    def _loaded(self, plain: Plain, folder: "_Folder | None", more: Sequence[str] = ()) -> pl.LazyFrame:
        """Read, with columns of text where their cells differ from what the first lines promise."""
        words = dict.fromkeys((*self._words, *more))
        for every in (False, True):
            try:
                if folder is None:
                    return plain.read(words, every=every).lazy()
                return folder.sunk(plain.scan(words, self.label, every=every))
            except pl.exceptions.ComputeError:
                if every:
                    raise
        raise AssertionError

    def _decided(self, plain: Plain, table: pl.LazyFrame, rows: int, lines: Lines, folder: "_Folder | None") -> Text:
        schema = table.collect_schema()
        parted = self.dialect.separator != ","
        suspects = self._suspects(table, schema, parted=parted)
        if suspects:
            table = self._loaded(plain, folder, suspects)
            schema = table.collect_schema()
        names = [name for name in self.needed if name in schema and schema[name] in (pl.String, *HUGE)]
        floats = any(schema[name].is_float() for name in self.needed if name in schema)
        what = Table(table, str(self.content.path), rows, self.asked, lines, doubtful=parted)
        found = decide(what, names, "." if floats else None)
        table = table.with_columns([*(one.values for one in found), *numbers_among(table, self._carried)])
        if folder is not None:
            if any(one.reading.kind not in ("word", "yes/no") for one in found):
                table = folder.sunk(table)
            weakref.finalize(table, shutil.rmtree, folder.path, ignore_errors=True)
        else:
            table = table.collect().lazy()
        reading = Reading(
            self.encoding,
            self.dialect.separator,
            self.dialect.top,
            self.dialect.header,
            self.asked.missing or (self.asked.before.missing if self.asked.before else ()),
            tuple(one.reading for one in found),
        )
        if lines.jumps is None and rows != self.looked.lines - self.dialect.top - self.dialect.header:
            lines = lines_within(self.content, self.encoding, self.dialect)
        return Text(table, reading, lines, (), self.dialect.index)

    def _suspects(self, table: pl.LazyFrame, schema: pl.Schema, *, parted: bool) -> list[str]:
        """Return columns that were read as fractions and whose cells, as 1.234, may all be thousands."""
        texts = [name for name in self.needed if name in schema and schema[name] == pl.String]
        floats = [name for name in self.needed if name in schema and schema[name].is_float()]
        if not floats:
            return []
        commas = [pl.col(name).str.contains(r"\d,\d").any().alias(f"comma {name}") for name in texts]
        if not parted and not (commas and any(table.select(commas).collect(engine="streaming").row(0))):
            return []
        values = [(name, pl.col(name).fill_nan(None).abs()) for name in floats]
        some = [
            (
                ((value == 0) | value.is_between(1, THOUSAND, "left"))
                & ((value * THOUSAND - (value * THOUSAND).round(0)).abs() < NEARLY)  # polars divides inexactly
            )
            .all()
            .alias(name)
            for name, value in values
        ]
        found = table.select(some).collect(engine="streaming").row(0, named=True)
        return [name for name in floats if found[name]]


def numbers_among(table: pl.LazyFrame, names: Sequence[str]) -> list[pl.Expr]:
    """Return columns of text as numbers where that loses nothing of a cell; 00123 and longer ids stay as they are."""
    names = [name for name, kind in table.collect_schema().items() if name in names and kind == pl.String]
    found: list[pl.Expr] = []
    for kind, form in ((pl.Int64, UNPADDED), (pl.Float64, UNPADDED_FRACTION)):
        if names:
            fits = [pl.col(name).str.contains(form).sum().alias(f"fits {place}") for place, name in enumerate(names)]
            there = [pl.col(name).count().alias(f"there {place}") for place, name in enumerate(names)]
            counts = table.select(*fits, *there).collect(engine="streaming").row(0)
            fit = [name for name, n, m in zip(names, counts, counts[len(names) :], strict=False) if m and n == m]
            found += [pl.col(name).cast(kind) for name in fit]
            names = [name for name in names if name not in fit]
    return found


def _leave(folder: "_Folder | None") -> None:
    if folder is not None:
        shutil.rmtree(folder.path, ignore_errors=True)


@dataclass
class _Folder:
    """A folder of temporary files of one table, the last of which stays."""

    path: Path
    made: int = 0

    @classmethod
    def of(cls, size: int) -> "_Folder":
        """Make the folder. Raises FileError where the disk has no room for that many bytes."""
        path = Path(tempfile.mkdtemp(prefix="diabolo-"))
        if shutil.disk_usage(path).free < size:
            shutil.rmtree(path, ignore_errors=True)
            raise FileError(f"The table needs a temporary copy, and {path.parent} is too full; set TMPDIR elsewhere.")
        return cls(path)

    def sunk(self, table: pl.LazyFrame) -> pl.LazyFrame:
        """Return a table that is stored as Parquet, in bounded memory; the one stored before goes."""
        self.made += 1
        file = self.path / f"table{self.made}.parquet"
        table.sink_parquet(file, row_group_size=ROW_GROUP)
        (self.path / f"table{self.made - 1}.parquet").unlink(missing_ok=True)
        return pl.scan_parquet(file, glob=False, hive_partitioning=False)
