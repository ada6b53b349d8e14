"""Decompress: an archive back into samples or images, block by block, or one item; only with the model that made it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diabolo.coding.archive import ArchiveReader, Block
from diabolo.coding.items import Item
from diabolo.coding.layout import Header, Method
from diabolo.coding.salvage import Damage, Salvage
from diabolo.coding.stored import unstore
from diabolo.data.source import Array
from diabolo.errors import FormatError, InputError
from diabolo.jobs.compress import identity
from diabolo.jobs.methods import CODERS, BlockCoder
from diabolo.jobs.pieces import NUMBERS, Piece, can_be_cut, pixels_of, strip_of, tile_grid, untiled
from diabolo.jobs.together import together
from diabolo.training.model_file import Trained

LARGEST = 4 * NUMBERS
"""Numbers of a block beyond which it was not made by `compress`, but to take memory."""


@dataclass(frozen=True)
class Restored:
    """An item, or a strip of one: rows `top` and on of one `height` rows high."""

    name: str
    mode: str
    top: int
    height: int
    array: Array

    @property
    def whole(self) -> bool:
        return len(self.array) == self.height or not self.array.ndim


class Unpacker:
    """Makes samples of blocks. Raises InputError if the archive was made with another model."""

    def __init__(self, trained: Trained, header: Header) -> None:
        if header.model != identity(trained):
            raise InputError(
                f"The archive was made with another model (SHA-256 {header.model.hex()[:12]}..., this one has "
                f"{identity(trained).hex()[:12]}...); give the model file that it was compressed with."
            )
        self.trained, self.header = trained, header
        self.coder: BlockCoder = CODERS[header.promise](trained, header)

    def piece(self, block: Block) -> Piece:
        """Return the items of a block. Raises FormatError if they do not fit together."""
        shape = block.items[0].shape
        if any(item.shape != shape for item in block.items):
            raise FormatError(f"block {block.number} mixes shapes; the archive is damaged.")
        count = len(block.items)
        if count * max(1, math.prod(shape)) > LARGEST:
            raise FormatError(f"block {block.number} claims {count} items of shape {shape}, more than one may hold.")
        array = self._stored(block, shape) if block.method == Method.STORED else self._coded(block, shape)
        return Piece(block.items, array)

    def _stored(self, block: Block, shape: tuple[int, ...]) -> Array:
        dtype = np.dtype(self.header.dtype)
        size = len(block.items) * math.prod(shape) * dtype.itemsize
        array = np.frombuffer(unstore(block.payload, size), dtype).reshape(len(block.items), *shape)
        return array.astype(dtype.newbyteorder("="))

    def _coded(self, block: Block, shape: tuple[int, ...]) -> Array:
        sample = self.trained.model.config.shape
        if not can_be_cut(shape, sample):
            raise FormatError(f"block {block.number} has items of shape {shape}, which this model cannot code.")
        tiles = 1 if shape == sample else math.prod(tile_grid(shape, sample))
        if len(block.items) * tiles * math.prod(sample) > LARGEST + 64 * math.prod(sample):
            raise FormatError(f"block {block.number} claims {len(block.items) * tiles} tiles, more than one may hold.")
        return untiled(self.coder.decode(block.payload, len(block.items) * tiles), shape)


def unpacked(trained: Trained, archive: Path) -> Iterator[Piece]:
    """Yield the items of an archive in order, a block at a time.

    Raises FileError if it cannot be read; FormatError if it is damaged, newer or of another kind; InputError if
    the model is not the one it was made with.
    """
    with ArchiveReader(archive) as reader:
        unpacker = Unpacker(trained, reader.header)
        for _, piece in together(unpacker.piece, reader):
            yield piece


def salvaged(trained: Trained, archive: Path) -> tuple[Iterator[Piece], list[Damage]]:
    """Return the undamaged blocks of an archive, and a list that says afterwards what is missing."""
    salvage = Salvage(archive)
    unpacker = Unpacker(trained, salvage.header)

    def pieces() -> Iterator[Piece]:
        for _, piece in together(unpacker.piece, salvage):
            yield piece
        damaged.extend(salvage.damaged)

    damaged: list[Damage] = []
    return pieces(), damaged


def one_item(trained: Trained, archive: Path, name: str) -> Iterator[Restored]:
    """Yield the item called `name`, in strips if it is large, without decoding other blocks than its own.

    Raises InputError if there is none; a number counts the items of an archive without names from 0.
    """
    with ArchiveReader(archive) as reader:
        unpacker = Unpacker(trained, reader.header)
        number = _number(reader, name)
        while number < reader.items:
            block = reader.block(reader.block_of(number))
            piece = unpacker.piece(block)
            item, array = piece.items[number - block.first], piece.array[number - block.first]
            yield restored(item, array)
            strip = strip_of(item)
            if strip.top + len(array) >= strip.height:
                return
            number += 1


def _number(reader: ArchiveReader, name: str) -> int:
    try:
        return reader.find(name)
    except InputError:
        if name.isdigit() and int(name) < reader.items and not reader.items_of(0)[0].name:
            return int(name)
        raise


def restored(item: Item, array: Array) -> Restored:
    """Return an item's array with its name and mode."""
    strip = strip_of(item)
    return Restored(item.name, strip.mode, strip.top, strip.height, pixels_of(array, strip.mode))
