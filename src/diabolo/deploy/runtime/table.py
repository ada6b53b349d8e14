"""A detector of table rows at work with NumPy alone: score, p-value, alert and reasons of rows of Python values.

>>> model = open_model(Path("model.safetensors"))  # doctest: +SKIP
>>> model.score([{"amount": 12.5, "city": "Lima"}]).answers[0].p_value  # doctest: +SKIP
0.31
"""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diabolo.data.tables.encoding import Encoding, plain_encoding
from diabolo.data.tables.values import Reader, Refusal, Row, seen, shown
from diabolo.errors import ArgumentError, FileError, FormatError, InputError
from diabolo.jobs.columns import encoding_of, encoding_of_numbers
from diabolo.jobs.detect.detector import traits_of
from diabolo.jobs.detect.rows.named import named
from diabolo.jobs.detect.rows.opened import Opened, opened, prepared_block
from diabolo.jobs.detect.rules import FalseAlarms, Rule
from diabolo.jobs.detect.thresholds import p_values
from diabolo.model.forward import is_dense
from diabolo.training.files.contents import Kept, read_kept

Far = tuple[int, int, float, str]
"""A row that lies too far from the training data: its number, the column, the value there, why it is refused."""
TOGETHER = 1024
"""Rows of a file that are in memory at once."""


@dataclass(frozen=True)
class Reason:
    """column: its name. value: of the row. expected: what the other columns let expect. share: of the score."""

    column: str
    value: Any
    expected: Any
    share: float


@dataclass(frozen=True)
class Answer:
    """row: its number among those given, from 0. score: in nats. reasons: the columns that add most, first."""

    row: int
    score: float
    p_value: float
    alert: bool
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True)
class Scored:
    """The rows that were scored, and those that were not, in order."""

    answers: tuple[Answer, ...]
    refused: tuple[Refusal, ...]


class TableModel:
    """A model of table rows with its detector, opened: nothing more is built when rows are scored.

    columns: the names of the columns. rule: what an alert is.
    """

    def __init__(self, kept: Kept, rule: Rule | None = None) -> None:
        self.kept = kept
        self.detector: Opened = opened(kept)
        self.rule = rule or self.detector.found.rule
        if not self.rule.each:
            raise ArgumentError(
                "The model's rule counts the alerts of a file, and rows come one by one here; give --false-alarms RATE."
            )
        self.own = encoding_of(kept)
        self.encoding, gaps = (self.own, True) if self.own else _of_numbers(kept)
        self.columns, self.reader = self.encoding.names, Reader(self.encoding, gaps=gaps)
        self.owners = self.encoding.owners

    @property
    def threshold(self) -> float | None:
        """The least score that raises an alert; None where none can."""
        return self.rule.least(np.zeros(1), self.detector.found.calibration)

    def example(self) -> dict[str, Any]:
        """Return a row of the training data as a dictionary."""
        own = self.kept.preprocessing.restore(self.detector.found.references[:1]).astype(np.float64)[0]
        columns = zip(self.encoding.columns, self.reader.places, strict=True)
        return {column.name: shown(column, own[place]) for column, place in columns}

    @property
    def width(self) -> int:
        """How many columns a row has."""
        return len(self.columns)

    def score(
        self, rows: Sequence[Row], *, reasons: bool = True, look: Callable[[NDArray[np.float32]], object] | None = None
    ) -> Scored:
        """Return the answers to rows: of values by the names of columns, or in the order of `columns`.

        A row that cannot be used is refused, and the others are scored. look: is shown the prepared rows (n, numbers).
        """
        encoded, refused = self.reader.read(rows)
        out = {refusal.row for refusal in refused}
        good = np.array([row for row in range(len(rows)) if row not in out], np.int64)
        prepared, far = self._prepared(encoded[good])
        refused += [
            Refusal(int(good[at]), self.columns[column], str(value), f"{self.columns[column]}: {why}")
            for at, column, value, why in far
        ]
        if far:
            near = np.setdiff1d(np.arange(len(good)), [at for at, *_ in far])
            good, prepared = good[near], prepared[near]
        if look is not None and len(prepared):
            look(prepared)
        answers = self._answers(rows, good, prepared, reasons=reasons)
        return Scored(tuple(answers), tuple(sorted(refused, key=lambda refusal: refusal.row)))

    def contributions(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what each column adds to the score of prepared rows, (n, columns), in nats."""
        parts = self.detector.scorer.explained(x)[1]
        return self.own.by_column(parts) if self.own else parts

    def scores(self, rows: Sequence[Row]) -> NDArray[np.float64]:
        """Return the scores of rows, (n,). Raises InputError for the first row that cannot be used."""
        found = self.score(rows, reasons=False)
        if found.refused:
            raise InputError(f"Row {found.refused[0].row}: {found.refused[0].message}")
        return np.array([answer.score for answer in found.answers])

    def _prepared(self, encoded: NDArray[np.float64]) -> tuple[NDArray[np.float32], list[Far]]:
        """Return rows in prepared units, and those that lie too far."""
        try:
            return prepared_block(self.kept, encoded), []
        except InputError:
            if len(encoded) > 1:
                return self._prepared_alone(encoded)
            return np.zeros(encoded.shape, np.float32), [(0, *self._too_far(encoded[0]))]

    def _prepared_alone(self, encoded: NDArray[np.float64]) -> tuple[NDArray[np.float32], list[Far]]:
        found = [self._prepared(row[None]) for row in encoded]
        far = [(row, *rest) for row, (_, refused) in enumerate(found) for _, *rest in refused]
        return np.concatenate([prepared for prepared, _ in found]), far  # type: ignore[return-value]

    def _too_far(self, row: NDArray[np.float64]) -> tuple[int, float, str]:
        """Return the column whose value is farthest from training, that value, and why it is refused."""
        how = self.kept.preprocessing
        number = int(np.argmax(np.abs((row - how.offset) / how.scale)))
        value = float(row[number])
        return int(self.owners[number]), value, f"{value:g} is too far from the training data's values."

    def _answers(
        self, rows: Sequence[Row], numbers: NDArray[np.int64], x: NDArray[np.float32], *, reasons: bool
    ) -> Iterator[Answer]:
        if not len(x):
            return
        scorer, calibration = self.detector.scorer, self.detector.found.calibration
        found, parts = scorer.explained(x) if reasons else (scorer.scores(x), None)
        scores = found.astype(np.float64)
        p, alerts = p_values(scores, calibration), self.rule.raised(scores, calibration)
        told: list[tuple[Reason, ...]] = [()] * len(x)
        if parts is not None:
            told = self._reasons(rows, numbers, x, parts)
        for at, row in enumerate(numbers.tolist()):
            yield Answer(row, float(scores[at]), float(p[at]), bool(alerts[at]), told[at])

    def _reasons(
        self, rows: Sequence[Row], numbers: NDArray[np.int64], x: NDArray[np.float32], parts: NDArray[np.float32]
    ) -> list[tuple[Reason, ...]]:
        most, shares, told = named(self.own.by_column(parts) if self.own else parts)
        expected = self._expected(x, most)
        found = []
        for at, number in enumerate(numbers.tolist()):
            row, reasons = rows[number], []
            for place in np.flatnonzero(told[at]).tolist():
                column = int(most[at, place])
                name = self.columns[column]
                value = row[name] if isinstance(row, Mapping) else row[column]
                kind, numbers_of = self.encoding.columns[column], expected[at, place, self.reader.places[column]]
                reasons.append(Reason(name, seen(value, kind), shown(kind, numbers_of), float(shares[at, place])))
            found.append(tuple(reasons))
        return found

    def _expected(self, x: NDArray[np.float32], most: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return for each row and each of its columns `most` (n, k) the row as the others let it expect, (n, k, d)."""
        hidden = self.owners == most[:, :, None]
        seen = np.where(hidden, np.float32(0), x[:, None])
        with np.errstate(all="ignore"):
            back = self.detector.reconstruct(np.ascontiguousarray(seen.reshape(-1, x.shape[1]).T)).T
        return self.kept.preprocessing.restore(back).astype(np.float64).reshape(seen.shape)


def open_model(path: Path, *, false_alarms: float | None = None) -> TableModel:
    """Open a model file for rows of a table. false_alarms: an alert is one in so many normal rows; else the model's.

    Raises FileError or FormatError if it cannot be read, InputError if it scores no rows or its network needs torch.
    """
    kept = read_kept(path)
    if not traits_of(kept).tabular or len(kept.config.shape) != 1:
        raise InputError(f"{path} has no detector of table rows; `diabolo train TABLE --preset table` makes one.")
    if not is_dense(kept.config):
        raise InputError(f"{path} has a network that needs torch; a model of the preset 'table' needs NumPy alone.")
    return TableModel(kept, None if false_alarms is None else FalseAlarms(false_alarms))


def rows_of_csv(path: Path) -> Iterator[list[dict[str, str | None]]]:
    """Yield the rows of a CSV file with names in its first line, some at a time; an empty cell is a gap.

    Raises FileError if it cannot be read, FormatError if a row has another number of cells than the first
    line, or that has a name twice.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(file)
            names = next(lines, [])
            if len(set(names)) < len(names):
                raise FormatError(f"{path} has two columns of one name in its first line; rename one of them.")
            some: list[dict[str, str | None]] = []
            for cells in lines:
                if not cells:
                    continue  # an empty line
                if len(cells) != len(names):
                    raise FormatError(f"{path}, line {lines.line_num}: {len(cells)} cells, {len(names)} are named.")
                some.append({name: cell or None for name, cell in zip(names, cells, strict=True)})
                if len(some) == TOGETHER:
                    yield some
                    some = []
            if some:
                yield some
    except (OSError, csv.Error) as error:
        raise FileError(f"{path} cannot be read: {error}.") from error
    except UnicodeDecodeError as error:
        raise FormatError(f"{path} is no text in UTF-8; save it as such.") from error


def _of_numbers(kept: Kept) -> tuple[Encoding, bool]:
    """Return the encoding of a model that was trained on plain numbers, and whether some may be missing."""
    if kept.about.get("columns") and not kept.preprocessing.unit:
        return encoding_of_numbers(kept), True
    count = kept.config.shape[0]
    names = kept.about.get("columns") or [f"column {number}" for number in range(count)]
    return plain_encoding(names, np.zeros(count), np.ones(count)), False
