"""Bottlenecks: what happens at the latent, and what it costs in nats per sample."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from diabolo.config.bottlenecks import PlainConfig, RoundedConfig, VariationalConfig
from diabolo.model.networks.couplings import Couplings, couplings

LOOKED_AT = 16
"""Draws that a rate without a closed form is averaged over."""
TURNS = 10.0


class Coded(NamedTuple):
    """code: (n, latent); rate: (n,) in nats per sample."""

    code: Tensor
    rate: Tensor


def _only(numbers: Tensor, kept: Tensor | None) -> Tensor:
    """Return numbers (n, latent), 0 where `kept` is 0."""
    return numbers if kept is None else numbers * kept


class Plain(nn.Module):
    """The code is the latent itself; rate 0."""

    per_latent = 1
    whole = False
    gain = 1.0

    def forward(self, latent: Tensor) -> Tensor:
        """Return the code that stands for the sample, without noise."""
        return latent

    def rate(self, latent: Tensor) -> Tensor:
        """Return what the code costs, (n,), in nats per sample."""
        return latent.new_zeros(len(latent))

    def draw(self, latent: Tensor, generator: torch.Generator, kept: Tensor | None = None) -> Coded:
        """Return a code as training sees it, and its rate.

        kept: (n, latent), 0 for the numbers of the code that are left out and cost nothing, else 1.
        """
        del generator
        return Coded(_only(latent, kept), self.rate(latent))


class Variational(nn.Module):
    """The latent holds the mean and log variance of a normal distribution q(code | x).

    rate = KL(q || N(0, 1)) = sum((mean^2 + variance - 1 - log variance) / 2)  (Kingma and Welling 2014, appendix B).
    With couplings the prior is learnt: a code's density is that of flow(code) under N(0, 1) times the stretch (Dinh et
    al. 2017, eq. 2), and the rate of a draw, log q(code | x) - log p(code), is averaged.
    In training, numbers of the code whose rate is below `free_nats` on the batch's average are charged just that.
    """

    per_latent = 2
    whole = False
    gain = 1.0

    def __init__(self, free_nats: float = 0.0, flow: Couplings | None = None) -> None:
        super().__init__()
        self.free_nats, self.flow = free_nats, flow

    def forward(self, latent: Tensor) -> Tensor:
        return latent.chunk(2, dim=1)[0]

    def rate(self, latent: Tensor) -> Tensor:
        """Return the rate, (n,); under a learnt prior its average over 16 draws, others for each sample."""
        if self.flow is None:
            return self._rates(latent).sum(1)
        draws = own_noise(self.split(latent)[0], LOOKED_AT)
        return torch.stack([self.sampled(latent, draw)[1].sum(1) for draw in draws]).mean(0)

    def draw(self, latent: Tensor, generator: torch.Generator, kept: Tensor | None = None) -> Coded:
        code, rates = self.sampled(latent, noise_for(latent, generator), closed=True)
        if self.training and self.free_nats:
            rates = torch.where(rates.mean(0) > self.free_nats, rates, self.free_nats)
        return Coded(_only(code, kept), _only(rates, kept).sum(1))

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

    def prior(self, noise: Tensor) -> Tensor:
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

    A sample's noise depends on its own mean alone, and smoothly, so that it is the same in any batch; yet over samples
    it is as if drawn anew, so that what chance adds to their rates does not add up.
    """
    fixed, latent = torch.Generator(mean.device).manual_seed(0), mean.shape[1]
    wheel = TURNS * torch.randn(latent, latent, generator=fixed, device=mean.device)
    speed, start = torch.rand(2, count // 2, 1, latent, generator=fixed, device=mean.device)
    share = (2 * (((1 + speed) * (mean @ wheel) + start) % 1) - 1).abs()  # up and down again: a whole turn is no jump
    half = torch.special.ndtri(share.clamp(1e-6, 1 - 1e-6))
    half = half / half.square().mean(0).sqrt()
    return torch.cat([half, -half])


class Rounded(nn.Module):
    """The code is the latent, times a fixed gain, rounded to whole numbers; in training noise stands for rounding.

    Noise is uniform in (-1/2, 1/2); rate = -log P(code), with P(k) = F(k + 1/2) - F(k - 1/2) in each dimension and F
    a mixture of logistic distributions (Balle et al. 2018, arXiv:1802.01436, eqs. 6 and 7, appendix 6.1).
    """

    per_latent = 1
    whole = True
    gain = 4.0
    least = 1e-9

    def __init__(self, latent: int, components: int) -> None:
        super().__init__()
        self.shape = (3, latent, components)
        self.prior = nn.Parameter(torch.empty(math.prod(self.shape), device="meta"))

    @torch.no_grad()
    def start(self) -> None:
        """Set the prior to equal weights, means from -3 to 3 and spreads of e^(1/2)."""
        weights, means, spreads = self.prior.view(self.shape)
        weights.zero_()
        means.copy_(torch.linspace(-3, 3, self.shape[2]))
        spreads.fill_(0.5)

    def forward(self, latent: Tensor) -> Tensor:
        return (self.gain * latent).round()

    def rate(self, latent: Tensor) -> Tensor:
        return self.cost(self(latent)).sum(1)

    def draw(self, latent: Tensor, generator: torch.Generator, kept: Tensor | None = None) -> Coded:
        noise = torch.empty_like(latent).uniform_(-0.5, 0.5, generator=generator)
        code = torch.add(noise, latent, alpha=self.gain)
        return Coded(_only(code, kept), _only(self.cost(code), kept).sum(1))

    def cost(self, code: Tensor, step: float = 1.0) -> Tensor:
        """Return -log of the prior's mass within step / 2 of each number of codes (n, latent), in nats."""
        weights, means, spreads = self.prior.view(self.shape)
        distance, scale = (code.unsqueeze(2) - means).abs(), torch.exp(-spreads)
        above = torch.sigmoid((step / 2 - distance) * scale)
        below = torch.sigmoid((-step / 2 - distance) * scale)
        mass = ((above - below) * torch.softmax(weights, 1)).sum(2)
        return -torch.log(mass.clamp_min(self.least))


BOTTLENECKS: dict[type, Callable[[Any, int], Plain | Variational | Rounded]] = {
    PlainConfig: lambda *_: Plain(),
    VariationalConfig: lambda config, latent: Variational(config.free_nats, couplings(latent, config.couplings)),
    RoundedConfig: lambda config, latent: Rounded(latent, config.components),
}
