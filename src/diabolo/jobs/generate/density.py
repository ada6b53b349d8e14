"""A density of a model's codes, fitted after training: what new codes are drawn from.

A variational code is near the standard normal only on the whole; a plain one has no density at all. A Gaussian mixture
fitted to the codes mends the first and makes a generator of the second (Ghosh et al. 2020, section 4).
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from diabolo.data.source import Source, Subset, spaced
from diabolo.errors import ArgumentError, FormatError, InputError
from diabolo.jobs.apply import batches, encode
from diabolo.jobs.generate.categories import CategoricalMixture, fit_categories
from diabolo.model.bottlenecks.base import Bottleneck
from diabolo.training.devices import device_of
from diabolo.training.files.contents import Extra
from diabolo.training.files.model_file import Trained
from diabolo.training.loop import generator_for

JOB = "generate"
COMPONENTS, MOST_CODES, FULL = 10, 10_000, 256
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Density:
    """A mixture of normal distributions of codes.

    weights: (k,), they sum to 1. means: (k, latent). factors: lower Cholesky factors of the covariances,
    (k, latent, latent), or for long codes standard deviations, (k, latent).
    """

    weights: Floats
    means: Floats
    factors: Floats

    @property
    def mean(self) -> Floats:
        """Return the mean code, (latent,)."""
        found: Floats = self.weights @ self.means
        return found

    @property
    def spread(self) -> Floats:
        """Return the standard deviation of each number of the code, (latent,)."""
        own = np.square(self.factors).sum(2) if self.factors.ndim == 3 else np.square(self.factors)
        found: Floats = np.sqrt(self.weights @ (own + np.square(self.means - self.mean)))
        return found

    def draw(self, count: int, generator: np.random.Generator) -> Floats:
        """Return codes (count, latent)."""
        share = self.weights.astype(np.float64)
        chosen = generator.choice(len(share), count, p=share / share.sum())
        noise = generator.standard_normal((count, self.means.shape[1]), np.float32)
        codes = self.means[chosen]
        for number, factor in enumerate(self.factors):
            mine = chosen == number
            codes[mine] += noise[mine] @ factor.T if factor.ndim == 2 else noise[mine] * factor
        return codes


@dataclass(frozen=True)
class Prior:
    """What a variational model holds its codes to: the standard normal, or what its couplings make of it."""

    bottleneck: Bottleneck
    latent: int

    @property
    def mean(self) -> Floats:
        """Return the mean code, (latent,)."""
        normal = self.bottleneck.standard_normal
        found: Floats = np.zeros(self.latent, np.float32) if normal else self._looked_at().mean(0)
        return found

    @property
    def spread(self) -> Floats:
        """Return the standard deviation of each number of the code, (latent,)."""
        normal = self.bottleneck.standard_normal
        found: Floats = np.ones(self.latent, np.float32) if normal else self._looked_at().std(0)
        return found

    def draw(self, count: int, generator: np.random.Generator) -> Floats:
        """Return codes (count, latent)."""
        noise = torch.from_numpy(generator.standard_normal((count, self.latent), np.float32))
        with torch.inference_mode():
            device = next(self.bottleneck.parameters(), noise).device
            found: Floats = self.bottleneck.from_prior(noise.to(device)).cpu().numpy()
        return found

    def _looked_at(self) -> Floats:
        return self.draw(MOST_CODES, np.random.default_rng(0))


def prior_of(trained: Trained) -> Prior:
    """Return the density that a variational model's codes are held to. Raises InputError for another model."""
    bottleneck = trained.model.encoder.bottleneck
    if not bottleneck.has_prior:
        raise InputError(
            "This model has no density of its codes: fit one to the data it was trained on "
            "(diabolo generate --fit DATA, or fit_density(X))."
        )
    return Prior(bottleneck, trained.model.config.latent)


def drawn_codes(trained: Trained, source: Source, *, seed: int = 0) -> Floats:
    """Return codes (n, latent) as the decoder sees them in training: drawn, where the bottleneck draws them."""
    bottleneck, network = trained.model.encoder.bottleneck, trained.model.encoder.network
    generator = generator_for(device_of(trained.model), seed, 5)
    with torch.inference_mode():
        drawn = [bottleneck.draw(network(batch), generator).seen.cpu().numpy() for batch in batches(trained, source)]
    return np.concatenate(drawn)


def fit_density(trained: Trained, source: Source, *, components: int = COMPONENTS, seed: int = 0) -> Trained:
    """Return the model with a density of its codes of `source`, of which up to 10,000 samples are looked at.

    Codes of more than 256 numbers get components without correlations. Raises InputError for fewer than 2 samples.

    >>> fit_density(trained, data.train).extras["generate"].plain["components"]  # doctest: +SKIP
    10
    """
    from sklearn.mixture import GaussianMixture

    if not isinstance(components, int) or isinstance(components, bool) or not 1 <= components <= 1000:
        raise ArgumentError(f"components must be a whole number from 1 to 1,000, got {components!r}.")
    if len(source) < 2:
        raise InputError(f"A density needs the codes of 2 samples or more, got {len(source)}.")
    some, categories = Subset(source, spaced(len(source), MOST_CODES)), trained.model.encoder.bottleneck.categories
    if categories:
        indices = encode(trained, some).astype(np.int64)
        mixed = fit_categories(indices, categories, max(1, min(components, len(indices) // 10)), seed)
        facts = {"components": len(mixed.weights), "codes": len(indices)}
        return with_part(trained, facts, {"weights": mixed.weights, "tables": mixed.tables})
    codes = drawn_codes(trained, some, seed=seed).astype(np.float64)
    full = codes.shape[1] <= FULL
    floor = 1e-6 * max(float(codes.var()), 1e-6)
    mixture = GaussianMixture(
        max(1, min(components, len(codes) // 10)), covariance_type="full" if full else "diag", reg_covar=floor,
        random_state=seed, max_iter=50, tol=1e-2, init_params="k-means++",
    )  # fmt: skip
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 50 steps are enough for a sampler
        mixture.fit(codes)
    factors = np.linalg.cholesky(mixture.covariances_) if full else np.sqrt(mixture.covariances_)
    arrays = {"weights": mixture.weights_, "means": mixture.means_, "factors": factors}
    kept = {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}
    return with_part(trained, {"components": len(mixture.weights_), "codes": len(codes)}, kept)


def with_part(trained: Trained, plain: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Trained:
    """Return the model with these values added to what the job has left in it."""
    old = trained.extras.get(JOB, Extra())
    added = Extra({**old.plain, **plain}, {**old.arrays, **arrays})
    return replace(trained, extras={**trained.extras, JOB: added})


def density_of(trained: Trained) -> Density | CategoricalMixture | None:
    """Return the density that was fitted, if one was. Raises FormatError if the model file has one of no use."""
    arrays = trained.extras.get(JOB, Extra()).arrays
    if "weights" not in arrays:
        return None
    if "tables" in arrays:
        return _categories_of(trained, arrays["weights"], arrays["tables"])
    try:
        weights, means, factors = (arrays[name] for name in ("weights", "means", "factors"))
        latent = trained.model.config.latent
        count = len(weights)
        shapes = means.shape == (count, latent) and factors.shape in ((count, latent, latent), (count, latent))
        sound = all(np.isfinite(array).all() for array in (weights, means, factors)) and (weights >= 0).all()
        if not (count and weights.ndim == 1 and shapes and sound and abs(float(weights.sum()) - 1) < 1e-3):
            raise FormatError("The density of codes in the model file does not fit the model; fit it anew.")
        return Density(*(array.astype(np.float32) for array in (weights, means, factors)))
    except (KeyError, TypeError) as error:
        raise FormatError(f"The density of codes in the model file cannot be read ({error}); fit it anew.") from error


def _categories_of(trained: Trained, weights: NDArray[Any], tables: NDArray[Any]) -> CategoricalMixture:
    wanted = (len(weights), trained.model.config.latent, trained.model.encoder.bottleneck.categories)
    sound = weights.ndim == 1 and tables.shape == wanted and np.isfinite(tables).all() and (tables >= 0).all()
    if not (sound and np.isfinite(weights).all() and (weights >= 0).all() and abs(float(weights.sum()) - 1) < 1e-3):
        raise FormatError("The density of codes in the model file does not fit the model; fit it anew.")
    return CategoricalMixture(weights.astype(np.float32), tables.astype(np.float32))


def source_of_codes(trained: Trained, kind: str = "auto") -> Density | CategoricalMixture | Prior:
    """Return what new codes are drawn from.

    kind: 'fitted', 'normal' (the prior of a variational model), or 'auto': fitted if there is one.
    Raises ArgumentError for another kind, InputError where the model has none.
    """
    if kind not in ("auto", "fitted", "normal"):
        raise ArgumentError(f"The density must be auto, fitted or normal, got {kind!r}.")
    fitted = density_of(trained) if kind != "normal" else None
    if fitted is None and kind == "fitted":
        raise InputError(
            "This model has no density of its codes that was fitted: diabolo generate --fit DATA, or fit_density(X)."
        )
    return prior_of(trained) if fitted is None else fitted
