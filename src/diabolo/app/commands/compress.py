"""The commands `compress` and `decompress`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diabolo.app.common import Data, Force, Json, Label, OrBundled, Out, Quiet, say
from diabolo.errors import ArgumentError

if TYPE_CHECKING:
    from diabolo.data.images.mixed import Pictures
    from diabolo.data.source import Source
    from diabolo.jobs.compress.compare.comparison import Comparison
    from diabolo.jobs.compress.compress import Compressed
    from diabolo.training.files.model_file import Trained

MOST_NAMED = 5
LOSSLESS_DB = 120.0
Test = Annotated[bool, typer.Option("--test", help="The test part of a data set that has one.")]


def compress(
    data: Data,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Archive to write.")],
    model: OrBundled = None,
    quality: Annotated[
        float | None,
        typer.Option(
            metavar="DB",
            help="PSNR to reach (lossy), for photos each: 30 is small, 40 hard to tell; else the usual one.",
        ),
    ] = None,
    max_error: Annotated[
        int | None, typer.Option(metavar="E", help="No pixel is off by more than E grey levels.")
    ] = None,
    lossless: Annotated[bool, typer.Option("--lossless", help="The same bytes come back.")] = False,
    compare: Annotated[
        bool, typer.Option("--compare", help="Show what general codecs need for the same quality.")
    ] = False,
    label: Label = None,
    test: Test = False,
    force: Force = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write DATA as an archive that opens on every machine with the same model; photos need no model file."""
    from dataclasses import asdict

    from diabolo.app.output.tables import columns_text, compared_rows
    from diabolo.app.progress import counted
    from diabolo.estimator import load
    from diabolo.files import check_free
    from diabolo.jobs.compress.bundled import bundled_codec
    from diabolo.jobs.compress.compress import compress as compressed
    from diabolo.jobs.compress.compress import promised

    promise, error = promised(quality, max_error, lossless=lossless)
    check_free(out, force=force)
    trained = load(model).trained_ if model else bundled_codec(promise)
    things = _things(data, label, trained, test=test)
    beside_what = _of_one_size(data, label, trained, test=test) if compare else None
    with counted("compress", len(things), quiet=quiet) as watch:
        found = compressed(
            trained, things, out, promise=promise, quality=quality, max_error=error, force=force, watch=watch
        )
    beside = _compared(beside_what, trained, found, model, quiet=quiet) if beside_what else None
    if as_json:
        compared = {"compare": [asdict(row) for row in beside.rows]} if beside else {}
        print(json.dumps({"archive": str(out), **asdict(found), **compared}))
        return
    if found.kept:
        say(f"{found.kept} files are kept as they are: they take fewer bytes than what the model makes of them.")
    if found.stored:
        say(f"{found.stored} of {found.blocks} blocks are kept by a general coder: the model does not suit them.")
    if quality is not None and found.psnr < quality:
        say(f"The quality reached is {found.psnr:.2f} dB, a little under the {quality:g} dB asked for.")
    each = f"{found.size / found.items:.1f} bytes each" if found.items else ""
    kept = "the same bytes come back" if lossless else f"PSNR {found.psnr:.2f} dB"
    print(f"{found.items:,} items, {found.raw:,} -> {found.size:,} bytes ({each}), {kept}")
    if beside:
        print(columns_text(compared_rows(beside.rows)))
        say(*beside.notes, *beside.warnings)
    print(f"Written: {out}")


def decompress(
    archive: Annotated[Path, typer.Argument(metavar="FILE", help="Archive that `compress` wrote.")],
    out: Out,
    model: OrBundled = None,
    item: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this item: its name, or its number if it has none.")
    ] = None,
    salvage: Annotated[bool, typer.Option("--salvage", help="Read what is undamaged of a damaged archive.")] = False,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Write what an archive holds: a folder of images, one image (.png), or .npy."""
    from diabolo.app.commands.unpack import archive_items, write_item, write_items
    from diabolo.app.progress import counted
    from diabolo.estimator import load
    from diabolo.jobs.compress.bundled import codec_of

    trained = load(model).trained_ if model else codec_of(archive, salvage=salvage)
    if item is not None:
        write_item(trained, archive, item, out, salvage=salvage, force=force)
        print(f"Written: {out}")
        return
    with counted("decompress", archive_items(archive, salvage=salvage), quiet=quiet) as watch:
        count, lost = write_items(trained, archive, out, salvage=salvage, force=force, watch=watch)
    for damage in lost[:MOST_NAMED]:
        names = ", ".join(thing.name for thing in damage.items[:MOST_NAMED] if thing.name)
        if damage.count:
            say(f"Lost: {damage.count} items from number {damage.first} on{': ' + names if names else ''}.")
        else:
            say(f"The index is gone: whether more items followed number {damage.first - 1} is not known.")
    print(f"{count:,} items: {out}")
    if lost:
        raise typer.Exit(1)


def _of_one_size(data: str, label: str | None, trained: "Trained", *, test: bool) -> "Source":
    """Return what general codecs are measured on. Raises FormatError, before any work, for images of several sizes."""
    from diabolo.app.model_data import open_for

    opened = open_for(trained, data, label)
    return opened.test if test and opened.test is not None else opened.train


def _compared(
    images: "Source", trained: "Trained", found: "Compressed", model: Path | None, *, quiet: bool
) -> "Comparison":
    from diabolo.app.progress import counted
    from diabolo.jobs.compress.compare.comparison import compare

    with counted("compare", None, quiet=quiet) as watch:
        return compare(
            images,
            psnr=found.psnr if found.psnr < LOSSLESS_DB else None,
            model_bytes_per_image=found.size / found.items,
            model_file_bytes=model.stat().st_size if model else 0,
            model=trained.model.config.preset,
            on_row=lambda _: watch(1),
        )


def _things(data: str, label: str | None, trained: "Trained", *, test: bool) -> "Source | Pictures":
    """Return images as they are, with their names, or the samples of anything else."""
    from diabolo.app.model_data import open_for
    from diabolo.data.images.mixed import open_pictures
    from diabolo.data.images.one_size import ENDINGS
    from diabolo.data.named import SETS

    path = Path(data)
    pictures = path.is_dir() or path.suffix.lower() in (".zip", *ENDINGS)
    if data not in SETS and path.exists() and pictures and label is None and not test:
        found = open_pictures(path)
        if found.others:
            say(f"Files that are not images, left out: {found.others}.")
        return found
    opened = open_for(trained, data, label)
    say(*opened.notes)
    if test and opened.test is None:
        raise ArgumentError(f"{opened.name} has no test part; leave --test out.")
    return opened.test if test and opened.test is not None else opened.train
