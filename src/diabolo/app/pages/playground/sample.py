"""The sample of pictures that the playground trains on: grey, small, 4 bits a pixel."""

import base64
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diabolo.app.drawing.palette import categories
from diabolo.data.source import Array, Dataset, Source, spaced
from diabolo.errors import InputError

TRAIN, HELD_OUT, MOST_SIDE = 4000, 500, 32
LEVELS = 15


@dataclass(frozen=True)
class Sample:
    """Pictures (n, height, width) as whole numbers 0 to 15, those held out last; their labels, where there are any."""

    pictures: NDArray[np.uint8]
    held_out: int
    labels: Array | None

    def content(self) -> dict[str, Any]:
        """Return what the page reads: sizes, packed pixels, and the groups of the pictures held out."""
        groups = None if self.labels is None else categories(self.labels[-self.held_out :])
        return {
            "shape": list(self.pictures.shape[1:]),
            "train": len(self.pictures) - self.held_out,
            "held": self.held_out,
            "greys": base64.b64encode(packed(self.pictures)).decode("ascii"),
            "labels": [0] * self.held_out if groups is None else groups.index.tolist(),
            "groups": [] if groups is None else [[entry.name, entry.colour] for entry in groups.entries],
        }


def packed(greys: NDArray[np.uint8]) -> bytes:
    """Return numbers from 0 to 15 as two in a byte, the first in the high bits, deflated."""
    flat = greys.reshape(-1)
    even = np.append(flat, np.zeros(flat.size % 2, np.uint8))
    return zlib.compress((even[::2] << 4 | even[1::2]).tobytes(), 9)


def sample_of(data: Dataset) -> Sample:
    """Return at most 4,000 training pictures and 500 held out; a ninth is held out where the data have no test part.

    Raises InputError if the data are no grey pictures of at most 32x32 pixels, or too few.
    """
    shape = data.train.shape
    if len(shape) != 2 or max(shape) > MOST_SIDE or data.train.dtype != np.uint8:
        given = f"{data.name} has samples of {'x'.join(map(str, shape))}, {data.train.dtype}"
        raise InputError(
            f"The playground needs 8-bit grey pictures of at most {MOST_SIDE}x{MOST_SIDE} pixels; {given}."
        )
    if data.test is None:
        rows = spaced(len(data.train), TRAIN + HELD_OUT)
        held = np.zeros(len(rows), bool)
        held[4::9] = True
        parts = [(data.train, data.labels, rows[~held]), (data.train, data.labels, rows[held])]
    else:
        parts = [
            (data.train, data.labels, spaced(len(data.train), TRAIN)),
            (data.test, data.test_labels, spaced(len(data.test), HELD_OUT)),
        ]
    if min(len(rows) for _, _, rows in parts) < 10:
        raise InputError(f"The playground needs at least 100 pictures, got {len(data.train)}; give more.")
    pictures = np.concatenate([_levels(source, rows) for source, _, rows in parts])
    known = [labels[rows] for _, labels, rows in parts if labels is not None]
    return Sample(pictures, len(parts[1][2]), np.concatenate(known) if len(known) == len(parts) else None)


def _levels(source: Source, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    greys = source.take(rows).astype(np.float64) * (LEVELS / 255)
    return np.rint(greys).astype(np.uint8)
