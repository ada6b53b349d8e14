"""What one column can add to a score is bounded: log(n + 1) nats in each of its two views, by the n rows learnt.

A value that n rows never showed has a probability of about 1 / (n + 1) (Laplace's rule of succession); how far off it
lies is no evidence of more. One wrecked value also spoils what the autoencoder and the whitening make of the other
columns. So the column whose repair lowers the score most is repaired first, with the value that the others let expect,
as cellwise methods do (Raymaekers and Rousseeuw 2021), while its repair lowers the score by more than the bound.
"""

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from diabolo.model.forward import Reconstruct, wide

MOST_REPAIRS, MOST_TRIED, TOGETHER = 6, 8, 2**16
PASSES, FEW, VIEWS = 8, 32, 2
Numbers = NDArray[np.float32]


class Unbounded(Protocol):
    """A score in nats of prepared rows (n, numbers), and what each number adds to it."""

    reconstruct: Reconstruct

    @property
    def references(self) -> Numbers:
        """Some learnt rows (r, numbers)."""

    def plain_scores(self, x: Numbers) -> Numbers: ...

    def plain_explained(self, x: Numbers) -> tuple[Numbers, Numbers]: ...


def bound_of(learnt: int) -> float:
    """Return what a column can add at most, in nats, by the rows learnt."""
    return VIEWS * math.log(learnt + 1)


class Bounded:
    """The bound at work on rows of numbers. owners: (numbers,), the column of each number. most: nats."""

    def __init__(self, scorer: Unbounded, owners: NDArray[np.int64], most: float) -> None:
        self.scorer, self.owners, self.most = scorer, owners, most
        self._learnt: dict[int, Numbers] = {}
        self.firsts = np.searchsorted(owners, np.arange(owners[-1] + 1))

    def scores(self, x: Numbers, scores: Numbers) -> Numbers:
        """Return scores (n,) with every column's part bounded. scores: of the rows (n, numbers) without a bound."""
        high = np.flatnonzero(scores > self.most)
        for rows in self._pieces(high):
            scores[rows] = self._repaired(x.take(rows, 0), scores[rows])[0]
        return scores

    def explained(self, x: Numbers, scores: Numbers, parts: Numbers) -> tuple[Numbers, Numbers]:
        """Return bounded scores (n,), and parts (n, numbers) that add up to them, from those without a bound."""
        for rows in self._pieces(np.flatnonzero(scores > self.most)):
            scores[rows], parts[rows] = self._repaired(x.take(rows, 0), scores[rows])
        return scores, parts

    def _pieces(self, rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        size = max(1, TOGETHER // len(self.owners))
        return np.array_split(rows, -(-len(rows) // size)) if len(rows) else []

    def _repaired(self, x: Numbers, scores: Numbers) -> tuple[Numbers, Numbers]:
        """Return bounded scores (n,) and parts (n, numbers)."""
        columns = len(self.firsts)
        done, parts = np.zeros((len(x), columns), bool), self.scorer.plain_explained(x)[1]
        rows, scores = np.arange(len(x)), scores.copy()
        for _ in range(min(MOST_REPAIRS, columns)):
            rows = self._repair(x, scores, parts, done, rows)
            if not len(rows):
                break
        added = np.add.reduceat(parts, self.firsts, axis=1)
        factor = np.divide(self.most, added, out=np.ones_like(added), where=added > self.most)
        factor[done] = 0
        over = (added - added * factor).sum(1, where=~done) + (added * done).sum(1)
        parts = parts * factor[:, self.owners]
        parts[:, self.firsts] += np.float32(self.most) * done
        return np.asarray(scores - over + np.float32(self.most) * done.sum(1), np.float32), parts

    def _repair(
        self, x: Numbers, scores: Numbers, parts: Numbers, done: NDArray[np.bool_], rows: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Repair in place the column of each of the rows whose repair helps most; return the rows that changed."""
        added = np.where(done[rows], -np.inf, np.add.reduceat(parts[rows], self.firsts, axis=1))
        tried = np.argsort(-added, axis=1, kind="stable")[:, :MOST_TRIED]
        best, better, which = scores[rows] - np.float32(self.most), x[rows], np.full(len(rows), -1)
        for column in tried.T:
            changed = self._expected(x[rows], column)
            found = self.scorer.plain_scores(changed)
            wins = (found < best) & ~done[rows, column]
            best, which = np.where(wins, found, best), np.where(wins, column, which)
            better = np.where(wins[:, None], changed, better)
        helped = which >= 0
        rows = rows[helped]
        x[rows], scores[rows], done[rows, which[helped]] = better[helped], best[helped], True
        if len(rows):
            parts[rows] = self.scorer.plain_explained(x[rows])[1]
        return rows

    def _expected(self, x: Numbers, column: NDArray[np.int64]) -> Numbers:
        """Return rows with one column of each as the other columns let expect it: a fixed point of the autoencoder.

        It begins with the mean. Words and other columns of few values get the nearest value that was learnt.
        """
        hidden = self.owners[None, :] == column[:, None]
        found = np.where(hidden, np.float32(0), x)
        for _ in range(PASSES):
            seen = np.zeros((x.shape[1], wide(len(x))), np.float32)
            seen[:, : len(x)] = found.T
            found = np.where(hidden, self.scorer.reconstruct(seen)[:, : len(x)].T, x)
        for one in np.unique(column):
            rows, numbers = np.flatnonzero(column == one), np.flatnonzero(self.owners == one)
            values = self._values(int(one))
            if len(numbers) > 1 or len(values) <= FEW:
                place = np.ix_(rows, numbers)
                far = np.square(found[place][:, None] - values).sum(2)
                found[place] = values[far.argmin(1)]
        return found

    def _values(self, column: int) -> Numbers:
        """Return the values of a column that the references hold, (values, its numbers)."""
        if column not in self._learnt:
            seen = self.scorer.references[:, self.owners == column]
            self._learnt[column] = np.unique(seen, axis=0)
        return self._learnt[column]
