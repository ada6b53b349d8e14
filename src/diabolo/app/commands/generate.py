"""The commands of generate: new samples, walks, maps of the code's space, and how likely samples are."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diabolo.app.common import Data, Device, Force, Json, Label, Model, Seed, say
from diabolo.errors import ArgumentError

if TYPE_CHECKING:
    from diabolo.data.source import Source
    from diabolo.jobs.generate.density import Floats
    from diabolo.training.files.model_file import Trained

Towards = Annotated[
    list[str] | None, typer.Option(metavar="NAME:STEPS", help="Move along an attribute, by standard deviations.")
]
Told = Annotated[str | None, typer.Option("--label", metavar="LABEL", help="Label to tell a conditional model.")]


def generate(
    model: Model,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="PATH", help="Sheet (.png), folder, .npy, .csv or .parquet.")
    ] = None,
    count: Annotated[int, typer.Option(help="How many new samples.")] = 64,
    like: Annotated[
        str | None, typer.Option(metavar="IMAGE", help="Neighbours of this image, or of one of the data: DATA:ROW.")
    ] = None,
    spread: Annotated[float, typer.Option(help="How far --like goes, in standard deviations of the codes.")] = 0.5,
    label: Told = None,
    towards: Towards = None,
    density: Annotated[
        str,
        typer.Option(
            help="What codes are drawn from: normal (the model's prior), fitted, or auto (fitted if there is one)."
        ),
    ] = "auto",
    fit: Annotated[
        str | None, typer.Option(metavar="DATA", help="First fit a density of codes to DATA, and keep it in MODEL.")
    ] = None,
    attributes: Annotated[
        Path | None, typer.Option(metavar="TABLE", help="With --fit: learn directions of these columns too.")
    ] = None,
    seed: Seed = 0,
    device: Device = "auto",
    force: Force = False,
) -> None:
    """Write new samples, as the model imagines them; --fit DATA makes a generator of any model first.

    The data's own labels are learnt as directions too, so that --towards LABEL:STEPS moves along them.
    """
    import numpy as np

    from diabolo.app.drawing.sheets import write_out
    from diabolo.jobs.apply import decode
    from diabolo.jobs.apply import encode as encoded
    from diabolo.jobs.generate import sample as job
    from diabolo.jobs.table_input import in_own_units

    steps = _steps(towards)
    if attributes is not None and fit is None:
        raise ArgumentError("--attributes needs --fit DATA, the samples that they belong to.")
    if out is None and fit is None:
        raise ArgumentError("Give --out PATH for new samples, --fit DATA to fit a density, or both.")
    trained = _opened(model, out, device, force=force)
    if fit is not None:
        trained = _fitted(trained, model, fit, attributes, seed=seed)
    if out is None:
        return
    if like is None:
        codes = job.sample_codes(trained, count, seed=seed, density=density)
    else:
        codes = job.neighbours(trained, encoded(trained, _one(trained, like))[0], count, spread=spread, seed=seed)
    samples = in_own_units(trained, decode(trained, job.towards(trained, codes, steps), label=label))
    columns = int(np.ceil(np.sqrt(count)))
    write_out(out, samples, columns=columns, names=trained.about.get("columns"), force=force)
    print(f"{len(samples):,} new samples: {out}")


def interpolate(
    first: Annotated[str, typer.Argument(metavar="FROM", help="An image, or one of the data: DATA:ROW.")],
    model: Model,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="PATH", help=".gif, strip (.png), folder or array.")],
    last: Annotated[str | None, typer.Argument(metavar="[TO]", help="Where the walk ends, as FROM.")] = None,
    steps: Annotated[int, typer.Option(help="Samples on the way, both ends included.")] = 12,
    spherical: Annotated[bool, typer.Option("--spherical", help="Along a great circle; else straight.")] = False,
    towards: Towards = None,
    device: Device = "auto",
    force: Force = False,
) -> None:
    """Walk from one sample to another through the code, and write what the decoder makes of each step.

    Without TO the walk goes along an attribute: --towards age:+2 from two standard deviations below FROM to two above.
    """
    import numpy as np

    from diabolo.app.drawing.sheets import write_out
    from diabolo.jobs.apply import decode
    from diabolo.jobs.generate.sample import walk
    from diabolo.jobs.table_input import in_own_units

    far = _steps(towards)
    if (last is None) == (not far):
        raise ArgumentError("A walk needs either TO, a second sample, or --towards NAME:STEPS.")
    trained = _opened(model, out, device, force=force, moving=True)
    codes = np.ascontiguousarray(walk(*_ends(trained, first, last, far), steps, spherical=spherical))
    samples = in_own_units(trained, decode(trained, codes))
    write_out(out, samples, columns=steps, names=trained.about.get("columns"), force=force)
    print(f"{steps} steps from {first} to {last}: {out}" if last else f"{steps} steps about {first}: {out}")


def map_codes(
    model: Model,
    data: Annotated[str | None, typer.Argument(metavar="[DATA]", help="Samples to show on the page's map.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="PATH", help="Sheet to write (.png).")] = None,
    html: Annotated[Path | None, typer.Option(metavar="PAGE", help="Page to walk through the codes in.")] = None,
    side: Annotated[int, typer.Option(help="Pictures on a side of the grid, or in each traversal.")] = 20,
    label: Told = None,
    device: Device = "auto",
    force: Force = False,
) -> None:
    """Show the space of codes: the grid of a code of 2 numbers, else one number at a time; as a sheet, or as a page.

    The page is one file that asks nothing of a network: point at the map to see what the decoder makes of that code.
    """
    from diabolo.app.drawing.sheets import save_sheet
    from diabolo.jobs.apply import decode
    from diabolo.jobs.generate.sample import manifold_codes, traversal_codes

    if out is None and html is None:
        raise ArgumentError("Give --out SHEET.png, --html PAGE.html, or both.")
    if out is not None and out.suffix.lower() != ".png":
        raise ArgumentError(f"A map is written as a sheet, so --out must end in .png, got {out}.")
    trained = _opened(model, out, device, force=force)
    if html is not None:
        _write_page(trained, html, data, label, force=force)
    if out is not None and trained.model.config.latent == 2:
        save_sheet(out, decode(trained, manifold_codes(trained, side), label=label), columns=side, force=force)
        print(f"Grid of {side} x {side} codes: {out}")
    elif out is not None:
        codes, numbers = traversal_codes(trained, side)
        save_sheet(out, decode(trained, codes, label=label), columns=side, force=force)
        print(f"{len(numbers)} numbers of the code, each moved on its own ({', '.join(map(str, numbers))}): {out}")


def likelihood(
    data: Data,
    model: Model,
    samples: Annotated[int, typer.Option(help="Weighted draws of the code per sample.")] = 5000,
    count: Annotated[
        int | None, typer.Option(help="Samples of DATA to measure, evenly spaced; all if not given.")
    ] = None,
    label: Label = None,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Measure how likely a variational model finds DATA (its test part, where it has one): ELBO, IWAE bound, bits."""
    from dataclasses import asdict

    from diabolo.app.model_data import open_for
    from diabolo.app.output.likelihood import likelihood_text
    from diabolo.data.source import Subset, spaced
    from diabolo.estimator import load
    from diabolo.jobs.generate.likelihood import measure

    if count is not None and count < 1:
        raise ArgumentError(f"count must be 1 or more, got {count}.")
    trained = load(model, device=device).trained_
    opened = open_for(trained, data, label)
    say(*opened.notes)
    source = opened.train if opened.test is None else opened.test
    chosen = Subset(source, spaced(len(source), count or len(source)))
    found = measure(trained, chosen, samples=samples, seed=seed)
    if as_json:
        print(json.dumps({**asdict(found), "each": found.each.tolist(), "elbo": found.elbo, "count": len(chosen)}))
        return
    part = "test set" if opened.test is not None else "samples given"
    print(likelihood_text(found, f"{opened.name}, {part}, {len(chosen):,} samples"))


def _opened(model: Path, out: Path | None, device: str, *, force: bool, moving: bool = False) -> "Trained":
    """Return the model, once it is clear that its samples can be written to `out`."""
    from diabolo.app.drawing.sheets import check_out
    from diabolo.data.writing import are_pictures
    from diabolo.estimator import load

    trained = load(model, device=device).trained_
    shape, prepared = trained.model.config.shape, trained.preprocessing
    if out is not None:
        pictures = are_pictures(shape, prepared.dtype, unit=prepared.unit)
        check_out(out, shape, pictures=pictures, moving=moving, force=force)
    return trained


def _fitted(trained: "Trained", model: Path, data: str, attributes: Path | None, *, seed: int) -> "Trained":
    """Return the model with a density and directions of `data`, and write them to its file."""
    from diabolo.app.model_data import open_for
    from diabolo.data.attributes import numbers_of, read_attributes
    from diabolo.jobs.generate.density import fit_density
    from diabolo.jobs.generate.sample import fit_directions
    from diabolo.training.files.model_file import save_model

    opened = open_for(trained, data)
    say(*opened.notes)
    known = {} if opened.labels is None else {"label": opened.labels}
    known |= {} if attributes is None else read_attributes(attributes, opened)
    trained = fit_density(trained, opened.train, seed=seed)
    found = numbers_of(known) if known else {}
    if found:
        trained = fit_directions(trained, opened.train, found)
    save_model(model, trained, force=True)
    part = trained.extras["generate"].plain
    directions = f", directions of {', '.join(found)}" if found else ""
    print(f"A density of {part['components']} components of {part['codes']:,} codes{directions}: kept in {model}")
    return trained


def _ends(trained: "Trained", first: str, last: str | None, far: dict[str, float]) -> tuple["Floats", "Floats"]:
    """Return the codes where a walk begins and ends: of two samples, or of one moved along attributes both ways."""
    from diabolo.jobs.apply import encode
    from diabolo.jobs.generate.sample import towards

    start = encode(trained, _one(trained, first))[0]
    if last is not None:
        return start, encode(trained, _one(trained, last))[0]
    back = {name: -steps for name, steps in far.items()}
    return towards(trained, start, back), towards(trained, start, far)


def _one(trained: "Trained", place: str) -> "Source":
    """Return one sample: an image of the model's size, or a row of data as DATA:ROW."""
    import numpy as np

    from diabolo.app.model_data import open_for
    from diabolo.data.source import Subset

    name, _, row = (place, "", "0") if Path(place).exists() else place.rpartition(":")
    if not name or not row.isdecimal():
        raise ArgumentError(f"{place} is not there; give an image of the model's size, or DATA:ROW (mnist:12).")
    source = open_for(trained, name).train
    if int(row) >= len(source):
        raise ArgumentError(f"{name} has the rows 0 to {len(source) - 1:,}, got {row}.")
    return Subset(source, np.array([int(row)]))


def _steps(towards: list[str] | None) -> dict[str, float]:
    """Return the attributes to move along: 'age:+2' is two standard deviations of age."""
    found = {}
    for given in towards or []:
        name, _, amount = given.rpartition(":")
        try:
            found[name] = float(amount)
        except ValueError:
            found[name] = float("nan")
        if not name or not abs(found[name]) <= 100:
            raise ArgumentError(f"--towards must be NAME:STEPS, as age:+2, with at most 100 steps; got {given!r}.")
    return found


def _write_page(trained: "Trained", html: Path, data: str | None, label: str | None, *, force: bool) -> None:
    from diabolo.app.common import write_text
    from diabolo.app.model_data import open_for
    from diabolo.app.pages.explorer import explorer_page
    from diabolo.files import check_free

    check_free(html, force=force)
    opened = None if data is None else open_for(trained, data)
    write_text(html, explorer_page(trained, opened, label=label), force=force)
    print(f"The page: {html.absolute()}")
