"""The latent chosen on MNIST: the curve of one nested model beside models trained anew at each size.

python bench/latent_auto.py [--preset dense] [--anew 4 8 16 32 64] [--samples 20000] [--out docs/latent-auto.md]

PSNR in dB on training samples that both held out; the test set is not looked at. Writes the part of the page that
lies between <!-- PRESET --> and <!-- /PRESET -->.
"""

import argparse
import re
import time
from pathlib import Path

import numpy as np

from diabolo.app.output.tables import markdown
from diabolo.data.opening import open_data
from diabolo.data.source import Source, Subset
from diabolo.jobs.evaluate.choose_latent import Choice, Point, choose_latent, curve_of
from diabolo.presets.presets import configure, recipe_for
from diabolo.training.fitting import Dials, fit
from diabolo.training.split import split_of

HEADS = ("K", "prefix of the nested model, dB", "trained anew, dB", "prefix, bytes", "trained anew, bytes")


def anew(preset: str, source: Source, latent: int) -> Point:
    """Return what a model of `latent` numbers reaches on the samples that its run held out."""
    trained = fit(
        source,
        lambda shape, unit: configure(preset, shape, latent=latent, unit=unit),
        lambda count: recipe_for("default", count, preset=preset),
        Dials(),
    )
    rows = split_of(trained.about, len(source)).held_out
    return curve_of(trained, source, rows)[-1]


def row(choice: Choice, again: Point) -> tuple[str, ...]:
    """Return a line of the table."""
    prefix = min(choice.curve, key=lambda point: abs(point.latent - again.latent))
    prefix_bytes, again_bytes = ("-" if point.bytes is None else f"{point.bytes:.1f}" for point in (prefix, again))
    chosen = " (the knee)" if again.latent == choice.latent else ""
    near = "" if prefix.latent == again.latent else f" at {prefix.latent}"
    return f"{again.latent}{chosen}", f"{prefix.psnr:.2f}{near}", f"{again.psnr:.2f}", prefix_bytes, again_bytes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="dense")
    parser.add_argument("--anew", type=int, nargs="*", default=[4, 8, 16, 32, 64])
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--out", type=Path, default=Path("docs/latent-auto.md"))
    given = parser.parse_args()
    train = open_data("mnist").train
    source = Subset(train, np.arange(min(given.samples, len(train))))
    started = time.perf_counter()
    choice = choose_latent(
        source,
        lambda shape, unit: configure(given.preset, shape, unit=unit),
        lambda count: recipe_for("default", count, preset=given.preset),
        Dials(),
    )
    seconds = time.perf_counter() - started
    print(f"knee {choice.latent}, {seconds:.0f} s", [(p.latent, round(p.psnr, 2)) for p in choice.curve], flush=True)
    rows = []
    for latent in sorted({*given.anew, choice.latent}):
        rows.append(row(choice, anew(given.preset, source, latent)))
        print(*rows[-1], flush=True)
    longest = choice.curve[-1].latent
    table = f"{given.preset}, {len(source):,} training digits, one code of {longest} numbers:\n\n" + markdown(
        [HEADS, *rows]
    )
    page, marks = given.out.read_text(encoding="utf-8"), (f"<!-- {given.preset} -->", f"<!-- /{given.preset} -->")
    part = re.compile(f"{marks[0]}.*?{marks[1]}", re.DOTALL)
    if not part.search(page):
        raise SystemExit(f"{given.out} has no part {marks[0]} to write to.")
    given.out.write_text(part.sub(lambda _: f"{marks[0]}\n{table}{marks[1]}", page), encoding="utf-8")


if __name__ == "__main__":
    main()
