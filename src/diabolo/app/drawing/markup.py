"""Small pieces of HTML, and numbers as people read them."""

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files

import numpy as np

NONE = "–"


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, numeric: Sequence[bool], caption: str, kind: str = ""
) -> str:
    """Return a table that scrolls sideways on its own where the page is too narrow.

    head, rows: cells as finished HTML; the first cell of each row heads it. numeric: columns set to the right.
    caption: plain text, for the table's name.
    """
    side = [' class="n"' if right else "" for right in numeric]
    top = "".join(f'<th scope="col"{where}>{cell}</th>' for cell, where in zip(head, side, strict=True))
    body = "".join(f"<tr>{_row(row, side)}</tr>\n" for row in rows)
    named = f'tabindex="0" role="region" aria-label="{escape(caption)}"'
    return (
        f'<div class="scroll" {named}><table class="{kind}"><caption>{escape(caption)}</caption>\n'
        f"<thead><tr>{top}</tr></thead>\n<tbody>\n{body}</tbody></table></div>\n"
    )


def figure(content: str, caption: str, *, kind: str = "") -> str:
    """Return a figure; content and caption are finished HTML."""
    return f'<figure class="{kind}">{content}<figcaption>{caption}</figcaption></figure>\n'


def warnings(sentences: Iterable[str], *, subject: str = "") -> str:
    """Return plain sentences as visible warnings, each after the name of what it is about."""
    about = f"<b>{escape(subject)}.</b> " if subject else ""
    return "".join(
        f'<p class="warning" role="note"><span class="sign">Warning</span> {about}{escape(sentence)}</p>\n'
        for sentence in sentences
    )


def tiles(items: Iterable[tuple[str, str, str]]) -> str:
    """Return figures to see first: (name, value, a few words) each, as plain text."""
    cells = (
        f"<div><dt>{escape(name)}</dt><dd><b>{escape(value)}</b><span>{escape(words)}</span></dd></div>\n"
        for name, value, words in items
    )
    return f'<dl class="tiles">\n{"".join(cells)}</dl>\n'


def style() -> str:
    """Return the style sheet that all pages share: the report's."""
    page = files("diabolo.app.pages").joinpath("report.html").read_text(encoding="utf-8")
    return page.split("<style>")[1].split("</style>")[0]


def decimals(value: float | None, digits: int) -> str:
    """Return a number with so many decimals; a dash for None, and NaN or infinity as such."""
    if value is None:
        return NONE
    if not np.isfinite(value):
        return "NaN" if np.isnan(value) else f"{'−' if value < 0 else ''}∞"
    return f"{value:,.{digits}f}".replace("-", "−")


def brief(value: object, digits: int = 4) -> str:
    """Return a value of a sample in a few significant digits, as escaped text."""
    if isinstance(value, float | np.floating):
        size = abs(float(value))
        form = ".0f" if 10**digits <= size < 1e9 else f".{digits}g"
        return f"{float(value):{form}}".replace("-", "−").replace("nan", "NaN").replace("inf", "∞")
    text = str(value)
    return escape(text if len(text) <= 24 else text[:23] + "…")


def duration(seconds: float) -> str:
    """Return a time as "8.2 s", "3 min 05 s" or "2 h 10 min"."""
    if not np.isfinite(seconds) or seconds < 60:
        return f"{decimals(seconds, 1)} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60:,} h {minutes % 60:02d} min"


def _row(row: Sequence[str], side: Sequence[str]) -> str:
    cells = [f"<td{where}>{cell}</td>" for cell, where in zip(row, side, strict=True)]
    cells[0] = f'<th scope="row"{side[0]}>{row[0]}</th>'
    return "".join(cells)
