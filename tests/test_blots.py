"""Blots: seeded, of every strength, on images of any size and in colour."""

import pytest
import torch

from diabolo.model.corruption.blots import GAPS, LINES, SPOTS, Draws, blotted, cracks, grain, shapes


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("shape", [(4, 48, 48, 1), (3, 20, 33, 3), (2, 2, 2, 1), (2, 1, 5, 1), (2, 1, 1, 1)])
def test_blots_are_seeded_and_leave_the_rest_alone(shape: tuple[int, ...]) -> None:
    images = torch.randn(shape, generator=generator(1))
    found = blotted(images, 10.0, generator())
    assert found.shape == images.shape
    torch.testing.assert_close(blotted(images, 10.0, generator()), found)
    assert torch.isfinite(found).all()
    torch.testing.assert_close(blotted(images[:, :, :, :1], 0.0, generator()).mean(), images.mean(), atol=1, rtol=0)


def test_most_pixels_stay_and_some_change() -> None:
    images = torch.randn(200, 48, 48, 1, generator=generator(1))
    changed = (blotted(images, 10.0, generator()) != images).float().mean((1, 2, 3))
    assert 0.02 < changed.mean() < 0.35
    assert (changed > 0).float().mean() > 0.6


def test_lines_are_thin_and_spots_are_round() -> None:
    painted = shapes((48, 48), Draws(300, generator(), torch.device("cpu")))
    assert painted.min() >= 0
    assert painted.max() <= 1
    assert min(SPOTS[0], LINES[0], GAPS[0]) >= 3


def test_cracks_are_thin_and_most_lie_along_rows_or_columns() -> None:
    painted = cracks((64, 64), Draws(400, generator(), torch.device("cpu")))[..., 0] > 0.25
    painted = painted[painted.sum((1, 2)) >= 12]
    assert len(painted) > 200
    assert painted.float().mean((1, 2)).median() < 0.04
    heights, widths = (painted.any(way).sum(1) for way in (2, 1))
    longer, shorter = torch.maximum(heights, widths), torch.minimum(heights, widths)
    assert (longer > 2 * shorter).float().mean() > 0.6
    assert 0.3 < (heights > widths).float().mean() < 0.7


def test_the_change_is_in_units_of_the_grain() -> None:
    images = torch.randn(100, 32, 32, 1, generator=generator(1))
    torch.testing.assert_close(grain(3 * images), 3 * grain(images))
    small, large = (blotted(scale * images, 10.0, generator()) / scale for scale in (1.0, 5.0))
    torch.testing.assert_close(small, large, atol=1e-4, rtol=1e-4)


def test_all_can_be_darker() -> None:
    images = torch.zeros(100, 32, 32, 1)
    assert blotted(images, 10.0, generator(), lighter=0.0).max() == 0
    assert blotted(images, 10.0, generator(), lighter=1.0).min() == 0
