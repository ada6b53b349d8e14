"""The page of `diabolo denoise`: before and after under a slider, the baselines beside, PSNR and SSIM of each."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diabolo.app.drawing import markup, pictures
from diabolo.data.source import Array
from diabolo.jobs.denoise.baselines import applied, baselines
from diabolo.jobs.evaluate.quality import psnr, ssim

MOST_SHOWN, LARGEST = 12, 512
SCRIPT = """
for (const box of document.querySelectorAll('.compare')) {
  const slider = box.querySelector('input');
  slider.addEventListener('input', () => box.style.setProperty('--cut', slider.value + '%'));
}
"""
Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Shown:
    """One picture (or its middle, if it is large): (name, image, PSNR, SSIM) of every way to clean it, noisy first."""

    name: str
    noise: float
    cut: bool
    ways: tuple[tuple[str, Image, float | None, float | None], ...]


def shown(name: str, noisy: Array, cleaned: Array, clean: Array | None, noise: float, white: float = 255) -> Shown:
    """Return what the page shows of a picture, with every baseline told the same noise level as the model found.

    noise: its spread, as a share of white. Ways are compared as pictures of 8 bits.
    """
    images = [_bytes(_middle(image), white) for image in (noisy, cleaned)]
    truth = None if clean is None else _bytes(_middle(clean), white)
    found = [("noisy", images[0]), ("diabolo", images[1])]
    for title, way in baselines().items():
        found.append((title, np.rint(applied(way, images[0] / 255, noise) * 255).astype(np.uint8)))
    if truth is not None:
        found.append(("clean", truth))
    ways = tuple((title, image, *_figures(truth, image)) for title, image in found)
    return Shown(name, noise, max(noisy.shape[:2]) > LARGEST, ways)


def _figures(truth: Image | None, image: Image) -> tuple[float | None, float | None]:
    return (None, None) if truth is None else (psnr(truth, image), ssim(truth, image))


def _middle(image: Array) -> Array:
    top, left = (max(0, (size - LARGEST) // 2) for size in image.shape[:2])
    return image[top : top + LARGEST, left : left + LARGEST]


def _bytes(image: Array, top: float) -> Image:
    """Return pixels of 8 bits as they are, of 16 with `top` as white."""
    found: Image = np.rint(np.minimum(image.astype(np.float32) * np.float32(255 / top), 255)).astype(np.uint8)
    return found


def denoise_page(items: Sequence[Shown], rows: Sequence[dict[str, Any]], *, title: str) -> str:
    """Return one self-contained HTML page about pictures that were cleaned; everything is escaped."""
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    template = Template(files("diabolo.app.pages").joinpath("denoise.html").read_text(encoding="utf-8"))
    more = f"; the first {len(items)} are shown" if len(items) < len(rows) else ""
    return template.substitute(
        title=escape(title),
        subtitle=f"{len(rows):,} picture{'s' if len(rows) > 1 else ''}{more}",
        hash=f"sha256-{digest}",
        style=markup.style(),
        summary=_summary(rows) + _means(items),
        sections="".join(_section(item, number) for number, item in enumerate(items, 1)),
        script=SCRIPT,
    )


def _summary(rows: Sequence[dict[str, Any]]) -> str:
    known = any("cleaned_psnr" in row for row in rows)
    head = ["picture", "noise", *(["PSNR before", "after", "SSIM before", "after"] if known else [])]
    body = []
    for row in rows:
        cells = [escape(row["name"]), f"{row['noise']:.1f}"]
        if known:
            cells += [markup.decimals(row[f"{stage}_psnr"], 2) for stage in ("noisy", "cleaned")]
            cells += [markup.decimals(row[f"{stage}_ssim"], 4) for stage in ("noisy", "cleaned")]
        body.append(cells)
    return markup.table(head, body, numeric=[False] + [True] * (len(head) - 1), caption="Every picture")


def _means(items: Sequence[Shown]) -> str:
    """Return the table of what each way reaches on average, where the clean pictures are known."""
    if not items or items[0].ways[0][2] is None:
        return ""
    names = [title for title, *_ in items[0].ways if title != "clean"]
    figures = {
        name: np.array([way[2:] for item in items for way in item.ways if way[0] == name], float).mean(0)
        for name in names
    }
    best = max(figures, key=lambda name: float(figures[name][0]))
    body = [
        [f"<b>{escape(name)}</b>" if name == best else escape(name), f"{mean[0]:.2f}", f"{mean[1]:.4f}"]
        for name, mean in figures.items()
    ]
    table = markup.table(["", "PSNR, dB", "SSIM"], body, numeric=[False, True, True], caption="Means of those shown")
    return "<h3>Beside the baselines</h3>\n" + table


def _section(item: Shown, number: int) -> str:
    named = {title: image for title, image, *_ in item.ways}
    before, after = (pictures.data_uri(pictures.webp(named[title])) for title in ("noisy", "diabolo"))
    small = max(named["noisy"].shape[:2]) <= pictures.CRISP
    width = max(named["noisy"].shape[1], 320)
    words = f"noise about {255 * item.noise:.1f}/255" + (", its middle" if item.cut else "")
    slider = (
        f'<div class="compare{" small" if small else ""}" style="--wide:{width}px"><img src="{before}" alt="noisy">'
        f'<img class="after" src="{after}" alt="cleaned"><span class="word" style="left:.5rem">before</span>'
        '<span class="word" style="right:.5rem">after</span><span class="line"></span>'
        '<input type="range" min="0" max="100" value="50" aria-label="Share of the picture that is shown noisy"></div>'
    )
    rest = "".join(_way(*way) for way in item.ways)
    return (
        f'<section id="picture-{number}"><h2>{escape(item.name)}</h2><p class="lead">{words}</p>{slider}'
        f'<div class="row{" small" if small else ""}">{rest}</div></section>\n'
    )


def _way(title: str, image: Image, decibels: float | None, likeness: float | None) -> str:
    words = escape(title)
    if decibels is not None and likeness is not None and np.isfinite(decibels):
        words += f"<br>{decibels:.2f} dB, {likeness:.4f}"
    content = f'<img src="{pictures.data_uri(pictures.webp(image))}" alt="{escape(title)}">'
    return markup.figure(content, words)
