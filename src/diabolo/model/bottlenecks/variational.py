"""The variational bottleneck: the code is drawn from a normal distribution, and costs its divergence."""

from typing import Any

import torch
from torch import Tensor

from diabolo.model.bottlenecks.base import Bottleneck, Coded, only
from diabolo.model.networks.couplings import Couplings

LOOKED_AT = 32
"""Draws that a rate without a closed form is averaged over."""


class Variational(Bottleneck):
    """The latent holds the mean and log variance of a normal distribution q(code | x).

    rate = KL(q || N(0, 1)) = sum((mean^2 + variance - 1 - log variance) / 2)  (Kingma and Welling 2014, appendix B).
    With couplings the prior is learnt: a code's density is that of flow(code) under N(0, 1) times the stretch (Dinh et
    al. 2017, eq. 2), and the rate of a draw, log q(code | x) - log p(code), is averaged.
    In training, numbers of the code whose rate is below `free_nats` on the batch's average are charged just that.
    """

    per_latent = 2
    has_rate = has_prior = draws_weighted = True

    def __init__(self, free_nats: float = 0.0, flow: Couplings | None = None) -> None:
        super().__init__()
        self.free_nats, self.flow = free_nats, flow
        self.standard_normal = flow is None

    def forward(self, latent: Tensor) -> Tensor:
        return latent.chunk(2, dim=1)[0]

    def rate(self, latent: Tensor) -> Tensor:
        """Return the rate, (n,); under a learnt prior its average over 32 draws, the same for all samples."""
        if self.flow is None:
            return self._rates(latent).sum(1)
        draws = own_noise(self.split(latent)[0], LOOKED_AT)
        return torch.stack([self.sampled(latent, draw)[1].sum(1) for draw in draws]).mean(0)

    def draw(self, latent: Tensor, generator: torch.Generator, kept: Tensor | None = None) -> Coded:
        code, rates = self.sampled(latent, noise_for(latent, generator), closed=True)
        if self.training and self.free_nats:
            rates = torch.where(rates.mean(0) > self.free_nats, rates, self.free_nats)
        return Coded(only(code, kept), only(rates, kept).sum(1))

    def sampled(self, latent: Tensor, noise: Tensor, *, closed: bool = False) -> tuple[Tensor, Tensor]:
        """Return the codes (n, latent) that standard normal noise makes, and log q(code | x) - log p(code) by number.

        closed: give its average over the noise instead, where that has a closed form.
        """
        mean, log_variance = self.split(latent)
        code = mean + noise * (log_variance / 2).exp()
        if self.flow is None:
            return code, self._rates(latent) if closed else (code.square() - noise.square() - log_variance) / 2
        normal, stretch = self.flow(code)
        return code, (normal.square() - noise.square() - log_variance) / 2 - stretch

    def from_prior(self, noise: Tensor) -> Tensor:
        """Return the codes (n, latent) of the prior that standard normal noise stands for."""
        return noise if self.flow is None else self.flow.inverse(noise)

    def _rates(self, latent: Tensor) -> Tensor:
        mean, log_variance = self.split(latent)
        return (mean.square() + log_variance.exp() - 1 - log_variance) / 2

    @staticmethod
    def split(latent: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean and the log variance of q(code | x)."""
        mean, log_variance = latent.chunk(2, dim=1)
        return mean, log_variance.clamp(-20, 20)


def noise_for(latent: Tensor, generator: torch.Generator) -> Tensor:
    """Return standard normal noise for a latent of means and log variances, half as wide."""
    return latent.new_empty(len(latent), latent.shape[1] // 2).normal_(generator=generator)


def own_noise(mean: Tensor, count: int) -> Tensor:
    """Return normal noise (count, n, latent) for means (n, latent), of mean 0 and mean square 1 over the draws.

    The draws are fixed, the same for all samples and on every device (common random numbers, evenly spread by Sobol's
    sequence): a rate that is averaged over them is a smooth function of the sample, and the same in any batch. Over
    many samples its mean is off by a few percent, as the draws are the same for all.
    """
    sequence: Any = torch.quasirandom.SobolEngine
    points: Tensor = sequence(mean.shape[1], scramble=True, seed=0).draw(count // 2)
    half = torch.special.ndtri(points.clamp(1e-6, 1 - 1e-6)).unsqueeze(1)
    half = half / half.square().mean(0).sqrt()
    return torch.cat([half, -half]).to(mean).expand(-1, len(mean), -1)
