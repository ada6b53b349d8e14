"""Measure what denoising reaches, beside its baselines, and write the table into docs/denoise.md.

    python bench/denoise_quality.py photos     Set12 and colour photos, the bundled model (minutes)
    python bench/denoise_quality.py alone      Set12 from noisy images alone (half an hour)

Test noise is drawn once, from seed 1. Set12 is looked at by no training and no choice.
"""

import argparse
import io
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from diabolo.data.images.pairs import Neighbours
from diabolo.data.images.photos import open_shelf
from diabolo.data.source import ArraySource
from diabolo.estimator import Autoencoder
from diabolo.jobs.denoise.baselines import applied, baselines
from diabolo.jobs.denoise.bundled import bundled_denoiser
from diabolo.jobs.denoise.denoise import denoise
from diabolo.jobs.denoise.noise_level import noise_level
from diabolo.jobs.evaluate.quality import psnr, ssim
from pages import write

Image = NDArray[np.float64]
PAGE = Path("docs/denoise.md")


def set12() -> list[Image]:
    folder = Path(os.environ.get("DIABOLO_DATA", "../shared/data"))
    shelf = open_shelf(folder / "set12.zip")
    return [shelf.read(name).pixels / 255.0 for name in shelf.names]


def photos() -> list[Image]:
    """Four colour photos that scikit-image brings."""
    from skimage import data

    return [getattr(data, name)()[:300, :300] / 255.0 for name in ("astronaut", "coffee", "chelsea", "rocket")]


def gaussian(sigma: float) -> Callable[[Image, np.random.Generator], Image]:
    return lambda x, random: x + random.normal(0, sigma / 255, x.shape)


def poisson(x: Image, random: np.random.Generator) -> Image:
    return random.poisson(x * 60) / 60


def salt_pepper(x: Image, random: np.random.Generator) -> Image:
    drawn = random.uniform(size=x.shape)
    return np.where(drawn < 0.05, 0.0, np.where(drawn > 0.95, 1.0, x))


def jpeg(x: Image, random: np.random.Generator) -> Image:
    from PIL import Image as Pillow

    del random
    stream = io.BytesIO()
    Pillow.fromarray(np.rint(x * 255).astype(np.uint8)).save(stream, "JPEG", quality=20)
    return np.asarray(Pillow.open(stream)) / 255.0


def measured(images: list[Image], spoil: Callable[[Image, np.random.Generator], Image]) -> dict[str, tuple[float, ...]]:
    """Return the mean PSNR, SSIM and seconds of every way to clean, each told the noise level that was estimated."""
    trained, random = bundled_denoiser(), np.random.default_rng(1)
    found: dict[str, list[tuple[float, ...]]] = {}
    for clean in images:
        noisy = spoil(clean, random)
        planes = noisy[..., None] if noisy.ndim == 2 else noisy
        level = float(np.mean([noise_level(planes[..., i].astype(np.float32)) for i in range(planes.shape[2])]))
        ways: dict[str, Callable[[], Image]] = {
            "noisy": lambda noisy=noisy: noisy,
            "diabolo": lambda noisy=noisy: denoise(trained, noisy.astype(np.float32)).image.astype(np.float64),
        }
        for name, way in baselines().items():
            ways[name] = lambda way=way, noisy=noisy, level=level: applied(way, noisy, level)
        for name, clean_up in ways.items():
            start = time.perf_counter()
            image = clean_up()
            seconds = time.perf_counter() - start
            found.setdefault(name, []).append((psnr(clean, image), ssim(clean, image), seconds))
    return {name: tuple(np.mean(rows, 0)) for name, rows in found.items()}


def photo_table(most: int) -> str:
    """Return the table over the first `most` images of each set; what is done so far is in the page meanwhile."""
    grey = set12()[:most]
    cases = {f"grey, Gaussian {sigma}": (grey, gaussian(sigma)) for sigma in (25, 50, 15)}
    cases["colour, Gaussian 25"] = (photos()[:most], gaussian(25))
    cases |= {"grey, Poisson 60": (grey, poisson), "grey, salt and pepper 0.1": (grey, salt_pepper)}
    cases["grey, JPEG 20"] = (grey, jpeg)
    results: dict[str, dict[str, tuple[float, ...]]] = {}
    for name, (images, spoil) in cases.items():
        results[name] = measured(images, spoil)
        print(name, {way: round(row[0], 2) for way, row in results[name].items()}, flush=True)
        write(PAGE, "photos", _lines(results, most))
    return _lines(results, most)


def _lines(results: dict[str, dict[str, tuple[float, ...]]], most: int) -> str:
    ways = list(next(iter(results.values())))
    lines = [f"| PSNR, dB (SSIM) | {' | '.join(ways)} |", "|---|" + "---|" * len(ways)]
    for name, rows in results.items():
        best = max(ways, key=lambda way: rows[way][0])
        cells = [f"{rows[way][0]:.2f} ({rows[way][1]:.3f})" for way in ways]
        cells = [f"**{cell}**" if way == best else cell for way, cell in zip(ways, cells, strict=True)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    cells = [f"{np.mean([rows[way][2] for rows in results.values()]):.1f}" for way in ways]
    lines.append(f"| seconds an image | {' | '.join(cells)} |")
    lines += ["", f"Means over at most {most} images of each set (`--images {most}`)."]
    return "\n".join(lines)


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
    images, random = set12(), np.random.default_rng(1)
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
    parser.add_argument("part", choices=("photos", "alone"))
    parser.add_argument("--images", type=int, default=12, help="of each set, for `photos`")
    given = parser.parse_args()
    write(PAGE, given.part, photo_table(given.images) if given.part == "photos" else alone_table(given.images))


if __name__ == "__main__":
    main()
