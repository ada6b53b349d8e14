"""Tables of figures as plain text and as Markdown."""

import math
from collections.abc import Sequence
from typing import Any

from diabolo.jobs.compress.compare.comparison import WAYS, Row
from diabolo.jobs.evaluate.record import Figures

HEADS = ("", "latent", "parameters", "BCE", "MSE", "PSNR dB", "SSIM")


def number(value: float | None, digits: int = 4) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def figure_rows(figures: Sequence[Figures]) -> list[tuple[str, ...]]:
    """Return the rows of the table of figures, its heads first; a column in which nothing was measured is left out."""
    rows = [
        (
            item.name,
            str(item.latent or "-"),
            f"{item.parameters:,}" if item.parameters else "-",
            number(item.bce),
            number(item.mse),
            number(item.psnr, 2),
            number(item.ssim),
        )
        for item in figures
    ]
    told = [any(row[place] != "-" for row in rows) for place in range(len(HEADS))]
    return [tuple(cell for cell, kept in zip(row, told, strict=True) if kept) for row in (HEADS, *rows)]


def compared_rows(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """Return the rows of the table that sets an archive beside general codecs, its heads first."""
    found = [
        (row.codec, WAYS[row.how], f"{row.bytes_per_image:.1f}", f"{row.with_model:.1f}", decibels(row.psnr))
        for row in rows
    ]
    return [("", "kept", "bytes each", "with the model", "PSNR dB"), *found]


def decibels(psnr: float) -> str:
    return f"{psnr:.2f}" if math.isfinite(psnr) else "exact"


def finite(facts: dict[str, Any]) -> dict[str, Any]:
    """Return facts for JSON, which has no infinity: a number that is not finite becomes None.

    >>> finite({"psnr": math.inf, "images": 2})
    {'psnr': None, 'images': 2}
    """
    odd = {name for name, value in facts.items() if isinstance(value, float) and not math.isfinite(value)}
    return {name: None if name in odd else value for name, value in facts.items()}


def columns_text(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as columns of plain text: the first aligned left, the others right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as a Markdown table, the heads first."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]) + "\n"
