"""What can still be read of a damaged archive: every block whose checksums are right, wherever it now lies."""

import itertools
import mmap
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from diabolo.coding.archive.archive import Block, checked_items
from diabolo.coding.archive.index import MAX_HEADER, Index, Tail, read_tail
from diabolo.coding.archive.items import Item
from diabolo.coding.archive.layout import (
    BLOCK,
    BLOCK_MARK,
    Entry,
    Method,
    digest_of,
    key_of,
    read_entry,
    read_header,
)
from diabolo.coding.archive.opening import opened
from diabolo.coding.archive.sections import found_end
from diabolo.errors import FormatError

TRIALS = 16
"""Times the file's size that may be looked at in vain; only a file made to waste time needs more than 1."""
TRIALS_AT_LEAST = 1 << 26
TRIAL_COST = 1 << 10
"""Bytes that one look at a block header counts for."""
ITEM_COST = 16
"""Bytes that an item of a damaged block counts for."""


@dataclass(frozen=True)
class Damage:
    """Items that are lost: `count` of them from number `first` on, and what they were, if that can still be read."""

    first: int
    count: int
    items: tuple[Item, ...] = ()


class Salvage:
    """Iterate over it for the undamaged blocks, in the order of the file; `damaged` says afterwards what is missing.

    header: what holds for all items, from either end of the file; complete: whether the index is there, so that
    `damaged` also knows of what was cut off at the end.
    Raises FileError if the file cannot be read, FormatError if it is no archive, newer, or both headers are damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with opened(path) as file:
            tail = _tail(file)
            file.seek(0)
            try:
                self.header, raw = read_header(file.read(MAX_HEADER))
            except FormatError:
                if not tail:
                    raise
                self.header, raw = tail.header, tail.raw
        self._key = key_of(raw)
        self._index: Index | None = tail.index if tail and tail.raw == raw else None
        self.complete = self._index is not None
        self.damaged: list[Damage] = []

    def __iter__(self) -> Iterator[Block]:
        """Yield every undamaged block once, holding one at a time. Takes time in proportion to the file's size."""
        found: dict[int, Damage] = {}
        hurt: dict[int, Damage] = {}
        with opened(self._path) as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            budget = TRIALS * len(data) + TRIALS_AT_LEAST
            start = data.find(BLOCK_MARK)
            while start >= 0 and budget > 0:
                after = start + 1
                budget -= TRIAL_COST
                with suppress(FormatError):
                    entry = self._entry(data, start)
                    budget -= entry.packed
                    place = start + BLOCK.size + entry.packed
                    head, table = data[start : start + BLOCK.size], data[start + BLOCK.size : place]
                    items = checked_items(entry, head, table, self.header, self._key)
                    if entry.number not in found and _digest(data, place, entry, self._key) == entry.payload_digest:
                        found[entry.number] = Damage(entry.first, entry.items)
                        after = start + entry.length
                        yield Block(entry.number, entry.first, items, Method(entry.method), data[place:after])
                    else:
                        budget -= entry.length + ITEM_COST * entry.items
                        hurt[entry.number] = Damage(entry.first, entry.items, items)
                start = data.find(BLOCK_MARK, after)
        self.damaged = self._missing(found, hurt)

    def _entry(self, data: mmap.mmap, start: int) -> Entry:
        """Return a block's header. Raises FormatError if it is out of bounds, cut off or not in the index."""
        head = data[start : start + BLOCK.size]
        entry = read_entry(head)
        if start + entry.length > len(data):
            raise FormatError("the block is cut off.")
        index = self._index
        if index is not None and (entry.number >= len(index) or index.entry_bytes(entry.number) != head):
            raise FormatError("the block is not this archive's.")
        return entry

    def _missing(self, found: dict[int, Damage], hurt: dict[int, Damage]) -> list[Damage]:
        """Return what was not found: by the index, or else by the gaps between what was."""
        if self._index is not None:
            spans = itertools.pairwise(self._index.firsts.tolist())
            lost = {number: Damage(first, end - first) for number, (first, end) in enumerate(spans)}
            return [hurt.get(number, damage) for number, damage in lost.items() if number not in found]
        result, reached = [], 0
        for number, damage in sorted((hurt | found).items(), key=lambda pair: pair[1].first):
            if damage.first > reached:
                result.append(Damage(reached, damage.first - reached))
            if number not in found:
                result.append(damage)
            reached = damage.first + damage.count
        return result


def _tail(file: BinaryIO) -> Tail | None:
    with suppress(FormatError):
        return read_tail(file, found_end(file, file.seek(0, 2)))
    return None


def _digest(data: mmap.mmap, start: int, entry: Entry, key: bytes) -> bytes:
    """Return the digest of a block's payload, a megabyte at a time."""
    end, step = start + entry.payload, 1 << 20
    return digest_of((data[place : min(place + step, end)] for place in range(start, end, step)), key)
