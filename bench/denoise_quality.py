"""Measure what denoising reaches, beside its baselines, and write the tables into docs/denoise.md.

    python bench/denoise_quality.py photos     the bundled model on white, JPEG, photon and no noise (hours with BM3D)
    python bench/denoise_quality.py camera     real noise of three cameras, picture by picture
    python bench/denoise_quality.py picture    docs/denoise-real.png: pieces of these
    python bench/denoise_quality.py alone      Set12 from noisy images alone (half an hour)

Test noise is drawn from seed 1. Every baseline is told the noise that was added, times each of its factors, and the
best factor of each case is taken: the baselines' best setting is chosen on the test images, the model's is not. Photon
noise goes through Anscombe's transform before each baseline. Set12, the photos and the camera's pairs are looked at by
no training and no choice.
"""

import argparse
import io
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from diabolo.data.images.pairs import Neighbours
from diabolo.data.images.photos import open_shelf
from diabolo.data.source import ArraySource
from diabolo.estimator import Autoencoder
from diabolo.jobs.denoise.baselines import BM3D, Cleaner, applied, baselines, stabilised
from diabolo.jobs.denoise.bundled import bundled_denoiser
from diabolo.jobs.denoise.denoise import denoise
from diabolo.jobs.evaluate.quality import psnr, ssim
from pages import write

Image = NDArray[np.float64]
Spoil = Callable[[Image, np.random.Generator], Image]
PAGE = Path("docs/denoise.md")
DATA = Path(os.environ.get("DIABOLO_DATA", "../shared/data"))
FACTORS = (0.7, 1.0, 1.5, 2.2)
FEW_FACTORS = (0.7, 1.0, 1.5)
"""BM3D's, which takes a hundred times as long; for white noise it is told the truth."""
SIDE = 192


@dataclass(frozen=True)
class Case:
    """images: clean. spoil: makes them noisy. level: the spread that baselines are told. peak: of photons, or 0."""

    name: str
    images: list[Image]
    spoil: Spoil
    level: float
    peak: float = 0.0
    white: bool = False


Figures = dict[str, tuple[float, ...]]
"""Way to clean -> (PSNR, SSIM, seconds an image)."""


@dataclass(frozen=True)
class Kept:
    """Figures in a JSON file, so that baselines, which take hours, are measured once; no file: nothing is kept."""

    path: Path | None

    def of(self, case: str) -> Figures:
        there = json.loads(self.path.read_text()) if self.path is not None and self.path.exists() else {}
        return {name: tuple(row) for name, row in there.get(case, {}).items()}

    def keep(self, case: str, figures: Figures) -> None:
        if self.path is not None:
            there = json.loads(self.path.read_text()) if self.path.exists() else {}
            self.path.write_text(json.dumps({**there, case: figures}))


def pictures(name: str, *, side: int = 0) -> list[Image]:
    """Return the pictures of a data set, or their middles."""
    shelf = open_shelf(DATA / name)
    return [middle(shelf.read(picture).pixels / 255.0, side) for picture in shelf.names]


def middle(image: Image, side: int) -> Image:
    if not side:
        return image
    top, left = (max(0, (size - side) // 2) for size in image.shape[:2])
    return image[top : top + side, left : left + side]


def blobs(count: int) -> list[Image]:
    """Return smooth bright spots on a dark ground, as nuclei in a fluorescence microscope."""
    random = np.random.default_rng(7)
    found = []
    for _ in range(count):
        points = np.zeros((SIDE, SIDE))
        places = random.integers(0, SIDE, (2, 60))
        np.add.at(points, tuple(places), random.uniform(0.3, 1, 60))
        spots = ndimage.gaussian_filter(points, 6)
        found.append(0.03 + 0.9 * spots / spots.max())
    return found


def gaussian(sigma: float) -> Spoil:
    return lambda x, random: x + random.normal(0, sigma / 255, x.shape)


def photons(peak: float) -> Spoil:
    return lambda x, random: random.poisson(x * peak) / peak


def jpeg(sigma: float, quality: int) -> Spoil:
    """Return what adds noise and then packs the picture as JPEG, with chroma at half size."""
    from PIL import Image as Pillow

    def spoil(x: Image, random: np.random.Generator) -> Image:
        levels = np.rint((x + random.normal(0, sigma / 255, x.shape)).clip(0, 1) * 255).astype(np.uint8)
        stream = io.BytesIO()
        Pillow.fromarray(levels).save(stream, "JPEG", quality=quality)
        return np.asarray(Pillow.open(stream)) / 255.0

    return spoil


def clean(x: Image, random: np.random.Generator) -> Image:
    del random
    return x


def cases(most: int) -> list[Case]:
    grey, colour = pictures("set12.zip"), pictures("photos_test.zip", side=SIDE)[:most]
    greys = [image.mean(2) for image in colour]
    found = [Case(f"grey, white noise {s}", grey, gaussian(s), s / 255, white=True) for s in (15, 25, 50)]
    found += [Case(f"colour, white noise {s}", colour, gaussian(s), s / 255, white=True) for s in (15, 25, 50)]
    found += [Case(f"colour, noise {s} and JPEG 75", colour, jpeg(s, 75), s / 255) for s in (5, 10, 20)]
    for name, images in (("photos", greys), ("blobs", blobs(min(most, 6)))):
        found += [Case(f"{name}, {peak} photons", images, photons(peak), 1.0, peak) for peak in (5, 20, 100)]
    return [*found, Case("grey, clean", grey, clean, 2 / 255), Case("colour, clean", colour, clean, 2 / 255)]


def tuned(way: Cleaner, case: Case, noisy: Image, factor: float) -> Image:
    """Return an image cleaned by a baseline that is told the case's noise times a factor."""
    if case.peak:
        scaled: Cleaner = lambda image, noise: way(image, factor * noise)  # noqa: E731
        return stabilised(scaled, noisy, case.peak)
    return applied(way, noisy, factor * case.level)


def measured(case: Case, kept: Kept, *, skip: tuple[str, ...] = ()) -> Figures:
    """Return the mean PSNR, SSIM and seconds of every way to clean; baselines that are kept are not run again."""
    trained, random = bundled_denoiser(), np.random.default_rng(1)
    noisy = [case.spoil(image, random) for image in case.images]
    ways: dict[str, list[Callable[[Image], Image]]] = {
        "noisy": [lambda image: image],
        "diabolo": [lambda image: denoise(trained, image.astype(np.float32)).image.astype(np.float64)],
    }
    for name, way in baselines().items():
        factors = ((1.0,) if case.white or case.peak else FEW_FACTORS) if name == BM3D else FACTORS
        if name not in skip:
            ways[name] = [partial(lambda way, factor, image: tuned(way, case, image, factor), way, f) for f in factors]
    there = {name: row for name, row in kept.of(case.name).items() if name in ways and name not in ("noisy", "diabolo")}
    found = {name: there.get(name) or best(settings, case.images, noisy) for name, settings in ways.items()}
    kept.keep(case.name, found)
    return found


def best(settings: list[Callable[[Image], Image]], images: list[Image], noisy: list[Image]) -> tuple[float, ...]:
    """Return the figures of the setting with the highest mean PSNR."""
    found = []
    for clean_up in settings:
        start = time.perf_counter()
        cleaned = [clean_up(image) for image in noisy]
        seconds = (time.perf_counter() - start) / len(noisy)
        figures = [(min(psnr(a, b), 99.0), ssim(a, b)) for a, b in zip(images, cleaned, strict=True)]
        found.append((*np.mean(figures, 0), seconds))
    return max(found)


def photo_table(most: int, only: str, kept: Kept, *, done: bool = False) -> str:
    """Return the table; what is done so far is in the page meanwhile."""
    results: dict[str, Figures] = {}
    for case in cases(most):
        if only and only not in case.name:
            continue
        if done and not kept.of(case.name):
            continue
        skip = (BM3D,) if "clean" in case.name else ()
        if done:
            results[case.name] = kept.of(case.name)
            continue
        results[case.name] = measured(case, kept, skip=skip)
        print(case.name, {way: round(row[0], 2) for way, row in results[case.name].items()}, flush=True)
        if not only:
            write(PAGE, "photos", _lines(results, most))
    return _lines(results, most)


def _lines(results: dict[str, Figures], most: int) -> str:
    ways = list(next(iter(results.values())))
    lines = [f"| PSNR, dB (SSIM) | {' | '.join(ways)} |", "|---|" + "---|" * len(ways)]
    for name, rows in results.items():
        top = max(rows, key=lambda way: rows[way][0])
        cells = [f"{rows[way][0]:.2f} ({rows[way][1]:.3f})" if way in rows else "" for way in ways]
        cells = [f"**{cell}**" if way == top else cell for way, cell in zip(ways, cells, strict=True)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    cells = [f"{np.mean([rows[way][2] for rows in results.values() if way in rows]):.1f}" for way in ways]
    lines.append(f"| seconds an image | {' | '.join(cells)} |")
    sets = f"Means over Set12, and at most {most} images of the other sets (`--images {most}`)"
    lines += ["", f"{sets}; colour photos are the middle {SIDE} x {SIDE} pixels."]
    return "\n".join(lines)


def camera_table(most: int, kept: Kept) -> str:
    """Return the table of real noise: each picture, and the means; BM3D on the middle of each."""
    shelf, trained = open_shelf(DATA / "camera_noise.zip"), bundled_denoiser()
    names = [name for name in shelf.names if "noisy/" in name][:most]
    pairs = [(shelf.read(name.replace("noisy/", "clean/")).pixels, shelf.read(name).pixels) for name in names]
    lines = ["| picture | noisy | diabolo | noise found |", "|---|---|---|---|"]
    rows = []
    for name, (truth, noisy) in zip(names, pairs, strict=True):
        start = time.perf_counter()
        found = denoise(trained, noisy)
        rows.append((psnr(truth, noisy), psnr(truth, found.image), time.perf_counter() - start))
        lines.append(f"| {Path(name).stem} | {rows[-1][0]:.2f} | {rows[-1][1]:.2f} | {255 * found.noise:.1f}/255 |")
        print(lines[-1], flush=True)
    before, after, seconds = np.mean(rows, 0)
    lines += [f"| **mean** | {before:.2f} | **{after:.2f}** | {seconds:.1f} s a picture |", ""]
    write(PAGE, "camera", "\n".join(lines))
    for words, side in (("whole pictures", 0), (f"their middle {SIDE} x {SIDE}", SIDE)):
        lines += [f"Means over {words}, baselines at their best setting: {_beside(pairs, side, kept)}."]
        write(PAGE, "camera", "\n".join(lines))
    return "\n".join(lines)


SLOW = (BM3D, "wavelets", "PCA of patches", "total variation")
"""Baselines that are run on the middle of the real photos alone."""
SHOWN = ("5dmark3_iso3200_2", "d600_iso3200_2", "d800_iso3200_3", "d800_iso6400_1")


def camera_picture() -> None:
    """Write docs/denoise-real.png: pieces of real photos, noisy, cleaned, and the mean of 500 shots."""
    from PIL import Image as Pillow

    shelf, trained = open_shelf(DATA / "camera_noise.zip"), bundled_denoiser()
    names = {name: f"noisy/{name}.png" for name in SHOWN}
    columns = []
    for inside in names.values():
        (name,) = (found for found in shelf.names if found.endswith(inside))
        noisy, truth = shelf.read(name).pixels, shelf.read(name.replace("noisy/", "clean/")).pixels
        rows = [middle(image, 150) for image in (noisy, denoise(trained, noisy).image, truth)]
        columns.append(np.concatenate([np.pad(row, ((0, 4), (0, 4), (0, 0)), constant_values=255) for row in rows]))
    Pillow.fromarray(np.concatenate(columns, 1)).save(PAGE.with_name("denoise-real.png"), optimize=True)


def _beside(pairs: list[tuple[Image, Image]], side: int, kept: Kept) -> str:
    cut = [(middle(truth / 255, side), middle(noisy / 255, side)) for truth, noisy in pairs]
    given = iter([noisy for _, noisy in cut])
    level = float(np.mean([np.sqrt(np.square(truth - noisy).mean()) for truth, noisy in cut]))
    case = Case(f"camera {side}", [truth for truth, _ in cut], lambda *_: next(given), level)
    found = measured(case, kept, skip=() if side else SLOW)
    print(side, {way: round(row[0], 2) for way, row in found.items()}, flush=True)
    return ", ".join(f"{name} {row[0]:.2f} dB" for name, row in found.items())


def squeezed(image: Image) -> Image:
    """Bring a noisy image, which leaves [0, 1], into it."""
    return (image + 0.5) / 2


def cleaned_by(model: Autoencoder, noisy: Image) -> Image:
    return denoise(model.trained_, squeezed(noisy).astype(np.float32)).image.astype(np.float64) * 2 - 0.5


def learnt_alone(noisy: list[Image], seed: int = 0) -> Autoencoder:
    """Train on noisy images alone, as `diabolo train --self-supervised` does."""
    sources = tuple(ArraySource(squeezed(image)[None].astype(np.float32)) for image in noisy)
    return Autoencoder("denoise-small", noise="pairs", random_state=seed).fit(Neighbours.of(sources, seed=seed))


def alone_table(most: int) -> str:
    images, random = pictures("set12.zip"), np.random.default_rng(1)
    noisy = [gaussian(25)(image, random) for image in images]
    lines = ["| noise 25, no clean image seen | PSNR, dB | SSIM | CPU seconds |", "|---|---|---|---|"]
    for name, groups in (("the 12 noisy images together", [noisy]), ("each by itself", [[image] for image in noisy])):
        start, cleaned = time.process_time(), list[Image]()
        for group in groups[: max(1, most)]:
            model = learnt_alone(group)
            cleaned += [cleaned_by(model, image) for image in group]
            seconds = (time.process_time() - start) / len(cleaned)
            pairs = list(zip(images, cleaned, strict=False))
            found = np.mean([(psnr(clean, image), ssim(clean, image)) for clean, image in pairs], 0)
            print(name, len(cleaned), np.round(found, 4), f"{seconds:.0f} s an image", flush=True)
        lines.append(f"| {name} | {found[0]:.2f} | {found[1]:.3f} | {seconds:.0f} an image |")
        write(PAGE, "alone", "\n".join(lines))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=("photos", "camera", "picture", "alone"))
    parser.add_argument("--images", type=int, default=18, help="of each set but Set12, at most")
    parser.add_argument("--only", default="", help="cases of `photos` whose name holds these words; for a look")
    parser.add_argument("--keep", type=Path, help="JSON file of figures: baselines in it are not measured again")
    parser.add_argument("--done", action="store_true", help="with --keep: the table of the cases in it, nothing is run")
    given = parser.parse_args()
    if given.part == "picture":
        camera_picture()
        return
    tables = {
        "photos": lambda: photo_table(given.images, given.only, Kept(given.keep), done=given.done),
        "camera": lambda: camera_table(given.images, Kept(given.keep)),
        "alone": lambda: alone_table(given.images),
    }
    table = tables[given.part]()
    if not given.only:
        write(PAGE, given.part, table)


if __name__ == "__main__":
    main()
