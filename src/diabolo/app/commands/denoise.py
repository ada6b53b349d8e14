"""The command `diabolo denoise`: pictures in, clean pictures out."""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diabolo.app.common import Force, Json, Quiet, make_room, say, write_text
from diabolo.errors import ArgumentError, DiaboloError, FileError

if TYPE_CHECKING:
    from collections.abc import Callable

    from diabolo.app.pages.denoising import Shown
    from diabolo.data.images.photos import Photo, Shelf
    from diabolo.training.files.model_file import Trained

Data = Annotated[
    Path, typer.Argument(metavar="DATA", help="A picture, a folder or zip of pictures, or an .npy array of images.")
]
Out = Annotated[
    Path,
    typer.Option("--out", "-o", metavar="PATH", help="A picture (.png, .tif, .jpg, .webp), a folder, or an .npy."),
]
BundledOr = Annotated[
    Path | None,
    typer.Option(
        "--model", "-m", metavar="MODEL", help="Model file; if not given, the one for photos that comes along."
    ),
]
CleanDir = Annotated[
    Path | None,
    typer.Option("--clean", metavar="PATH", help="The same pictures without noise: prints PSNR and SSIM."),
]
Page = Annotated[
    Path | None,
    typer.Option("--report", metavar="PAGE", help="HTML page: before, after, baselines (which take longer)."),
]


def denoise(
    data: Data,
    out: Out,
    model: BundledOr = None,
    clean: CleanDir = None,
    report: Page = None,
    force: Force = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Clean noisy pictures; the noise that was found is printed, as the spread in 255ths of white."""
    from diabolo.jobs.denoise.bundled import bundled_denoiser
    from diabolo.training.files.model_file import load_model

    if report is not None:
        make_room(report, force=force)
    trained = bundled_denoiser() if model is None else load_model(model)
    if data.suffix.lower() == ".npy":
        if clean is not None or report is not None:
            raise ArgumentError("--clean and --report are for pictures; give a folder of them in place of an .npy.")
        _array(data, out, trained, force=force, quiet=quiet, as_json=as_json)
        return
    _pictures(data, out, trained, clean, report, force=force, quiet=quiet, as_json=as_json)


def _array(data: Path, out: Path, trained: "Trained", *, force: bool, quiet: bool, as_json: bool) -> None:
    import numpy as np

    from diabolo.data.opening import open_data
    from diabolo.data.writing import check_destination, write_samples
    from diabolo.jobs.denoise.denoise import denoise as cleaned
    from diabolo.jobs.denoise.denoise import white_of

    source = open_data(data).train
    check_destination(out, source.shape, pictures=True, force=force)
    images = source.take(np.arange(len(source)))
    with _progress("cleaning", quiet=quiet) as told:
        top = white_of(trained, images)
        found = [cleaned(trained, image, white=top) for image in _told(images, told)]
    write_samples(out, np.stack([item.image for item in found]), force=force)
    levels = [255 * item.noise for item in found]
    if as_json:
        print(json.dumps({"out": str(out), "noise": levels}))
        return
    print(f"{len(found):,} images, noise about {np.mean(levels):.1f}/255: {out}")


def _told(items: Any, told: "Callable[[float], None]") -> Iterator[Any]:
    for number, item in enumerate(items, 1):
        yield item
        told(number / len(items))


def _pictures(
    data: Path,
    out: Path,
    trained: "Trained",
    clean: Path | None,
    report: Path | None,
    *,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    from diabolo.data.images.photos import check_holds, open_shelf

    shelf = open_shelf(data)
    truths = None if clean is None else _paired(shelf, open_shelf(clean))
    targets = _targets(shelf, out, single=data.is_file() and data.suffix.lower() != ".zip", force=force)
    rows: list[dict[str, Any]] = []
    shown: list[Shown] = []
    failed: list[str] = []
    for name, target in targets.items():
        try:
            picture = shelf.read(name)
            check_holds(target, picture)
            truth = None if truths is None else _truth(truths, name, picture, shelf)
            with _progress(name, quiet=quiet) as told:
                row, cleaned = _one(trained, picture, truth, told)
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(target, cleaned, force=force)
        except DiaboloError as error:
            if len(targets) == 1:
                raise
            failed.append(str(error))
            continue
        rows.append({"name": name, "out": str(target), **row})
        if not as_json:
            print(_line(rows[-1]))
        if report is not None:
            shown += _shown(shown, name, picture, cleaned, truth, row)
    if as_json:
        print(json.dumps({"pictures": rows, "failed": failed}))
    if report is not None:
        from diabolo.app.pages.denoising import denoise_page

        write_text(report, denoise_page(shown, rows, title=f"Cleaned: {data.name}"), force=force)
        say(f"The report: {report.absolute()}")
    if failed:
        raise FileError(f"{len(failed)} of {len(targets)} pictures could not be cleaned: " + " ".join(failed))


def _paired(noisy: "Shelf", clean: "Shelf") -> "Shelf":
    """Raise FileError that names the pictures that only one side has."""
    from diabolo.data.images.pairs import check_names

    check_names(noisy, clean)
    return clean


def _targets(shelf: "Shelf", out: Path, *, single: bool, force: bool) -> dict[str, Path]:
    """Return where each picture goes; refuse what is in the way before any work is done."""
    from diabolo.data.images.photos import WRITTEN, check_photo_name
    from diabolo.files import check_free

    if single and out.suffix and not out.is_dir():
        check_photo_name(out)
        check_free(out, force=force)
        return {shelf.names[0]: out}
    if out.suffix.lower() in (*WRITTEN, ".npy"):
        raise ArgumentError(f"--out must be a folder for many pictures, got {out}.")
    found: dict[str, Path] = {}
    for name in shelf.names:
        deep_kept = name.lower().endswith((".tif", ".tiff"))
        target = out / name if deep_kept else (out / name).with_suffix(".png")
        if target in found.values():
            target = out / f"{name}.png"
        if target.exists() and not force:
            raise FileError(f"{target} is already there; choose another folder or pass --force.")
        found[name] = target
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"The folder {out} cannot be made: {error.strerror}.") from error
    return found


def _truth(truths: "Shelf", name: str, picture: "Photo", shelf: "Shelf") -> "Photo":
    from diabolo.data.images.pairs import check_sizes, partner

    truth = truths.read(partner(truths, name))
    check_sizes(shelf.label(name), picture, truth)
    return truth


def _one(
    trained: "Trained", picture: "Photo", truth: "Photo | None", told: "Callable[[float], None]"
) -> "tuple[dict[str, Any], Photo]":
    from dataclasses import replace

    from diabolo.jobs.denoise.denoise import denoise as cleaned
    from diabolo.jobs.evaluate.quality import psnr, ssim

    found = cleaned(trained, picture.pixels, watch=told)
    row: dict[str, Any] = {"noise": 255 * found.noise, "share": found.share, "white": found.white}
    if truth is not None:
        for stage, image in (("noisy", picture.pixels), ("cleaned", found.image)):
            decibels = psnr(truth.pixels, image, white=found.white)
            row |= {f"{stage}_psnr": None if decibels == float("inf") else decibels}
            row |= {f"{stage}_ssim": ssim(truth.pixels, image, white=found.white)}
    return row, replace(picture, pixels=found.image)


LEFT = " (so little counts as clean: left as it was)"


def _line(row: dict[str, Any]) -> str:
    bits = round(math.log2(row["white"] + 1)) if row["white"] > 1 else 8
    text = f"{row['name']}: noise about {row['noise']:.1f}/255" + (f" ({bits} bits)" if 8 < bits < 16 else "")
    if row["share"] < 1:
        text += f" (cleaned by {row['share']:.0%}: so little counts as clean)" if row["share"] else LEFT
    if "cleaned_psnr" in row:
        before, after = (
            "same" if row[f"{stage}_psnr"] is None else f"{row[f'{stage}_psnr']:.2f} dB"
            for stage in ("noisy", "cleaned")
        )
        text += f"; PSNR {before} -> {after}, SSIM {row['noisy_ssim']:.4f} -> {row['cleaned_ssim']:.4f}"
    return f"{text}; {row['out']}"


def _write(target: Path, picture: "Photo", *, force: bool) -> None:
    from diabolo.data.images.photos import write_photo

    write_photo(target, picture, force=force)


def _shown(
    there: "list[Shown]",
    name: str,
    picture: "Photo",
    cleaned: "Photo",
    truth: "Photo | None",
    row: dict[str, Any],
) -> "list[Shown]":
    """Return what a page shows of one picture; of the first few only, and cut to a size that a page can bear."""
    from diabolo.app.pages.denoising import MOST_SHOWN, shown

    if len(there) >= MOST_SHOWN:
        return []
    return [
        shown(
            name,
            picture.pixels,
            cleaned.pixels,
            None if truth is None else truth.pixels,
            row["noise"] / 255,
            row["white"],
        )
    ]


@contextmanager
def _progress(name: str, *, quiet: bool) -> "Iterator[Callable[[float], None]]":
    """Yield what is told the share that is done; a bar on standard error unless `quiet`."""
    if quiet:
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=1.0)
        yield lambda share: bar.update(task, completed=share)
