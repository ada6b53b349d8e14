"""The command `diabolo denoise`: pictures in, clean pictures out."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diabolo.app.common import Device, Force, Json, Quiet, make_room, say, write_text
from diabolo.app.output.denoised import WHITE, line
from diabolo.errors import ArgumentError, DiaboloError, FileError

if TYPE_CHECKING:
    from collections.abc import Callable

    from diabolo.app.pages.denoising import Shown
    from diabolo.data.images.photos import Photo, Shelf
    from diabolo.jobs.denoise.strength import Dial
    from diabolo.training.files.model_file import Trained

Data = Annotated[
    Path,
    typer.Argument(
        metavar="DATA",
        help="A picture, a folder or zip of pictures, or a stack: .tif of many pages, .npy or .zarr of images.",
    ),
]
Out = Annotated[
    Path,
    typer.Option(
        "--out", "-o", metavar="PATH", help="A picture (.png, .tif, .jpg, .webp), a folder, or a .tif, .npy or .zarr."
    ),
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
Strength = Annotated[
    float,
    typer.Option(
        "--strength", metavar="0..2", help="0: the picture as it is; 1: the noise that is found goes; 2: twice as much."
    ),
]
Level = Annotated[
    float | None,
    typer.Option(
        "--noise-level", metavar="SPREAD", help="The noise, if you know it: its spread in 255ths of white (.npy, .tif "
        "and .zarr of other ranges: in their own units); if not given, it is estimated.",
    ),
]  # fmt: skip
Grain = Annotated[
    float, typer.Option("--keep-grain", metavar="SHARE", help="Share of the brightness noise that stays, 0 to 1.")
]
Uncertainty = Annotated[
    Path | None,
    typer.Option(
        "--uncertainty",
        metavar="PATH",
        help="The expected error of each pixel, in the picture's own units: a .tif of floats, or a folder of them.",
    ),
]


def denoise(
    data: Data,
    out: Out,
    model: BundledOr = None,
    strength: Strength = 1.0,
    noise_level: Level = None,
    keep_grain: Grain = 0.0,
    uncertainty: Uncertainty = None,
    clean: CleanDir = None,
    report: Page = None,
    device: Device = "auto",
    force: Force = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Clean noisy pictures and stacks; the noise that was found is printed."""
    from diabolo.data.images.stack_files import is_stack
    from diabolo.jobs.denoise.bundled import bundled_denoiser
    from diabolo.training.files.model_file import load_model

    if report is not None:
        make_room(report, force=force)
    trained = bundled_denoiser(device) if model is None else load_model(model, device)
    options = Options(strength, noise_level, keep_grain, uncertainty, force, quiet, as_json)
    if is_stack(data):
        if clean is not None or report is not None or uncertainty is not None:
            raise ArgumentError(
                f"--clean, --report and --uncertainty are for pictures, and {data} is a stack; "
                "save its images as pictures in a folder, or leave these options out."
            )
        _stack(data, out, trained, options)
        return
    _pictures(data, out, trained, clean, report, options)


@dataclass(frozen=True)
class Options:
    """What the command line says, besides the files."""

    strength: float
    noise_level: float | None
    keep_grain: float
    uncertainty: Path | None
    force: bool
    quiet: bool
    as_json: bool

    def dial(self, white: float = 255.0) -> "Dial":
        """Return the dial, with the noise level as a share of `white`."""
        from diabolo.jobs.denoise.strength import Dial

        level = None if self.noise_level is None else self.noise_level / white
        return Dial(self.strength, level, self.keep_grain)


def _stack(data: Path, out: Path, trained: "Trained", options: Options) -> None:
    from diabolo.data.images.stack_files import open_stack, written_stack
    from diabolo.jobs.denoise.stacks import denoise_stack, stack_scale

    stack = open_stack(data)
    scale = stack_scale(trained, stack)
    with _progress(data.name, quiet=options.quiet) as told, written_stack(out, stack, force=options.force) as write:
        found = denoise_stack(trained, stack, write, dial=options.dial(scale.figures), scale=scale, watch=told)
    level, left = found.noise * scale.figures, sum(share == 0 for share in found.shares)
    if options.as_json:
        print(json.dumps({"out": str(out), "images": len(found.shares), "noise": level, "left_as_they_were": left}))
        return
    unit = "/255" if scale.figures == WHITE else f" of {scale.offset:.6g} to {scale.offset + scale.span:.6g}"
    words = f" ({left:,} left as they were: no noise was found)" if left else ""
    print(f"{len(found.shares):,} images, noise about {level:.4g}{unit}{words}: {out}")


def _pictures(
    data: Path,
    out: Path,
    trained: "Trained",
    clean: Path | None,
    report: Path | None,
    options: Options,
) -> None:
    from diabolo.data.images.pairs import matched
    from diabolo.data.images.photos import check_holds, open_shelf

    dial = options.dial()
    shelf = open_shelf(data)
    truths = None if clean is None else open_shelf(clean)
    partners = {} if truths is None else matched(shelf, truths)
    single = data.is_file() and data.suffix.lower() != ".zip"
    targets = _targets(shelf, out, single=single, force=options.force)
    errors = _error_targets(options.uncertainty, targets, single=single, force=options.force)
    rows: list[dict[str, Any]] = []
    shown: list[Shown] = []
    failed: list[str] = []
    for name, target in targets.items():
        try:
            picture = shelf.read(name)
            check_holds(target, picture)
            truth = None if truths is None else _truth(truths, partners[name], picture, shelf.label(name))
            with _progress(name, quiet=options.quiet) as told:
                row, cleaned, error = _one(trained, picture, truth, dial, told, uncertainty=name in errors)
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(target, cleaned, force=options.force)
            if error is not None:
                _write_error(errors[name], error, force=options.force)
        except DiaboloError as error:
            if len(targets) == 1:
                raise
            failed.append(str(error))
            continue
        rows.append({"name": name, "out": str(target), **row})
        if not options.as_json:
            print(line(rows[-1]))
        if report is not None:
            shown += _shown(shown, name, picture, cleaned, truth, row)
    if options.as_json:
        print(json.dumps({"pictures": rows, "failed": failed}))
    if report is not None:
        from diabolo.app.pages.denoising import denoise_page

        write_text(report, denoise_page(shown, rows, title=f"Cleaned: {data.name}"), force=options.force)
        say(f"The report: {report.absolute()}")
    if failed:
        raise FileError(f"{len(failed)} of {len(targets)} pictures could not be cleaned: " + " ".join(failed))


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
    kept = {name: out / name for name in shelf.names if name.lower().endswith((".png", ".tif", ".tiff"))}
    found: dict[str, Path] = {}
    for name in shelf.names:
        target = kept.get(name, (out / name).with_suffix(".png"))
        if name not in kept and target in (*kept.values(), *found.values()):
            target = out / f"{name}.png"
        if target.exists() and not force:
            raise FileError(f"{target} is already there; choose another folder or pass --force.")
        found[name] = target
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"The folder {out} cannot be made: {error.strerror}.") from error
    return found


def _truth(truths: "Shelf", name: str, picture: "Photo", label: str) -> "Photo":
    from diabolo.data.images.pairs import check_sizes

    truth = truths.read(name)
    check_sizes(label, picture, truth)
    return truth


def _error_targets(path: Path | None, targets: dict[str, Path], *, single: bool, force: bool) -> dict[str, Path]:
    """Return where the expected error of each picture goes; nowhere if it was not asked for."""
    from diabolo.files import check_free

    if path is None:
        return {}
    if single and path.suffix.lower() not in (".tif", ".tiff"):
        raise ArgumentError(f"--uncertainty must end in .tif for one picture, got {path}.")
    if single:
        check_free(path, force=force)
        return dict.fromkeys(targets, path)
    found = {name: (path / target.name).with_suffix(".tif") for name, target in targets.items()}
    path.mkdir(parents=True, exist_ok=True)
    for target in found.values():
        check_free(target, force=force)
    return found


def _write_error(path: Path, error: Any, *, force: bool) -> None:
    import tifffile

    from diabolo.files import written_whole

    with written_whole(path, force=force) as temporary:
        tifffile.imwrite(temporary, error)


def _one(
    trained: "Trained",
    picture: "Photo",
    truth: "Photo | None",
    dial: "Dial",
    told: "Callable[[float], None]",
    *,
    uncertainty: bool,
) -> "tuple[dict[str, Any], Photo, Any]":
    from dataclasses import replace

    from diabolo.jobs.denoise.denoise import denoise as cleaned
    from diabolo.jobs.evaluate.quality import psnr, ssim

    found = cleaned(trained, picture.pixels, dial=dial, uncertainty=uncertainty, watch=told)
    row: dict[str, Any] = {
        "noise": 255 * found.noise,
        "share": found.share,
        "white": found.white,
        "reason": found.reason,
    }
    if truth is not None:
        for stage, image in (("noisy", picture.pixels), ("cleaned", found.image)):
            decibels = psnr(truth.pixels, image, white=found.white)
            row |= {f"{stage}_psnr": None if decibels == float("inf") else decibels}
            row |= {f"{stage}_ssim": ssim(truth.pixels, image, white=found.white)}
    return row, replace(picture, pixels=found.image), found.error


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
