"""Restore: where the items of an archive go, a folder of images or an array, in bounded memory, whole or not at all."""

import io
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy
from PIL import Image

from diabolo.data.images.mixed import RESTORED
from diabolo.data.images.notes import with_notes
from diabolo.data.source import Array
from diabolo.data.writing import folder_whole, to_image
from diabolo.errors import InputError
from diabolo.files import written_whole
from diabolo.jobs.compress.blocks import Files, decoded
from diabolo.jobs.compress.chunks import Piece, pixels_of
from diabolo.jobs.compress.decompress import Restored, as_kept, restored

PLAIN = ("1", "L", "RGB")
KEEPING = {".png": None, ".tif": None, ".tiff": None, ".bmp": PLAIN, ".ppm": PLAIN, ".pgm": PLAIN, ".pnm": PLAIN}
"""Endings of formats that keep every pixel of these modes and are written as named; the others become .png."""

Watcher = Callable[[int], None]


def to_folder(
    pieces: Iterable[Piece | Files], path: Path, *, watch: Watcher | None = None, partly: bool = False
) -> int:
    """Write every item as an image under its name, or its number; return how many there are.

    partly: leave out items of which a part is missing. The folder appears when all is done.
    Raises FileError if it cannot be written, InputError for what is no image.
    """
    names = Names()
    with folder_whole(path) as folder:
        for item in joined(_items(pieces, watch), partly=partly):
            place, moved = names.place(item)
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            if moved:
                (folder / place).rename(folder / moved)
            write_picture(folder / place, item)
    return names.count


def write_picture(path: Path, item: Restored) -> None:
    """Write the file that was kept, or else the pixels by the path's ending, a PNG with its notes; and set its date."""
    if item.file is not None:
        path.write_bytes(item.file)
    elif path.suffix.lower() == ".png" and item.notes:
        buffer = io.BytesIO()
        picture(item).save(buffer, "PNG")
        path.write_bytes(with_notes(buffer.getvalue(), item.notes))
    else:
        picture(item).save(path)
    if item.modified:
        os.utime(path, (item.modified, item.modified))


class Names:
    """Names that were given out: no two alike, and the image that was called so keeps its name."""

    def __init__(self) -> None:
        self.count = 0
        self._given: dict[str, str] = {}

    def place(self, item: Restored) -> tuple[str, str]:
        """Return the name for an item, and the name that the file which has it by now must take, or ""."""
        own = item.name or f"{self.count:06}.png"
        self.count += 1
        if item.file is not None or _keeps(own, item):
            other = self._given.get(own)
            moved = "" if other in (None, own) else self._free(f"{other}.png")
            if moved:
                self._given[moved] = str(other)
            name = own if other != own else self._free(f"{own}.png")
        else:
            name, moved = self._free(str(PurePosixPath(own).with_suffix(".png")), f"{own}.png"), ""
        self._given[name] = own
        return name, moved

    def _free(self, *wanted: str) -> str:
        for name in wanted:
            if name not in self._given:
                return name
        name = wanted[-1]
        while name in self._given:
            name += ".png"
        return name


def _keeps(name: str, item: Restored) -> bool:
    """Say whether the format of a name keeps every pixel of an item, and its notes."""
    ending = PurePosixPath(name).suffix.lower()
    if item.notes and ending != ".png":
        return False
    return ending in KEEPING and (KEEPING[ending] is None or item.mode in (KEEPING[ending] or ()))


def as_array(pieces: Iterable[Piece | Files]) -> Array:
    """Return the items, all of one shape, as one array (n, *shape). Raises InputError if their shapes differ."""
    arrays = [item.array for item in joined(_items(decoded(pieces), None))]
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        raise InputError(f"items of several shapes ({', '.join(map(str, sorted(shapes)[:3]))}) make no array.")
    return np.stack(arrays)


def to_array(
    pieces: Iterable[Piece | Files], path: Path, *, force: bool, watch: Watcher | None = None, partly: bool = False
) -> int:
    """Write the items, all of one shape, as one .npy file; return how many there are.

    partly: leave out items of which a part is missing.
    Raises FileError if it cannot be written, InputError if their shapes differ, or a part is missing.
    """
    count, kind, start, rows = 0, None, 0, 0
    with written_whole(path, force=force) as temporary, temporary.open("wb+") as file:
        for piece in decoded(pieces):
            first = restored(piece.items[0], piece.array[0])
            found = ((first.height, *first.array.shape[1:]), first.array.dtype)
            if kind not in (None, found):
                raise InputError(f"{path} cannot hold items of several shapes ({kind}, {found}); give a folder.")
            if kind is None:
                _write_header(file, 0, *found)
                start = file.tell()
            kind = found
            if first.top == 0 or first.top != rows:
                _missing(first, partly, rows=rows)
                file.seek(start)
                file.truncate()
                rows = 0
            if first.top == rows:
                file.write(np.ascontiguousarray(pixels_of(piece.array, first.mode)).tobytes())
                rows += first.array.shape[0] if first.array.ndim else 0
                if piece.ends:
                    count, start, rows = count + len(piece.items), file.tell(), 0
            if watch:
                watch(len(piece.items) if piece.ends else 0)
        _missing(None, partly, rows=rows)
        file.seek(start)
        file.truncate()
        file.seek(0)
        _write_header(file, count, *(kind or ((), np.dtype(np.uint8))))
    return count


def _missing(item: Restored | None, partly: bool, *, rows: int) -> None:
    """Raise InputError if an item of which `rows` were read does not go on, unless parts may be missing."""
    if not partly and (rows or (item is not None and item.top)):
        raise InputError("a part of an item is missing; its other parts cannot be written alone.")


def _write_header(file: BinaryIO, count: int, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> None:
    """Write the start of a .npy file; NumPy leaves room in it for a larger count."""
    described = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": (count, *shape)}
    npy.write_array_header_1_0(file, described)


def joined(items: Iterable[Restored], *, partly: bool = False) -> Iterator[Restored]:
    """Yield items with their strips put together.

    partly: leave out an item of which a strip is missing (its block was damaged), which is an InputError otherwise.
    """
    waiting: list[Restored] = []
    for item in items:
        if item.top != sum(len(strip.array) for strip in waiting) or (waiting and not _alike(waiting[0], item)):
            if not partly:
                _missing(item, partly, rows=1)
            waiting = []
            if item.top:
                continue
        if item.top + (len(item.array) if item.array.ndim else 0) < item.height:
            waiting.append(item)
            continue
        whole = np.concatenate([strip.array for strip in (*waiting, item)]) if waiting else item.array
        yield replace(item, top=0, array=whole, notes=(waiting or [item])[0].notes)
        waiting = []
    if waiting:
        _missing(None, partly, rows=1)


def _alike(one: Restored, other: Restored) -> bool:
    same = (one.name, one.mode, one.height) == (other.name, other.mode, other.height)
    return same and one.array.shape[1:] == other.array.shape[1:]


def _items(pieces: Iterable[Piece | Files], watch: Watcher | None) -> Iterator[Restored]:
    for piece in pieces:
        if isinstance(piece, Files):
            yield from map(as_kept, piece.items, piece.files)
        else:
            yield from (restored(item, array) for item, array in zip(piece.items, piece.array, strict=True))
        if watch:
            watch(len(piece.items) if isinstance(piece, Files) or piece.ends else 0)


def picture(item: Restored) -> Image.Image:
    """Return an item as an image of its mode. Raises InputError if it is none."""
    array: Array = item.array
    flat = array.ndim == 2 and array.dtype.name in ("uint8", "uint16", "float16", "float32", "float64")
    colour = array.ndim == 3 and array.shape[2] in (1, 3, 4) and array.dtype.name in ("uint8", "float32", "float64")
    if not array.size or not (flat or colour):
        raise InputError(
            f"items of shape {array.shape} and type {array.dtype} are no pictures; give --out a .npy file."
        )
    image = to_image(array)
    return image.convert(item.mode, dither=Image.Dither.NONE) if item.mode in RESTORED else image
