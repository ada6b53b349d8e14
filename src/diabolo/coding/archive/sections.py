"""Sections: what may follow the end mark of an archive, each with its own footer, read from the end of the file."""

import mmap
import struct
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import BinaryIO

from diabolo.coding.archive.index import read_tail
from diabolo.coding.archive.layout import END_MARK, digest
from diabolo.errors import FormatError

FOOTER = struct.Struct("<QIxxxx8s8s8s")
"""Length of the body, kind, 4 zeros, digest of the body, digest of the 24 bytes before, mark."""
MARK = b"DBO.sec\n"
SEARCHED = 64
"""End marks that are tried, from the back, where the footers are damaged."""


class Kind(IntEnum):
    """What a section holds."""

    RECOVERY = 1
    MODEL = 2


@dataclass(frozen=True)
class Section:
    """Where the body of a section is in the file."""

    kind: int
    start: int
    length: int
    digest: bytes

    def read(self, file: BinaryIO) -> bytes:
        """Return the body. Raises FormatError if it is damaged."""
        file.seek(self.start)
        body = file.read(self.length)
        if digest(body) != self.digest:
            raise FormatError("a section behind the archive's end is damaged: its checksum is wrong.")
        return body


def footer_of(kind: Kind, body: bytes) -> bytes:
    """Return what follows the body of a section."""
    head = FOOTER.pack(len(body), kind, digest(body), bytes(8), MARK)[:24]
    return head + digest(head) + MARK


def sections(file: BinaryIO, size: int) -> tuple[int, list[Section]]:
    """Return where the archive itself ends, and its sections from the first to the last."""
    found: list[Section] = []
    end = size
    while end >= FOOTER.size:
        file.seek(end - FOOTER.size)
        footer = file.read(FOOTER.size)
        length, kind, body, check, mark = FOOTER.unpack(footer)
        start = end - FOOTER.size - length
        if mark != MARK or digest(footer[:24]) != check or start < 0:
            break
        found.append(Section(kind, start, length, body))
        end = start
    return end, found[::-1]


def found_end(file: BinaryIO, size: int) -> int:
    """Return where the archive ends; where footers are damaged, the last place at which an index ends; else `size`."""
    end, _ = sections(file, size)
    with suppress(FormatError):
        read_tail(file, end)
        return end
    if not size:
        return size
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        place = end
        for _ in range(SEARCHED):
            place = data.rfind(END_MARK, 0, place)
            if place < 0:
                break
            with suppress(FormatError):
                read_tail(file, place + len(END_MARK))
                return place + len(END_MARK)
    return end


def add_section(path: Path, kind: Kind, body: bytes) -> None:
    """Append a section to a file."""
    with path.open("ab") as file:
        file.write(body)
        file.write(footer_of(kind, body))
