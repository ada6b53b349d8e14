"""Sheets: images come back from them, and they keep their limits."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from diabolo.jobs.compress.compare.sheets import Grid, layout, split

COUNTS, SIZES = st.integers(1, 200), st.integers(1, 40)


@given(COUNTS, SIZES, SIZES, st.booleans())
def test_images_come_back_from_a_sheet(count: int, height: int, width: int, colour: bool) -> None:
    shape = (count, height, width, 3) if colour else (count, height, width)
    images = np.random.default_rng(count).integers(0, 256, shape, dtype=np.uint8)
    grid = layout(count, height, width)
    sheet = grid.join(images)
    assert sheet.shape[:2] == (grid.rows * height, grid.columns * width)
    assert np.array_equal(grid.cut(sheet, count), images)


def test_images_lie_row_after_row() -> None:
    images = np.arange(5, dtype=np.uint8)[:, None, None]
    assert Grid(2, 3).join(images).tolist() == [[0, 1, 2], [3, 4, 0]]


@given(COUNTS, SIZES, SIZES, st.integers(10, 300))
def test_every_sheet_keeps_the_limits_unless_one_image_breaks_them(
    count: int, height: int, width: int, side: int
) -> None:
    images = np.zeros((count, height, width), np.uint8)
    parts = split(images, side=side, pixels=5000)
    assert sum(map(len, parts)) == count
    for part in parts:
        grid = layout(len(part), height, width, side=side)
        assert grid.rows * grid.columns >= len(part)
        assert grid.rows * height <= max(side, height)
        assert grid.columns * width <= max(side, width)
        assert len(part) * height * width <= max(5000, height * width)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_few_cells_stay_empty_and_sheets_are_near_square() -> None:
    for count in range(1, 300):
        grid = layout(count, 28, 28)
        assert grid.rows * grid.columns - count <= max(1, count**0.5)
        assert count < 4 or max(grid.rows, grid.columns) <= 2 * min(grid.rows, grid.columns)
