"""Stacks in .npy files, mapped into memory page by page."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diabolo.data.images.stacks import Layout, Stack, Writer, named_axes
from diabolo.data.limits import reading
from diabolo.data.source import Array
from diabolo.errors import FileError, FormatError
from diabolo.files import written_whole


@dataclass(frozen=True)
class NpyStack:
    """An array (h, w), (n, h, w), (n, h, w, 3) or with more axes before."""

    images: Array
    layout: Layout

    @classmethod
    def open(cls, path: Path) -> "NpyStack":
        """Raises FileError or FormatError if it is no array of images."""
        if not path.exists():
            raise FileError(f"{path} is not there; give an .npy array of images.")
        with reading(path, "an .npy array"):
            whole: Array = np.load(path, mmap_mode="r", allow_pickle=False)
        if whole.ndim < 2 or 0 in whole.shape:
            raise FormatError(f"{path} has the shape {whole.shape}; images are (h, w), (n, h, w) or (n, h, w, 3).")
        layout = Layout(whole.shape, whole.dtype, named_axes(whole.shape))
        return cls(whole.reshape(layout.count, *layout.image), layout)

    def read(self, number: int) -> Array:
        return np.array(self.images[number])


@contextmanager
def npy_written(path: Path, stack: Stack, *, force: bool) -> Iterator[Writer]:
    """Yield what takes the images of an array like `stack`."""
    layout = stack.layout
    with written_whole(path, force=force) as temporary:
        file = np.lib.format.open_memmap(temporary, mode="w+", dtype=layout.dtype, shape=layout.shape)
        images = file.reshape(layout.count, *layout.image)
        done = 0

        def write(image: Array) -> None:
            nonlocal done
            images[done] = image
            done += 1

        yield write
        file.flush()
