"""The command `compress`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diabolo.app.common import Data, Device, Force, Json, Label, OrBundled, Quiet, say, write_text
from diabolo.errors import ArgumentError

if TYPE_CHECKING:
    from diabolo.data.images.mixed import Pictures
    from diabolo.data.source import Source
    from diabolo.jobs.compress.compare.comparison import Comparison
    from diabolo.jobs.compress.compress import Compressed
    from diabolo.training.files.model_file import Trained

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
    lossless: Annotated[bool, typer.Option("--lossless", help="The same pixels, or numbers, come back.")] = False,
    compare: Annotated[
        bool, typer.Option("--compare", help="Show what general codecs need for the same quality.")
    ] = False,
    recovery: Annotated[
        str | None,
        typer.Option(metavar="SHARE", help="Parity that repairs as much damage, such as 5%; else one place."),
    ] = None,
    with_model: Annotated[
        bool, typer.Option("--with-model", help="The archive carries its model: one file that needs nothing else.")
    ] = False,
    manifest: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write SHA-256 sums of the pictures' files here, as sha256sum does."),
    ] = None,
    label: Label = None,
    test: Test = False,
    device: Device = "auto",
    force: Force = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write DATA as an archive that opens on every machine with the same model; photos need no model file."""
    from diabolo.app.progress import counted
    from diabolo.coding.archive.layout import Promise
    from diabolo.estimator import load
    from diabolo.files import check_free
    from diabolo.jobs.compress.bundled import bundled_codec
    from diabolo.jobs.compress.compress import compress as compressed
    from diabolo.jobs.compress.compress import promised

    promise, error = promised(quality, max_error, lossless=lossless)
    share = _share(recovery)
    if manifest is not None:
        check_free(manifest, force=force)
    check_free(out, force=force)
    if promise != Promise.LOSSY and model is None:
        pictures = _alone(data, label, test=test, compare=compare)
        _exactly(pictures, out, error, share, with_model=with_model, force=force, quiet=quiet, as_json=as_json)
        _write_manifest(manifest, pictures, force=force)
        return
    trained = load(model, device=device).trained_ if model else bundled_codec(promise).on(device)
    things = _things(data, label, trained, test=test)
    beside_what = _of_one_size(data, label, trained, test=test) if compare else None
    with counted("compress", len(things), quiet=quiet) as watch:
        found = compressed(
            trained,
            things,
            out,
            promise=promise,
            quality=quality,
            max_error=error,
            recovery=share,
            with_model=with_model,
            force=force,
            watch=watch,
        )
    beside = _compared(beside_what, trained, found, model, quiet=quiet) if beside_what else None
    told = _same(found, things) if lossless else f"PSNR {found.psnr:.2f} dB"
    if model and not with_model:
        told += f"; beside the model file of {model.stat().st_size:,} bytes"
    _print_archive(found, out, told, beside, as_json=as_json)
    _write_manifest(manifest, things, force=force)


def _share(given: str | None) -> float:
    """Return what --recovery says as a share. Raises ArgumentError for what is no percentage."""
    if given is None:
        return 0.0
    try:
        share = float(given.removesuffix("%")) / 100
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise ArgumentError(f"--recovery must be a percentage above 0 and up to 100, such as 5%, got {given!r}.")
    return share


def _alone(data: str, label: str | None, *, test: bool, compare: bool) -> "Pictures":
    """Return pictures for the bundled exact coder. Raises ArgumentError for what needs a model of its own."""
    pictures = None if label is not None or test or compare else _pictures(data)
    if pictures is None:
        raise ArgumentError(
            f"Without a model, --lossless and --max-error take a folder or zip of pictures, got {data}"
            f"{' with --label, --test or --compare' if label or test or compare else ''}; give a model with -m."
        )
    return pictures


def _exactly(
    pictures: "Pictures",
    out: Path,
    max_error: int,
    recovery: float,
    *,
    with_model: bool,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write pictures by the bundled exact coder."""
    from diabolo.app.progress import counted
    from diabolo.jobs.compress.exact_photos import compress_exactly

    with counted("compress", len(pictures), quiet=quiet) as watch:
        found = compress_exactly(
            pictures,
            out,
            max_error=max_error,
            recovery=recovery,
            with_model=with_model,
            force=force,
            watch=watch,
        )
    told = f"no pixel is off by more than {max_error}" if max_error else _same(found, pictures)
    _print_archive(found, out, told, as_json=as_json)


def _write_manifest(path: Path | None, data: object, *, force: bool) -> None:
    """Write the SHA-256 of every picture's file and its name, as sha256sum does."""
    import hashlib

    from diabolo.data.images.mixed import Pictures

    if path is None:
        return
    if not isinstance(data, Pictures):
        raise ArgumentError("--manifest lists the files of pictures; an array or a table has none. Leave it out.")
    lines = (
        f"{hashlib.sha256(data.file(number)).hexdigest()}  {header.name}\n"
        for number, header in enumerate(data.headers)
    )
    write_text(path, "".join(lines), force=force)


def _same(found: "Compressed", data: object) -> str:
    """Return what comes back of an exact archive."""
    from diabolo.data.images.mixed import Pictures

    if not isinstance(data, Pictures):
        return "the same numbers come back"
    same = "the same pixels, EXIF, colour profiles and text come back"
    if not found.kept:
        return same
    return "the same files come back" if found.kept == found.items else f"{same}; of the files kept, the same files"


def _print_archive(
    found: "Compressed", out: Path, promise: str, beside: "Comparison | None" = None, *, as_json: bool
) -> None:
    """Print what an archive holds and promises, and what general codecs need where that was asked for."""
    from dataclasses import asdict

    from diabolo.app.output.tables import columns_text, compared_rows, finite

    if as_json:
        compared = {"compare": [finite(asdict(row)) for row in beside.rows]} if beside else {}
        print(json.dumps({"archive": str(out), **asdict(found), **compared}, allow_nan=False))
        return
    if found.kept:
        say(f"{found.kept} files are kept as they are: they take fewer bytes so, or hold more than can be coded.")
    if found.unreadable:
        say(f"Kept as files, for they cannot be read, are animated or have many pages: {', '.join(found.unreadable)}.")
    if found.stored:
        say(f"{found.stored} of {found.blocks} blocks are kept by a general coder: the model does not suit them.")
    each = f"{found.size / found.items:.1f} bytes each" if found.items else ""
    print(f"{found.items:,} items, {found.raw:,} -> {found.size:,} bytes ({each}), {promise}")
    if beside:
        print(columns_text(compared_rows(beside.rows)))
        say(*beside.notes, *beside.warnings)
    print(f"Written: {out}")


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

    pictures = _pictures(data) if label is None and not test else None
    if pictures is not None:
        return pictures
    opened = open_for(trained, data, label)
    say(*opened.notes)
    if test and opened.test is None:
        raise ArgumentError(f"{opened.name} has no test part; leave --test out.")
    return opened.test if test and opened.test is not None else opened.train


def _pictures(data: str) -> "Pictures | None":
    """Return the pictures of a folder, a zip or one image, or None for other data."""
    from diabolo.data.images.mixed import open_pictures
    from diabolo.data.images.one_size import ENDINGS
    from diabolo.data.named import SETS

    path = Path(data)
    if data in SETS or not path.exists() or not (path.is_dir() or path.suffix.lower() in (".zip", *ENDINGS)):
        return None
    found = open_pictures(path, keeping=True)
    if found.others:
        say(f"Files that are not images, left out: {found.others}.")
    return found
