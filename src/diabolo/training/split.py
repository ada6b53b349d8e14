"""What a run was given: its samples by their fingerprint, and which of them it held out.

Both are stored in the model file. The held-out rows are drawn again from their seed when they are needed, and checked
against what was stored: another release of NumPy may draw other rows.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diabolo.data.preprocessing import chunks
from diabolo.data.source import Source, spaced
from diabolo.errors import InputError

Rows = NDArray[np.int64]
MOST_HELD_OUT, SAMPLED = 5000, 1000
SPLIT, FINGERPRINT, WHOLE = "held_out", "fingerprint", "sha256:"
"""Names in the facts of a model file; how the fingerprint of all samples begins."""


@dataclass(frozen=True)
class Split:
    """Rows to train on and rows held out, both ascending; drawn for `count` samples from a share and a seed."""

    count: int
    share: float
    seed: int
    rows: Rows
    held_out: Rows

    def to_json(self) -> dict[str, Any]:
        """Return what identifies the split: how it was drawn, and the SHA-256 of the rows held out."""
        return {"samples": self.count, "share": self.share, "seed": self.seed, "sha256": self.digest}

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.held_out.astype("<i8").tobytes()).hexdigest()


def draw_split(count: int, share: float, seed: int) -> Split:
    """Hold out a random share of `count` samples, from 1 to 5,000 where there are any to spare."""
    held = min(MOST_HELD_OUT, count // 2, max(1, round(share * count))) if share > 0 and count > 2 else 0
    order = np.random.default_rng((seed, 1)).permutation(count).astype(np.int64)
    return Split(count, share, seed, np.sort(order[held:]), np.sort(order[:held]))


def split_of(about: Mapping[str, Any], count: int) -> Split:
    """Return the split of a trained model, by the facts of its file.

    count: of its training samples. Raises InputError if there were others, or if other rows are drawn than then.
    """
    stored = about.get(SPLIT)
    if stored is None:  # of a model file without it, of an earlier version
        return draw_split(count, about["recipe"]["validation"], about["seed"])
    if stored["samples"] != count:
        raise InputError(f"The model was trained on {stored['samples']:,} samples, got {count:,}; give those samples.")
    found = draw_split(count, stored["share"], stored["seed"])
    if found.digest != stored["sha256"]:
        raise InputError(
            f"NumPy {np.__version__} draws other held-out samples than the one that the model was trained with; "
            "use that release, or measure on data of a file of their own."
        )
    return found


def fingerprint(source: Source) -> str:
    """Return the SHA-256 of the samples: their count, shape, type and all their bytes, in order.

    Pieces and windows are known by what they are cut from, which is read once.
    """
    digest = hashlib.sha256(f"{len(source)} {source.shape} {source.dtype.str} {getattr(source, 'seed', '')}".encode())
    originals = getattr(source, "originals", None)
    _add(digest, chunks(source, np.arange(len(source))) if originals is None else originals())
    return WHOLE + digest.hexdigest()


def is_given(about: Mapping[str, Any], source: Source) -> bool:
    """Return whether a source holds the samples that a model was trained on."""
    stored = about.get(FINGERPRINT)
    if not isinstance(stored, str) or stored.startswith(WHOLE):
        return bool(stored == fingerprint(source))
    digest = hashlib.sha256(f"{len(source)} {source.shape} {source.dtype.str}".encode())  # an earlier version
    _add(digest, chunks(source, spaced(len(source), SAMPLED)))
    return stored == digest.hexdigest()


def _add(digest: "hashlib._Hash", pieces: Iterable[NDArray[np.generic]]) -> None:
    for piece in pieces:
        digest.update(np.ascontiguousarray(piece).data.cast("B") if piece.size else b"")
