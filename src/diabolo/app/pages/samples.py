"""Originals beside their reconstructions as HTML: pictures, rows of a table, or lines for long vectors."""

from collections.abc import Sequence
from datetime import date
from html import escape

import numpy as np

from diabolo.app.drawing import markup, pictures, plots
from diabolo.data.source import Array

_LONG = 30
_LIMITS = (0.1, 0.25, 0.5, 1.0)


def are_pictures(samples: Array) -> bool:
    """Return whether samples are pictures, (n, h, w) or (n, h, w, c), and not rows, (n, d)."""
    return samples.ndim in (3, 4)


def pairs(
    originals: Array,
    reconstructions: Array,
    *,
    columns: Sequence[str] | None = None,
    notes: Sequence[str] = (),
    scale: Array | None = None,
    most: int = 12,
) -> str:
    """Return the HTML of the first `most` originals with their reconstructions; large pictures and rows: fewer.

    originals, reconstructions: (n, h, w), (n, h, w, c) or (n, d). columns: d names, or c0, c1, ... are given.
    notes: a few words under each sample. scale: rows from which a column's spread is taken, `originals` if None.
    """
    if not len(originals):
        return "<p>No samples were kept.</p>\n"
    if are_pictures(originals):
        return _pictures(originals, reconstructions, notes, most)
    flat, rebuilt = (samples.reshape(len(samples), -1) for samples in (originals, reconstructions))
    if flat.shape[1] > _LONG and flat.dtype.kind in "biuf":
        return _profiles(flat, rebuilt, notes, min(most, 8))
    spread = _spread(flat if scale is None else scale.reshape(len(scale), -1))
    return _rows(flat[: min(most, 6)], rebuilt, columns or [f"c{i}" for i in range(flat.shape[1])], notes, spread)


def _pictures(originals: Array, reconstructions: Array, notes: Sequence[str], most: int) -> str:
    shape = originals.shape[1:3]
    large = max(shape) > pictures.CRISP
    width = pictures.shown_width(shape)
    cells = []
    for index in range(min(len(originals), most, 8 if large else most)):
        picture = pictures.sheet(np.stack([originals[index], reconstructions[index]]), columns=1, gap=3 if large else 1)
        note = f"<figcaption>{escape(notes[index])}</figcaption>" if index < len(notes) else ""
        alt = f"Sample {index + 1}: the original above, its reconstruction below"
        image = f'<img src="{pictures.data_uri(picture)}" alt="{alt}" style="width:{width}px">'
        cells.append(f'<figure class="pair">{image}{note}</figure>')
    words = "Original above, reconstruction below."
    size = f" Shown reduced, from {shape[1]:,} × {shape[0]:,} pixels." if large else ""
    return f'<div class="pairs{"" if large else " crisp"}">{"".join(cells)}</div>\n<p class="key">{words}{size}</p>\n'


def _profiles(originals: Array, reconstructions: Array, notes: Sequence[str], most: int) -> str:
    cells = []
    for index in range(min(len(originals), most)):
        alt = f"Sample {index + 1}: the original and its reconstruction as lines over {originals.shape[1]:,} positions"
        note = escape(notes[index]) if index < len(notes) else f"sample {index + 1}"
        cells.append(markup.figure(plots.profile(originals[index], reconstructions[index], alt=alt), note))
    key = '<b class="original">original</b> and <b class="rebuilt">reconstruction</b>, value over position'
    return f'<div class="profiles">{"".join(cells)}</div>\n<p class="key">{key}</p>\n'


def _rows(flat: Array, rebuilt: Array, columns: Sequence[str], notes: Sequence[str], spread: list[float]) -> str:
    """Return a table that lies on its side: columns of the data downwards, samples across."""
    names = [escape(note) for note in notes[: len(flat)]] or [f"sample {i + 1}" for i in range(len(flat))]
    shown = range(min(flat.shape[1], _LONG))
    body = [
        [
            escape(columns[c]).replace("_", "_<wbr>"),
            *(_cell(flat[i, c], rebuilt[i, c], spread[c]) for i in range(len(flat))),
        ]
        for c in shown
    ]
    caption = "Original value, then its reconstruction"
    left = f", the first {_LONG} of {flat.shape[1]:,} columns" if flat.shape[1] > _LONG else ""
    numeric = [False] + [True] * len(flat)
    return markup.table(["column", *names], body, numeric=numeric, caption=caption + left, kind="values") + _key()


def _cell(original: object, rebuilt: object, spread: float) -> str:
    level = _level(original, rebuilt, spread)
    return f'{markup.brief(original)} <span class="e{level}">{markup.brief(rebuilt)}</span>'


def _level(original: object, rebuilt: object, spread: float) -> int:
    """Return how wrong a value is, from 0 to 4, by the spread of its column; text is right or wrong."""
    a, b = _number(original), _number(rebuilt)
    if a is None or b is None:
        return 0 if original == rebuilt else len(_LIMITS)
    if np.isnan(a) and np.isnan(b):
        return 0
    error = abs(a - b) / spread
    return int(np.searchsorted(_LIMITS, error, side="right")) if np.isfinite(error) else len(_LIMITS)


def _spread(samples: Array) -> list[float]:
    """Return the standard deviation of each column, 1 where it is 0 or has none."""
    return [_deviation(samples[:, column]) for column in range(samples.shape[1])]


def _number(value: object) -> float | None:
    """Return a number or a date as a number, None for text."""
    if isinstance(value, date):
        return float(np.datetime64(value, "us").astype(np.int64)) / 1e6
    return float(np.real(value)) if isinstance(value, (bool, int, float, np.number, np.bool_)) else None


def _deviation(column: Array) -> float:
    numbers = [_number(value) for value in column]
    values = np.array([value for value in numbers if value is not None], np.float64)
    values = values[np.isfinite(values)]
    deviation = float(values.std()) if len(values) else 0.0
    return deviation if deviation > 0 else 1.0


def _key() -> str:
    words = [f"&lt; {limit:g}" for limit in _LIMITS] + ["1 or more"]
    chips = " ".join(f'<span class="e{level}">{word}</span>' for level, word in enumerate(words))
    return f'<p class="key">Error in standard deviations of the column: {chips}</p>\n'
