"""Restore: where the items of an archive go, a folder of images or an array, in bounded memory, whole or not at all."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy
from PIL import Image

from diabolo.data.source import Array
from diabolo.data.writing import folder_whole, to_image
from diabolo.errors import InputError
from diabolo.files import written_whole
from diabolo.jobs.decompress import Restored, restored
from diabolo.jobs.pieces import Piece, pixels_of

LOSSLESS = (".png", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".pnm")
"""Endings of formats that keep every pixel and are written as they were named; the others become .png."""
RESTORED = {"1": "1", "L": "L", "LA": "LA", "RGB": "RGB", "RGBA": "RGBA"}
"""Modes that are restored; palettes, CMYK and YCbCr stay the RGB that they were read as."""

Watcher = Callable[[int], None]


def to_folder(pieces: Iterable[Piece], path: Path, *, watch: Watcher | None = None) -> int:
    """Write every item as an image under its name, or its number; return how many there are.

    The folder appears when all is done. Raises FileError if it cannot be written, InputError for what is no image.
    """
    names: set[str] = set()
    with folder_whole(path) as folder:
        for item in joined(_items(pieces, watch)):
            name = _free_name(item.name or f"{len(names):06}.png", names)
            names.add(name)
            place = folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            picture(item).save(place)
    return len(names)


def to_array(pieces: Iterable[Piece], path: Path, *, force: bool, watch: Watcher | None = None) -> int:
    """Write the items, all of one shape, as one .npy file; return how many there are.

    Raises FileError if it cannot be written, InputError if their shapes differ.
    """
    count, kind = 0, None
    with written_whole(path, force=force) as temporary, temporary.open("wb+") as file:
        for piece in pieces:
            first = restored(piece.items[0], piece.array[0])
            found = ((first.height, *first.array.shape[1:]), first.array.dtype)
            if kind not in (None, found):
                raise InputError(f"{path} cannot hold items of several shapes ({kind}, {found}); give a folder.")
            if kind is None:
                _write_header(file, 0, *found)
            kind = found
            file.write(np.ascontiguousarray(pixels_of(piece.array, first.mode)).tobytes())
            count += len(piece.items) if first.whole else first.top == 0
            if watch:
                watch(len(piece.items))
        file.seek(0)
        _write_header(file, count, *(kind or ((), np.dtype(np.uint8))))
    return count


def _write_header(file: BinaryIO, count: int, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> None:
    """Write the start of a .npy file; NumPy leaves room in it for a larger count."""
    described = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": (count, *shape)}
    npy.write_array_header_1_0(file, described)


def joined(items: Iterable[Restored]) -> Iterator[Restored]:
    """Yield items with their strips put together. Raises InputError if one is missing (its block was damaged)."""
    waiting: list[Restored] = []
    for item in items:
        if item.top != sum(len(strip.array) for strip in waiting) or (waiting and waiting[0].name != item.name):
            raise InputError(f"a part of {item.name or 'an item'} is missing; its other parts cannot be written alone.")
        waiting.append(item)
        if item.top + len(item.array) >= item.height:
            whole = np.concatenate([strip.array for strip in waiting]) if len(waiting) > 1 else item.array
            yield Restored(item.name, item.mode, 0, item.height, whole)
            waiting = []


def _items(pieces: Iterable[Piece], watch: Watcher | None) -> Iterator[Restored]:
    for piece in pieces:
        for item, array in zip(piece.items, piece.array, strict=True):
            yield restored(item, array)
        if watch:
            watch(len(piece.items))


def picture(item: Restored) -> Image.Image:
    """Return an item as an image of its mode. Raises InputError if it is none."""
    array: Array = item.array
    if (
        array.ndim not in (2, 3)
        or array.dtype.kind not in "uf"
        or (array.ndim == 3 and array.shape[2] not in (1, 3, 4))
    ):
        raise InputError(
            f"items of shape {array.shape} and type {array.dtype} are no pictures; give --out a .npy file."
        )
    image = to_image(array)
    return image.convert(RESTORED[item.mode]) if item.mode in RESTORED else image


def _free_name(name: str, taken: set[str]) -> str:
    """Return the name with an ending that keeps every pixel, and that is not taken."""
    path = PurePosixPath(name)
    if path.suffix.lower() in LOSSLESS and name not in taken:
        return name
    short = str(path.with_suffix(".png"))
    return short if short not in taken else f"{name}.png"
