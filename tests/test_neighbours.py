"""Nearest references in cells: what they are beside all distances, and that nothing but the row decides."""

import pytest
import torch

from diabolo.jobs.neighbours import FEW, Neighbours, fit_centres, smallest, whole


def drawn(count: int, seed: int, columns: int = 6) -> torch.Tensor:
    return torch.randn(count, columns, generator=torch.Generator().manual_seed(seed))


def exact(rows: torch.Tensor, references: torch.Tensor) -> torch.Tensor:
    return torch.cdist(rows.double(), references.double()).square().topk(3, 1, largest=False).values.mean(1).float()


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 64, 97])
def test_the_three_smallest_are_those_of_sorting(count: int) -> None:
    x = drawn(count, 0, 50)
    x[:, :10] = x[:1, :10]  # ties
    assert torch.equal(smallest(x).sort(0).values, x.sort(0).values[:3])


def test_few_references_are_all_compared() -> None:
    references, rows = drawn(FEW, 1), drawn(200, 2)
    found = Neighbours(references, fit_centres(references[:, :4]))
    assert len(found.cells) == 1
    torch.testing.assert_close(found.distances(rows), exact(rows, references), rtol=1e-5, atol=1e-6)


def test_cells_find_near_neighbours_and_name_those_that_they_measure() -> None:
    references, rows = drawn(2000, 3), drawn(3000, 4)
    found = Neighbours(references, fit_centres(references[:, :4]))
    assert len(found.cells) > 50
    distances, best = found.distances(rows), exact(rows, references)
    assert (distances >= best * (1 - 1e-5)).all()
    assert (distances / best).median() < 1.2
    named = (rows[:, None] - references[found.nearest(rows)]).square().sum(2).mean(1)
    torch.testing.assert_close(distances, named, rtol=1e-5, atol=1e-6)


def test_a_distance_depends_on_its_row_alone() -> None:
    references, rows = drawn(2000, 5), drawn(5000, 6)
    found = Neighbours(references, fit_centres(references[:, :4]))
    together, order = found.distances(rows), torch.randperm(5000, generator=torch.Generator().manual_seed(7))
    torch.testing.assert_close(found.distances(rows[order]), together[order], rtol=1e-5, atol=1e-6)
    alone = torch.cat([found.distances(rows[i : i + 1]) for i in range(50)])
    torch.testing.assert_close(alone, together[:50], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("columns", [1, 30, 3000])
def test_whole_numbers_add_up_exactly_in_any_order(columns: int) -> None:
    rows, centres = drawn(40, 8, columns) * 20, whole(drawn(5, 9, columns) * 20)
    wanted = 2 * whole(rows).long() @ centres.long().T - centres.long().square().sum(1)
    assert wanted.abs().max() <= 2**24
    assert torch.equal(Neighbours(rows, centres)._grades(rows).long(), wanted)
