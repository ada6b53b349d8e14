"""Affine couplings: an invertible network of known stretch, which brings codes to a normal distribution."""

import torch
from torch import Tensor, nn

from diabolo.model.networks.layers import linear

WIDTH = 128
MOST_LOG_SCALE = 2.0
START = 0.1


class Coupling(nn.Module):
    """Scale and shift the last half of the numbers as a network of the first half says (Dinh et al. 2017, eq. 7)."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.halves = [latent // 2, latent - latent // 2]
        hidden = [linear(self.halves[0], WIDTH), nn.SiLU(inplace=True), linear(WIDTH, WIDTH), nn.SiLU(inplace=True)]
        self.network = nn.Sequential(*hidden, linear(WIDTH, 2 * self.halves[1]))
        self.strength = nn.Parameter(torch.empty((), device="meta"))

    @torch.no_grad()
    def start(self) -> None:
        """Start near the identity, so that the first codes are nearly normal."""
        self.strength.fill_(START)

    def forward(self, code: Tensor) -> tuple[Tensor, Tensor]:
        first, last = torch.split(code, self.halves, 1)
        shift, log_scale = self._move(first)
        return torch.cat([first, last * log_scale.exp() + shift], 1), torch.cat([torch.zeros_like(first), log_scale], 1)

    def inverse(self, moved: Tensor) -> Tensor:
        first, last = torch.split(moved, self.halves, 1)
        shift, log_scale = self._move(first)
        return torch.cat([first, (last - shift) * (-log_scale).exp()], 1)

    def _move(self, first: Tensor) -> tuple[Tensor, Tensor]:
        shift, scale = (self.strength * self.network(first)).chunk(2, 1)
        return shift, MOST_LOG_SCALE * torch.tanh(scale / MOST_LOG_SCALE)


class Couplings(nn.ModuleList):
    """code -> (normal, log of the stretch of each number), both (n, latent); the sum of the latter is log |det J|.

    Between couplings the numbers are turned by a quarter, so that after four each half has been moved by others twice.
    """

    def __init__(self, latent: int, count: int) -> None:
        super().__init__([Coupling(latent) for _ in range(count)])
        self.turn = max(1, latent // 4)

    def forward(self, code: Tensor) -> tuple[Tensor, Tensor]:
        stretch = torch.zeros_like(code)
        for coupling in self:
            code, more = coupling(code)
            code, stretch = code.roll(self.turn, 1), (stretch + more).roll(self.turn, 1)
        back = -self.turn * len(self)  # each number under its own place again, so that rates are by number
        return code.roll(back, 1), stretch.roll(back, 1)

    def inverse(self, normal: Tensor) -> Tensor:
        """Return the codes (n, latent) that are brought to these numbers."""
        normal = normal.roll(self.turn * len(self), 1)
        for coupling in reversed(self):
            normal = coupling.inverse(normal.roll(-self.turn, 1))  # type: ignore[operator]
        return normal


def couplings(latent: int, count: int) -> Couplings | None:
    """Return that many couplings; none for a code of one number, which nothing else can move."""
    return Couplings(latent, count) if count and latent > 1 else None
