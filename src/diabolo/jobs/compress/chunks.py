"""Pieces: what goes into one block of an archive, items of one shape together, large ones in strips; and back."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

import numpy as np

from diabolo.coding.archive.items import Item
from diabolo.data.images.mixed import Pictures
from diabolo.data.source import Array, ArraySource, Source
from diabolo.errors import FormatError, InputError

NUMBERS = 1 << 21
"""Numbers (pixels times channels) of one block, about."""
LARGEST = 4 * NUMBERS
"""Numbers of one row of an item that is cut into rows, and of the tiles of one block, at most."""
MOST_NOTES = 1 << 22
"""Bytes of the notes of one block."""
ITEMS = 1 << 14
"""Items of one block."""
BLOCKS = 100
"""Blocks that an archive should have, so that one of them is a hundredth of its items."""
MARK = "@"


@dataclass(frozen=True)
class Piece:
    """items: one for each row of array (n, *shape), whose dtype is that of the archive.

    numbers: which pictures they are, for pictures. kept: why their files are kept, whatever their bytes, or "".
    """

    items: tuple[Item, ...]
    array: Array
    numbers: tuple[int, ...] = ()
    kept: str = ""

    @property
    def strip(self) -> "Strip":
        """Return which rows of the first item its array holds."""
        return strip_of(self.items[0])

    @property
    def ends(self) -> bool:
        """Say whether the last row of an item is there."""
        return (
            bool(self.kept) or self.strip.top + (self.array.shape[1] if self.array.ndim > 1 else 0) >= self.strip.height
        )


@dataclass(frozen=True)
class Strip:
    """Rows `top` and on of an item `height` rows high; a whole item is its own strip."""

    mode: str
    top: int
    height: int


def pieces_of_source(source: Source) -> Iterator[Piece]:
    """Yield the samples of a source in order, without names."""
    numbers = math.prod(source.shape)
    if numbers > NUMBERS:
        for row in range(len(source)):
            # a slice of a memory-mapped array is read strip by strip
            array = source.array[row] if isinstance(source, ArraySource) else source.take(np.array([row]))[0]
            yield from strips(Item(()), array)
        return
    together = max(1, min(ITEMS, NUMBERS // numbers))
    for start in range(0, len(source), together):
        array = source.take(np.arange(start, min(start + together, len(source))))
        yield Piece((Item(source.shape),) * len(array), array)


def pieces_of_pictures(pictures: Pictures, *, exact: bool) -> Iterator[Piece]:
    """Yield images in order as 8-bit arrays; neighbours of one size and kind of file come together.

    Those of which not all would come back have no array: their files are kept. exact: as `Pictures.whole` has it.
    """
    waiting: list[Piece] = []
    for number in range(len(pictures)):
        picture, modified = pictures.whole(number, exact=exact), pictures.modified(number)
        if picture.kept:
            if waiting:
                yield _together(waiting)
                waiting = []
            item = Item((), picture.name, picture.mode, modified=modified)
            yield Piece((item,), picture.array[None], (number,), picture.kept)
            continue
        whole = Item((), picture.name, picture.mode, picture.notes, modified)
        for piece in strips(whole, bytes_of(picture.array), number):
            if waiting and not _fits(waiting, piece):
                yield _together(waiting)
                waiting = []
            waiting.append(piece)
    if waiting:
        yield _together(waiting)


def strips(item: Item, array: Array, *numbers: int) -> Iterator[Piece]:
    """Yield one item with this array, cut into strips of whole rows if it is larger than a block may be.

    Only the first strip has the notes. Raises InputError if even a row is too large.
    """
    row = array.size if array.ndim == 1 else max(1, math.prod(array.shape[1:]))
    if row > LARGEST:
        name = item.name or "an item"
        raise InputError(f"{name} has rows of {row} numbers, at most {LARGEST} are allowed; cut it up.")
    rows = max(1, NUMBERS // row)
    rows = rows // 64 * 64 or rows
    if array.ndim <= 1 or len(array) <= rows:
        yield Piece((replace(item, shape=array.shape),), np.asarray(array)[None], numbers)
        return
    for top in range(0, len(array), rows):
        part = np.ascontiguousarray(array[top : top + rows])
        mode = f"{item.mode}{MARK}{top}/{len(array)}"
        notes = b"" if top else item.notes
        yield Piece((replace(item, shape=part.shape, mode=mode, notes=notes),), part[None], numbers)


def part_counts(piece: Piece, total: int, least: int) -> list[int]:
    """Return how many items of a piece go into each of its blocks.

    That is a hundredth of all `total` items, so that damage stays small, or as many as have `least` numbers.
    """
    each = max(1, total // BLOCKS, least // max(1, math.prod(piece.array.shape[1:])))
    count = len(piece.items)
    return [min(each, count - start) for start in range(0, count, each)]


def part(piece: Piece, start: int, end: int) -> Piece:
    """Return some items of a piece."""
    if end - start == len(piece.items):
        return piece
    return Piece(piece.items[start:end], piece.array[start:end], piece.numbers[start:end], piece.kept)


def strip_of(item: Item) -> Strip:
    """Return which rows of what an item holds. Raises FormatError if its mode is no such mark."""
    mode, mark, place = item.mode.partition(MARK)
    if not mark:
        return Strip(mode, 0, item.shape[0] if item.shape else 0)
    top, slash, height = place.partition("/")
    if not (slash and top.isdigit() and height.isdigit() and int(top) + item.shape[0] <= int(height)):
        raise FormatError(f"the mode {item.mode!r} names no rows of an item; the archive is damaged.")
    return Strip(mode, int(top), int(height))


def deep(mode: str) -> bool:
    """Say whether images of a mode have 16 bits a pixel."""
    return mode.startswith("I")


def bytes_of(array: Array) -> Array:
    """Return pixels as bytes: 16-bit ones as two, the low one first, along a last axis."""
    if array.dtype == np.uint8:
        return array
    return np.ascontiguousarray(array.astype("<u2")).view(np.uint8).reshape(*array.shape, 2)


def pixels_of(array: Array, mode: str) -> Array:
    """Return what `bytes_of` was given, by the mode. Raises FormatError if the mode is not the array's."""
    if not deep(mode):
        return array
    if array.dtype != np.uint8 or array.shape[-1:] != (2,):
        raise FormatError(f"numbers of shape {array.shape} are no pixels of mode {mode!r}; the archive is damaged.")
    return np.ascontiguousarray(array).view("<u2")[..., 0]


def _fits(waiting: list[Piece], piece: Piece) -> bool:
    first = waiting[0].array
    same = first.shape[1:] == piece.array.shape[1:]
    same = same and PurePosixPath(waiting[0].items[0].name).suffix == PurePosixPath(piece.items[0].name).suffix
    notes = sum(len(one.items[0].notes) for one in (*waiting, piece)) <= MOST_NOTES
    return same and notes and len(waiting) < ITEMS and (len(waiting) + 1) * piece.array.size <= NUMBERS


def _together(waiting: list[Piece]) -> Piece:
    items = tuple(item for piece in waiting for item in piece.items)
    numbers = tuple(number for piece in waiting for number in piece.numbers)
    return Piece(items, np.concatenate([piece.array for piece in waiting]), numbers)


def tiles(array: Array, shape: tuple[int, ...]) -> Array:
    """Return (n, *item) cut into samples (m, *shape), edges repeated to fill the last ones; row by row of tiles."""
    if array.shape[1:] == shape:
        return array
    (height, width), (down, across) = shape[:2], tile_grid(array.shape[1:], shape)
    missing = ((0, 0), (0, down * height - array.shape[1]), (0, across * width - array.shape[2]))
    full = np.pad(array, missing + ((0, 0),) * (array.ndim - 3), mode="edge")
    cut = full.reshape(len(array), down, height, across, width, *array.shape[3:])
    return np.ascontiguousarray(cut.swapaxes(2, 3)).reshape(-1, *shape)


def untiled(samples: Array, item: tuple[int, ...]) -> Array:
    """Return the items (n, *item) that `tiles` cut."""
    shape = samples.shape[1:]
    if shape == item:
        return samples
    (height, width), (down, across) = shape[:2], tile_grid(item, shape)
    joined = samples.reshape(-1, down, across, *shape).swapaxes(2, 3)
    full = joined.reshape(-1, down * height, across * width, *shape[2:])
    return np.ascontiguousarray(full[:, : item[0], : item[1]])


def tile_grid(item: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, int]:
    """Return how many tiles of `shape` cover an item, down and across."""
    return -(-item[0] // shape[0]), -(-item[1] // shape[1])


def can_be_cut(item: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Say whether items of one shape are samples of another, or images that can be cut into them."""
    return item == shape or (len(item) == len(shape) > 1 and item[2:] == shape[2:] and 0 not in item)


def tiles_each(item: tuple[int, ...], shape: tuple[int, ...]) -> int:
    """Return how many samples one item makes."""
    return 1 if item == shape else math.prod(tile_grid(item, shape))


def tiles_of(count: int, item: tuple[int, ...], shape: tuple[int, ...]) -> int | None:
    """Return how many samples `count` items make; None if they cannot be cut, or have too many numbers then."""
    if not can_be_cut(item, shape):
        return None
    if item == shape:
        return count
    found = count * math.prod(tile_grid(item, shape))
    return found if found * math.prod(shape) <= LARGEST or found <= 64 else None
