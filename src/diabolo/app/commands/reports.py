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
        print_figures(figures)
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
