"""The command `train`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from diabolo.app.common import (
    Anomaly,
    Contamination,
    Device,
    Force,
    Json,
    Label,
    Quiet,
    Seed,
    asked_latent,
    asked_layers,
    asked_window,
    print_curve,
    print_figures,
    say,
    watchers,
)
from diabolo.app.reading_options import NOTHING, reads_tables
from diabolo.config.networks import ACTIVATIONS
from diabolo.data.tables.reading.record import Asked
from diabolo.errors import ArgumentError
from diabolo.presets.presets import described, preset_of


@reads_tables
def train(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="MODEL", help="Model file to write (.safetensors).")],
    data: Annotated[
        str | None, typer.Argument(metavar="DATA", help="Data set, array, image, folder, zip or table.")
    ] = None,
    preset: Annotated[str | None, typer.Option(metavar="NAME", help=described())] = None,
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
    network: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Networks of your own, registered under a name by --import (diabolo --help)."
        ),
    ] = None,
    layers: Annotated[
        str | None,
        typer.Option(metavar="N,N,...", help="Sizes of the encoder's hidden layers; the decoder mirrors them."),
    ] = None,
    activation: Annotated[
        str | None, typer.Option(metavar="NAME", help=f"Between layers: {', '.join(ACTIVATIONS)}.")
    ] = None,
    penalty: Annotated[
        float | None, typer.Option(help="Weight of what a sparse, contractive or wasserstein code costs.")
    ] = None,
    active: Annotated[int | None, typer.Option(metavar="N", help="Numbers that a k-sparse code keeps.")] = None,
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
    anomaly: Anomaly = None,
    ignore: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="Column of a table to leave out, as an id; repeatable.")
    ] = None,
    asked: Asked = NOTHING,
    learn_labels: Annotated[
        bool, typer.Option("--learn-labels", help="With --label: the anomalies are learnt from too, not only left out.")
    ] = False,
    contamination: Contamination = 0.0,
    window: Annotated[
        str | None,
        typer.Option(
            metavar="N|auto",
            help="Rows are a series: learn from windows of N steps; auto: its period.",
        ),
    ] = None,
    seed: Seed = 0,
    device: Device = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was killed.")] = False,
    track: Annotated[str | None, typer.Option(metavar="TARGET", help="tensorboard:FOLDER or mlflow:URI.")] = None,
    force: Force = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Learn the code of DATA and write a model file."""
    from diabolo.app.fit_and_measure import fitted, learnt_from, windowed, with_labels
    from diabolo.app.learning_data import Wanted, material
    from diabolo.app.model_data import with_marks
    from diabolo.app.output.detector import advice, after_training, facts_of, ranking
    from diabolo.data.attributes import labels_of
    from diabolo.data.tables.reading.record import reading_from_json
    from diabolo.data.tables.reading.words import reading_text
    from diabolo.errors import FileError
    from diabolo.estimator import Autoencoder
    from diabolo.files import check_free
    from diabolo.jobs.detect.detector import traits_named
    from diabolo.jobs.detect.members import detects
    from diabolo.jobs.table_input import READING

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
    record = None if preset is None else preset_of(preset)
    wanted = Wanted(
        data,
        label,
        tuple(ignore or ()),
        noisy,
        clean,
        self_supervised,
        patch,
        noise,
        seed,
        record is not None and record.pieces,
        record.patch if record is not None else None,
        asked,
    )
    whole, noise = material(wanted)
    preset = preset or ("denoise-small" if self_supervised else "dense")
    length = asked_window(window, preset)
    if learn_labels and (label is None or not traits_named(preset_of(preset).detector).tabular):
        raise ArgumentError("--learn-labels goes with --label COLUMN and the preset table.")
    whole = with_marks(whole, label, anomaly, learns=True) if preset_of(preset).detector is not None else whole
    opened = learnt_from(whole, preset, contamination) if length is None else windowed(whole, length, label)
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
        network=network,
        layers=asked_layers(layers),
        activation=activation,
        penalty=penalty,
        active=active,
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
    if learn_labels:
        estimator.trained_ = trained = with_labels(trained, whole)
    about = trained.about
    estimator.save(out, force=force or resume)
    if about["stopped"] == "interrupted":
        say(f"Stopped by Ctrl-C after epoch {len(trained.history)}; the best weights are kept, --resume goes on.")
    else:
        checkpoint.unlink(missing_ok=True)
    detector = facts_of(trained) if detects(trained) else {}
    detector |= {} if learn_labels or not detector else ranking(trained, whole)  # learnt anomalies measure nothing
    if as_json:
        told_of = {"detector": detector} if detector else {}
        print(json.dumps({"model": str(out), **about, **told_of}, allow_nan=False))
        return
    if READING in about:
        print(reading_text(reading_from_json(about[READING])))
    print(f"{about['split']}; {len(trained.history)} epochs in {about['seconds']:.1f} s")
    print_figures(trained, figures)
    print_curve(about)
    done = after_training(detector, out) if detector else ()
    print(f"Written: {out}", *done, *advice(trained, opened), sep="\n")
