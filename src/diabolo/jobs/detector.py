"""The detector: a score whose parts, one a column, add up to it exactly; higher is more suspicious.

score = neighbours + WEIGHT * residual, each in units of what is typical of training samples:
neighbours: mean squared distance, in both views of the columns, to the 3 nearest reference samples.
residual: squared residuals of the autoencoder, whitened one column after the other: what is left of each once those
after it are known (the Cholesky factor of their precision), a Gaussian log-likelihood of successive conditionals.
Both are sums over columns. Chosen by bench/detect_quality.py.
"""

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
from diabolo.jobs.views import NODES, Views, fit_views
from diabolo.model.autoencoder import AutoencoderModel
from diabolo.training.model_file import Extra

NEIGHBOURS = 3
WEIGHT = 0.5
MOST_REFERENCES = 6000
MOST_REFERENCE_NUMBERS = 2**24
LARGEST_COVARIANCE = 1024
TYPICAL_OF = 2000
LEAST_SPREAD = 1e-3
ROWS = 512


@dataclass(frozen=True)
class Detector:
    """What scores prepared samples (n, columns); images are flattened.

    references: prepared samples (r, columns). middle: (columns,), the residuals' mean, scaled.
    whitening: (columns, columns), or (columns, 1) where there are too many columns for their covariance.
    typical_distance, typical_residual: medians over training samples of the two parts.
    """

    views: Views
    references: Tensor
    middle: Tensor
    whitening: Tensor
    typical_distance: float
    typical_residual: float

    @cached_property
    def seen(self) -> Tensor:
        """The references in both views."""
        return self.views.both(self.references)

    @cached_property
    def lengths(self) -> Tensor:
        return self.seen.square().sum(1) / 2

    def parts(self, x: Tensor, reconstruction: Tensor) -> Tensor:
        """Return what each column adds to the score, (n, columns), for prepared samples and their reconstructions."""
        near = self.distances(x, NEIGHBOURS).mean(1) / self.typical_distance
        return near + self.residuals(x - reconstruction) * (WEIGHT / self.typical_residual)

    def distances(self, x: Tensor, neighbours: int) -> Tensor:
        """Return the squared distances by column, (n, neighbours, columns), to the nearest references.

        Neighbours are found by a matrix product, and then measured again by differences: those lose no digits.
        """
        seen = self.views.both(x)
        near = (seen @ self.seen.T).sub_(self.lengths).topk(min(neighbours, len(self.seen)), 1).indices
        squared = (seen.unsqueeze(1) - self.seen[near]).square_()
        return squared[..., : self.views.columns] + squared[..., self.views.columns :]

    def residuals(self, residual: Tensor) -> Tensor:
        """Return the whitened squared residuals, (n, columns)."""
        centred = residual / self.views.spread - self.middle
        return (centred @ self.whitening if self.whitening.shape[1] > 1 else centred * self.whitening.T).square()


def column_parts(detector: Detector, model: AutoencoderModel, x: Tensor) -> Tensor:
    """Return what each column of prepared samples (n, *shape) adds to the score, (n, columns)."""
    reconstruction = model(x).flatten(1)
    flat = x.flatten(1)
    pieces = zip(torch.split(flat, ROWS), torch.split(reconstruction, ROWS), strict=True)
    return torch.cat([detector.parts(piece, back) for piece, back in pieces])


@torch.inference_mode()
def fit_detector(
    model: AutoencoderModel,
    x: NDArray[np.float32],
    *,
    most: int = MOST_REFERENCES,
    weights: NDArray[np.float32] | None = None,
) -> Detector:
    """Fit on prepared normal samples (n, *shape); at most `most` of them, evenly spaced, are kept as references.

    weights: (columns,) by how much a distance in each number counts; None: all alike.
    """
    flat = x.reshape(len(x), -1)
    most = max(NEIGHBOURS + 1, min(most, MOST_REFERENCE_NUMBERS // flat.shape[1]))
    references = torch.from_numpy(flat[spaced(len(flat), most)].copy())
    views = fit_views(flat, weights)
    samples = torch.from_numpy(np.require(x, requirements=["C", "W"]))
    back = torch.cat([model(piece).flatten(1) for piece in torch.split(samples, ROWS)])
    residual = (samples.flatten(1) - back) / views.spread
    middle, whitening = _whitening(residual.double().numpy())
    if weights is not None:
        whitening = whitening * torch.from_numpy(weights if whitening.shape[1] > 1 else weights[:, None])
    unscaled = Detector(views, references, middle, whitening, 1.0, 1.0)
    asked = references[spaced(len(references), TYPICAL_OF)]
    distance = torch.cat([unscaled.distances(piece, NEIGHBOURS + 1).sum(2) for piece in torch.split(asked, ROWS)])
    typical = float(distance[:, 1:].mean(1).median()) if distance.shape[1] > 1 else 1.0
    left = float(unscaled.residuals(samples.flatten(1) - back).sum(1).median())
    return Detector(views, references, middle, whitening, typical or 1.0, left or 1.0)


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
    tensors = {"references": detector.references, "middle": detector.middle, "whitening": detector.whitening}
    tensors |= {name: getattr(views, name) for name in ("mean", "spread", "low", "high", "table")}
    return Extra(plain, {name: tensor.contiguous().numpy() for name, tensor in tensors.items()})


def from_extra(extra: Extra, columns: int) -> Detector:
    """Return the detector of a model file. Raises FormatError for anything that `to_extra` does not make."""
    kept = extra.arrays
    whole = {"mean": (columns,), "spread": (columns,), "low": (columns,), "high": (columns,), "middle": (columns,)}
    whole |= {"table": (columns, NODES)}  # type: ignore[dict-item]
    for name in (*whole, "references", "whitening"):
        array = kept.get(name)
        if array is None or array.dtype != np.float32 or not np.isfinite(array).all():
            raise FormatError(f"The model's detector is damaged ({name}); calibrate it anew.")
    fits = all(kept[name].shape == shape for name, shape in whole.items())
    fits &= kept["whitening"].shape in ((columns, columns), (columns, 1))
    fits &= kept["references"].ndim == 2 and len(kept["references"]) > 0 and kept["references"].shape[1] == columns
    scales = [_positive(extra.plain.get(name)) for name in ("typical_distance", "typical_residual")]
    if not fits or not (kept["spread"] > 0).all() or None in scales:
        raise FormatError("The model's detector does not fit its configuration; calibrate it anew.")
    tensors = {name: torch.from_numpy(np.require(array, requirements=["C", "W"])) for name, array in kept.items()}
    views = Views(*(tensors[name] for name in ("mean", "spread", "low", "high", "table")))
    return Detector(views, tensors["references"], tensors["middle"], tensors["whitening"], *scales)  # type: ignore[arg-type]


def _positive(value: Any) -> float | None:
    return value if isinstance(value, float) and 0 < value < float("inf") else None
