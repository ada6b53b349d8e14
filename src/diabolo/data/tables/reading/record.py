"""How a table is read: what a user asked for, and what was decided, shown, kept in the model file and applied again."""

import codecs
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from diabolo.errors import ArgumentError, FormatError

KINDS = ("number", "word", "date", "time", "duration", "yes/no")
FORMED, AS_WORDS = ("date",), "words"
"""Kinds with a form; the form of yes and no that stay words."""
SEPARATORS = (",", ";", "\t", "|")
SEPARATOR_NAMES = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "pipe": "|"}
MOST_COLUMNS = 100_000


@dataclass(frozen=True)
class ColumnReading:
    """How one column is read. kind: one of KINDS. form: of dates that are text, as `strptime` has it.

    decimal, thousands, unit: of numbers in another notation; unit is a currency or '%', which the value keeps: 12 % is
    12. missing: the share of the rows that lack it.
    """

    name: str
    kind: str
    form: str = ""
    decimal: str = "."
    thousands: str = ""
    unit: str = ""
    missing: float = 0.0

    @property
    def plain(self) -> bool:
        """Whether the cells are numbers as Python writes them, or truth values."""
        return (
            self.kind in ("number", "yes/no")
            and not self.form
            and not (self.thousands or self.unit)
            and self.decimal == "."
        )

    @property
    def words(self) -> str:
        """What a person should know of it, beside its name."""
        told = {
            f"as {self.form}": self.form and self.form != AS_WORDS,
            "decimal comma": self.decimal == ",",
            f"thousands by {self.thousands!r}": self.thousands,
            f"in {self.unit}": self.unit,
            f"{100 * self.missing:.2g} % missing": self.missing,
        }
        return ", ".join(words for words, said in told.items() if said)


@dataclass(frozen=True)
class Reading:
    """How a table is read. top: lines above the names or the first row. missing: words that mean an empty cell."""

    encoding: str = "utf-8"
    separator: str = ","
    top: int = 0
    header: bool = True
    missing: tuple[str, ...] = ()
    columns: tuple[ColumnReading, ...] = ()

    def column(self, name: str) -> ColumnReading | None:
        return next((column for column in self.columns if column.name == name), None)

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"missing": list(self.missing), "columns": [asdict(each) for each in self.columns]}


def reading_from_json(plain: Any) -> Reading:
    """Return the reading that `to_json` made. Raises FormatError for anything else."""
    try:
        columns = tuple(ColumnReading(**each) for each in plain["columns"])
        found = Reading(**{**plain, "columns": columns, "missing": tuple(plain["missing"])})
        texts = [found.encoding, found.separator, *found.missing]
        texts += [text for each in columns for text in (each.name, each.form, each.decimal, each.thousands, each.unit)]
        kinds_known = all(each.kind in KINDS for each in columns) and len(columns) <= MOST_COLUMNS
        sound = kinds_known and all(isinstance(text, str) for text in texts) and isinstance(found.header, bool)
    except (KeyError, TypeError, ValueError):
        sound = False
    if not sound:
        raise FormatError("What the model keeps of how its table is read is damaged; train it anew.")
    return found


@dataclass(frozen=True)
class Asked:
    """What a user said of how a table is read; None and empty: decide by the file.

    columns: by name the kind, and after a colon the form of dates. before: how the model's own table was read, which
    settles what the file leaves open.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    encoding: str | None = None
    separator: str | None = None
    decimal: str | None = None
    missing: tuple[str, ...] = ()
    header: bool | None = None
    before: Reading | None = None

    @property
    def given(self) -> tuple[str, ...]:
        """The options that a user gave."""
        parts = ("columns", "encoding", "separator", "decimal", "missing")
        no_header = () if self.header is None else (f"--{'' if self.header else 'no-'}header",)
        return (*(f"--{part}" for part in parts if getattr(self, part)), *no_header)

    def __post_init__(self) -> None:
        for name, kind in self.columns.items():
            _check_kind(name, kind)
        if self.encoding is not None:
            _check_encoding(self.encoding)
        if self.separator is not None and (len(self.separator.encode()) != 1 or self.separator in '"\r\n'):
            raise ArgumentError(f"--separator must be one character, as ';' or tab, got {self.separator!r}.")
        if self.decimal not in (None, ".", ","):
            raise ArgumentError(f"--decimal must be '.' or ',', got {self.decimal!r}.")

    def kind(self, name: str) -> tuple[str, str]:
        """Return the kind and the form that were asked for a column, '' where nothing was."""
        kind, _, form = self.columns.get(name, "").partition(":")
        return kind, form


def _check_kind(name: str, kind: str) -> None:
    base, colon, form = kind.partition(":")
    if base not in KINDS or (colon and base not in FORMED) or (colon and "%" not in form):
        raise ArgumentError(
            f"--columns gives each column one of {', '.join(KINDS)}, or a date's form as date:%d/%m/%Y; "
            f"got {name}={kind}."
        )


def _check_encoding(name: str) -> None:
    try:
        known = codecs.lookup(name)._is_text_encoding
    except (LookupError, ValueError):
        known = False
    if not known:
        raise ArgumentError(f"--encoding must be utf-8, utf-16, windows-1252 or another of Python's, got {name!r}.")


def _parts(given: str) -> list[str]:
    """Return the parts of 'a=number,b=date:%b %d, %Y': a comma parts them if a new name follows."""
    parts: list[str] = []
    for part in given.split(","):
        if parts and "=" not in part:
            parts[-1] += f",{part}"
        else:
            parts.append(part)
    return parts


def asked_from(
    columns: Sequence[str] | None = None,
    encoding: str | None = None,
    separator: str | None = None,
    decimal: str | None = None,
    missing: str | None = None,
    header: bool | None = None,
) -> Asked:
    """Return what options of the command line ask for. columns: each 'name=kind', several parted by commas.

    Raises ArgumentError that says what is allowed.
    """
    wanted = {}
    for part in (part for given in columns or () for part in _parts(given)):
        name, equals, kind = part.rpartition("=")
        if not equals or not name.strip():
            raise ArgumentError(f"--columns takes NAME=KIND, as amount=number,when=date:%d/%m/%Y; got {part.strip()}.")
        wanted[name.strip()] = kind.strip()
    words = () if missing is None else tuple(word.strip() for word in missing.split(","))
    parted = None if separator is None else SEPARATOR_NAMES.get(separator.lower(), separator)
    return Asked(wanted, encoding, parted, decimal, tuple(word for word in words if word), header)
