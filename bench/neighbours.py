"""The search for the 3 nearest references: our cells beside scikit-learn's brute force, search alone and end to end.

    python bench/neighbours.py [--rows 50000] [--turns 3]

Rows: the card sample's normal ones (DIABOLO_DATA), jittered by 1 %. End to end: `score_samples` of preset 'table', with
the search as it is, and with brute force in its place. CPU seconds, the median of turns that alternate; and the
correlation of the ranks of both scores.
"""

import argparse
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from unittest.mock import patch

import numpy as np
from scipy.stats import spearmanr
from sklearn.neighbors import NearestNeighbors

from detect_speed import jittered
from diabolo import Autoencoder
from diabolo.jobs.detect.rows.fit import fit_centres
from diabolo.jobs.detect.rows.neighbours import NEIGHBOURS, Cell, Neighbours, Numbers, Rows

COUNTS, TRAINED, TOGETHER = (2_000, 10_000), 20_000, 4096


class Brute(Cell):
    """All references as one cell, searched by scikit-learn."""

    @cached_property
    def index(self) -> NearestNeighbors:
        references = np.ascontiguousarray(self.middle[:, 0] - self.factor[:, :-1])
        return NearestNeighbors(n_neighbors=NEIGHBOURS, algorithm="brute").fit(references)

    def distances(self, rows: Numbers) -> Numbers:
        distances, _ = self.index.kneighbors(np.ascontiguousarray(rows.T))
        return np.square(distances).mean(1, dtype=np.float32)

    def nearest(self, rows: Numbers) -> Rows:
        return self.index.kneighbors(np.ascontiguousarray(rows.T), return_distance=False).T


def one_cell(self: Neighbours) -> list[Cell]:
    cell = self._cell(np.ones(len(self.references), bool))
    return [Brute(cell.members, cell.middle, cell.factor)]


def brute() -> ExitStack:
    """Return a context in which all searches are scikit-learn's."""
    found = cached_property(one_cell)
    found.__set_name__(Neighbours, "cells")
    grades = patch.object(Neighbours, "_grades", lambda _, rows: np.zeros((len(rows), 1), np.float32))
    cells = patch.object(Neighbours, "cells", found)

    both = ExitStack()
    both.enter_context(grades)
    both.enter_context(cells)
    return both


def searched(rows: Numbers, found: Neighbours) -> Numbers:
    distances = np.empty(len(rows), np.float32)
    for some, cuts in found.pieces([rows], TOGETHER):
        for cell, cut in cuts:
            distances[some[cut]] = cell.distances(np.ascontiguousarray(rows[some[cut]].T))
    return distances


def in_turns(works: dict[str, Callable[[], object]], turns: int) -> dict[str, float]:
    """Return the median CPU seconds of each work."""
    spent: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(turns):
        for name, work in works.items():
            start = time.process_time()
            work()
            spent[name].append(time.process_time() - start)
    return {name: float(np.median(seconds)) for name, seconds in spent.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--turns", type=int, default=3)
    asked = parser.parse_args()
    rows = jittered(asked.rows + TRAINED).astype(np.float32)
    scaled = (rows - rows.mean(0)) / rows.std(0)
    print("| | references | cells, s | brute force, s | ratio | ranks agree |\n|---|---|---|---|---|---|")
    middle = np.zeros((rows.shape[1], 1), np.float32)
    for count in COUNTS:
        references, others = scaled[:count], scaled[TRAINED:]
        cells = Neighbours(references, fit_centres(references))
        whole = Brute(np.arange(count), middle, np.column_stack([-references, middle[:1].repeat(count, 0)]))
        works = {"cells": lambda: searched(others, cells), "brute": lambda: whole.distances(others.T)}  # noqa: B023
        print(line(f"search alone | {count:,}", works, asked.turns))
    fitted = Autoencoder("table", epochs=2).fit(rows[:TRAINED])

    def by_brute() -> Numbers:
        with brute():
            return fitted.score_samples(rows[TRAINED:])

    works = {"cells": lambda: fitted.score_samples(rows[TRAINED:]), "brute": by_brute}
    print(line("end to end | both", works, asked.turns))


def line(name: str, works: dict[str, Callable[[], Numbers]], turns: int) -> str:
    """Return a row of the table; each work is done once before it is timed."""
    agree = spearmanr(*(work() for work in works.values())).statistic
    spent = in_turns(works, turns)
    ratio = spent["brute"] / spent["cells"]
    return f"| {name} | {spent['cells']:.2f} | {spent['brute']:.2f} | {ratio:.1f} | {agree:.4f} |"


if __name__ == "__main__":
    main()
