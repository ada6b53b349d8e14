"""Stacks: many images of one size and type, read image by image."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Protocol

import numpy as np

from diabolo.data.source import Array

COLOURS = (3, 4)


@dataclass(frozen=True)
class Layout:
    """What a stack is. shape: of the whole; its last numbers are those of one image, (h, w) or (h, w, channels).

    axes: a letter for each, as TIFF and OME have them: T time, Z depth, C channel, Y, X, S samples of a pixel.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    axes: str

    @property
    def image(self) -> tuple[int, ...]:
        """The shape of one image."""
        return self.shape[-3:] if self.axes.endswith("S") else self.shape[-2:]

    @property
    def count(self) -> int:
        return prod(self.shape[: -len(self.image)])


class Stack(Protocol):
    """Images that wait to be read one at a time."""

    @property
    def layout(self) -> Layout: ...
    def read(self, number: int) -> Array:
        """Return image `number`, of the layout's shape and type."""
        ...


Writer = Callable[[Array], None]
"""Takes the images one by one, in their order."""


def named_axes(shape: tuple[int, ...]) -> str:
    """Return the axes of an array that does not name them: the last two are an image, or three of a colour image."""
    colour = len(shape) > 2 and shape[-1] in COLOURS and min(shape[-3:-1]) > shape[-1]
    inner = "YXS" if colour else "YX"
    outer = len(shape) - len(inner)
    return "TZC".rjust(outer, "Q")[-outer:] + inner if outer else inner


def evenly(count: int, most: int) -> Iterator[int]:
    """Yield at most `most` numbers below `count`, evenly spread."""
    yield from sorted({round(place) for place in np.linspace(0, count - 1, min(count, most))})
