"""The command `decompress`."""

from pathlib import Path
from typing import Annotated

import typer

from diabolo.app.common import Device, Force, Out, Quiet, say


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
    from diabolo.app.commands.archives.unpack import archive_items, lost_lines, means_one, write_item, write_items
    from diabolo.app.progress import counted
    from diabolo.jobs.compress.archives.model_search import codec_for

    trained = codec_for(archive, model, salvage=salvage, device=device)
    if item is not None and means_one(archive, item, salvage=salvage):
        write_item(trained, archive, item, out, salvage=salvage, force=force)
        print(f"Written: {out}")
        return
    total = None if item else archive_items(archive, salvage=salvage)
    with counted("decompress", total, quiet=quiet) as watch:
        count, lost = write_items(trained, archive, out, wanted=item, salvage=salvage, force=force, watch=watch)
    say(*lost_lines(lost, complete=all(damage.count for damage in lost)))
    print(f"{count:,} items: {out}")
    if lost:
        raise typer.Exit(1)
