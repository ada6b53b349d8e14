"""The detector: a score whose parts, one a column, add up to it; higher is more suspicious.

score = mean squared distance to the 3 nearest references, over what is typical, + WEIGHT * residual, over its typical.
Distances are measured in three views of each column: in units of its spread, as the normal score of its rank, and
(SHARE of it) the autoencoder's residual, whitened one column after the other: what is left of each once those after
it are known (the Cholesky factor of their precision), a Gaussian log-likelihood of successive conditionals.

Where rows were held out, that is one view of two. The other is the plain distance (`plain`); each becomes -log p, in
nats (`tails`), and the score is their sum. Measured by bench/detect_sets.py.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diabolo.errors import FormatError
from diabolo.jobs.detect.rows.bounded import Bounded
from diabolo.jobs.detect.rows.neighbours import Cell, Neighbours, Rows
from diabolo.jobs.detect.rows.plain import Plain, PlainScorer
from diabolo.jobs.detect.rows.scales import NODES, Views
from diabolo.jobs.detect.rows.tails import Kept, Tail
from diabolo.model.forward import Reconstruct, wide
from diabolo.training.files.contents import Extra

WEIGHT, SHARE = 0.1, 0.5
MOST_ROWS, MOST_NUMBERS, MOST_LISTED = 4096, 2**20, 2**15 - 1
PLAIN = {"references": "near_references", "centres": "near_centres", "scale": "near_scale", "kept": "near_kept"}
OWN, VIEWED = ("references", "centres", "middle", "whitening"), ("mean", "spread", "low", "high", "table")
Numbers = NDArray[np.float32]


@dataclass(frozen=True)
class Detector:
    """What scores prepared samples; images are flattened. At work samples stand in columns: (columns, n).

    references: prepared samples (r, columns). centres: of the cells they lie in, (cells, columns).
    middle: (columns,), the residuals' mean, scaled.
    whitening: (columns, columns), or (columns, 1) where there are too many columns for their covariance.
    typical_distance, typical_residual: medians over training samples of the two terms.
    plain: the other view. held: sorted scores of held-out samples by this one. None: this view is the score.
    bound: what each column can add at most; infinite in models of earlier versions, and of images.
    """

    views: Views
    references: Numbers
    centres: Numbers
    middle: Numbers
    whitening: Numbers
    typical_distance: float
    typical_residual: float
    plain: Plain | None = None
    held: Kept | None = None
    bound: float = math.inf

    @cached_property
    def whitened(self) -> tuple[Numbers, Numbers]:
        """What turns a residual into its view: a factor and a shift (columns, 1)."""
        factor = self.whitening / self.views.spread[:, None]
        shift = self.middle @ self.whitening if self.whitening.shape[1] > 1 else self.middle * self.whitening[:, 0]
        if factor.shape[1] > 1:
            factor = np.ascontiguousarray(factor.T)
        return factor * np.float32(SHARE), shift[:, None] * np.float32(-SHARE)

    def residuals(self, residual: Numbers, out: Numbers | None = None) -> Numbers:
        """Return whitened residuals, SHARE of them, (columns, n)."""
        factor, shift = self.whitened
        found = (np.matmul if factor.shape[1] > 1 else np.multiply)(factor, residual, out=out)
        found += shift
        return found

    def look(self, x: Numbers, reconstruction: Numbers) -> Numbers:
        """Return the three views of samples (columns, n), (3 * columns, n)."""
        seen = np.empty((3, *x.shape), np.float32)
        self.views.scaled(x, seen[0])
        self.views.ranked(x, seen[1])
        self.residuals(x - reconstruction, seen[2])
        return seen.reshape(-1, x.shape[1])


def rows_together(columns: int) -> int:
    """Return how many samples are looked at together: few enough that what is in between stays in the cache."""
    return max(1, min(MOST_ROWS, MOST_NUMBERS // columns))


class Scorer:
    """A detector at work beside its model; it takes prepared samples (n, columns).

    owners: (columns,), the column of a table that each number is of; None: each is its own.
    """

    def __init__(self, detector: Detector, reconstruct: Reconstruct, owners: NDArray[np.int64] | None = None) -> None:
        self.detector, self.reconstruct, self.columns = detector, reconstruct, detector.views.columns
        self.neighbours = Neighbours(np.ascontiguousarray(self.seen(detector.references)), detector.centres)
        _ = self.neighbours.cells  # made here, before several threads ask for them
        self.plain = None if detector.plain is None else PlainScorer(detector.plain)
        self.tail = None if detector.held is None else Tail(detector.held, grows=True)
        self.bounded = Bounded(self, np.arange(self.columns) if owners is None else owners, detector.bound)

    def split(self, x: Numbers) -> Iterator[Numbers]:
        """Yield rows (n, ...) in pieces of as many as are looked at together."""
        size = rows_together(self.columns)
        return (x[start : start + size] for start in range(0, len(x), size))

    def _look(self, piece: Numbers) -> tuple[Numbers, Numbers]:
        """Return the three views of samples (n, columns), (3 * columns, n), and the squared lengths of the last, (n,).

        What is computed has a multiple of 16 columns (`wide`): a sample has the same bits alone and among others.
        """
        x = np.zeros((self.columns, wide(len(piece))), np.float32)
        x[:, : len(piece)] = piece.T
        seen = self.detector.look(x, self.reconstruct(x))
        left = seen[2 * self.columns :]
        return seen[:, : len(piece)], np.einsum("ij,ij->j", left, left)[: len(piece)]

    def seen(self, x: Numbers) -> Numbers:
        """Return the three views of samples, (n, 3 * columns)."""
        return np.concatenate([self._look(piece)[0].T for piece in self.split(x)])

    def _cells(self, x: Numbers) -> Iterator[tuple[Rows, Cell, Numbers, Numbers]]:
        """Yield numbers of samples that fall into one cell, with that and what `_look` returns of them.

        The samples are looked at as many together as `rows_together` says, whatever their cells.
        """
        parts = (self.detector.views.scaled(piece.T).T for piece in self.split(x))
        for rows, cuts in self.neighbours.pieces(parts, rows_together(self.columns)):
            seen, squares = self._look(x.take(rows, 0))
            yield from ((rows[cut], cell, seen[:, cut], squares[cut]) for cell, cut in cuts)

    @property
    def references(self) -> Numbers:
        """Some learnt samples, (r, columns)."""
        return self.detector.references

    @property
    def weight(self) -> np.float32:
        """What the square of a residual as `seen` has it adds to the score."""
        return np.float32(WEIGHT / SHARE**2 / self.detector.typical_residual)

    def scores(self, x: Numbers) -> Numbers:
        """Return the score of samples, (n,)."""
        return self.bounded.scores(x, self.plain_scores(x))

    def explained(self, x: Numbers) -> tuple[Numbers, Numbers]:
        """Return the score of samples, (n,), as `scores` does, and what each column adds to it, (n, columns)."""
        return self.bounded.explained(x, *self.plain_explained(x))

    def parts(self, x: Numbers) -> Numbers:
        """Return what each column adds to the score, (n, columns)."""
        return self.explained(x)[1]

    def plain_scores(self, x: Numbers) -> Numbers:
        """Return the score of samples before each column's part is bounded, (n,)."""
        own = np.empty(len(x), np.float32)
        for rows, cell, seen, squares in self._cells(x):
            own[rows] = self._score(cell.distances(seen), squares)
        if self.plain is None or self.tail is None:
            return own
        plain = self.plain.distances(x, rows_together(self.columns))
        return _nats(self.plain.tail, plain) + _nats(self.tail, own)

    def plain_explained(self, x: Numbers) -> tuple[Numbers, Numbers]:
        """Return the score of samples, (n,), and what each column adds to it, (n, columns), before they are bounded."""
        own, found = np.empty(len(x), np.float32), np.empty(x.shape, np.float32)
        for rows, cell, seen, squares in self._cells(x):
            own[rows], found[rows] = self._parts(cell, seen, squares)
        if self.plain is None or self.tail is None:
            return own, found
        distances, shares = self.plain.explained(x, rows_together(self.columns))
        plain, own = _nats(self.plain.tail, distances), _nats(self.tail, own)
        total = found.sum(1, keepdims=True)
        found = np.divide(found, total, out=np.full_like(found, 1 / self.columns), where=total > 0)
        found *= own[:, None]
        found += plain[:, None] * shares
        return plain + own, found

    def _score(self, near: Numbers, squares: Numbers) -> Numbers:
        """Return the score of this view from mean squared distances, which are used up, and squared residuals, (n,)."""
        near /= np.float32(self.detector.typical_distance)
        near += self.weight * squares
        return near

    def _parts(self, cell: Cell, seen: Numbers, squares: Numbers) -> tuple[Numbers, Numbers]:
        """Return the scores and parts of some rows: distances by differences of columns, scaled to add up to scores."""
        nearest, distances = cell.nearest(seen)
        score = self._score(distances, squares)
        gaps = seen.T - self.neighbours.references[nearest]
        near = np.square(gaps, out=gaps).mean(0).reshape(-1, 3, self.columns).sum(1)
        parts = near / np.float32(self.detector.typical_distance)
        parts += self.weight * np.square(seen[2 * self.columns :].T)
        total, whole = parts.sum(1, keepdims=True), score[:, None]
        factor = np.divide(whole, total, out=np.zeros_like(whole), where=total > 0)
        return score, np.where(total > 0, parts * factor, whole / np.float32(self.columns))


def _nats(tail: Tail, scores: Numbers) -> Numbers:
    return tail.surprise(scores).astype(np.float32)


def to_extra(detector: Detector) -> Extra:
    """Return the detector as the model file holds it."""
    views, plain = detector.views, {name: getattr(detector, name) for name in ("typical_distance", "typical_residual")}
    arrays = {name: getattr(detector, name) for name in OWN} | {name: getattr(views, name) for name in VIEWED}
    if detector.plain is not None and detector.held is not None:
        arrays |= {kept: getattr(detector.plain, name) for name, kept in PLAIN.items()} | {"held": detector.held}
        plain |= {"curved": detector.plain.curved}
    plain |= {"bound": detector.bound} if math.isfinite(detector.bound) else {}
    return Extra(plain, {name: np.ascontiguousarray(array) for name, array in arrays.items()})


def from_extra(extra: Extra, columns: int) -> Detector:
    """Return the detector of a model file. Raises FormatError for anything that `to_extra` does not make."""
    kept = extra.arrays
    whole = {"mean": (columns,), "spread": (columns,), "low": (columns,), "high": (columns,), "middle": (columns,)}
    whole |= {"table": (columns, NODES)}  # type: ignore[dict-item]
    if "centres" not in kept:
        raise FormatError(
            "The model's detector is an earlier version's; `diabolo calibrate NORMAL -m MODEL` fits it anew."
        )
    for name in (*whole, "references", "centres", "whitening"):
        array = kept.get(name)
        if array is None or array.dtype != np.float32 or not np.isfinite(array).all():
            raise FormatError(f"The model's detector is damaged ({name}); calibrate it anew.")
    fits = all(kept[name].shape == shape for name, shape in whole.items())
    fits &= kept["whitening"].shape in ((columns, columns), (columns, 1))
    listed = [kept[name].shape for name in ("references", "centres")]
    fits &= all(len(shape) == 2 and 0 < shape[0] <= MOST_LISTED and shape[1] == columns for shape in listed)
    scales = [_positive(extra.plain.get(name)) for name in ("typical_distance", "typical_residual")]
    if not fits or not (kept["spread"] > 0).all() or None in scales:
        raise FormatError("The model's detector does not fit its configuration; calibrate it anew.")
    views = Views(*(kept[name] for name in VIEWED))
    own = [kept[name] for name in OWN]
    bound = _positive(extra.plain["bound"]) if "bound" in extra.plain else math.inf
    if bound is None:
        raise FormatError("The model's detector is damaged (the bound of a column); calibrate it anew.")
    plain, held = _plain(extra, columns)
    return Detector(views, *own, *scales, plain, held, bound)  # type: ignore[call-arg,arg-type]


def _plain(extra: Extra, columns: int) -> tuple[Plain, Kept] | tuple[None, None]:
    """Return the plain view and the held-out scores of the other one; None where there were no rows for them."""
    names = (*PLAIN.values(), "held")
    if not any(name in extra.arrays for name in names):
        return None, None
    arrays = [extra.arrays.get(name, np.zeros(0)) for name in names]
    references, centres, scale, kept, held = arrays
    fits = all(array.dtype == np.float32 and array.size and np.isfinite(array).all() for array in arrays)
    fits &= all(array.ndim == 2 and array.shape[1] == columns for array in (references, centres))
    fits &= scale.shape == (columns,) and len(references) <= MOST_LISTED and len(centres) <= MOST_LISTED
    fits &= all(array.ndim == 1 and not (np.diff(array) < 0).any() for array in (kept, held))
    if not fits or not isinstance(extra.plain.get("curved"), bool):
        raise FormatError("The model's detector is damaged (its nearest rows); calibrate it anew.")
    return Plain(references, centres, scale, kept, extra.plain["curved"]), held


def _positive(value: Any) -> float | None:
    return value if isinstance(value, float) and 0 < value < float("inf") else None
