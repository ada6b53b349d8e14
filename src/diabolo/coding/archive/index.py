"""The end of an archive: the headers of all blocks once more, the archive's header once more, the end mark."""

from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from diabolo.coding.archive.items import MAX_AXES, MAX_ITEMS, MAX_MODE
from diabolo.coding.archive.layout import (
    BLOCK,
    BLOCK_MARK,
    END,
    END_MARK,
    FIXED,
    INDEX,
    INDEX_MARK,
    MAX_SETTINGS,
    Entry,
    Header,
    digest,
    key_of,
    read_entry,
    read_header,
)
from diabolo.errors import FormatError

MAX_HEADER = FIXED.size + 4 * MAX_AXES + MAX_MODE + MAX_SETTINGS + 8
FIELDS = np.dtype("<u4, <u4, <u8, <u4, <u4, <u8, u1, V7, V8, V8")
"""The fields of layout.BLOCK but for the mark, for a look at all blocks at once."""
ENTRY = FIELDS.itemsize
"""Bytes of a block header in the index, without its mark, so that no search for blocks ends in the index."""


@dataclass(frozen=True, eq=False)
class Index:
    """Where the blocks are.

    raw: the 56 bytes that follow the mark in each of the n block headers; starts: (n + 1,) int64, offsets in the
    file, the last one the index's own; firsts: (n + 1,) int64, numbers of the first items, the last one their count.
    """

    raw: bytes
    starts: NDArray[np.int64]
    firsts: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of blocks."""
        return len(self.starts) - 1

    def entry_bytes(self, block: int) -> bytes:
        """Return the 64 bytes of one block header, as they are in the block."""
        return BLOCK_MARK + self.raw[block * ENTRY : (block + 1) * ENTRY]

    def entry(self, block: int) -> Entry:
        """Return one block header. Raises FormatError if its values are out of bounds."""
        return read_entry(self.entry_bytes(block))


@dataclass(frozen=True, eq=False)
class Tail:
    """The archive's header as the tail repeats it, its bytes, and the index."""

    header: Header
    raw: bytes
    index: Index


def write_tail(entries: bytes, items: int, header: bytes, offset: int) -> bytes:
    """Return what follows the last block: `entries` are all block headers, unmarked; `offset` is its own."""
    body = INDEX.pack(INDEX_MARK, len(entries) // ENTRY, items) + entries + header
    check = digest(body, offset.to_bytes(8, "little"), key=key_of(header))
    return body + END.pack(offset, check, END_MARK)


def read_tail(file: BinaryIO, size: int) -> Tail:
    """Return the tail of the archive in `file` of `size` bytes, checked against the file's size.

    Raises FormatError if it is missing or damaged.
    """
    file.seek(max(size - END.size, 0))
    end = file.read(END.size)
    if len(end) < END.size or end[-8:] != END_MARK:
        raise FormatError("the archive is cut off: its end mark is missing.")
    offset, check, _ = END.unpack(end)
    region = size - END.size - offset
    if region < INDEX.size:
        raise FormatError("the end mark of the archive is damaged: the index would lie outside the file.")
    file.seek(offset)
    mark, blocks, items = INDEX.unpack(file.read(INDEX.size))
    copy = region - INDEX.size - blocks * ENTRY
    if mark != INDEX_MARK or not FIXED.size <= copy <= MAX_HEADER:
        raise FormatError("the index of the archive is damaged: it does not fill its place.")
    entries = file.read(blocks * ENTRY)
    header, raw = read_header(file.read(copy))
    body = INDEX.pack(mark, blocks, items) + entries + raw
    if len(raw) != copy or digest(body, offset.to_bytes(8, "little"), key=key_of(raw)) != check:
        raise FormatError("the index of the archive is damaged: its checksum is wrong.")
    return Tail(header, raw, _index(entries, items, len(raw), offset))


def _index(entries: bytes, items: int, start: int, end: int) -> Index:
    """Return the index of blocks that fill the file from `start` to `end`. Raises FormatError if they do not."""
    fields: NDArray[Any] = np.frombuffer(entries, dtype=FIELDS)
    numbers, counts, given, packed, _, payload = (fields[f"f{place}"] for place in range(6))
    lengths = BLOCK.size + packed.astype(np.float64) + payload
    if (numbers != np.arange(len(fields))).any() or start + lengths.sum() > 2**53:
        raise FormatError("the index of the archive does not list its blocks in order.")
    starts = np.concatenate([[start], start + np.cumsum(lengths)]).astype(np.int64)
    firsts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)
    wrong = (counts < 1) | (counts > MAX_ITEMS) | (given != firsts[:-1].astype(np.uint64))
    if wrong.any() or firsts[-1] != items or starts[-1] != end:
        raise FormatError("the index of the archive does not fit its blocks.")
    return Index(entries, starts, firsts)
