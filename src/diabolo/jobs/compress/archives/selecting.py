"""Selecting: the items of an archive by name, number, folder or pattern, with near names where none is meant."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from diabolo.coding.archive.archive import ArchiveReader
from diabolo.coding.archive.names import is_pattern, matches, none_named
from diabolo.errors import InputError
from diabolo.jobs.compress.blocks import Files
from diabolo.jobs.compress.chunks import Piece
from diabolo.jobs.compress.decompress import Unpacker
from diabolo.jobs.compress.exact_photos import Codec


def is_one(reader: ArchiveReader, wanted: str) -> bool:
    """Say whether `wanted` is one item's name or number, not a folder or a pattern."""
    return not is_pattern(wanted) and not wanted.endswith("/") and wanted not in folders(reader)


def folders(reader: ArchiveReader) -> set[str]:
    """Return the names of all folders in an archive."""
    found: set[str] = set()
    for name in reader.names():
        parts = name.split("/")[:-1]
        found |= {"/".join(parts[: end + 1]) for end in range(len(parts))}
    return found


def selected(trained: Codec, archive: Path, wanted: str) -> Iterator[Piece | Files]:
    """Yield the items that a folder or pattern means; only their blocks are decoded.

    Raises InputError, with near names, if there is none.
    """
    count = 0
    with ArchiveReader(archive) as reader:
        unpacker = Unpacker(trained, reader.header)
        for number in range(reader.blocks):
            if any(matches(item.name, wanted) for item in reader.items_of(number)):
                for piece in chosen([unpacker.piece(reader.block(number))], wanted):
                    count += 1
                    yield piece
        if not count:
            raise InputError(none_named(archive, wanted, reader.names()))


def chosen(pieces: Iterable[Piece | Files], wanted: str) -> Iterator[Piece | Files]:
    """Yield of each piece the items that are meant."""
    for piece in pieces:
        rows = [row for row, item in enumerate(piece.items) if matches(item.name, wanted)]
        if not rows:
            continue
        items = tuple(piece.items[row] for row in rows)
        if isinstance(piece, Files):
            yield replace(piece, items=items, files=tuple(piece.files[row] for row in rows))
        else:
            yield Piece(items, piece.array[rows])
