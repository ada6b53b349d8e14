"""Answers to rows as lines of JSON."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

from diabolo.data.tables.values import Row
from diabolo.deploy.runtime.table import TableModel


def lines_of(model: TableModel, parts: Iterable[Sequence[Row]], refused: list[int], *, reasons: bool) -> Iterator[str]:
    """Yield a line for each row, scored or refused, in order; add the number of those refused to `refused`."""
    start = 0
    for rows in parts:
        found = model.score(rows, reasons=reasons)
        why: dict[int, list[dict[str, object]]] = {}
        for refusal in found.refused:
            why.setdefault(refusal.row, []).append({**asdict(refusal), "row": start + refusal.row})
        refused[0] += len(why)
        lines: dict[int, dict[str, object]] = {row: {"refused": each} for row, each in why.items()}
        lines |= {answer.row: asdict(answer) for answer in found.answers}
        for row in range(len(rows)):
            yield json.dumps({**lines[row], "row": start + row}) + "\n"
        start += len(rows)
