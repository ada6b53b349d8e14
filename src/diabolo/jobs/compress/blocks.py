"""Blocks: what goes to the file of an archive: coded pieces, or the picture files themselves where they are smaller."""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from diabolo.coding.archive.general_coder import store, unstore
from diabolo.coding.archive.index import ENTRY
from diabolo.coding.archive.items import Item
from diabolo.coding.archive.layout import BLOCK, Method
from diabolo.data.images.mixed import Pictures, picture_of_file
from diabolo.data.images.one_size import ENDINGS
from diabolo.data.limits import MAX_IMAGE_BYTES
from diabolo.errors import FormatError
from diabolo.jobs.compress.chunks import ITEMS, LARGEST, MARK, Piece, bytes_of

MOST_KEPT = 2 * MAX_IMAGE_BYTES
"""Bytes of the files of one block."""
OVERHEAD = 2 * (BLOCK.size + ENTRY)
"""Bytes that coding has to save: its own block's headers, and those of the files' block that may follow."""


@dataclass(frozen=True)
class Coded:
    """A piece as the model or a general coder codes it; wrong: the sum of squared errors."""

    piece: Piece
    content: bytes
    wrong: float
    method: Method


@dataclass(frozen=True)
class Out:
    """A block to write. count: items that end in it; numbers, raw: of the data (raw in bytes)."""

    items: tuple[Item, ...]
    content: bytes
    method: Method
    count: int
    numbers: int
    raw: int
    wrong: float


@dataclass(frozen=True)
class Files:
    """Items whose files are kept as they were."""

    items: tuple[Item, ...]
    files: tuple[bytes, ...]


def blocks_of(coded: Iterable[Coded], pictures: Pictures | None) -> Iterator[Out]:
    """Yield the blocks to write, in order; neighbours whose files are kept come together.

    Holds at most one picture's strips.
    """
    strips: list[Coded] = []
    kept: list[tuple[Out, bytes]] = []
    held = 0
    for one in coded:
        strips.append(one)
        if not one.piece.ends:
            continue
        if pictures is not None and (one.piece.kept or _files_are_better(strips, pictures)):
            for place, number in enumerate(strips[0].piece.numbers):
                kept.append(_kept(strips, place, pictures.file(number)))
                held += kept[-1][0].raw
                if len(kept) == ITEMS or held >= LARGEST:
                    yield _together(kept)
                    kept, held = [], 0
        else:
            if kept:
                yield _together(kept)
                kept, held = [], 0
            yield from (_coded(strip, pictures) for strip in strips)
        strips = []
    if kept:
        yield _together(kept)


def _files_are_better(strips: list[Coded], pictures: Pictures) -> bool:
    """Say whether the files take less than the coded pictures and their notes."""
    taken = sum(len(strip.content) + OVERHEAD for strip in strips)
    taken += sum(len(zlib.compress(item.notes)) for item in strips[0].piece.items if item.notes)
    return sum(pictures.size(number) + 4 for number in strips[0].piece.numbers) <= taken


def _mode(item: Item) -> str:
    return item.mode.partition(MARK)[0]


def _kept(strips: list[Coded], place: int, data: bytes) -> tuple[Out, bytes]:
    first = strips[0].piece
    if first.kept:
        return Out(first.items, b"", Method.FILES, 1, 0, len(data), 0.0), data
    array = first.array[place]
    height = first.strip.height if len(strips) > 1 else len(array)
    item = first.items[place]
    item = replace(item, shape=(height, *array.shape[1:]), mode=_mode(item), notes=b"")
    numbers = height * int(np.prod(array.shape[1:]))
    return Out((item,), b"", Method.FILES, 1, numbers, len(data), 0.0), data


def _together(kept: list[tuple[Out, bytes]]) -> Out:
    items = tuple(one.items[0] for one, _ in kept)
    content = write_files([data for _, data in kept])
    numbers, raw = sum(one.numbers for one, _ in kept), sum(one.raw for one, _ in kept)
    return Out(items, content, Method.FILES, len(items), numbers, raw, 0.0)


def _coded(one: Coded, pictures: Pictures | None) -> Out:
    piece = one.piece
    count = len(piece.items) if piece.ends else 0
    if pictures is None:
        raw = piece.array.nbytes
    else:
        raw = sum(pictures.size(number) for number in piece.numbers) if piece.ends else 0
    return Out(piece.items, one.content, one.method, count, piece.array.size, raw, one.wrong)


def write_files(files: list[bytes]) -> bytes:
    """Return the payload of a block of files: their lengths, 4 bytes each, and they together, as `store` keeps them.

    A zip may hold files that pack well, so that without it an archive would be larger than the zip.

    >>> read_files(write_files([b"one", b"two"]), 2)
    (b'one', b'two')
    """
    return np.array([len(data) for data in files], "<u4").tobytes() + store(b"".join(files))


def read_files(payload: bytes, count: int) -> tuple[bytes, ...]:
    """Return the files in a payload. Raises FormatError if it is damaged."""
    if len(payload) < 4 * count:
        raise FormatError("the lengths of kept files are cut off; the archive is damaged.")
    ends = np.cumsum(np.frombuffer(payload, "<u4", count).astype(np.int64))
    if ends[-1] > MOST_KEPT:
        raise FormatError(f"a block claims {ends[-1]} bytes of kept files, at most {MOST_KEPT} are allowed.")
    files = unstore(payload[4 * count :], int(ends[-1]))
    starts = [0, *ends[:-1].tolist()]
    return tuple(files[start:end] for start, end in zip(starts, ends.tolist(), strict=True))


def decoded(pieces: Iterable[Piece | Files]) -> Iterator[Piece]:
    """Yield pieces as they are, and the pixels of files. Raises FormatError if one is not the picture it should be."""
    for piece in pieces:
        if isinstance(piece, Piece):
            yield piece
            continue
        for item, data in zip(piece.items, piece.files, strict=True):
            array = bytes_of(picture_of_file(item.name, data).array)
            if not item.shape:
                yield Piece((replace(item, shape=array.shape),), array[None])
                continue
            if array.shape != item.shape:
                raise FormatError(f"{item.name} is {array.shape}, not {item.shape} as listed; the archive is damaged.")
            yield Piece((item,), array[None])


def check_files(items: tuple[Item, ...]) -> None:
    """Raise FormatError unless all items are named as images, so that nothing else is ever written."""
    for item in items:
        if not item.name.lower().endswith(ENDINGS):
            raise FormatError(f"a file called {item.name[:80]!r} is no image, and is not written.")
