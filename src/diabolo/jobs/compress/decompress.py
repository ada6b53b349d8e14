"""Decompress: an archive back into samples or images, block by block, or one item; only with the model that made it."""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from diabolo.coding.archive.archive import ArchiveReader, Block
from diabolo.coding.archive.general_coder import unstore
from diabolo.coding.archive.items import Item
from diabolo.coding.archive.layout import Header, Method
from diabolo.coding.archive.opening import reading
from diabolo.coding.archive.salvage import Damage, Salvage
from diabolo.data.source import Array
from diabolo.errors import FormatError, InputError
from diabolo.jobs.compress.blocks import Files, check_files, decoded, read_files
from diabolo.jobs.compress.chunks import LARGEST, MARK, NUMBERS, Piece, pixels_of, strip_of
from diabolo.jobs.compress.exact_photos import Codec, coder_of, identity_of
from diabolo.jobs.parallel import together

SMALL = 1 << 16
"""Bytes of a payload from which on a block is decoded by itself."""


@dataclass(frozen=True)
class Restored:
    """An item, or a strip of one: rows `top` and on of one `height` rows high.

    file: the file that was kept, None if there is none; its array is empty where it cannot be read as a picture.
    """

    name: str
    mode: str
    top: int
    height: int
    array: Array
    file: bytes | None = None
    notes: bytes = b""
    modified: int = 0

    @property
    def whole(self) -> bool:
        return len(self.array) == self.height or not self.array.ndim


class Unpacker:
    """Makes samples of blocks. Raises InputError if the archive was made with another model."""

    def __init__(self, trained: Codec, header: Header) -> None:
        own = identity_of(trained)
        if header.model != own:
            raise InputError(
                f"The archive was made with another model (SHA-256 {header.model.hex()[:12]}..., this one "
                f"{own.hex()[:12]}...); give the model file that it was compressed with (`diabolo info` shows its "
                "SHA-256)."
            )
        self.header = header
        self.coder = coder_of(trained, header)

    def piece(self, block: Block) -> Piece | Files:
        """Return the items of a block. Raises FormatError if they do not fit together."""
        if block.method == Method.FILES:
            check_files(block.items)
            return Files(block.items, read_files(block.payload, len(block.items)))
        shape = block.items[0].shape
        if any(item.shape != shape for item in block.items):
            raise FormatError(f"block {block.number} mixes shapes; the archive is damaged.")
        count, numbers = len(block.items), max(1, math.prod(shape))
        if count > 1 and any(MARK in item.mode for item in block.items):
            raise FormatError(f"block {block.number} mixes strips with other items; the archive is damaged.")
        if count * numbers > (LARGEST if count == 1 and (len(shape) < 2 or shape[0] == 1) else NUMBERS):
            raise FormatError(f"block {block.number} claims {count} items of shape {shape}, more than one may hold.")
        array = self._stored(block, shape) if block.method == Method.STORED else self._coded(block, shape)
        return Piece(block.items, array)

    def pieces(self, blocks: Sequence[Block]) -> list[Piece | Files]:
        """Return the items of blocks that `grouped` put together. Raises FormatError if they do not fit together."""
        if len(blocks) == 1:
            return [self.piece(blocks[0])]
        counts = [len(block.items) for block in blocks]
        back = self.coder.decode_parts([block.payload for block in blocks], counts, blocks[0].items[0].shape)
        arrays = np.split(back, np.cumsum(counts)[:-1])
        return [Piece(block.items, array) for block, array in zip(blocks, arrays, strict=True)]

    def _stored(self, block: Block, shape: tuple[int, ...]) -> Array:
        dtype = np.dtype(self.header.dtype)
        size = len(block.items) * math.prod(shape) * dtype.itemsize
        array = np.frombuffer(unstore(block.payload, size), dtype).reshape(len(block.items), *shape)
        return array.astype(dtype.newbyteorder("="))

    def _coded(self, block: Block, shape: tuple[int, ...]) -> Array:
        return self.coder.decode(block.payload, len(block.items), shape)


def grouped(blocks: Iterable[Block]) -> Iterator[list[Block]]:
    """Yield blocks, neighbours that the model coded together if their items have one shape, for they decode faster so.

    Only whole items of which all together are no more than one block may hold come together.
    """
    waiting: list[Block] = []
    for block in blocks:
        if waiting and not _goes_with(waiting, block):
            yield waiting
            waiting = []
        waiting.append(block)
    if waiting:
        yield waiting


def _goes_with(waiting: list[Block], block: Block) -> bool:
    shape = block.items[0].shape
    alike = all(one.method == Method.MODEL and len(one.payload) < SMALL for one in (waiting[0], block))
    items = (*waiting[-1].items, *block.items)
    alike = alike and all(item.shape == shape and MARK not in item.mode for item in items)
    return alike and math.prod(shape) * sum(len(one.items) for one in (*waiting, block)) <= NUMBERS


def contents(trained: Codec, archive: Path) -> Iterator[Piece | Files]:
    """Yield the items of an archive in order, a block at a time; pictures whose files were kept as those.

    Raises FileError if it cannot be read; FormatError if it is damaged, newer or of another kind; InputError if
    the model is not the one it was made with.
    """
    with ArchiveReader(archive) as reader:
        unpacker = Unpacker(trained, reader.header)
        with reading(archive):
            for _, pieces in together(unpacker.pieces, grouped(reader)):
                yield from pieces


def unpacked(trained: Codec, archive: Path) -> Iterator[Piece]:
    """Yield the items of an archive in order as numbers. Raises as `contents` does."""
    with reading(archive):
        yield from decoded(contents(trained, archive))


def salvaged(trained: Codec, archive: Path) -> tuple[Iterator[Piece | Files], list[Damage]]:
    """Return the undamaged blocks of an archive, and a list that says afterwards what is missing.

    An entry of 0 items says that the index is gone, so that what may have followed is not known.
    """
    salvage = Salvage(archive)
    unpacker = Unpacker(trained, salvage.header)
    damaged: list[Damage] = []

    def usable(blocks: list[Block]) -> list[Piece | Files | None]:
        with suppress(FormatError):
            return [*unpacker.pieces(blocks)]
        return [one for block in blocks for one in usable([block])] if len(blocks) > 1 else [None]

    def pieces() -> Iterator[Piece | Files]:
        reached = 0
        for blocks, found in together(usable, grouped(salvage)):
            for block, piece in zip(blocks, found, strict=True):
                reached = block.first + len(block.items)
                if piece is None:
                    damaged.append(Damage(block.first, len(block.items), block.items))
                else:
                    yield piece
        damaged.extend(salvage.damaged)
        if not salvage.complete:
            damaged.append(Damage(reached, 0))

    return pieces(), damaged


def one_item(trained: Codec, archive: Path, name: str) -> Iterator[Restored]:
    """Yield the item called `name`, in strips if it is large, without decoding other blocks than its own.

    Raises InputError if there is none; a number counts the items of an archive without names from 0.
    """
    with ArchiveReader(archive) as reader:
        unpacker = Unpacker(trained, reader.header)
        number = _number(reader, name)
        while number < reader.items:
            block = reader.block(reader.block_of(number))
            place = number - block.first
            with reading(archive):
                one = unpacker.piece(block)
                if isinstance(one, Files):
                    one = Files(one.items[place : place + 1], one.files[place : place + 1])
                    (found,) = restored_items(one)
                else:
                    found = restored(one.items[place], one.array[place])
            yield found
            if found.top + len(found.array) >= found.height:
                return
            number += 1


def restored_items(piece: Piece | Files) -> Iterator[Restored]:
    """Yield the items of a block; those of kept files with their pixels, too, where they can be read."""
    if isinstance(piece, Piece):
        yield from (restored(item, array) for item, array in zip(piece.items, piece.array, strict=True))
        return
    for item, file in zip(piece.items, piece.files, strict=True):
        try:
            (part,) = decoded([Files((item,), (file,))])
        except FormatError:
            if item.shape:  # it could be read when it was kept
                raise
            yield as_kept(item, file)
            continue
        yield replace(restored(item, part.array[0]), file=file)


def as_kept(item: Item, file: bytes) -> Restored:
    """Return an item as the file that was kept, whose pixels are not looked at."""
    return Restored(item.name, item.mode, 0, 0, np.empty(0, np.uint8), file, modified=item.modified)


def _number(reader: ArchiveReader, name: str) -> int:
    try:
        return reader.find(name)
    except InputError:
        if name.isdecimal() and reader.items and not reader.items_of(0)[0].name:
            number = int(name) * _strips_each(reader)
            if number < reader.items:
                return number
        raise


def _strips_each(reader: ArchiveReader) -> int:
    """Return how many strips each item is in, where items have no names and one shape."""
    first = reader.items_of(0)[0]
    strip = strip_of(first)
    return 1 if MARK not in first.mode or not first.shape[0] else -(-strip.height // first.shape[0])


def restored(item: Item, array: Array) -> Restored:
    """Return an item's array with its name and mode."""
    strip = strip_of(item)
    pixels = pixels_of(array, strip.mode)
    return Restored(item.name, strip.mode, strip.top, strip.height, pixels, notes=item.notes, modified=item.modified)
