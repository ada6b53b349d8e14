"""Bottlenecks: what happens at the latent, and what it costs in nats per sample."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from diabolo.config import PlainConfig, VariationalConfig


class Coded(NamedTuple):
    """code: (n, latent); rate: (n,) in nats per sample."""

    code: Tensor
    rate: Tensor


class Plain(nn.Module):
    """The code is the latent itself; rate 0."""

    per_latent = 1

    def forward(self, latent: Tensor) -> Tensor:
        """Return the code that stands for the sample, without noise."""
        return latent

    def rate(self, latent: Tensor) -> Tensor:
        """Return what the code costs, (n,), in nats per sample."""
        return latent.new_zeros(len(latent))

    def draw(self, latent: Tensor, generator: torch.Generator) -> Coded:
        """Return a code as training sees it, and its rate."""
        del generator
        return Coded(latent, self.rate(latent))


class Variational(nn.Module):
    """The latent holds the mean and log variance of a normal distribution q(code | x).

    rate = KL(q || N(0, 1)) = sum((mean^2 + variance - 1 - log variance) / 2)  (Kingma and Welling 2014, appendix B).
    In training, numbers of the code whose rate is below `free_nats` on the batch's average are charged just that.
    """

    per_latent = 2

    def __init__(self, free_nats: float = 0.0) -> None:
        super().__init__()
        self.free_nats = free_nats

    def forward(self, latent: Tensor) -> Tensor:
        return latent.chunk(2, dim=1)[0]

    def rate(self, latent: Tensor) -> Tensor:
        return self._rates(latent).sum(1)

    def draw(self, latent: Tensor, generator: torch.Generator) -> Coded:
        mean, log_variance = self.split(latent)
        noise = torch.empty_like(mean).normal_(generator=generator)
        charged = self._charged(latent) if self.training and self.free_nats else self.rate(latent)
        return Coded(mean + noise * (log_variance / 2).exp(), charged)

    def _rates(self, latent: Tensor) -> Tensor:
        mean, log_variance = self.split(latent)
        return (mean.square() + log_variance.exp() - 1 - log_variance) / 2

    def _charged(self, latent: Tensor) -> Tensor:
        rates = self._rates(latent)
        return torch.where(rates.mean(0) > self.free_nats, rates, self.free_nats).sum(1)

    @staticmethod
    def split(latent: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean and the log variance of q(code | x)."""
        mean, log_variance = latent.chunk(2, dim=1)
        return mean, log_variance.clamp(-20, 20)


BOTTLENECKS: dict[type, Callable[[Any], Plain | Variational]] = {
    PlainConfig: lambda _: Plain(),
    VariationalConfig: lambda config: Variational(config.free_nats),
}
