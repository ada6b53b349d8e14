"""The command line: one verb a job. Heavy imports live inside the commands, so that --help answers at once."""

import gc
import json
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diabolo.app.commands.compress import compress, decompress
from diabolo.app.commands.denoise import denoise
from diabolo.app.commands.detect import calibrate, detect
from diabolo.app.commands.generate import generate, interpolate, likelihood, map_codes
from diabolo.app.commands.studio import studio
from diabolo.app.common import (
    Contamination,
    Data,
    Device,
    Force,
    Json,
    Label,
    Model,
    Out,
    Quiet,
    Seed,
    Window,
    asked_latent,
    make_room,
    print_curve,
    print_figures,
    say,
    watchers,
    write_text,
)
from diabolo.errors import ArgumentError, DiaboloError
from diabolo.version import __version__

if TYPE_CHECKING:
    from diabolo.data.source import Dataset

DATA = """DATA is the name of a data set (see `diabolo datasets`), an .npy, .npz or IDX file, an image, a folder or zip
of images, or a CSV, TSV or Parquet table."""
PRESET_NAMES = (
    "dense (if not given), deep, conv, vae, conv-vae, faces, codec, table, surface, denoise, denoise-deep, "
    "denoise-photo or denoise-small (with --self-supervised)."
)
DEMO, REPRODUCED = Path("out/demo.html"), Path("out/reproduce")
app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help=f"Autoencoders that learn the code of your data and put it to work.\n\n{DATA}",
    epilog="Exit status: 0 done, 1 the work failed, 2 wrong usage, 130 interrupted. --debug shows a traceback.",
)


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        print(__version__)
        raise typer.Exit


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="PAGE")] = DEMO,
    force: Force = False,
    seed: Seed = 0,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Train the lecture's three autoencoders on real handwritten digits and write a report page."""
    from diabolo.app.fit_and_measure import evaluation_of, fitted
    from diabolo.app.pages.report import report_page
    from diabolo.data.opening import open_data
    from diabolo.estimator import Autoencoder

    make_room(out, force=force or out == DEMO)
    data = open_data("mnist")
    say(f"{data.name}: {len(data.train):,} digits to learn from, {data.origin}", *data.notes)
    evaluations = []
    for preset in ("dense", "deep", "conv"):
        estimator = Autoencoder(preset, device=device, random_state=seed)
        trained, figures = fitted(estimator, data, watchers(preset, data.train.shape, quiet=quiet))
        print_figures(figures)
        evaluations.append(evaluation_of(trained, data))
    title = f"Three autoencoders of {data.name}"
    write_text(out, report_page(evaluations, title=title, notes=data.notes), force=True)
    print(f"The report: {out.absolute()}")


@app.command()
def train(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="MODEL", help="Model file to write (.safetensors).")],
    data: Annotated[
        str | None, typer.Argument(metavar="DATA", help="Data set, array, image, folder, zip or table.")
    ] = None,
    preset: Annotated[str | None, typer.Option(help=PRESET_NAMES)] = None,
    latent: Annotated[
        str | None,
        typer.Option(metavar="K|auto", help="Numbers in a code; auto trains a first model to choose them."),
    ] = None,
    quality: Annotated[
        float | None, typer.Option(metavar="DB", help="With --latent auto: the fewest numbers that reach this PSNR.")
    ] = None,
    recipe: Annotated[
        str, typer.Option(help="default, or lecture for the lecture's own; the next options overrule it.")
    ] = "default",
    epochs: Annotated[int | None, typer.Option(help="Passes over the data.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Samples per step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="The largest learning rate.")] = None,
    patience: Annotated[int | None, typer.Option(help="Epochs without a better held-out loss before it stops.")] = None,
    validation: Annotated[float | None, typer.Option(help="Held-out share of the samples.")] = None,
    noise: Annotated[
        str | None,
        typer.Option(
            metavar="KIND:STRENGTH",
            help="Learn to remove gaussian:0.5, poisson:30, salt-pepper:0.1, jpeg:20, or a range as gaussian:0-0.2.",
        ),
    ] = None,
    noisy: Annotated[
        str | None, typer.Option(metavar="DATA", help="With --clean: pairs of images of the same names, learnt from.")
    ] = None,
    clean: Annotated[str | None, typer.Option(metavar="DATA", help="The clean images of --noisy.")] = None,
    self_supervised: Annotated[
        bool, typer.Option("--self-supervised", help="DATA are noisy images; learn to clean them from them alone.")
    ] = False,
    patch: Annotated[
        int | None, typer.Option(metavar="N", help="Learn from random pieces of N x N pixels, not from whole images.")
    ] = None,
    beta: Annotated[
        float | None, typer.Option(help="Weight of the rate; more makes smaller codes (vae, codec).")
    ] = None,
    warm_up: Annotated[float | None, typer.Option(help="Variational: share of the steps over which it rises.")] = None,
    free_nats: Annotated[
        float | None, typer.Option(help="Variational: nats of each number of the code that cost nothing.")
    ] = None,
    binarise: Annotated[
        bool, typer.Option("--binarise", help="Draw zeros and ones from pixels, anew for every batch.")
    ] = False,
    condition: Annotated[
        str | None,
        typer.Option(metavar="LABELS", help="Tell the decoder labels: 'labels' for the data's own, or TABLE:COLUMN."),
    ] = None,
    label: Label = None,
    ignore: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="Column of a table to leave out, as an id; repeatable.")
    ] = None,
    contamination: Contamination = 0.0,
    window: Window = None,
    seed: Seed = 0,
    device: Device = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was killed.")] = False,
    track: Annotated[str | None, typer.Option(metavar="TARGET", help="tensorboard:FOLDER or mlflow:URI.")] = None,
    force: Force = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Learn the code of DATA and write a model file."""
    from diabolo.app.fit_and_measure import fitted, learnt_from, windowed
    from diabolo.app.learning_data import Wanted, material
    from diabolo.app.output.detector import advice, after_training, facts_of, ranking
    from diabolo.data.attributes import labels_of
    from diabolo.errors import FileError
    from diabolo.estimator import Autoencoder
    from diabolo.files import check_free
    from diabolo.jobs.detect.choice import detects
    from diabolo.model.presets import PIECED

    if out.suffix != ".safetensors":
        raise ArgumentError(f"--out must end in .safetensors, got {out}.")
    checkpoint = out.with_name(f"{out.name}.checkpoint")
    check_free(checkpoint, force=True)
    check_free(out, force=force or (resume and checkpoint.exists()))
    if checkpoint.exists() and not (resume or force):
        raise FileError(
            f"{checkpoint} is left from a run that was cut off: pass --resume to go on with it, or --force."
        )
    if resume and not checkpoint.exists():
        say(f"There is no {checkpoint} to go on from: training from the start.")
    wanted = Wanted(
        data, label, tuple(ignore or ()), noisy, clean, self_supervised, patch, noise, seed, preset in PIECED
    )
    whole, noise = material(wanted)
    preset = preset or ("denoise-small" if self_supervised else "dense")
    opened = windowed(whole, window, label) if window is not None else learnt_from(whole, preset, contamination)
    say(*opened.notes)
    told = None if condition is None else labels_of(opened, condition)
    estimator = Autoencoder(
        preset,
        latent=asked_latent(latent),
        quality=quality,
        recipe=recipe,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        patience=patience,
        validation=validation,
        noise=noise,
        beta=beta,
        warm_up=warm_up,
        free_nats=free_nats,
        binarise=binarise,
        conditional=condition is not None,
        contamination=contamination,
        device=device,
        random_state=seed,
    )
    watching = watchers(preset, getattr(opened.train, "sample_shape", opened.train.shape), quiet=quiet, track=track)
    trained, figures = fitted(estimator, opened, watching, checkpoint, resume=resume, labels=told)
    about = trained.about
    estimator.save(out, force=force or resume)
    if about["stopped"] == "interrupted":
        say(f"Stopped by Ctrl-C after epoch {len(trained.history)}; the best weights are kept, --resume goes on.")
    else:
        checkpoint.unlink(missing_ok=True)
    detector = facts_of(trained) | ranking(trained, whole) if detects(trained) else {}
    if as_json:
        told_of = {"detector": detector} if detector else {}
        print(json.dumps({"model": str(out), **about, **told_of}, allow_nan=False))
        return
    print(f"{about['split']}; {len(trained.history)} epochs in {about['seconds']:.1f} s")
    print_figures(figures)
    print_curve(about)
    done = after_training(detector, out) if detector else ()
    print(f"Written: {out}", *done, *advice(trained, opened), sep="\n")


@app.command()
def info(model: Annotated[Path, typer.Argument(metavar="MODEL")], as_json: Json = False) -> None:
    """Say what a model is, what it was trained on and how good it is."""
    from diabolo.app.output.model import about_json, about_text
    from diabolo.estimator import load

    estimator = load(model)
    print(json.dumps(about_json(estimator.trained_)) if as_json else about_text(estimator.trained_))


@app.command()
def encode(data: Data, model: Model, out: Out, label: Label = None, force: Force = False) -> None:
    """Write the codes of DATA (of its training part, where it has two): .npy, .csv or .parquet, one row a sample."""
    from diabolo.app.model_data import as_samples, open_for
    from diabolo.data.writing import check_destination, write_samples
    from diabolo.estimator import load

    estimator = load(model)
    check_destination(out, (estimator.trained_.model.config.latent,), pictures=False, force=force)
    opened = as_samples(open_for(estimator.trained_, data, label), estimator.trained_)
    say(*opened.notes)
    codes = estimator.encode(opened.train)
    write_samples(out, codes, force=force)
    print(f"{len(codes):,} codes of {codes.shape[1]} numbers: {out}")


@app.command()
def decode(
    codes: Annotated[str, typer.Argument(metavar="CODES", help=".npy, .csv or .parquet, one row a code.")],
    model: Model,
    out: Out,
    force: Force = False,
) -> None:
    """Write the samples that CODES stand for: .npy, .csv, .parquet, or a folder of images."""
    import numpy as np

    from diabolo.data.opening import open_data
    from diabolo.data.writing import are_pictures, check_destination, write_samples
    from diabolo.estimator import load

    estimator = load(model)
    trained = estimator.trained_
    shape, prepared = trained.model.config.shape, trained.preprocessing
    pictures = are_pictures(shape, prepared.dtype, unit=prepared.unit)
    check_destination(out, shape, pictures=pictures, force=force)
    source = open_data(codes).train
    samples = estimator.decode(source.take(np.arange(len(source))))
    write_samples(out, samples, columns=trained.about.get("columns"), force=force)
    print(f"{len(samples):,} samples: {out}")


@app.command()
def report(
    model: Annotated[Path, typer.Argument(metavar="MODEL")],
    data: Data,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="PAGE", help="HTML page to write.")],
    label: Label = None,
    force: Force = False,
) -> None:
    """Write one HTML page about a model on DATA: curves, reconstructions, latent plane, figures, baseline."""
    from diabolo.app.fit_and_measure import evaluation_of
    from diabolo.app.model_data import as_samples, open_for
    from diabolo.app.pages.report import report_page
    from diabolo.estimator import load
    from diabolo.files import check_free
    from diabolo.jobs.detect.series import window_of

    check_free(out, force=force)
    trained = load(model).trained_
    if label is not None and window_of(trained) is not None:
        raise ArgumentError("--label is for single rows; for steps: diabolo detect SERIES --label COLUMN --report P.")
    opened = as_samples(open_for(trained, data, label), trained)
    evaluation = evaluation_of(trained, opened)
    write_text(
        out, report_page([evaluation], title=f"{evaluation.name} on {opened.name}", notes=opened.notes), force=force
    )
    say(*evaluation.warnings)
    print(f"The report: {out.absolute()}")


@app.command()
def datasets(as_json: Json = False) -> None:
    """List the data sets that have a name, and where each was found."""
    from dataclasses import asdict

    from diabolo.data.named import datasets as listed

    if as_json:
        print(json.dumps([asdict(item) for item in listed()]))
        return
    for item in listed():
        print(f"{item.name:<12}{item.what}\n{'':<12}{item.where} ({item.terms})")


@app.command()
def reproduce(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="dense, deep, conv, denoise or fraud; all of them if not given."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Gets a table and a page.")] = REPRODUCED,
    force: Force = False,
    seed: Seed = 0,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Repeat the lecture's experiments by the lecture's own recipes, beside what it claims and beside baselines."""
    from diabolo.app.output.tables import columns_text, markdown
    from diabolo.app.pages.report import report_page
    from diabolo.app.reproduce import EXPERIMENTS, tables
    from diabolo.app.reproduce import reproduce as repeat

    if name is not None and name not in EXPERIMENTS:
        raise ArgumentError(f"NAME must be one of {', '.join(EXPERIMENTS)}, got {name!r}.")
    for file in ("table.md", "page.html"):
        make_room(out / file, force=force or out == REPRODUCED)
    opened = _opened({EXPERIMENTS[one].data for one in ([name] if name else EXPERIMENTS)}, all_of_them=name is None)
    notes = [note for data in opened.values() for note in data.notes]
    say(*notes)
    found = repeat(
        [name] if name else [one for one, experiment in EXPERIMENTS.items() if experiment.data in opened],
        opened,
        seed=seed,
        device=device,
        watch=lambda name, data: watchers(name, data.train.shape, quiet=quiet),
    )
    written = tables(found)
    print("\n\n".join(columns_text(table) for table in written))
    write_text(out / "table.md", "\n".join(markdown(table) for table in written), force=True)
    page = report_page(list(found.values()), title="The lecture's autoencoders, by its own recipes", notes=notes)
    write_text(out / "page.html", page, force=True)
    print(f"Written: {out / 'table.md'}, {out / 'page.html'}")


def _opened(names: "set[str]", *, all_of_them: bool) -> "dict[str, Dataset]":
    """Open data sets by name; where all experiments are asked for, those that cannot be had are left out, and named."""
    from diabolo.data.opening import open_data
    from diabolo.errors import FileError

    found = {}
    for name in sorted(names):
        try:
            found[name] = open_data(name)
        except FileError as error:
            if not all_of_them:
                raise
            say(f"Left out: {error}")
    return found


for job in (compress, decompress, denoise, detect, calibrate, generate, interpolate, likelihood, studio):
    app.command()(job)
app.command("map")(map_codes)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 the work failed, 2 wrong usage. An error is one line on stderr."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    gc.set_threshold(100_000)  # what imports make stays: to look it through again and again takes a tenth of the start
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads cost 13 times the time on a busy machine
    warnings.showwarning = lambda message, *_: say(f"Warning: {message}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app([word for word in given if word != "--debug"], prog_name="diabolo")
    except KeyboardInterrupt:
        say("diabolo: interrupted; nothing was written.")
        sys.exit(130)
    except Exception as error:
        if debug:
            raise
        known = isinstance(error, DiaboloError)
        text = str(error) if known else f"unexpected {type(error).__name__}: {error}; --debug shows where."
        say(f"diabolo: {' '.join(text.split())}")
        sys.exit(2 if isinstance(error, ArgumentError) else 1)
