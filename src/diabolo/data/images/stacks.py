"""Stacks: files of many images of one size and type, read and written image by image.

A stack comes from a TIFF of several pages or of floats, an .npy array or a Zarr store, and goes to any of them.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Protocol

import numpy as np

from diabolo.data.source import Array
from diabolo.errors import ArgumentError

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


def is_stack(path: Path) -> bool:
    """Return whether a file is read as a stack, and not as a picture."""
    from diabolo.data.images.tiff_stack import is_deep_tiff

    ending = path.suffix.lower()
    return ending in (".npy", ".zarr") or (ending in (".tif", ".tiff") and path.is_file() and is_deep_tiff(path))


def open_stack(path: Path) -> Stack:
    """Open a stack. Raises FileError or FormatError for a file that cannot be read as one."""
    from diabolo.data.images.npy_stack import NpyStack
    from diabolo.data.images.tiff_stack import TiffStack
    from diabolo.data.images.zarr_stack import ZarrStack

    openers: dict[str, Callable[[Path], Stack]] = {".npy": NpyStack.open, ".zarr": ZarrStack.open}
    return openers.get(path.suffix.lower(), TiffStack.open)(path)


def written_stack(path: Path, stack: Stack, *, force: bool) -> AbstractContextManager[Writer]:
    """Return a block that writes a stack like `stack`, by its name's ending, whole or not at all.

    Raises ArgumentError for an ending that no stack is written to.
    """
    from diabolo.data.images.npy_stack import npy_written
    from diabolo.data.images.tiff_stack import tiff_written
    from diabolo.data.images.zarr_stack import zarr_written

    writers = {".npy": npy_written, ".zarr": zarr_written, ".tif": tiff_written, ".tiff": tiff_written}
    ending = path.suffix.lower()
    if ending not in writers:
        raise ArgumentError(f"--out must end in .tif, .npy or .zarr for a stack of images, got {path}.")
    return writers[ending](path, stack, force=force)


def evenly(count: int, most: int) -> Iterator[int]:
    """Yield at most `most` numbers below `count`, evenly spread."""
    yield from sorted({round(place) for place in np.linspace(0, count - 1, min(count, most))})
