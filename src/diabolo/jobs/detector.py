"""The detector: a score whose parts, one a column, add up to it; higher is more suspicious.

score = mean squared distance to the 3 nearest references, over what is typical, + WEIGHT * residual, over its typical.
Distances are measured in three views of each column: in units of its spread, as the normal score of its rank, and
(SHARE of it) the autoencoder's residual, whitened one column after the other: what is left of each once those after
it are known (the Cholesky factor of their precision), a Gaussian log-likelihood of successive conditionals.
Chosen by bench/detect_quality.py on seeds that its table does not show.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.covariance import ledoit_wolf
from torch import Tensor

from diabolo.data.source import spaced
from diabolo.errors import FormatError
from diabolo.jobs.neighbours import Neighbours, fit_centres
from diabolo.jobs.views import NODES, Views, fit_views
from diabolo.model.autoencoder import AutoencoderModel
from diabolo.training.model_file import Extra

WEIGHT, SHARE = 0.1, 0.5
MOST_REFERENCES = 2000
MOST_REFERENCE_NUMBERS = 2**24
LARGEST_COVARIANCE = 1024
LEAST_SPREAD = 1e-3
MOST_ROWS, MOST_NUMBERS = 1024, 2**20


@dataclass(frozen=True)
class Detector:
    """What scores prepared samples (n, columns); images are flattened.

    references: prepared samples (r, columns). centres: of the cells they lie in, (cells, columns).
    middle: (columns,), the residuals' mean, scaled.
    whitening: (columns, columns), or (columns, 1) where there are too many columns for their covariance.
    typical_distance, typical_residual: medians over training samples of the two terms.
    """

    views: Views
    references: Tensor
    centres: Tensor
    middle: Tensor
    whitening: Tensor
    typical_distance: float
    typical_residual: float

    @cached_property
    def _left(self) -> tuple[Tensor, Tensor]:
        """What turns a residual into its view: a factor and a shift."""
        factor = self.whitening / self.views.spread.unsqueeze(1)
        shift = self.middle @ self.whitening if self.whitening.shape[1] > 1 else self.middle * self.whitening[:, 0]
        return factor * SHARE, shift * -SHARE

    def residuals(self, residual: Tensor, out: Tensor | None = None) -> Tensor:
        """Return whitened residuals, SHARE of them, (n, columns)."""
        factor, shift = self._left
        if factor.shape[1] > 1:
            return torch.addmm(shift, residual, factor, out=out)
        return torch.mul(residual, factor.T, out=out).add_(shift)

    def look(self, x: Tensor, reconstruction: Tensor, out: Tensor) -> None:
        """Put the three views of samples (n, columns) into `out`, (n, 3 * columns)."""
        columns = self.views.columns
        self.views.scaled(x, out[:, :columns])
        self.views.ranked(x, out[:, columns : 2 * columns])
        self.residuals(x - reconstruction, out[:, 2 * columns :])


def rows_together(columns: int) -> int:
    """Return how many samples are looked at together: few enough that what is in between stays in the cache."""
    return max(1, min(MOST_ROWS, MOST_NUMBERS // columns))


class Scorer:
    """A detector at work beside its model."""

    def __init__(self, detector: Detector, model: AutoencoderModel) -> None:
        self.detector, self.model, self.columns = detector, model, detector.views.columns
        with torch.inference_mode():
            references = self.seen(self.split(detector.references), len(detector.references))
            self.neighbours = Neighbours(references, detector.centres)

    def split(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return rows (n, ...) in pieces of as many as are looked at together."""
        return torch.split(x, rows_together(self.columns))

    def seen(self, pieces: Iterable[Tensor], count: int) -> Tensor:
        """Return the three views of `count` prepared samples, (count, 3 * columns), given in pieces (n, ...)."""
        seen, start = torch.empty(count, 3 * self.columns), 0
        for piece in pieces:
            shaped = piece.view(len(piece), *self.model.config.shape)
            found = seen[start : start + len(piece)]
            self.detector.look(shaped.flatten(1), self.model(shaped).flatten(1), found)
            start += len(piece)
        return seen

    @property
    def weight(self) -> float:
        """What the square of a residual as `seen` has it adds to the score."""
        return WEIGHT / SHARE**2 / self.detector.typical_residual

    def scores(self, seen: Tensor) -> Tensor:
        """Return the score of samples as `seen` gives them, (n,)."""
        left = seen[:, 2 * self.columns :]
        near = self.neighbours.distances(seen).div_(self.detector.typical_distance)
        return near.add_(torch.linalg.vecdot(left, left), alpha=self.weight)

    def parts(self, seen: Tensor) -> Tensor:
        """Return what each column adds to the score, (n, columns)."""
        return torch.cat([self._parts(piece) for piece in self.split(seen)])

    def _parts(self, seen: Tensor) -> Tensor:
        """Return the parts of some rows: distances by differences of columns, then scaled to add up to the score."""
        gaps = seen.unsqueeze(1) - self.neighbours.references[self.neighbours.nearest(seen)]
        near = gaps.square_().mean(1).view(len(seen), 3, self.columns).sum(1).div_(self.detector.typical_distance)
        parts = near.add_(seen[:, 2 * self.columns :].square(), alpha=self.weight)
        total, score = parts.sum(1, keepdim=True), self.scores(seen).unsqueeze(1)
        return torch.where(total > 0, parts * (score / total), score / self.columns)


@torch.inference_mode()
def fit_detector(
    model: AutoencoderModel, x: NDArray[np.float32], *, weights: NDArray[np.float32] | None = None
) -> Detector:
    """Fit on prepared normal samples (n, *shape); at most 2,000 of them, evenly spaced, are kept as references.

    weights: (columns,) by how much a distance in each number counts; None: all alike.
    """
    flat = x.reshape(len(x), -1)
    most = max(1, min(MOST_REFERENCES, MOST_REFERENCE_NUMBERS // flat.shape[1]))
    references = torch.from_numpy(flat[spaced(len(flat), most)].copy())
    views, together = fit_views(flat, weights), rows_together(flat.shape[1])
    samples = torch.from_numpy(np.require(x, requirements=["C", "W"]))
    residual = torch.cat([(piece - model(piece)).flatten(1) for piece in torch.split(samples, together)])
    middle, whitening = _whitening((residual / views.spread).double().numpy())
    if weights is not None:
        whitening = whitening * torch.from_numpy(weights if whitening.shape[1] > 1 else weights[:, None])
    centres = fit_centres(views.scaled(references))
    unscaled = Detector(views, references, centres, middle, whitening, 1.0, 1.0)
    left = float(unscaled.residuals(residual).square_().sum(1).median()) / SHARE**2
    typical = float(Scorer(unscaled, model).neighbours.own().median())
    return Detector(views, references, centres, middle, whitening, typical or 1.0, left or 1.0)


def _whitening(residual: NDArray[np.float64]) -> tuple[Tensor, Tensor]:
    """Return the mean, and the lower factor of the precision (Ledoit and Wolf 2004) of residuals (n, columns)."""
    middle = residual.mean(0)
    centred = residual - middle
    spread = np.sqrt(np.square(centred).mean(0)) + LEAST_SPREAD
    if residual.shape[1] == 1 or residual.shape[1] > LARGEST_COVARIANCE:
        factor = (1 / spread)[:, None]
    else:
        covariance, _ = ledoit_wolf(centred / spread, assume_centered=True)
        covariance += LEAST_SPREAD * np.eye(len(spread))
        factor = np.linalg.cholesky(np.linalg.inv(covariance)) / spread[:, None]
    return torch.from_numpy(middle.astype(np.float32)), torch.from_numpy(factor.astype(np.float32))


def to_extra(detector: Detector) -> Extra:
    """Return the detector as the model file holds it."""
    views, plain = detector.views, {name: getattr(detector, name) for name in ("typical_distance", "typical_residual")}
    tensors = {
        "references": detector.references,
        "centres": detector.centres,
        "middle": detector.middle,
        "whitening": detector.whitening,
    }
    tensors |= {name: getattr(views, name) for name in ("mean", "spread", "low", "high", "table")}
    return Extra(plain, {name: tensor.contiguous().numpy() for name, tensor in tensors.items()})


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
    fits &= all(kept[name].ndim == 2 and kept[name].size > 0 for name in ("references", "centres"))
    fits &= kept["references"].shape[-1] == kept["centres"].shape[-1] == columns
    scales = [_positive(extra.plain.get(name)) for name in ("typical_distance", "typical_residual")]
    if not fits or not (kept["spread"] > 0).all() or None in scales:
        raise FormatError("The model's detector does not fit its configuration; calibrate it anew.")
    tensors = {name: torch.tensor(array) for name, array in kept.items()}
    views = Views(*(tensors[name] for name in ("mean", "spread", "low", "high", "table")))
    others = (tensors[name] for name in ("references", "centres", "middle", "whitening"))
    return Detector(views, *others, *scales)  # type: ignore[arg-type]


def _positive(value: Any) -> float | None:
    return value if isinstance(value, float) and 0 < value < float("inf") else None
