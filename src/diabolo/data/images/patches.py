"""Patches: random pieces of larger images, turned and mirrored, each drawn from its number."""

from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from diabolo.data.source import Array, Source


@dataclass(frozen=True)
class Patches:
    """`count` random square pieces of `size` pixels of images; row i is always the same piece.

    sources: the images, of one type; those of one size are a source. Each image is as likely as any other. Each piece
    is mirrored or not and turned by 0, 90, 180 or 270 degrees.
    """

    sources: tuple[Source, ...]
    size: int
    count: int
    seed: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.size, self.size, *self.sources[0].shape[2:])

    @property
    def dtype(self) -> np.dtype[np.generic]:
        return self.sources[0].dtype

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
        for group, image in enumerate(images):
            source, number = self._place(int(image))
            (whole,) = source.take(np.array([number]))
            for row in np.flatnonzero(places == group):
                _, top, left, turn = draws[row]
                piece = whole[top : top + self.size, left : left + self.size]
                piece = np.rot90(piece, turn % 4)
                taken[row] = piece[:, ::-1] if turn >= 4 else piece
        return taken

    def originals(self) -> Iterator[Array]:
        """Yield the images that patches are cut from."""
        for source in self.sources:
            yield from (source.take(np.array([number])) for number in range(len(source)))

    def _draw(self, row: int) -> tuple[int, int, int, int]:
        """Return (image, top, left, turn) of a row; turns of 4 and more are mirrored."""
        random = np.random.default_rng((self.seed, row))
        image = int(random.integers(self._ends[-1]))
        height, width = self._place(image)[0].shape[:2]
        top, left, turn = random.integers(0, (height - self.size + 1, width - self.size + 1, 8))
        return image, int(top), int(left), int(turn)

    @cached_property
    def _ends(self) -> list[int]:
        """Return the number of images up to the end of each source."""
        return list(accumulate(len(source) for source in self.sources))

    def _place(self, image: int) -> tuple[Source, int]:
        """Return the source that an image is in, and its number there."""
        group = bisect(self._ends, image)
        return self.sources[group], image - (self._ends[group - 1] if group else 0)


def mirrored(start: int, end: int, size: int) -> NDArray[np.int64]:
    """Return the pixel numbers from `start` to `end` along a side of `size` pixels, mirrored at both ends."""
    period = max(1, 2 * (size - 1))
    folded = np.abs(np.arange(start, end)) % period
    return np.minimum(folded, period - folded) if size > 1 else np.zeros(end - start, np.int64)
