"""The commands `list` and `verify`, which need no model."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diabolo.app.common import Force, Json, Quiet, say

if TYPE_CHECKING:
    from diabolo.jobs.compress.archives.verifying import Verified

Archive = Annotated[Path, typer.Argument(metavar="ARCHIVE", help="Archive that `compress` wrote.")]


def list_archive(archive: Archive, as_json: Json = False) -> None:
    """Show what an archive holds: names, sizes, kinds, bytes, its promise and its model. No model is needed."""
    from dataclasses import asdict

    from diabolo.app.output.archive import archive_text
    from diabolo.coding.archive.archive import ArchiveReader
    from diabolo.jobs.compress.archives.listing import facts_of, listed

    with ArchiveReader(archive) as reader:
        facts, items = facts_of(archive, reader), list(listed(reader))
    if as_json:
        print(json.dumps({**facts, "items": [asdict(item) for item in items]}, allow_nan=False))
    else:
        print(archive_text(facts, items))


def verify(archive: Archive, quiet: Quiet = False, as_json: Json = False) -> None:
    """Check every checksum of an archive; exit status 1 if it is damaged. No model is needed."""
    from diabolo.app.commands.archives.unpack import archive_items, lost_lines
    from diabolo.app.progress import counted
    from diabolo.errors import FormatError
    from diabolo.jobs.compress.archives.verifying import verify as verified

    try:
        total = archive_items(archive, salvage=False)
    except FormatError:
        total = None  # verify says what the damage is
    with counted("verify", total, quiet=quiet) as watch:
        found = verified(archive, watch=watch)
    if as_json:
        print(json.dumps(_facts(archive, found), allow_nan=False))
    elif found.whole:
        print(f"{archive} is whole: every checksum of its {found.blocks:,} blocks is right.")
    else:
        mended = ["Its parity repairs all of it: `diabolo repair`."] if found.repairable else []
        mended += [f"Whether its parity repairs it is not known: {found.lacking}"] if found.lacking else []
        say(f"diabolo: {found.problem}", *lost_lines(list(found.lost), complete=found.complete), *mended)
    if not found.whole:
        raise typer.Exit(1)


def _facts(archive: Path, found: "Verified") -> dict[str, object]:
    lost = [{"first": damage.first, "count": damage.count} for damage in found.lost]
    return {
        "archive": str(archive),
        "whole": found.whole,
        "problem": found.problem,
        "items": found.items,
        "blocks": found.blocks,
        "lost": lost,
        "complete": found.complete,
        "repairable": found.repairable,
    }


def repair(
    archive: Archive,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Archive to write.")],
    force: Force = False,
) -> None:
    """Write a damaged archive anew, repaired by its parity; exit status 1 if too much is damaged."""
    from diabolo.errors import FormatError
    from diabolo.files import written_whole
    from diabolo.jobs.compress.archives.repairing import repaired_copy

    with written_whole(out, force=force) as temporary:
        parts = repaired_copy(archive, temporary)
        if parts is None:
            raise FormatError(
                f"{archive} has no parity, or more is damaged than it repairs; `diabolo decompress --salvage` reads "
                "what is undamaged."
            )
    print(f"{parts} places repaired. Written: {out}")
