"""The archive: one file for many items, in blocks that are opaque here, with random access (docs/format.md)."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np

from diabolo.coding.archive.index import ENTRY, MAX_HEADER, read_tail, write_tail
from diabolo.coding.archive.items import Item, pack_items, unpack_items
from diabolo.coding.archive.layout import (
    BLOCK,
    BLOCK_MARK,
    Entry,
    Header,
    Method,
    digest,
    key_of,
    read_header,
    sealed,
    write_entry,
    write_header,
)
from diabolo.coding.archive.names import none_named
from diabolo.coding.archive.opening import opened, reading
from diabolo.coding.archive.sections import Section, sections
from diabolo.errors import ArgumentError, FormatError, InputError


@dataclass(frozen=True)
class Block:
    """One block as it was written: `items` numbered from `first`, and what the job made of them."""

    number: int
    first: int
    items: tuple[Item, ...]
    method: Method
    payload: bytes


class ArchiveWriter:
    """Writes an archive from front to back; holds 56 bytes a block, and no payload.

    >>> import io
    >>> from diabolo.coding.archive.layout import Promise
    >>> file = io.BytesIO()
    >>> writer = ArchiveWriter(file, Header(bytes(32), Promise.LOSSY, Item((28, 28), mode="L"), "|u1"))
    >>> writer.add_block(b"payload", [Item((28, 28), "a.png", "L")])
    >>> writer.finish()
    """

    def __init__(self, file: BinaryIO, header: Header) -> None:
        self._file = file
        self._header = header
        self._raw = b""
        self._entries = bytearray()
        self._items = 0
        self._offset = 0

    def add_block(self, payload: bytes, items: Sequence[Item], *, method: Method = Method.MODEL) -> None:
        """Append a block. Raises InputError if it has no items, or more than 65,536."""
        table, unpacked = pack_items(items, self._header.usual)
        self._begin(table + payload)
        number = len(self._entries) // ENTRY
        entry = Entry(number, len(items), self._items, len(table), unpacked, len(payload), method)
        head = write_entry(sealed(entry, table, payload, key_of(self._raw)))
        for part in (head, table, payload):
            self._write(part)
        self._entries += head[len(BLOCK_MARK) :]
        self._items += len(items)

    def finish(self) -> None:
        """Append the index; without it the file is no archive, but can be salvaged."""
        self._begin(b"")
        self._write(write_tail(bytes(self._entries), self._items, self._raw, self._offset))

    def _begin(self, content: bytes) -> None:
        """Write the header, named after the first block, if it is not there yet."""
        if not self._raw:
            self._raw = write_header(replace(self._header, identity=digest(content)))
            self._write(self._raw)

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._offset += len(data)


class ArchiveReader:
    """Reads an archive; opening looks at its two ends only. Use as a context, or call `close`.

    header: what holds for all items; blocks, items: how many there are; sections: what follows the archive's end.
    Raises FileError if the file cannot be read, FormatError if it is foreign, newer, damaged or cut off.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.sections: list[Section]
        with ExitStack() as stack:
            self._file = stack.enter_context(opened(path))
            self._open()
            self._closing = stack.pop_all()

    def _open(self) -> None:
        self.header, raw = read_header(self._file.read(MAX_HEADER))
        end, self.sections = sections(self._file, os.fstat(self._file.fileno()).st_size)
        tail = read_tail(self._file, end)
        if tail.raw != raw:
            raise FormatError("the header of the archive and its copy differ; the file is damaged.")
        self._index = tail.index
        self._key = key_of(raw)
        self.blocks = len(self._index)
        self.items = int(self._index.firsts[-1])

    def block(self, number: int) -> Block:
        """Return one block, checked. Raises ArgumentError if there is none such, FormatError if it is damaged."""
        with reading(self._path):
            entry, items = self._items_of(number)
            payload = self._read(self._index.starts[number] + BLOCK.size + entry.packed, entry.payload)
            if digest(payload, key=self._key) != entry.payload_digest:
                raise FormatError(f"block {number} is damaged: its checksum is wrong; --salvage reads the others.")
        return Block(number, entry.first, items, Method(entry.method), payload)

    def items_of(self, number: int) -> tuple[Item, ...]:
        """Return the items of one block, without its payload. Raises as `block` does."""
        with reading(self._path):
            return self._items_of(number)[1]

    def entry(self, number: int) -> Entry:
        """Return the header of one block, as the index has it. Raises ArgumentError if there is none such."""
        if not 0 <= number < self.blocks:
            raise ArgumentError(f"block must be 0 to {self.blocks - 1} in {self._path}, got {number}.")
        with reading(self._path):
            return self._index.entry(number)

    def section(self, section: Section) -> bytes:
        """Return what a section behind the archive's end holds. Raises FormatError if it is damaged."""
        with reading(self._path):
            return section.read(self._file)

    def block_of(self, item: int) -> int:
        """Return the number of the block that holds item number `item`. Raises ArgumentError if there is none such."""
        if not 0 <= item < self.items:
            raise ArgumentError(f"item must be 0 to {self.items - 1} in {self._path}, got {item}.")
        return int(np.searchsorted(self._index.firsts, item, side="right")) - 1

    def find(self, name: str) -> int:
        """Return the number of the first item called `name`. Raises InputError, with near names, if there is none."""
        for block in range(self.blocks):
            for place, item in enumerate(self.items_of(block)):
                if item.name == name:
                    return int(self._index.firsts[block]) + place
        raise InputError(none_named(self._path, name, self.names()))

    def names(self) -> Iterator[str]:
        """Yield the names of all items that have one."""
        for block in range(self.blocks):
            yield from (item.name for item in self.items_of(block) if item.name)

    def __iter__(self) -> Iterator[Block]:
        """Yield the blocks in order. Raises FormatError at the first damaged one."""
        return map(self.block, range(self.blocks))

    def close(self) -> None:
        """Close the file."""
        self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _items_of(self, number: int) -> tuple[Entry, tuple[Item, ...]]:
        entry, head = self.entry(number), self._index.entry_bytes(number)
        data = self._read(self._index.starts[number], BLOCK.size + entry.packed)
        if data[: BLOCK.size] != head:
            raise FormatError(f"block {number} is damaged: its header is not the index's; --salvage reads the others.")
        return entry, checked_items(entry, head, data[BLOCK.size :], self.header, self._key)

    def _read(self, offset: int, length: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(length)


def checked_items(entry: Entry, head: bytes, table: bytes, header: Header, key: bytes) -> tuple[Item, ...]:
    """Return the items of a block from its 64 bytes of header and its packed table.

    Raises FormatError if the digest over both is wrong, or the table is damaged.
    """
    if digest(head[:-8], table, key=key) != entry.digest:
        raise FormatError(f"the names of block {entry.number} are damaged: their checksum is wrong.")
    return unpack_items(table, entry.unpacked, entry.items, header.usual)
