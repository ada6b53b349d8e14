"""The dialect of a table of text: what parts its cells, the lines on top, and whether the first row holds names.

Each separator is tried on the first records, as the sniffers of clevercsv (van den Burg et al. 2019) and DuckDB do: the
one that gives rows of one length wins, then the one whose cells are numbers, dates and times. Those libraries answer
with their best guess; here a guess that fails is refused with its line.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from diabolo.data.limits import MAX_HEADER_BYTES
from diabolo.data.tables.reading.content import Content, Record, records
from diabolo.data.tables.reading.numbers import MISSING, NUMBER
from diabolo.data.tables.reading.record import SEPARATORS, Asked, Reading
from diabolo.errors import FormatError, InputError

SAMPLED = 200
MOST_TOP = 50
FIRST = "column_1"
YEARS = range(1800, 2200)
COMMENTS = ("#", "//", "%%", "--")
DECLARED = re.compile(r"^\ufeff?\"?sep=(.)\"?\s*$", re.IGNORECASE)
NUMERIC = re.compile(NUMBER)
TIMED = re.compile(
    r"^\s*(?:\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[ T]+\d{1,2}:\d\d[^,;|\t]*)?"
    r"|[-+]?\d{1,3}:\d\d(?::\d\d(?:\.\d+)?)?(?:\s?[aApP][mM])?)\s*$"
)


@dataclass(frozen=True)
class Dialect:
    """How the records of a table are found. names: of the columns; top: lines above the first row or the names.

    spare: columns at the end without a name or a value, as lines that end in a separator make.
    notes: what a user should know.
    """

    separator: str
    top: int
    header: bool
    names: tuple[str, ...]
    raw: tuple[str, ...]
    spare: int = 0
    notes: tuple[str, ...] = ()
    index: str = ""
    """The name that a first column without one gets."""


def dialect_of(content: Content, encoding: str, asked: Asked) -> Dialect:
    """Return the dialect of a table. Raises InputError where it is empty or leaves open what parts its cells."""
    top, declared = _on_top(content, encoding)
    separator = asked.separator or declared or _usual(content.path)
    if separator is None:
        separator = _found(content, encoding, top)
    sample = _sample(content, encoding, separator, top)
    if not sample:
        next(records(content, encoding, separator, top), None)  # says what is wrong with its first line
        raise InputError(f"{content.path} is an empty table; give a line of column names and lines of numbers.")
    top, sample, notes = _below_titles(top, sample)
    (_, first), *rest = sample
    header = asked.header if asked.header is not None else _header_before(first, asked.before)
    if header is None:
        header = not rest or _holds_names(first, [cells for _, cells in rest], content.path)
        if not header:
            notes += (
                f"{content.path.name} has no line of names: its columns are called column_1, column_2, ...; "
                "where its first line holds names, say so with --header.",
            )
    spare = _spare(first, [cells for _, cells in rest]) if header else 0
    raw = tuple(first) if header else tuple(f"column_{place}" for place in range(1, len(first) + 1))
    names = tuple(name.lstrip("\ufeff").strip() for name in raw[: len(raw) - spare])
    index = FIRST if len(names) > 1 and not names[0] else ""
    names = (index, *names[1:]) if index else names
    return Dialect(separator, top, header, names, raw, spare, notes, index)


def check_names(names: Sequence[str], what: str, remedy: str = "") -> None:
    """Raise InputError for columns without a name, and for columns that share one. remedy: what else may be done."""
    unnamed = [str(number) for number, name in enumerate(names, 1) if not name.strip()]
    if unnamed:
        raise InputError(f"{what} has columns without a name (number {_some(unnamed)}); name or drop them{remedy}.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{what} has columns that share a name: {_some(twice)}; rename or drop them{remedy}.")


def _some(names: Sequence[str]) -> str:
    more = f", ... ({len(names)} in all)" if len(names) > 20 else ""
    return ", ".join(names[:20]) + more


def _header_before(first: Sequence[str], before: Reading | None) -> bool | None:
    """Return whether there is a line of names, where a model's own table says it; None where it says nothing."""
    if before is None or not before.columns:
        return None
    return before.header or {column.name for column in before.columns} <= {name.strip() for name in first}


def _on_top(content: Content, encoding: str) -> tuple[int, str | None]:
    """Return how many lines of comments and empty lines there are on top, and the separator that a line declares."""
    top, declared = 0, None
    with content.text(encoding) as text:
        try:
            for line in iter(lambda: text.readline(MAX_HEADER_BYTES), ""):
                said = DECLARED.match(line.strip())
                if said:
                    declared = said.group(1)
                elif line.lstrip("\ufeff").strip() and not line.lstrip("\ufeff").startswith(COMMENTS):
                    break
                top += 1
                if top > MOST_TOP:
                    break
        except UnicodeError as error:
            raise FormatError(
                f"{content.path} is no {encoding} text; say what it is with --encoding, as windows-1252."
            ) from error
    return top, declared


def _usual(path: Path) -> str | None:
    return "\t" if ".tsv" in path.suffixes else None


def _sample(content: Content, encoding: str, separator: str, top: int) -> list[Record]:
    every = (one for one in records(content, encoding, separator, top) if one[1])
    found: list[Record] = []
    with suppress(FormatError):  # of a line below the names; reading the whole table names it
        found.extend(islice(every, SAMPLED))
    return found


def _found(content: Content, encoding: str, top: int) -> str:
    """Return what parts the cells. Raises InputError where two separators do equally well."""
    samples: dict[str, list[list[str]]] = {}
    for separator in SEPARATORS:
        some = [cells for _, cells in _sample(content, encoding, separator, top)]
        if some and max(map(len, some)) > 1:
            samples[separator] = some
    if not samples:
        return ";"  # one column, whose cells may hold decimal commas
    if any(map(_parts_all, samples.values())):  # then no first line is a title above cells parted by decimal commas
        samples = {separator: some for separator, some in samples.items() if len(some[0]) > 1}
    scores = {separator: _score(some) for separator, some in samples.items()}
    best = max(scores.values())
    winners = [separator for separator, score in scores.items() if score == best]
    if len(winners) > 1:
        raise InputError(
            f"{content.path} may be parted by {' or by '.join(map(repr, winners))}; say which with --separator."
        )
    return winners[0]


def _parts_all(some: Sequence[Sequence[str]]) -> bool:
    """Return whether a separator is in every record, the first too, and as often in nearly all but the first."""
    lengths = Counter(map(len, some[1:]))
    return min(map(len, some)) > 1 and bool(lengths) and max(lengths.values()) >= 0.9 * (len(some) - 1)


def _score(some: Sequence[Sequence[str]]) -> tuple[bool, float, int]:
    """Return whether the most records have one length above 1, the share of cells of a clear kind, and the length."""
    lengths = Counter(map(len, some))
    length, count = max(lengths.items(), key=lambda item: (item[1], item[0]))
    cells = [cell for row in some for cell in row if len(row) == length]
    clear = sum(bool(NUMERIC.match(cell) or TIMED.match(cell)) for cell in cells)
    whole = length > 1 and count >= 0.9 * len(some)
    first = len(some[0]) if len(some) > 1 else length
    return whole and first in (length, 1), round(clear / max(1, len(cells)), 2), length


def _below_titles(top: int, sample: list[Record]) -> tuple[int, list[Record], tuple[str, ...]]:
    """Pass over titles on top: lines with a single cell, above a table of two columns or more."""
    lengths = Counter(len(cells) for _, cells in sample)
    usual = max(lengths.items(), key=lambda item: (item[1], item[0]))[0]
    if usual < 2 or lengths[usual] < 2:
        return top, sample, ()
    full = (place for place, (_, cells) in enumerate(sample) if len(cells) == usual and sum(map(bool, cells)) > 1)
    begin = next(full, 0)
    titles = sample[:begin]
    if not titles or not all(sum(bool(cell.strip()) for cell in cells) <= 1 for _, cells in titles):
        return top, sample, ()
    line, first = sample[begin]
    if not all(cell.strip() and not (NUMERIC.match(cell) or TIMED.match(cell)) for cell in first):
        return top, sample, ()  # no names follow, so it is no title but a line that is wrong
    return line - 1, sample[begin:], (f"Lines 1 to {line - 1} are no part of the table and left out.",)


def _holds_names(first: Sequence[str], rest: Sequence[Sequence[str]], path: Path) -> bool:
    """Return whether the first record holds names: above numbers, dates or times something that is none.

    Numbers that count (0, 1, 2 as pandas writes, or years) are names above cells of another kind.
    Raises InputError where they may as well be values.
    """
    columns = [[row[place].strip() for row in rest if place < len(row)] for place in range(len(first))]
    above = {
        place: name.lstrip("\ufeff").strip()
        for place, (name, cells) in enumerate(zip(first, columns, strict=True))
        if _is_clear(cells)
    }
    given = [name for name in above.values() if name.lower() not in MISSING]
    bare = [name for name, cells in zip(first, columns, strict=True) if all(one.lower() in MISSING for one in cells)]
    if not above and any(NUMERIC.match(name) or TIMED.match(name) for name in bare):
        raise _either(first, path)
    if above and not given:
        counting = [cell for cell in columns[0] if cell] == [str(row) for row in range(len(columns[0]))]
        if above == {0: ""} and counting and len(rest) > 2:
            return True
        raise _either(first, path)
    if not given or not all(NUMERIC.match(name) or TIMED.match(name) for name in given):
        return True
    if len(given) < 2 or len(given) < len(above) - 1 or not all(name.isdecimal() for name in given):
        return False
    numbers = [int(name) for name in given]
    if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        return False
    cells = [cell for place in above for cell in columns[place] if cell]
    years = all(name in YEARS for name in numbers)
    if not all(cell.isdecimal() for cell in cells) or (years and not any(int(cell) in YEARS for cell in cells)):
        return True
    raise _either(first, path)


def _either(first: Sequence[str], path: Path) -> InputError:
    return InputError(
        f"The first line of {path} may hold names or values: {', '.join(map(repr, first[:5]))}; say which with "
        "--header or --no-header."
    )


def _is_clear(cells: Iterable[str]) -> bool:
    given = [cell for cell in cells if cell.strip().lower() not in MISSING]
    clear = sum(bool(NUMERIC.match(cell) or TIMED.match(cell)) for cell in given)
    return bool(given) and clear >= 0.9 * len(given)


def _spare(first: Sequence[str], rest: Sequence[Sequence[str]]) -> int:
    """Return how many columns at the end have no name and no value."""
    spare = 0
    while spare < len(first) - 1 and not first[-1 - spare].strip():
        place = len(first) - 1 - spare
        if any(place < len(row) and row[place].strip() for row in rest):
            break
        spare += 1
    return spare if rest else 0
