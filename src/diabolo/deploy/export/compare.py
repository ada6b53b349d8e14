"""An exported file beside its model: scores within a tolerance, alerts and reasons equal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diabolo.jobs.detect.rows.named import named

TOLERANCE = 1e-3
"""How far a score may be off, in nats and as a share of it: the two add up their numbers in other orders."""
Numbers = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Answers:
    """Scores (n,), p-values (n,), alerts (n,), and what each column adds, (n, columns)."""

    score: Numbers
    p_value: Numbers
    alert: NDArray[np.bool_]
    contribution: Numbers


@dataclass(frozen=True)
class Difference:
    """The first row that differs: its number, and in what."""

    row: int
    what: str


def first_difference(wanted: Answers, got: Answers, columns: Sequence[str]) -> Difference | None:
    """Return the first row whose score is off by more than the tolerance, or whose alert or reasons differ.

    The columns that are named, and their order, are equal; two of them may change places only where both add the same,
    to 1e-4 of the score.
    """
    off = np.abs(got.score - wanted.score) > TOLERANCE * (1 + np.abs(wanted.score))
    for row in range(len(wanted.score)):
        if off[row]:
            return Difference(row, f"its score is {got.score[row]:.6g} instead of {wanted.score[row]:.6g}")
        if got.alert[row] != wanted.alert[row]:
            return Difference(
                row, f"it raises {'an' if got.alert[row] else 'no'} alert; its score, {got.score[row]:.6g}"
            )
        told = [reasons(answers.contribution[row]) for answers in (wanted, got)]
        if told[0] != told[1] and not _tied(wanted.contribution[row], *told):
            names = [", ".join(columns[column] for column in some) for some in told]
            return Difference(row, f"its reasons are {names[1]} instead of {names[0]}")
    return None


def reasons(parts: Numbers) -> list[int]:
    """Return the columns that are named as reasons, in their order."""
    most, _, told = named(parts[None].astype(np.float32))
    return [int(column) for column in most[0][told[0]]]


def _tied(parts: Numbers, one: list[int], other: list[int]) -> bool:
    """Return whether two orders differ only where columns add the same, or lie at the least share that is named."""
    scale = 1e-4 * max(float(parts.sum()), 1e-9)
    longer, shorter = sorted((one, other), key=len, reverse=True)
    pairs = zip(longer, shorter, strict=False)
    same = all(abs(float(parts[a] - parts[b])) <= scale for a, b in pairs)
    return same and all(abs(float(parts[a]) - 0.05 * float(parts.sum())) <= scale for a in longer[len(shorter) :])
