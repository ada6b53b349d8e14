"""Patches: random pieces of larger images, turned and mirrored, each drawn from its number."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diabolo.data.source import Array, Source


@dataclass(frozen=True)
class Patches:
    """`count` random square pieces of `size` pixels of a source of images; row i is always the same piece.

    Each is mirrored or not and turned by 0, 90, 180 or 270 degrees. Reading is the source's own.
    """

    source: Source
    size: int
    count: int
    seed: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.size, self.size, *self.source.shape[2:])

    @property
    def dtype(self) -> np.dtype[np.generic]:
        return self.source.dtype

    @property
    def block(self) -> int:
        return 1

    @property
    def in_memory(self) -> bool:
        return False

    def __len__(self) -> int:
        return self.count

    def take(self, rows: NDArray[np.int64]) -> Array:
        draws = np.array([self._draw(int(row)) for row in rows], np.int64).reshape(-1, 4)
        images, places = np.unique(draws[:, 0], return_inverse=True)
        taken: Array = np.empty((len(rows), *self.shape), self.dtype)
        for number, image in enumerate(images):
            (whole,) = self.source.take(np.array([image]))
            for row in np.flatnonzero(places == number):
                _, top, left, turn = draws[row]
                piece = whole[top : top + self.size, left : left + self.size]
                piece = np.rot90(piece, turn % 4)
                taken[row] = piece[:, ::-1] if turn >= 4 else piece
        return taken

    def _draw(self, row: int) -> tuple[int, int, int, int]:
        """Return (image, top, left, turn) of a row; turns of 4 and more are mirrored."""
        random = np.random.default_rng((self.seed, row))
        height, width = self.source.shape[:2]
        ends = (len(self.source), height - self.size + 1, width - self.size + 1, 8)
        image, top, left, turn = random.integers(0, ends)
        return int(image), int(top), int(left), int(turn)


def mirrored(start: int, end: int, size: int) -> NDArray[np.int64]:
    """Return the row numbers from `start` to `end`, mirrored at 0 and at the last row."""
    period = max(1, 2 * (size - 1))
    folded = np.abs(np.arange(start, end)) % period
    return np.minimum(folded, period - folded) if size > 1 else np.zeros(end - start, np.int64)
