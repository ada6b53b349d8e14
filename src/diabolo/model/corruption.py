"""Corruption: what the encoder sees in training in place of the data."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from diabolo.config import CleanConfig, GaussianNoiseConfig, MaskingConfig


class Clean(nn.Module):
    """The data as they are."""

    def forward(self, x: Tensor, generator: torch.Generator) -> Tensor:
        del generator
        return x


def drawn_shares(x: Tensor, least: float, generator: torch.Generator) -> Tensor:
    """Return a number from `least` to 1 for each sample, shaped to multiply it."""
    shares = torch.empty(len(x), device=x.device).uniform_(least, 1, generator=generator)
    return shares.view(-1, *[1] * (x.dim() - 1))


class GaussianNoise(nn.Module):
    """Normal noise is added; where the data lie in [0, 1] (`unit`), the result is cut to it, as in the lecture."""

    def __init__(self, sigma: float, least: float = 1.0, *, unit: bool) -> None:
        super().__init__()
        self.sigma, self.least, self.unit = sigma, least, unit

    def forward(self, x: Tensor, generator: torch.Generator) -> Tensor:
        noise = torch.empty_like(x).normal_(0, self.sigma, generator=generator)
        if self.least < 1:
            noise *= drawn_shares(x, self.least, generator)
        noisy = noise.add_(x)
        return noisy.clamp_(0, 1) if self.unit else noisy


class Masking(nn.Module):
    """A share of the values is set to 0 (Vincent et al. 2008)."""

    def __init__(self, fraction: float) -> None:
        super().__init__()
        self.fraction = fraction

    def forward(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return x * torch.empty_like(x).bernoulli_(1 - self.fraction, generator=generator)


CORRUPTIONS: dict[type, Callable[[Any, bool], Clean | GaussianNoise | Masking]] = {
    CleanConfig: lambda *_: Clean(),
    GaussianNoiseConfig: lambda config, unit: GaussianNoise(config.sigma, config.least, unit=unit),
    MaskingConfig: lambda config, _: Masking(config.fraction),
}
