"""The items of a block: names, shapes and modes, as columns of bytes that pack well."""

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PureWindowsPath

import numpy as np

from diabolo.coding.archive.general_coder import inflated
from diabolo.errors import FormatError, InputError

MAX_ITEMS = 1 << 16
"""Items of one block."""
MAX_TABLE = 1 << 24
"""Bytes of the table of one block, unpacked."""
MAX_AXES = 8
MAX_NUMBERS = 1 << 32
"""Numbers (pixels times channels) of one item."""
MAX_NAME = 4096
MAX_MODE = 32


@dataclass(frozen=True)
class Item:
    """What an item is: `name` (a relative path with /, or "" for none), `shape` of its array, `mode` (such as RGB).

    Raises InputError if the name leaves the folder it will be restored to, or anything is over its limit.
    """

    shape: tuple[int, ...]
    name: str = ""
    mode: str = ""

    def __post_init__(self) -> None:
        if len(self.shape) > MAX_AXES or any(not 0 <= size < 2**32 for size in self.shape):
            raise InputError(f"an item has at most {MAX_AXES} axes of 0 to 2^32 - 1, got shape {self.shape}.")
        if math.prod(self.shape) > MAX_NUMBERS:
            raise InputError(f"an item holds at most 2^32 numbers, got shape {self.shape}; cut it into tiles.")
        if len(self.mode) > MAX_MODE or not self.mode.isascii() or not self.mode.isprintable():
            raise InputError(f"a mode has at most {MAX_MODE} plain characters, got {self.mode[:40]!r}.")
        if self.name and not _stays_inside(self.name):
            raise InputError(f"the name {self.name[:80]!r} is no plain relative path in UTF-8; rename the file.")


def pack_items(items: Sequence[Item], usual: Item) -> tuple[bytes, int]:
    """Return the table of `items`, packed, and its length unpacked; nothing at all if all equal `usual`.

    Raises InputError if there are too many, or too much of them.
    """
    if not 1 <= len(items) <= MAX_ITEMS:
        raise InputError(f"a block holds 1 to {MAX_ITEMS} items, got {len(items)}.")
    if all(item == usual for item in items):
        return b"", 0
    ranks = bytes(len(item.shape) for item in items)
    sizes = np.array([size for item in items for size in item.shape], dtype="<u4").tobytes()
    texts = [item.mode for item in items] + [item.name for item in items]
    table = ranks + sizes + b"".join(text.encode() + b"\0" for text in texts)
    if len(table) > MAX_TABLE:
        raise InputError(
            f"the names of a block take {len(table)} bytes, at most {MAX_TABLE} are allowed; use more blocks."
        )
    return zlib.compress(table, 9), len(table)


def unpack_items(packed: bytes, size: int, count: int, usual: Item) -> tuple[Item, ...]:
    """Return the `count` items of a table that unpacks to `size` bytes. Raises FormatError if it is damaged."""
    if not size and not packed:
        return (usual,) * count
    table, ended = inflated(packed, min(size, MAX_TABLE))
    if not ended or len(table) != size:
        raise FormatError("the table of names does not unpack to the size it should; the file is damaged.")
    ranks = np.frombuffer(table[:count], dtype=np.uint8).astype(np.int64)
    end = count + 4 * int(ranks.sum())
    if len(ranks) != count or end > size or table.count(b"\0", end) != 2 * count or table[-1]:
        raise FormatError("the table of names does not fit the number of items; the file is damaged.")
    texts = table[end:].split(b"\0")
    shapes = np.split(np.frombuffer(table[count:end], dtype="<u4"), np.cumsum(ranks)[:-1])
    try:
        return tuple(
            Item(tuple(shape.tolist()), name.decode(), mode.decode())
            for shape, mode, name in zip(shapes, texts[:count], texts[count : 2 * count], strict=True)
        )
    except (UnicodeDecodeError, InputError) as error:
        raise FormatError(f"the table of names is damaged: {error}") from error


def _stays_inside(name: str) -> bool:
    """Say whether `name` is a relative path that no system takes out of its folder."""
    try:
        short = len(name.encode()) <= MAX_NAME
    except UnicodeEncodeError:
        return False
    parts = name.split("/")
    odd = {"\\", *map(chr, range(32)), "\x7f"} & set(name)
    return short and not odd and not PureWindowsPath(name).drive and not {"", ".", ".."} & set(parts)
