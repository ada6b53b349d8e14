"""Listing: what an archive holds and promises, read without the model and without decoding anything."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diabolo.coding.archive.archive import ArchiveReader
from diabolo.coding.archive.layout import Header, Method, Promise
from diabolo.jobs.compress.bundled import bundled_name
from diabolo.jobs.compress.chunks import deep, strip_of

KINDS = {Method.MODEL: "coded", Method.STORED: "stored", Method.FILES: "file"}
"""What the bytes of an item are: coded by the model, numbers kept by a general coder, or the file itself."""
PROMISES = {
    Promise.LOSSY: "lossy",
    Promise.MAX_ERROR: "no number off by more than {}",
    Promise.LOSSLESS: "lossless: the same numbers, or the same files",
}


@dataclass(frozen=True)
class Listed:
    """number: of the item among all, strips counted once; size: bytes of the archive, its share of its block."""

    number: int
    name: str
    shape: tuple[int, ...]
    mode: str
    kind: str
    size: int


def listed(reader: ArchiveReader) -> Iterator[Listed]:
    """Yield what every item is, in order. Raises FormatError at a damaged table of names."""
    number, size = 0, 0.0
    for block in range(reader.blocks):
        entry, items = reader.entry(block), reader.items_of(block)
        share = entry.length / len(items)
        for item in items:
            strip = strip_of(item)
            size += share
            if item.shape and strip.top + item.shape[0] < strip.height:
                continue
            inner = item.shape[1:-1] if deep(strip.mode) else item.shape[1:]
            shape = (strip.height, *inner) if item.shape else ()
            yield Listed(number, item.name, shape, strip.mode, KINDS[Method(entry.method)], round(size))
            number, size = number + 1, 0.0


def promise_text(header: Header) -> str:
    """Return the promise of an archive in words."""
    return PROMISES[header.promise].format(header.max_error)


def facts_of(archive: Path, reader: ArchiveReader) -> dict[str, Any]:
    """Return what holds for the whole archive, as JSON values."""
    header = reader.header
    return {
        "archive": str(archive),
        "bytes": archive.stat().st_size,
        "blocks": reader.blocks,
        "promise": header.promise.name.lower().replace("_", "-"),
        "max_error": header.max_error,
        "promised": promise_text(header),
        "dtype": header.dtype,
        "model_sha256": header.model.hex(),
        "bundled": bundled_name(header.model),
    }
