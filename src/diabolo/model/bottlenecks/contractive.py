"""The contractive bottleneck: the code is to change little where the sample does (Rifai et al. 2011)."""

from collections.abc import Callable

import torch
from torch import Tensor

from diabolo.model.bottlenecks.base import Bottleneck

STEP = 0.01
"""Standard deviation of the change of a sample, in prepared units, that a slope is measured by."""


class Contractive(Bottleneck):
    """The code is the latent; penalty = weight * sum of the squared slopes of all numbers of the code by the sample."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = weight

    def around(self, encoder: Callable[[Tensor], Tensor], x: Tensor, generator: torch.Generator) -> Tensor:
        return self.weight * slope(encoder, x, generator)

    def extra_repr(self) -> str:
        return f"penalty={self.weight:g}"


def slope(encoder: Callable[[Tensor], Tensor], x: Tensor, generator: torch.Generator) -> Tensor:
    """Return the squared Frobenius norm of the encoder's Jacobian at each sample, (n,), by one random change of it.

    E |f(x + s e) - f(x)|^2 / s^2 is that norm for e standard normal and s small: the same for every network, and at
    the price of one more pass. Rifai et al. have the closed form for one sigmoid layer, which tests compare.
    """
    change = torch.empty_like(x).normal_(generator=generator)
    return ((encoder(x + STEP * change) - encoder(x)) / STEP).square().sum(1)
