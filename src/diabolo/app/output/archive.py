"""What `diabolo list` says of an archive."""

from collections.abc import Sequence
from typing import Any

from diabolo.app.output.tables import columns_text
from diabolo.coding.archive.names import shown
from diabolo.jobs.compress.archives.listing import Listed


def archive_text(facts: dict[str, Any], items: Sequence[Listed]) -> str:
    """Return the facts of an archive and a line for each item; items without names that are alike share a line."""
    known = f"the {facts['bundled']} that comes with diabolo" if facts["bundled"] else "see `diabolo info MODEL`"
    lines = [
        f"archive   {facts['archive']}: {len(items):,} items in {facts['blocks']:,} blocks, {facts['bytes']:,} bytes",
        f"promise   {facts['promised']}",
        f"model     SHA-256 {facts['model_sha256']} ({known})",
    ]
    rows = [("name", "size", "mode", "kind", "bytes"), *_rows(items)]
    return "\n".join([*lines, "", columns_text(rows)]) if items else "\n".join(lines)


def _rows(items: Sequence[Listed]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    start = 0
    while start < len(items):
        first = items[start]
        end = start + 1
        while not first.name and end < len(items) and _alike(first, items[end]):
            end += 1
        size = sum(item.size for item in items[start:end])
        numbers = f"number {first.number}" if end == start + 1 else f"numbers {first.number} to {items[end - 1].number}"
        shape = "x".join(map(str, first.shape)) or "1"
        rows.append((shown(first.name) or numbers, shape, first.mode or "-", first.kind, f"{size:,}"))
        start = end
    return rows


def _alike(one: Listed, other: Listed) -> bool:
    return (one.name, one.shape, one.mode, one.kind) == (other.name, other.shape, other.mode, other.kind)
