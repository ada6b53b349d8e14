"""Windows: what a network has to see of an image to work out one tile of it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diabolo.data.images.patches import mirrored
from diabolo.data.source import Array

BORDER = 16
"""Mirrored pixels beyond the image's edge, at least."""


@dataclass(frozen=True)
class Side:
    """Along one side: the tile's pixels from start to end, and the window's, which may lie beyond the image."""

    start: int
    end: int
    first: int
    last: int

    def mirrored(self, size: int) -> NDArray[np.int64]:
        """Return the window's pixel numbers in an image of `size` pixels, mirrored at both ends."""
        return mirrored(self.first, self.last, size)


@dataclass(frozen=True)
class Window:
    """A tile (`rows.start` to `rows.end`, `columns.start` to ...) with the pixels around it that count for it."""

    rows: Side
    columns: Side

    @property
    def tile(self) -> tuple[slice, slice]:
        return slice(self.rows.start, self.rows.end), slice(self.columns.start, self.columns.end)

    @property
    def inner(self) -> tuple[slice, slice]:
        """Return where the tile lies in the window."""
        sides = (self.rows, self.columns)
        down, across = (slice(side.start - side.first, side.end - side.first) for side in sides)
        return down, across

    @property
    def size(self) -> tuple[int, int]:
        return self.rows.last - self.rows.first, self.columns.last - self.columns.first

    def of(self, image: Array) -> Array:
        """Return the window's pixels of an image (h, w, c), mirrored where it lies beyond."""
        height, width = image.shape[:2]
        return image[self.rows.mirrored(height)[:, None], self.columns.mirrored(width)]


def windows(size: tuple[int, ...], tile: int, *, look: int, unit: int) -> list[Window]:
    """Return the windows of tiles that cover an image of `size` (h, w); a tile sees `look` pixels around it.

    Every window begins and ends on the same grid of `unit` pixels, so that two tilings see the same; beyond the image
    it ends BORDER pixels or a little more.
    """
    tile, look = max(unit, tile // unit * unit), math.ceil(look / unit) * unit
    columns = list(_sides(size[1], tile, look, unit))
    return [Window(down, across) for down in _sides(size[0], tile, look, unit) for across in columns]


def _sides(size: int, tile: int, look: int, unit: int) -> Iterator[Side]:
    border = math.ceil(BORDER / unit) * unit
    final = math.ceil(size / unit) * unit + border
    for start in range(0, size, tile):
        end = min(size, start + tile)
        aligned = math.ceil(end / unit) * unit
        yield Side(start, end, max(-border, start - look), min(final, aligned + look))
