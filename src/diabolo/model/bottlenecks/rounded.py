"""The rounded bottleneck: the code is whole numbers under a learned prior."""

import math

import torch
from torch import Tensor, nn

from diabolo.model.bottlenecks.base import Bottleneck, Coded, only


class Rounded(Bottleneck):
    """The code is the latent, times a fixed gain, rounded to whole numbers; in training noise stands for rounding.

    Noise is uniform in (-1/2, 1/2); rate = -log P(code), with P(k) = F(k + 1/2) - F(k - 1/2) in each dimension and F
    a mixture of logistic distributions (Balle et al. 2018, arXiv:1802.01436, eqs. 6 and 7, appendix 6.1).
    """

    has_rate = integer_codes = has_steps = True
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
        return Coded(only(code, kept), only(self.cost(code), kept).sum(1))

    def cost(self, code: Tensor, step: float = 1.0) -> Tensor:
        """Return -log of the prior's mass within step / 2 of each number of codes (n, latent), in nats."""
        weights, means, spreads = self.prior.view(self.shape)
        distance, scale = (code.unsqueeze(2) - means).abs(), torch.exp(-spreads)
        above = torch.sigmoid((step / 2 - distance) * scale)
        below = torch.sigmoid((-step / 2 - distance) * scale)
        mass = ((above - below) * torch.softmax(weights, 1)).sum(2)
        return -torch.log(mass.clamp_min(self.least))
