"""What a run with latent 'auto' found, as text and as a picture."""

from typing import Any

import numpy as np

from diabolo.app.drawing import markup, plots
from diabolo.app.output.tables import columns_text, number
from diabolo.jobs.evaluate.choose_latent import Choice, choice_of

LINES = 9


def reason(choice: Choice) -> str:
    """Return in words why this latent was chosen."""
    if choice.quality is None:
        return "the knee of the squared error"
    reached = any(point.psnr >= choice.quality for point in choice.trials)
    return (
        f"the fewest tried that reach {choice.quality:g} dB, trained anew"
        if reached
        else f"none reaches {choice.quality:g} dB"
    )


def curve_text(about: dict[str, Any]) -> str:
    """Return the curve as a few lines of plain text with the choice marked, '' if the latent was given."""
    choice = choice_of(about)
    if choice is None:
        return ""
    last = len(choice.curve) - 1
    shown = {round(place) for place in np.linspace(0, last, LINES)}
    points = [p for place, p in enumerate(choice.curve) if place in shown or p.latent == choice.latent]
    rows = [("numbers", "PSNR dB", "bytes", "")]
    for point in points:
        mark = f"<- {reason(choice)}" if point.latent == choice.latent else ""
        rows.append((f"{point.latent}", number(point.psnr, 2), number(point.bytes, 1), mark))
    marks = [row[3] for row in rows]
    table = columns_text([row[:3] for row in rows]).split("\n")
    lines = [f"{line}  {mark}".rstrip() for line, mark in zip(table, marks, strict=True)]
    lines += [f"trained anew, {point.latent:,} numbers reach {point.psnr:.2f} dB" for point in choice.trials]
    return "\n".join(["The latent, by prefixes of one code on samples held out:", *lines])


def curve_figure(choice: Choice) -> str:
    """Return the curve as an HTML figure."""
    latents, psnrs = ([getattr(point, name) for point in choice.curve] for name in ("latent", "psnr"))
    at = latents.index(choice.latent)
    words = (
        f"Quality against the numbers in a code, by prefixes of one code on samples held out; the ring marks "
        f"{choice.latent:,}, {reason(choice)}."
    )
    words += " Squares are models trained anew." if choice.trials else ""
    anew: list[tuple[float, float]] = [(point.latent, point.psnr) for point in choice.trials]
    drawn = plots.quality_curve(latents, psnrs, at=at, xlabel="numbers in a code", goal=choice.quality, beside=anew)
    sizes = [point.bytes for point in choice.curve if point.bytes is not None]
    figures = markup.figure(drawn, words)
    if len(sizes) == len(psnrs):
        costs = [(point.bytes or 0.0, point.psnr) for point in choice.trials]
        by_size = plots.quality_curve(sizes, psnrs, at=at, xlabel="bytes a sample", goal=choice.quality, beside=costs)
        figures += markup.figure(by_size, f"The same against bytes, by the learned prior: {sizes[at]:.1f} at the ring.")
    return f'<h3>The latent chosen</h3>\n<div class="two">\n{figures}</div>\n'
