"""Colours for labels, chosen so that colour-blind readers tell them apart."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from diabolo.data.source import Array

MOST = 20
"""Distinct labels that still get a colour and a name each."""

# Petroff 2021, "Accessible color sequences for data visualization", the sequence of ten.
_TEN = ("#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd")


class Entry(NamedTuple):
    """One line of a legend. marker: matplotlib's, "o" for the first ten and "^" for the next."""

    name: str
    colour: str
    marker: str


@dataclass(frozen=True)
class Categories:
    """Labels as groups. index: (m,) the entry of each sample."""

    index: NDArray[np.intp]
    entries: tuple[Entry, ...]

    def take(self, rows: NDArray[np.intp]) -> "Categories":
        return Categories(self.index[rows], self.entries)


def categories(labels: Array) -> Categories | None:
    """Return the groups of labels (m,), or None where more than 20 are distinct."""
    flat = np.asarray(labels).reshape(-1)
    if flat.dtype.kind not in "biufSU":
        flat = flat.astype(str)
    distinct, index = np.unique(flat, return_inverse=True)
    if not 0 < len(distinct) <= MOST:
        return None
    ten = len(_TEN)
    entries = (Entry(_name(value), _TEN[i % ten], "o" if i < ten else "^") for i, value in enumerate(distinct))
    return Categories(index.reshape(-1).astype(np.intp), tuple(entries))


def _name(value: object) -> str:
    if isinstance(value, np.floating):
        return "no label" if np.isnan(value) else f"{float(value):.6g}"
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
