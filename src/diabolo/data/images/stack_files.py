"""Files of stacks: a TIFF of several pages or of floats, an .npy array or a Zarr store, to any of them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from diabolo.data.images.npy_stack import NpyStack, npy_written
from diabolo.data.images.stacks import Stack, Writer
from diabolo.data.images.tiff_stack import TiffStack, is_deep_tiff, tiff_written
from diabolo.data.images.zarr_stack import ZarrStack, zarr_written
from diabolo.errors import ArgumentError

OPENERS: dict[str, Callable[[Path], Stack]] = {".npy": NpyStack.open, ".zarr": ZarrStack.open}
WRITERS = {".npy": npy_written, ".zarr": zarr_written, ".tif": tiff_written, ".tiff": tiff_written}


def is_stack(path: Path) -> bool:
    """Return whether a file is read as a stack, and not as a picture."""
    ending = path.suffix.lower()
    return ending in (".npy", ".zarr") or (ending in (".tif", ".tiff") and path.is_file() and is_deep_tiff(path))


def open_stack(path: Path) -> Stack:
    """Open a stack. Raises FileError or FormatError for a file that cannot be read as one."""
    return OPENERS.get(path.suffix.lower(), TiffStack.open)(path)


def written_stack(path: Path, stack: Stack, *, force: bool) -> AbstractContextManager[Writer]:
    """Return a block that writes a stack like `stack`, by its name's ending, whole or not at all.

    Raises ArgumentError for an ending that no stack is written to.
    """
    ending = path.suffix.lower()
    if ending not in WRITERS:
        raise ArgumentError(f"--out must end in .tif, .npy or .zarr for a stack of images, got {path}.")
    return WRITERS[ending](path, stack, force=force)
