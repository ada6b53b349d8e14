"""Pictures, tables and bars as HTML of the Studio."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from diabolo.app.drawing.canvas import FIRST, MUTED, draw
from diabolo.app.drawing.markup import figure
from diabolo.app.drawing.pictures import CRISP, as_bytes, data_uri, file_of
from diabolo.app.drawing.sheets import sheet
from diabolo.data.source import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def picture(image: Array, words: str, *, crisp: bool | None = None) -> str:
    """Return a figure of one picture (h, w) or (h, w, c) with words below it.

    crisp: pixels are seen as squares; if None, where the picture is small.
    """
    plain = as_bytes(image)
    plain = plain[..., 0] if plain.ndim == 3 and plain.shape[2] == 1 else plain
    kind = "crisp" if (max(plain.shape[:2]) <= CRISP if crisp is None else crisp) else "smooth"
    content = f'<img src="{data_uri(file_of(plain))}" alt="{escape(words)}" data-width="{plain.shape[1]}">'
    return figure(content, escape(words), kind=kind)


def rows_of(images: Array, words: str, *, columns: int) -> str:
    """Return a figure of many pictures (n, h, w[, c]) in rows."""
    return picture(sheet(as_bytes(images), columns=columns), words, crisp=max(images.shape[1:3]) <= CRISP)


def row(figures: Sequence[str]) -> str:
    """Return figures side by side."""
    return f'<div class="figures">{"".join(figures)}</div>'


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Return names and values as tiles."""
    tiles = "".join(f"<div><dt>{escape(name)}</dt><dd><b>{escape(value)}</b></dd></div>" for name, value in pairs)
    return f'<dl class="tiles">{tiles}</dl>'


def code_bars(code: Array) -> str:
    """Return the numbers of a code (latent,) as bars."""

    from matplotlib.ticker import MaxNLocator

    def paint(axes: "Axes") -> None:
        axes.bar(np.arange(len(code)), code.astype(float), color=FIRST, width=0.8)
        axes.axhline(0, color=MUTED, linewidth=0.6)
        steps = MaxNLocator(12, integer=True, min_n_ticks=1).tick_values(0, len(code) - 1)
        axes.set_xticks([step for step in steps if step == int(step) and 0 <= step < len(code)])
        axes.set_xlim(-max(1.0, 6 - len(code)), len(code) + max(0.0, 5 - len(code)))
        axes.set(xlabel="number of the code")
        axes.grid(visible=False, axis="x")

    return draw(paint, alt=f"The {len(code)} numbers of the code", size=(6.4, 1.7))
