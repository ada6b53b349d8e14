"""Many images of one size as one large picture, so that file headers do not decide a comparison; and back."""

import math
from dataclasses import dataclass

import numpy as np

from diabolo.data.source import Array

SIDE = 16383
"""The longest side of a sheet in pixels: WebP allows no more."""
SHEET_PIXELS = 1 << 21
"""Pixels of a sheet. Lossless JPEG XL packs MNIST into 1.57 bits per pixel on sheets twice as large, 1.36 on these."""


@dataclass(frozen=True)
class Grid:
    """Where images lie on a sheet: row after row, in their order; the cells that are left over are black."""

    rows: int
    columns: int

    def join(self, images: Array) -> Array:
        """Return images (n, h, w) or (n, h, w, c) as a sheet (rows * h, columns * w[, c]); n <= rows * columns."""
        count, height, width, *channels = images.shape
        blank = np.zeros((self.rows * self.columns - count, height, width, *channels), images.dtype)
        cells = np.concatenate([images, blank]).reshape(self.rows, self.columns, height, width, *channels)
        return cells.swapaxes(1, 2).reshape(self.rows * height, self.columns * width, *channels)

    def cut(self, sheet: Array, count: int) -> Array:
        """Return the first `count` images of a sheet that `join` has made."""
        height, width = sheet.shape[0] // self.rows, sheet.shape[1] // self.columns
        cells = sheet.reshape(self.rows, height, self.columns, width, *sheet.shape[2:]).swapaxes(1, 2)
        return cells.reshape(self.rows * self.columns, height, width, *sheet.shape[2:])[:count]


def layout(count: int, height: int, width: int, *, side: int = SIDE) -> Grid:
    """Return the grid for `count` images: no side over `side`, at most 2 : 1 where that can be, few empty cells.

    One image may be larger than `side`; it is a sheet of its own.

    >>> layout(10_000, 28, 28)
    Grid(rows=100, columns=100)
    """
    most_columns, most_rows = max(1, side // width), max(1, side // height)
    grids = [Grid(math.ceil(count / columns), columns) for columns in range(1, min(count, most_columns) + 1)]

    def badness(grid: Grid) -> tuple[bool, int, float]:
        elongation = abs(math.log2(grid.rows * height / (grid.columns * width)))
        return elongation > 1, grid.rows * grid.columns - count, elongation

    return min((grid for grid in grids if grid.rows <= most_rows), key=badness)


def split(images: Array, *, side: int = SIDE, pixels: int = SHEET_PIXELS) -> list[Array]:
    """Return images (n, h, w[, c]) in as few parts as fit on one sheet each, all of about the same size."""
    count, height, width = images.shape[:3]
    together = max(1, min(pixels // (height * width), (side // height) * (side // width)))
    return np.array_split(images, math.ceil(count / together))
