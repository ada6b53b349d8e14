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
MAX_NOTES = 1 << 20
"""Bytes of the notes of one item."""
MAX_DATE = 1 << 48


@dataclass(frozen=True)
class Item:
    """What an item is: `name` (a relative path with /, or "" for none), `shape` of its array, `mode` (such as RGB).

    notes: what belongs to a picture beside its pixels, as PNG chunks; modified: seconds since 1970, 0 if not known.
    Raises InputError if the name leaves the folder it will be restored to, or anything is over its limit.
    """

    shape: tuple[int, ...]
    name: str = ""
    mode: str = ""
    notes: bytes = b""
    modified: int = 0

    def __post_init__(self) -> None:
        if len(self.shape) > MAX_AXES or any(not 0 <= size < 2**32 for size in self.shape):
            raise InputError(f"an item has at most {MAX_AXES} axes of 0 to 2^32 - 1, got shape {self.shape}.")
        if math.prod(self.shape) > MAX_NUMBERS:
            raise InputError(f"an item holds at most 2^32 numbers, got shape {self.shape}; cut it into tiles.")
        if len(self.mode) > MAX_MODE or not self.mode.isascii() or not self.mode.isprintable():
            raise InputError(f"a mode has at most {MAX_MODE} plain characters, got {self.mode[:40]!r}.")
        if self.name and not _stays_inside(self.name):
            raise InputError(f"the name {self.name[:80]!r} is no plain relative path in UTF-8; rename the file.")
        if len(self.notes) > MAX_NOTES or not 0 <= self.modified < MAX_DATE:
            raise InputError(f"an item has at most {MAX_NOTES} bytes of notes, and a date from 1970 on.")


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
    table = ranks + sizes + b"".join(text.encode() + b"\0" for text in texts) + _more(items)
    if len(table) > MAX_TABLE:
        raise InputError(
            f"the names of a block take {len(table)} bytes, at most {MAX_TABLE} are allowed; use more blocks."
        )
    return zlib.compress(table, 9), len(table)


def _more(items: Sequence[Item]) -> bytes:
    """Return dates and notes as columns, or nothing if there are none: all lowest bytes of the dates come first."""
    if not any(item.notes or item.modified for item in items):
        return b""
    dates = np.array([item.modified for item in items], "<u8").view(np.uint8).reshape(len(items), 8)
    lengths = np.array([len(item.notes) for item in items], "<u4")
    return dates.T.tobytes() + lengths.tobytes() + b"".join(item.notes for item in items)


def _unmore(data: bytes, count: int) -> tuple[list[int], list[bytes]]:
    """Return the dates and notes of `count` items. Raises FormatError if they do not fill the data."""
    if not data:
        return [0] * count, [b""] * count
    if len(data) < 12 * count:
        raise FormatError("the dates of a block are cut off; the file is damaged.")
    planes = np.frombuffer(data[: 8 * count], np.uint8).reshape(8, count)
    dates: list[int] = np.ascontiguousarray(planes.T).view("<u8")[:, 0].tolist()
    ends = 12 * count + np.cumsum(np.frombuffer(data[8 * count : 12 * count], "<u4").astype(np.int64))
    if ends[-1] != len(data):
        raise FormatError("the notes of a block do not fill their place; the file is damaged.")
    starts = [12 * count, *ends[:-1].tolist()]
    return dates, [data[start:end] for start, end in zip(starts, ends.tolist(), strict=True)]


def unpack_items(packed: bytes, size: int, count: int, usual: Item) -> tuple[Item, ...]:
    """Return the `count` items of a table that unpacks to `size` bytes. Raises FormatError if it is damaged."""
    if not size and not packed:
        return (usual,) * count
    table, ended = inflated(packed, min(size, MAX_TABLE))
    if not ended or len(table) != size:
        raise FormatError("the table of names does not unpack to the size it should; the file is damaged.")
    ranks = np.frombuffer(table[:count], dtype=np.uint8).astype(np.int64)
    end = count + 4 * int(ranks.sum())
    texts = table[end:].split(b"\0", 2 * count)
    if len(ranks) != count or end > size or len(texts) != 2 * count + 1:
        raise FormatError("the table of names does not fit the number of items; the file is damaged.")
    dates, notes = _unmore(texts[-1], count)
    shapes = np.split(np.frombuffer(table[count:end], dtype="<u4"), np.cumsum(ranks)[:-1])
    try:
        return tuple(
            Item(tuple(shape.tolist()), name.decode(), mode.decode(), note, date)
            for shape, mode, name, note, date in zip(
                shapes, texts[:count], texts[count : 2 * count], notes, dates, strict=True
            )
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
