"""Columns of a table as numbers: each kind says how it is encoded and how numbers are put back in its own units.

Numbers: the value; where training had gaps, a second number tells them. Words: how rare the word is, -log of its share,
and a 1 for each of the 32 most frequent. Dates: the day, the time of day and the weekday as points on a circle.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from diabolo.data.tables.dates import DAY, FIRST_DAY, LAST_DAY, as_stamps, refuse_others, times_of
from diabolo.errors import InputError

if TYPE_CHECKING:
    import polars as pl

MOST_SHOWN, MOST_KEPT, LONGEST = 32, 1000, 200
"""Words that get a number of their own, words whose share is kept, characters of a word that is kept."""
OTHER = "(other)"
GAP = 10.0
WEEK, TURN = 7.0, 2 * np.pi
SEEN_BY_RANGE = 0.001
"""Weight of the day of a table in order of time: new rows always come later."""
Numbers_ = NDArray[np.float64]


@dataclass(frozen=True)
class Numbers:
    """Numbers or booleans. dtype: polars' name of it. fill: what stands for a gap. gaps: whether training had any."""

    name: str
    dtype: str
    fill: float
    gaps: bool
    kind = "number"
    counted = False

    @property
    def numbers(self) -> tuple[str, ...]:
        return (self.name, f"{self.name} missing") if self.gaps else (self.name,)

    @property
    def weights(self) -> tuple[float, ...]:
        return (1.0,) * len(self.numbers)

    def encode(self, values: "pl.Series", where: str) -> Numbers_:
        """Return (n, 1 or 2) numbers. Raises InputError that names the column for text or infinity."""
        return self.placed(_as_numbers(values, where))

    def placed(self, found: Numbers_) -> Numbers_:
        """Return (n, 1 or 2) numbers from values (n,), NaN where they are missing."""
        empty = np.isnan(found)
        filled = np.where(empty, self.fill, found)
        return np.column_stack([filled, empty]) if self.gaps else filled[:, None]

    def decode(self, numbers: Numbers_) -> "pl.Series":
        import polars as pl

        value = numbers[:, 0]
        kind = getattr(pl, self.dtype)
        if kind == pl.Boolean:
            found = pl.Series(self.name, value >= 0.5)
        elif kind.is_integer():
            least, most = (float(pl.select(end).item()) for end in (kind.min(), kind.max()))
            found = pl.Series(self.name, np.clip(np.rint(value), max(least, -(2.0**53)), min(most, 2.0**53))).cast(kind)
        else:
            found = pl.Series(self.name, value).cast(kind)
        gaps = numbers[:, 1] >= 0.5 if self.gaps else np.zeros(len(value), bool)
        return _with_gaps(found, gaps)


@dataclass(frozen=True)
class Words:
    """Words, of which any may be new. words: by falling frequency (None: missing); counts: in training, of `total`."""

    name: str
    words: tuple[str | None, ...]
    counts: tuple[int, ...]
    total: int
    kind = "word"
    counted = True

    @property
    def shown(self) -> tuple[str | None, ...]:
        return self.words[:MOST_SHOWN]

    @property
    def numbers(self) -> tuple[str, ...]:
        return (f"{self.name} rarity", *(f"{self.name}={'missing' if w is None else w}" for w in self.shown))

    @property
    def weights(self) -> tuple[float, ...]:
        """Of the indicators: so that two words differ by as much as if the column were one number of spread 1."""
        shares = np.array(self.counts[: len(self.shown)], float) / self.total
        spread = np.sqrt(shares * (1 - shares))
        whole = np.sqrt(max(1 - np.square(shares).sum() - (1 - shares.sum()) ** 2, 1e-12))
        return (1.0, *(float(weight) for weight in np.where(spread > 0, spread / whole, 1.0)))

    @property
    def table(self) -> Numbers_:
        """The numbers of each word; the last row is that of all others.

        The share of words seen once stands for that of words never seen (Good 1953).
        """
        rare = self.total - sum(self.counts)
        shares = np.array([*self.counts, rare + 0.5]) / (self.total + 0.5)
        table = np.zeros((len(self.words) + 1, 1 + len(self.shown)))
        table[:, 0] = -np.log(shares)
        table[np.arange(len(self.shown)), 1 + np.arange(len(self.shown))] = 1
        return table

    def encode(self, values: "pl.Series", where: str) -> Numbers_:
        """Return (n, 1 + words shown) numbers."""
        del where
        return np.asarray(self.table[self.codes(values)], np.float64)

    def codes(self, values: "pl.Series") -> NDArray[np.int64]:
        """Return the number of each word, len(words) for any other."""
        import polars as pl

        known = pl.Series(self.words, dtype=pl.String)
        codes = pl.Series(np.arange(len(self.words)), dtype=pl.Int64)
        return _as_words(values).replace_strict(known, codes, default=len(self.words), return_dtype=pl.Int64).to_numpy()

    def decode(self, numbers: Numbers_) -> "pl.Series":
        import polars as pl

        names = pl.Series([*self.shown, OTHER], dtype=pl.String)
        return names.gather(self.likeliest(numbers)).alias(self.name)

    def likeliest(self, numbers: Numbers_) -> NDArray[np.int64]:
        """Return the place of the likeliest word among those shown, their count for any other, (n,)."""
        shown = numbers[:, 1:]
        return np.asarray(np.column_stack([shown, 1 - shown.sum(1)]).argmax(1), np.int64)


@dataclass(frozen=True)
class Dates:
    """Dates or times. form: of text; '' where they come as such. dtype: 'Date' or 'Datetime'.

    timed: whether times of day differ. low, high: the first and last day. clock: whether rows come in order of time.
    """

    name: str
    dtype: str
    form: str
    timed: bool
    low: float
    high: float
    clock: bool
    kind = "date"
    counted = False

    @property
    def weekly(self) -> bool:
        return (self.clock or self.timed) and self.high - self.low >= 2 * WEEK

    @property
    def numbers(self) -> tuple[str, ...]:
        parts = ["day", "missing", *(["time sin", "time cos"] * self.timed), *(["week sin", "week cos"] * self.weekly)]
        return tuple(f"{self.name} {part}" for part in parts)

    @property
    def weights(self) -> tuple[float, ...]:
        return (SEEN_BY_RANGE if self.clock else 1.0, 1.0, *(0.5**0.5,) * (len(self.numbers) - 2))

    def encode(self, values: "pl.Series", where: str) -> Numbers_:
        """Return (n, 2 to 6) numbers. Raises InputError that names the column for what is no date."""
        stamps = as_stamps(values, self.form, where)
        return self.placed(stamps.fill_null(int(self.low) * DAY).to_numpy(), stamps.is_null().to_numpy())

    def placed(self, stamps: NDArray[np.int64], empty: NDArray[np.bool_]) -> Numbers_:
        """Return (n, 2 to 6) numbers from microseconds since 1970 (n,); empty: where they are missing."""
        stamp = np.where(empty, int(self.low) * DAY, stamps).astype(np.float64)
        day = np.floor(stamp / DAY)
        parts = [np.clip(day, self.low, self.high) if self.clock else day, GAP * empty]
        for used, angle in ((self.timed, (stamp - day * DAY) / DAY), (self.weekly, day / WEEK)):
            parts += [np.sin(TURN * angle), np.cos(TURN * angle)] if used else []
        return np.column_stack(parts)

    def decode(self, numbers: Numbers_) -> "pl.Series":
        import polars as pl

        stamps = pl.Series(self.name, self.stamps(numbers)).cast(pl.Datetime("us"))
        found = stamps.cast(pl.Date) if self.dtype == "Date" else stamps
        return _with_gaps(found.dt.to_string(self.form) if self.form else found, numbers[:, 1] >= GAP / 2)

    def stamps(self, numbers: Numbers_) -> NDArray[np.int64]:
        """Return the times that numbers stand for, to the second, as microseconds since 1970, (n,)."""
        seconds = np.zeros(len(numbers))
        if self.timed:
            seconds = np.rint(np.arctan2(numbers[:, 2], numbers[:, 3]) / TURN % 1 * 86_400) % 86_400
        days = np.clip(np.rint(numbers[:, 0]), FIRST_DAY, LAST_DAY)
        return np.asarray(days * DAY + seconds * 1e6, np.int64)


@dataclass(frozen=True)
class Times:
    """Times of day, as points on a circle."""

    name: str
    kind = "time"
    counted = False

    @property
    def numbers(self) -> tuple[str, ...]:
        return (f"{self.name} missing", f"{self.name} time sin", f"{self.name} time cos")

    @property
    def weights(self) -> tuple[float, ...]:
        return (1.0, 0.5**0.5, 0.5**0.5)

    def encode(self, values: "pl.Series", where: str) -> Numbers_:
        """Return (n, 3) numbers. Raises InputError that names the column for what is no time of day."""
        import polars as pl

        read = times_of(values)
        refuse_others(values, read, where, "times of day")
        return self.placed(read.cast(pl.Int64).fill_null(0).to_numpy() // 1000, read.is_null().to_numpy())

    def placed(self, since: NDArray[np.int64], empty: NDArray[np.bool_]) -> Numbers_:
        """Return (n, 3) numbers from microseconds since midnight (n,); empty: where they are missing."""
        angle = TURN * since / DAY
        return np.column_stack([GAP * empty, np.sin(angle) * ~empty, np.cos(angle) * ~empty])

    def decode(self, numbers: Numbers_) -> "pl.Series":
        import polars as pl

        found = pl.Series(self.name, self.seconds(numbers) * 10**9).cast(pl.Time)
        return _with_gaps(found, numbers[:, 0] >= GAP / 2)

    def seconds(self, numbers: Numbers_) -> NDArray[np.int64]:
        """Return the seconds since midnight that numbers stand for, (n,)."""
        turned = np.arctan2(numbers[:, 1], numbers[:, 2]) / TURN % 1
        return np.asarray(np.rint(turned * 86_400) % 86_400, np.int64)


Column = Numbers | Words | Dates | Times


def _with_gaps(values: "pl.Series", empty: NDArray[np.bool_]) -> "pl.Series":
    import polars as pl

    return pl.select(pl.when(~pl.Series(empty)).then(values).alias(values.name)).to_series()


def _as_numbers(values: "pl.Series", where: str) -> Numbers_:
    """Return numbers, NaN where they are missing. Raises InputError for infinity, and for text that is no number."""
    import polars as pl

    numbers = (
        values.cast(pl.Float64, strict=False) if values.dtype != pl.Duration else values.dt.total_nanoseconds() / 1e9
    )
    refuse_others(values, numbers, where, "numbers")
    found = np.array(numbers.cast(pl.Float64).fill_null(float("nan")).to_numpy(), np.float64)
    if np.isinf(found).any():
        row = int(np.flatnonzero(np.isinf(found))[0])
        raise InputError(
            f"{where} has values that are infinite in: {values.name} (row {row}); mend or drop those rows."
        )
    return found


def _as_words(values: "pl.Series") -> "pl.Series":
    import polars as pl

    return values.cast(pl.String)
