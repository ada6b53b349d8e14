"""Tables of figures as plain text and as Markdown."""

import math
from collections.abc import Sequence

from diabolo.jobs.compare import WAYS, Row
from diabolo.jobs.evaluation import Figures

HEADS = ("", "latent", "parameters", "BCE", "MSE", "PSNR dB")


def number(value: float | None, digits: int = 4) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def figure_rows(figures: Sequence[Figures]) -> list[tuple[str, ...]]:
    """Return the rows of the table of figures, its heads first."""
    rows = [
        (item.name, str(item.latent), f"{item.parameters:,}", number(item.bce), number(item.mse), number(item.psnr, 2))
        for item in figures
    ]
    if all(item.ssim is None for item in figures):
        return [HEADS, *rows]
    return [(*HEADS, "SSIM"), *((*row, number(item.ssim)) for row, item in zip(rows, figures, strict=True))]


def compared_rows(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """Return the rows of the table that sets an archive beside general codecs, its heads first."""
    found = [
        (row.codec, WAYS[row.how], f"{row.bytes_per_image:.1f}", f"{row.with_model:.1f}", decibels(row.psnr))
        for row in rows
    ]
    return [("", "kept", "bytes each", "with the model", "PSNR dB"), *found]


def decibels(psnr: float) -> str:
    return f"{psnr:.2f}" if math.isfinite(psnr) else "exact"


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
