"""Nearest references in cells: what they are beside all distances, and that nothing but the row decides."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from diabolo.jobs.detect.rows.fit import FEW, fit_centres
from diabolo.jobs.detect.rows.neighbours import Neighbours, smallest, whole

Numbers = NDArray[np.float32]


def drawn(count: int, seed: int, columns: int = 6) -> Numbers:
    return np.random.default_rng(seed).standard_normal((count, columns), np.float32)


def exact(rows: Numbers, references: Numbers) -> NDArray[np.float64]:
    far = np.square(rows[:, None].astype(np.float64) - references).sum(2)
    return np.sort(far, 1)[:, :3].mean(1)


def distances(found: Neighbours, rows: Numbers) -> Numbers:
    far = np.empty(len(rows), np.float32)
    for some, cuts in found.pieces([rows], 100):
        for cell, cut in cuts:
            far[some[cut]] = cell.distances(rows[some[cut]].T)
    return far


def nearest(found: Neighbours, rows: Numbers) -> NDArray[np.int64]:
    named = np.empty((len(rows), 3), np.int64)
    for some, cuts in found.pieces([rows], 100):
        for cell, cut in cuts:
            named[some[cut]] = cell.nearest(rows[some[cut]].T)[0].T
    return named


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 64, 97])
def test_the_three_smallest_are_those_of_sorting(count: int) -> None:
    x = drawn(count, 0, 50)
    x[:, :10] = x[:1, :10]  # ties
    assert_array_equal(np.stack(smallest(x.copy())), np.sort(x, 0)[:3])


def test_few_references_are_all_compared() -> None:
    references, rows = drawn(FEW, 1), drawn(200, 2)
    found = Neighbours(references, fit_centres(references[:, :4]))
    assert len(found.cells) == 1
    assert_allclose(distances(found, rows), exact(rows, references), rtol=1e-5, atol=1e-6)


def test_cells_find_near_neighbours_and_name_those_that_they_measure() -> None:
    references, rows = drawn(2000, 3), drawn(3000, 4)
    found = Neighbours(references, fit_centres(references[:, :4]))
    assert len(found.cells) > 50
    far, best = distances(found, rows), exact(rows, references)
    assert (far >= best * (1 - 1e-5)).all()
    assert np.median(far / best) < 1.2
    named = np.square(rows[:, None] - references[nearest(found, rows)]).sum(2).mean(1)
    assert_allclose(far, named, rtol=1e-5, atol=1e-6)


def test_a_distance_depends_on_its_row_alone() -> None:
    references, rows = drawn(2000, 5), drawn(5000, 6)
    found = Neighbours(references, fit_centres(references[:, :4]))
    together, order = distances(found, rows), np.random.default_rng(7).permutation(5000)
    assert_allclose(distances(found, rows[order]), together[order], rtol=1e-5, atol=1e-6)
    alone = np.concatenate([distances(found, rows[i : i + 1]) for i in range(50)])
    assert_allclose(alone, together[:50], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("columns", [1, 30, 3000])
def test_whole_numbers_add_up_exactly_in_any_order(columns: int) -> None:
    rows, centres = drawn(40, 8, columns) * 20, whole(drawn(5, 9, columns) * 20)
    wanted = 2 * whole(rows).astype(int) @ centres.astype(int).T - np.square(centres.astype(int)).sum(1)
    assert np.abs(wanted).max() <= 2**24
    assert_array_equal(Neighbours(rows, centres)._grades(rows), wanted)
