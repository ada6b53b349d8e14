"""What a table was read as: how its file is written, and each column with its kind and what it lacks."""

from collections.abc import Sequence
from typing import Any

from diabolo.data.tables.reading.record import ColumnReading, Reading

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes"}
MOST_NAMED = 100


def file_text(reading: Reading) -> str:
    """Return how the file is written, in words; '' where it is plain UTF-8 with commas and names."""
    said = {
        reading.encoding: reading.encoding not in ("utf-8", "utf-8-sig"),
        f"parted by {SEPARATORS.get(reading.separator, repr(reading.separator))}": reading.separator != ",",
        f"{reading.top} lines on top left out": reading.top,
        "without a line of names": not reading.header,
        f"empty where {', '.join(map(repr, reading.missing))}": reading.missing,
    }
    return ", ".join(words for words, true in said.items() if true)


def kinds_text(columns: Sequence[ColumnReading]) -> list[str]:
    """Return a line for each kind, with its columns: '3 numbers: a, b (decimal comma), c (2 % missing)'."""
    kinds = list(dict.fromkeys(column.kind for column in columns))
    lines = []
    for kind in kinds:
        some = [column for column in columns if column.kind == kind]
        named = [f"{one.name} ({one.words})" if one.words else one.name for one in some[:MOST_NAMED]]
        more = f", ... {len(some) - MOST_NAMED} more" if len(some) > MOST_NAMED else ""
        plural = kind if kind == "yes/no" or len(some) == 1 else f"{kind}s"
        lines.append(f"{len(some)} {plural}: {', '.join(named)}{more}")
    return lines


def reading_text(reading: Reading, indent: int = 14) -> str:
    """Return how a table was read, as lines that begin with 'columns'."""
    lines = [*([file_text(reading)] if file_text(reading) else []), *kinds_text(reading.columns)]
    return "\n".join(f"{'columns' if not place else '':<{indent}}{line}" for place, line in enumerate(lines))


def table_json(reading: Reading, rows: int, notes: Sequence[str]) -> dict[str, Any]:
    """Return what `info` says of a table as JSON values."""
    return {"rows": rows, **reading.to_json(), "notes": list(notes)}
