"""The encoding of a table: columns of any kind as one row of numbers, fitted on training rows, and back again."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from diabolo.config.json import from_json
from diabolo.data.tables.columns import LONGEST, MOST_KEPT, Column, Dates, Numbers, Times, Words
from diabolo.data.tables.dates import DAY, as_stamps, form_of, is_text
from diabolo.errors import FormatError, InputError

if TYPE_CHECKING:
    import polars as pl

KINDS: dict[str, type[Column]] = {"numbers": Numbers, "words": Words, "dates": Dates, "times": Times}
NAMES = {kind: name for name, kind in KINDS.items()}
STRANGE = 100.0
IN_ORDER = 0.99
MOST_COLUMNS = 100_000
WHOLE = ("Int8", "Int16", "Int32", "Int64", "Int128", "UInt8", "UInt16", "UInt32", "UInt64", "UInt128")
NUMBERS = (*WHOLE, "Float16", "Float32", "Float64", "Decimal", "Boolean")
"""polars' names of whole numbers, and of all that are numbers in a table."""


@dataclass(frozen=True)
class Encoding:
    """The columns of a table, in the order of their numbers."""

    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def numbers(self) -> tuple[str, ...]:
        """What each number says."""
        return tuple(name for column in self.columns for name in column.numbers)

    @property
    def owners(self) -> NDArray[np.int64]:
        """The column of each number."""
        return np.repeat(np.arange(len(self.columns)), [len(column.numbers) for column in self.columns])

    @property
    def weights(self) -> NDArray[np.float64]:
        """By how much a distance in each number is to count, once it is in units of its spread."""
        return np.array([weight for column in self.columns for weight in column.weights])

    def encode(self, frame: "pl.DataFrame", where: str = "the table") -> NDArray[np.float64]:
        """Return rows as numbers (n, numbers). Raises InputError that names a column that is not what it was."""
        encoded = np.empty((len(frame), len(self.owners)))
        start = 0
        for column in self.columns:
            found = column.encode(frame[column.name], where)
            encoded[:, start : start + found.shape[1]] = found
            start += found.shape[1]
        return encoded

    def decode(self, numbers: NDArray[Any]) -> "pl.DataFrame":
        """Return the rows that numbers (n, numbers) stand for, in the table's own units."""
        edges = np.searchsorted(self.owners, np.arange(1, len(self.columns)))
        parts = np.split(np.asarray(numbers, np.float64), edges, axis=1)
        import polars as pl

        return pl.DataFrame([column.decode(part) for column, part in zip(self.columns, parts, strict=True)])

    def by_column(self, parts: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what each column adds (n, columns), from what each number does (n, numbers)."""
        edges = np.searchsorted(self.owners, np.arange(len(self.columns)))
        return np.add.reduceat(parts.astype(np.float64), edges, axis=1).astype(np.float32)

    def to_json(self) -> list[dict[str, Any]]:
        return [{"is": NAMES[type(column)], **_plain(column)} for column in self.columns]


def _plain(column: Column) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(column).items()}


def encoding_from_json(plain: Any) -> Encoding:
    """Return the encoding that `to_json` made. Raises FormatError for anything else."""
    if not isinstance(plain, list) or not 0 < len(plain) <= MOST_COLUMNS:
        raise FormatError("The model's encoding of its table is damaged; train it anew.")
    return Encoding(tuple(_column(each) for each in plain))


def _column(plain: Any) -> Column:
    values = dict(plain) if isinstance(plain, dict) else {}
    kind = KINDS.get(str(values.pop("is", None)))
    if kind is None:
        raise FormatError(f"A column of the model's table must be one of {', '.join(KINDS)}; train it anew.")
    if kind is Words:
        return _words_from_json(values)
    column = from_json(kind, values)
    if isinstance(column, Numbers) and not (column.dtype in NUMBERS and np.isfinite(column.fill)):
        raise FormatError("A column of the model's table has no usable type; train it anew.")
    if isinstance(column, Dates) and not (
        column.dtype in ("Date", "Datetime") and -1e8 < column.low <= column.high < 1e8
    ):
        raise FormatError("A column of dates in the model's table has no usable range; train it anew.")
    return column


def _words_from_json(values: dict[str, Any]) -> Words:
    words, counts, total = (values.get(name) for name in ("words", "counts", "total"))
    sound = isinstance(words, list) and isinstance(counts, list) and len(words) == len(counts) <= MOST_KEPT
    if not sound or set(values) != {"name", "words", "counts", "total"} or not isinstance(values["name"], str):
        raise FormatError("A column of words in the model's table is damaged; train it anew.")
    assert isinstance(words, list)
    assert isinstance(counts, list)
    right = all(word is None or isinstance(word, str) for word in words) and len(set(words)) == len(words)
    right &= all(type(count) is int and count > 0 for count in (*counts, total))
    if not right or sum(counts) > int(total or 0):
        raise FormatError("A column of words in the model's table has no usable counts; train it anew.")
    return Words(values["name"], tuple(words), tuple(counts), int(total or 0))


def fit_encoding(frame: "pl.DataFrame", where: str = "the table", words: Sequence[str] = ()) -> Encoding:
    """Fit on training rows. words: columns of text that are known to hold words, by all rows of their file.

    Raises InputError for columns of lists and the like, for infinite values, and for numbers in another notation.
    """
    from diabolo.data.tables.notation import check_notation

    others = [name for name, kind in frame.schema.items() if not fits(kind)]
    if others:
        raise InputError(f"{where} has columns of no usable kind: {', '.join(others[:20])}; drop them.")
    for name in frame.columns:
        if is_text(frame[name].dtype) and name not in words:
            check_notation(frame[name], where)
    return Encoding(tuple(_fitted(frame[name], where, known=name in words) for name in frame.columns))


def fits(kind: "pl.DataType") -> bool:
    """Return whether a column of that type can be learnt from."""
    import polars as pl

    others = (pl.Boolean, pl.Date, pl.Datetime, pl.Time, pl.Duration, pl.Null)
    return kind.is_numeric() or kind in others or is_text(kind)


def _fitted(values: "pl.Series", where: str, *, known: bool = False) -> Column:
    import polars as pl

    if values.dtype in (pl.Date, pl.Datetime):
        return _dates(values, "", where)
    if values.dtype == pl.Time:
        return Times(values.name)
    if is_text(values.dtype) and known:
        return _words(values.cast(pl.String))
    if is_text(values.dtype):
        form = form_of(values.cast(pl.String))
        return _dates(values, form, where) if form else _words(values.cast(pl.String))
    if values.dtype == pl.Null:
        return _words(values.cast(pl.String))
    return _numbers(values, where)


def _numbers(values: "pl.Series", where: str) -> Numbers:
    kind = values.dtype.base_type().__name__
    kind = "Float64" if kind in ("Decimal", "Duration") else kind
    found = Numbers(values.name, kind, float("nan"), gaps=False).encode(values, where)[:, 0]
    there = found[~np.isnan(found)]
    if len(there) < len(found):
        return Numbers(values.name, kind, float(np.median(there)) if len(there) else 0.0, gaps=True)
    return Numbers(values.name, kind, strange(float(there.max()), float(there.std())), gaps=False)


def strange(high: float, spread: float) -> float:
    """Return what stands for a gap where training had none: far outside what it saw."""
    return high + STRANGE * (spread or 1.0)


def _words(words: "pl.Series") -> Words:
    """Keep the words that occur twice or more, the most frequent first."""
    import polars as pl

    counts = words.value_counts(sort=False, name="count").sort(["count", words.name], descending=[True, False])
    kept = counts.filter((pl.col("count") > 1) & (pl.col(words.name).str.len_chars().fill_null(0) <= LONGEST))
    kept = kept.head(MOST_KEPT)
    return Words(words.name, tuple(kept[words.name]), tuple(kept["count"]), len(words))


def _dates(values: "pl.Series", form: str, where: str) -> Dates:
    stamps = as_stamps(values, form, where).drop_nulls().to_numpy().astype(np.float64)
    stamps = stamps if len(stamps) else np.zeros(1)
    import polars as pl

    days = np.floor(stamps / DAY)
    timed = bool((stamps != days * DAY).any())
    dated = values.dtype == pl.Date or (bool(form) and "%H" not in form)
    steps = np.diff(stamps)
    clock = len(steps) > 0 and bool((steps >= 0).mean() >= IN_ORDER or (steps <= 0).mean() >= IN_ORDER)
    kind = "Date" if dated else "Datetime"
    return Dates(values.name, kind, form, timed, float(days.min()), float(days.max()), clock)


def plain_encoding(columns: Sequence[str], offset: NDArray[np.float64], scale: NDArray[np.float64]) -> Encoding:
    """Return the encoding of a table that was all numbers in training, so that gaps are evidence in it now."""
    places = zip(columns, np.broadcast_to(offset, len(columns)), np.broadcast_to(scale, len(columns)), strict=True)
    return Encoding(
        tuple(Numbers(name, "Float64", strange(float(at), float(by)), gaps=False) for name, at, by in places)
    )
