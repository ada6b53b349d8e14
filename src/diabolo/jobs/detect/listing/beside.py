"""What an alert list carries along: columns of the file that the model does not know, and the file's line numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diabolo.data.limits import is_small
from diabolo.data.source import Source
from diabolo.data.tables.frames import FrameSource, frames_of, lines_of, parsing, rows_of
from diabolo.errors import InputError

OWN = ("row", "line", "item", "score", "p_value", "rarity", "alert", "reasons", "nearest")
LOOKED_AT = 1000


@dataclass(frozen=True)
class Beside:
    """Columns to carry along. source: what was scored. kept: those columns, as rows of the file; None: there are none.

    left_out: those that are not carried, as they would take more memory than a table may.
    """

    source: Source
    kept: FrameSource | None
    left_out: tuple[str, ...] = ()

    def columns(self, rows: NDArray[np.int64]) -> dict[str, Any]:
        """Return the columns of some of the rows that were scored, by the names that the list gives them."""
        lines = lines_of(self.source, rows)
        found: dict[str, Any] = {} if lines is None else {"line": lines}
        if self.kept is not None:
            frame = self.kept.frame(rows_of(self.source, rows))
            found |= {f"{name} (file)" if name in OWN else name: frame[name] for name in frame.columns}
        return found


def beside_of(source: Source, known: Sequence[str], asked: Sequence[str]) -> Beside:
    """Return what is carried along: of a table the columns asked for, and all others that the model does not know.

    Raises InputError for a column that is not there.
    """
    table = frames_of(source)
    if table is None:
        if asked:
            raise InputError(f"--keep names a column of a table, and these data are none; leave {asked[0]} out.")
        return Beside(source, None)
    there = table.names
    lacking = [name for name in asked if name not in there]
    if lacking:
        raise InputError(
            f"{table.path} lacks the columns {', '.join(lacking)} of --keep; it has {', '.join(there[:50])}."
        )
    names = tuple(name for name in there if name in asked or name not in known)
    if not names:
        return Beside(source, None)
    kept = replace(table, columns=names, kept=None, row_bytes=0)
    some = kept.frame(np.arange(min(len(table), LOOKED_AT)))
    if is_small(int(some.estimated_size() / max(1, len(some)) * len(table))):
        with parsing(table.path):
            return Beside(source, replace(kept, kept=kept.table.select(names).collect()))
    left = tuple(name for name in names if name not in asked)
    return Beside(source, replace(kept, columns=tuple(asked)) if asked else None, left)
