"""The bytes of a table of text: one look at all of them, its encoding, and its records with their line numbers."""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from diabolo.errors import FormatError, InputError

PIECE, NEW_LINE = 2**20, 10
BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
ZEROS = 0.4
"""Share of zero bytes at even or odd places from which on text is UTF-16 without a mark."""
AS_UTF_8 = ("utf-8", "utf-8-sig")
TWICE = re.compile("[\u00c2-\u00f4][\u0080-\u00bf\u20ac\u201a-\u2122\u0152-\u017e\u02c6\u02dc]")
CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f]")
Record = tuple[int, list[str]]


@dataclass(frozen=True)
class Content:
    """The bytes of a table: of a file, or unpacked ones in memory."""

    path: Path
    unpacked: bytes | None = None

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.unpacked is None else len(self.unpacked)

    @property
    def source(self) -> Path | bytes:
        """What polars reads."""
        return self.path if self.unpacked is None else self.unpacked

    def open(self) -> IO[bytes]:
        return self.path.open("rb") if self.unpacked is None else io.BytesIO(self.unpacked)

    def text(self, encoding: str) -> io.TextIOWrapper:
        """Open as text whose lines may end in any way."""
        return io.TextIOWrapper(self.open(), encoding=encoding, newline="")


@dataclass(frozen=True)
class Look:
    """What one look at all bytes of a table says. lines: how many. returned: whether lines end in CR alone.

    empty: whether there are empty lines. parts, quotes: how often the separator and quotes occur.
    """

    utf_8: bool
    lines: int
    returned: bool
    empty: bool
    parts: int
    quotes: int


def look_at(content: Content, separator: str) -> Look:
    """Look at all bytes of a table, a piece at a time. separator: one byte, whose number is counted."""
    decoder, valid = codecs.getincrementaldecoder("utf-8")(), True
    lines = alone = parts = quotes = 0
    empty, last = False, b"\n"
    with content.open() as stream:
        for piece in iter(lambda: stream.read(PIECE), b""):
            if valid and not (piece.isascii() and not decoder.getstate()[0]):
                try:
                    decoder.decode(piece)
                except UnicodeDecodeError:
                    valid = False
            codes = np.frombuffer(piece, np.uint8)
            ends = codes == NEW_LINE
            lines += int(np.count_nonzero(ends))
            parts += int(np.count_nonzero(codes == ord(separator)))
            quotes += piece.count(b'"') if b'"' in piece else 0
            empty |= bool((ends[1:] & ends[:-1]).any())
            if b"\r" in piece or last[-1:] == b"\r":
                alone += piece.count(b"\r") - piece.count(b"\r\n") - (last[-1:] == b"\r" and piece[:1] == b"\n")
                empty |= b"\n\r\n" in piece
            edge = last + piece[:2]
            empty |= b"\n\n" in edge or b"\n\r\n" in edge
            last = (last + piece[-3:])[-3:]
    finished = valid and not decoder.getstate()[0]
    return Look(finished, lines + (last[-1:] not in b"\r\n"), alone > 0, empty, parts, quotes)


def guessed_encoding(content: Content) -> str:
    """Return the encoding that the begin of a table has: by its mark, by its zero bytes, UTF-8, or Windows-1252.

    Raises FormatError as `encoding_of` does.
    """
    with content.open() as stream:
        begin = stream.read(PIECE)
    for mark, name in BOMS.items():
        if begin.startswith(mark):
            return name
    half = max(1, len(begin[:4096]) // 2)
    for name, first in (("utf-16-le", 1), ("utf-16-be", 0)):
        if begin[:4096][first::2].count(0) >= ZEROS * half and not begin[:4096][1 - first :: 2].count(0):
            return name
    try:
        codecs.getincrementaldecoder("utf-8")().decode(begin)
    except UnicodeDecodeError:
        _check_windows(content)
        return "windows-1252"
    return "utf-8"


def encoding_of(content: Content, guessed: str, look: Look) -> str:
    """Return the encoding of a table: UTF-8 or by its mark, else Windows-1252, which holds Latin-1.

    A guess among the hundred other code pages (charset-normalizer makes one) would be wrong in silence for the few
    words of a table; those have to be asked for. Raises FormatError, with the line, for bytes that are none of these.
    """
    if guessed not in ("utf-8", "windows-1252"):
        return guessed
    if look.utf_8:
        return "utf-8"
    if guessed == "utf-8":
        _check_windows(content)
    return "windows-1252"


def _check_windows(content: Content) -> None:
    """Raise FormatError where bytes cannot be, or are probably not, Windows-1252: binary files and damaged UTF-8."""
    with content.open() as stream:
        for number, line in enumerate(stream, 1):
            if line.isascii():
                continue
            text = line.decode("windows-1252", "replace")
            if "\ufffd" in text or CONTROL.search(text) or TWICE.search(text):
                raise FormatError(
                    f"{content.path} is neither UTF-8 nor Windows-1252 text, by line {number:,}: "
                    f"{text.strip()[:40]!r}; say which it is with --encoding, or write it anew as UTF-8."
                )


def records(content: Content, encoding: str, separator: str, top: int = 0) -> Iterator[Record]:
    """Yield the line that each record begins in, counted from 1, and its cells; empty lines too, as no cells.

    top: lines to pass over first. Raises FormatError that names the line, for quotes or bytes that are wrong.
    """
    end = top
    with content.text(encoding) as text:
        try:
            for _ in range(top):
                text.readline()
            reader = csv.reader(text, delimiter=separator, strict=True)
            for cells in reader:
                yield end + 1, cells
                end = top + reader.line_num
        except csv.Error as error:
            raise FormatError(
                f"{content.path} has a cell that does not end as it should, in line {end + 1:,} ({error}); "
                'a cell with quotes is written as "a ""word""".'
            ) from error
        except UnicodeError as error:
            raise FormatError(
                f"{content.path} is no {encoding} text after line {end:,}; say what it is with --encoding."
            ) from error


def too_many(path: Path, line: int, cells: list[str], columns: int, separator: str) -> InputError:
    """Return the refusal of a record with more cells than the table has columns, or with fewer."""
    return InputError(
        f"Line {line:,} of {path} has {len(cells)} cells, and the table has {columns} columns; correct that line, put "
        f"a cell that holds {separator!r} into quotes, or name what parts the cells with --separator."
    )
