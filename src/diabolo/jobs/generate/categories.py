"""A density of codes that are categories, such as the indices of a codebook: a mixture of independent positions.

    p(code) = sum_c w_c prod_m p_cm(code_m)

fitted by expectation and maximisation (Dempster et al. 1977). One component is the product of the positions' own
frequencies; more components learn which indices go together.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
ROUNDS, SMOOTH = 30, 0.05


@dataclass(frozen=True)
class CategoricalMixture:
    """weights: (k,), they sum to 1. tables: (k, latent, categories), the probabilities of each position's indices."""

    weights: Floats
    tables: Floats

    @property
    def mean(self) -> Floats:
        """Return the most frequent index of each position, (latent,)."""
        found: Floats = np.tensordot(self.weights, self.tables, 1).argmax(1).astype(np.float32)
        return found

    @property
    def spread(self) -> Floats:
        """Return the standard deviation of the indices of each position, (latent,)."""
        shares = np.tensordot(self.weights, self.tables, 1)
        index = np.arange(shares.shape[1])
        first, second = shares @ index, shares @ np.square(index)
        found: Floats = np.sqrt(np.maximum(second - np.square(first), 0)).astype(np.float32)
        return found

    def draw(self, count: int, generator: np.random.Generator) -> Floats:
        """Return codes (count, latent)."""
        share = self.weights.astype(np.float64)
        chosen = generator.choice(len(share), count, p=share / share.sum())
        points = generator.random((count, self.tables.shape[1], 1))
        codes = np.empty(points.shape[:2], np.float32)
        for number in np.unique(chosen):
            mine, ends = chosen == number, self.tables[number].astype(np.float64).cumsum(1)
            codes[mine] = (points[mine] * ends[None, :, -1:] > ends[None]).sum(2)
        return codes


def fit_categories(codes: NDArray[np.int64], categories: int, components: int, seed: int) -> CategoricalMixture:
    """Return a mixture fitted to codes (n, latent) of indices below `categories`."""
    generator, (count, latent) = np.random.default_rng((seed, 9)), codes.shape
    usual = np.stack([np.bincount(column, minlength=categories) + SMOOTH for column in codes.T]).astype(np.float64)
    usual /= usual.sum(1, keepdims=True)
    shares = generator.dirichlet(np.full(components, 0.2), count)
    places = (np.arange(latent) * categories + codes).ravel()
    rows = np.repeat(np.arange(count), latent)
    for _ in range(ROUNDS):
        weights = shares.mean(0) + 1e-9
        counted = [np.bincount(places, shares[rows, c], latent * categories) for c in range(components)]
        tables = np.reshape(counted, (components, latent, categories)) + SMOOTH * categories * usual
        tables /= tables.sum(2, keepdims=True)
        logs = np.log(tables).reshape(components, -1)[:, places].reshape(components, count, latent)
        scores = np.log(weights) + logs.sum(2).T
        shares = np.exp(scores - scores.max(1, keepdims=True))
        shares /= shares.sum(1, keepdims=True)
    return CategoricalMixture((weights / weights.sum()).astype(np.float32), tables.astype(np.float32))
