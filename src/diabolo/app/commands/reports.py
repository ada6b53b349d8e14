"""The commands that write a report page: `demo`, `report` and `reproduce`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diabolo.app.common import (
    Data,
    Device,
    Force,
    Label,
    Quiet,
    Seed,
    make_room,
    print_figures,
    say,
    watchers,
    write_text,
)
from diabolo.errors import ArgumentError

if TYPE_CHECKING:
    from diabolo.app.reproduce import Experiment
    from diabolo.data.source import Dataset

DEMO, REPRODUCED = Path("out/demo.html"), Path("out/reproduce")


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
        print_figures(trained, figures)
        evaluations.append(evaluation_of(trained, data))
    title = f"Three autoencoders of {data.name}"
    write_text(out, report_page(evaluations, title=title, notes=data.notes), force=True)
    print(f"The report: {out.absolute()}")


def report(
    model: Annotated[Path, typer.Argument(metavar="MODEL")],
    data: Data,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="PAGE", help="HTML page to write.")],
    label: Label = None,
    device: Device = "auto",
    force: Force = False,
) -> None:
    """Write one HTML page about a model on DATA: curves, reconstructions, latent plane, figures, baseline."""
    from diabolo.app.fit_and_measure import evaluation_of
    from diabolo.app.model_data import as_samples, open_for
    from diabolo.app.pages.report import report_page
    from diabolo.estimator import load
    from diabolo.files import check_free
    from diabolo.jobs.detect.detector import window_of

    check_free(out, force=force)
    trained = load(model, device=device).trained_
    if label is not None and window_of(trained) is not None:
        raise ArgumentError("--label is for single rows; for steps: diabolo detect SERIES --label COLUMN --report P.")
    opened = as_samples(open_for(trained, data, label), trained)
    evaluation = evaluation_of(trained, opened)
    write_text(
        out, report_page([evaluation], title=f"{evaluation.name} on {opened.name}", notes=opened.notes), force=force
    )
    say(*evaluation.warnings)
    print(f"The report: {out.absolute()}")


def reproduce(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="dense, deep, conv, denoise, vae, conv-vae or fraud of the lecture; tied, sparse, k-sparse, "
            "contractive, wasserstein, cvae, beta-vae or hinton of the textbooks; or a group: lecture (if not given), "
            "kinds, all.",
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="An eighth of the epochs: for a class.")] = False,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Gets a table and a page.")] = REPRODUCED,
    force: Force = False,
    seed: Seed = 0,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Repeat the lecture's experiments by its own recipes, and the kinds of the textbooks, beside their claims.

    It says first how long it will take here. Ctrl-C ends it, and what is done is written.
    """
    from diabolo.app.output.tables import columns_text, markdown
    from diabolo.app.pages.report import report_page
    from diabolo.app.reproduce import EXPERIMENTS, GROUPS, named, tables
    from diabolo.app.reproduce import reproduce as repeat

    group = name or "lecture"
    if group not in {*EXPERIMENTS, *GROUPS}:
        raise ArgumentError(f"NAME must be one of {', '.join([*EXPERIMENTS, *GROUPS])}, got {name!r}.")
    for file in ("table.md", "page.html"):
        make_room(out / file, force=force or out == REPRODUCED)
    chosen = named(GROUPS.get(group, (group,)), quick=quick)
    opened = _opened({one.data for one in chosen.values()}, some_will_do=group in GROUPS)
    chosen = {name: one for name, one in chosen.items() if one.data in opened}
    notes = [note for data in opened.values() for note in data.notes]
    say(*notes)
    _say_time(chosen, opened, device=device, quick=quick)
    outcome = repeat(
        chosen,
        opened,
        seed=seed,
        device=device,
        watch=lambda name, data: watchers(name, data.train.shape, quiet=quiet),
    )
    if not outcome.found:
        raise KeyboardInterrupt
    written = tables(outcome)
    print("\n\n".join(columns_text(table) for table in written))
    write_text(out / "table.md", "\n".join([*map(markdown, written), *outcome.notes]), force=True)
    title = "Autoencoders of the lecture and of the textbooks"
    page = report_page(list(outcome.found.values()), title=title, notes=[*notes, *outcome.notes])
    write_text(out / "page.html", page, force=True)
    print(f"Written: {out / 'table.md'}, {out / 'page.html'}")
    if outcome.notes:
        say(*outcome.notes)
        raise typer.Exit(130)


def _say_time(chosen: "dict[str, Experiment]", opened: "dict[str, Dataset]", *, device: str, quick: bool) -> None:
    """Say how long each experiment will take on this machine, before any of them starts."""
    from diabolo.app.reproduce import estimated

    say("How long it will take here, by two short epochs of each:")
    total = 0.0
    for name, experiment in chosen.items():
        seconds = estimated(experiment, opened[experiment.data], device=device)
        total += seconds
        say(f"  {name:<12} {experiment.epochs * len(experiment.betas):>4} epochs  {_duration(seconds)}")
    shorter = "" if quick else "; --quick takes an eighth of it"
    say(f"In all about {_duration(total)} of training{shorter}. Ctrl-C ends it, and what is done is written.")


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _opened(names: "set[str]", *, some_will_do: bool) -> "dict[str, Dataset]":
    """Open data sets by name; where a group is asked for, those that cannot be had are left out, and named."""
    from diabolo.data.opening import open_data
    from diabolo.errors import FileError

    found = {}
    for name in sorted(names):
        try:
            found[name] = open_data(name)
        except FileError as error:
            if not some_will_do:
                raise
            say(f"Left out: {error}")
    return found
