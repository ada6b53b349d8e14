"""The Wasserstein bottleneck: codes as a whole are spread as the prior, and each one is sharp."""

import torch
from torch import Tensor

from diabolo.model.bottlenecks.base import Bottleneck, Coded

SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Wasserstein(Bottleneck):
    """The code is the latent; penalty = weight * squared discrepancy of a batch's codes from the standard normal."""

    has_prior = standard_normal = True

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = weight

    def draw(self, latent: Tensor, generator: torch.Generator, kept: Tensor | None = None) -> Coded:
        coded = super().draw(latent, generator, kept)
        if len(latent) < 2:
            return coded
        prior = torch.empty_like(latent).normal_(generator=generator)
        return coded._replace(penalty=self.weight * discrepancy(latent, prior).expand(len(latent)))

    def from_prior(self, noise: Tensor) -> Tensor:
        return noise

    def extra_repr(self) -> str:
        return f"penalty={self.weight:g}"


def discrepancy(codes: Tensor, prior: Tensor) -> Tensor:
    """Return the squared maximum mean discrepancy of two samples (n, latent), without bias: 0 on average if alike.

    The kernel is the sum of inverse multiquadratics C / (C + |a - b|^2), C = 2 * latent * scale (Tolstikhin et al.
    2018, section 4).
    """
    count, latent = codes.shape
    squares = torch.cdist(torch.cat([codes, prior]), torch.cat([codes, prior])).square()
    kernel = sum(2 * latent * scale / (2 * latent * scale + squares) for scale in SCALES)
    assert isinstance(kernel, Tensor)
    own, other, between = kernel[:count, :count], kernel[count:, count:], kernel[:count, count:]
    pairs = count * (count - 1)
    alike = (own.sum() - own.diagonal().sum() + other.sum() - other.diagonal().sum()) / pairs
    return alike - 2 * between.mean()
