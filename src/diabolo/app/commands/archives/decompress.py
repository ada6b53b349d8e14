"""The command `decompress`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diabolo.app.common import Device, Force, Out, Quiet, say

if TYPE_CHECKING:
    from diabolo.jobs.compress.exact_photos import Codec


def decompress(
    archive: Annotated[Path, typer.Argument(metavar="FILE", help="Archive that `compress` wrote.")],
    out: Out,
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            "-m",
            metavar="MODEL",
            help="Model file, or a folder in which the archive's model is searched; not needed for bundled models.",
        ),
    ] = None,
    item: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Only this item: its name, or its number if it has none; or a folder, or a pattern such as '*.png'.",
        ),
    ] = None,
    salvage: Annotated[bool, typer.Option("--salvage", help="Read what is undamaged of a damaged archive.")] = False,
    device: Device = "auto",
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Write what an archive holds: a folder of images, one image (.png), or .npy."""
    from diabolo.jobs.compress.archives.model_search import codec_for
    from diabolo.jobs.compress.archives.repairing import with_repair

    def work(path: Path) -> bool:
        trained = codec_for(path, model, salvage=salvage, device=device)
        return _written(trained, path, out, item, salvage=salvage, force=force, quiet=quiet)

    def told(parts: int) -> None:
        say(f"{archive} is damaged in {parts} places; its parity repairs them (`diabolo repair` writes it anew).")

    if with_repair(archive, work, told=told, first=salvage):
        raise typer.Exit(1)


def _written(
    trained: "Codec", archive: Path, out: Path, item: str | None, *, salvage: bool, force: bool, quiet: bool
) -> bool:
    """Write what is asked for; return whether anything is lost."""
    from diabolo.app.commands.archives.unpack import archive_items, lost_lines, means_one, write_item, write_items
    from diabolo.app.progress import counted

    if item is not None and means_one(archive, item, salvage=salvage):
        write_item(trained, archive, item, out, salvage=salvage, force=force)
        print(f"Written: {out}")
        return False
    total = None if item else archive_items(archive, salvage=salvage)
    with counted("decompress", total, quiet=quiet) as watch:
        count, lost = write_items(trained, archive, out, wanted=item, salvage=salvage, force=force, watch=watch)
    say(*lost_lines(lost, complete=all(damage.count for damage in lost)))
    print(f"{count:,} items: {out}")
    return bool(lost)
