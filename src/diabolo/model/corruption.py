"""Corruption: what the encoder sees in training in place of the data."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from diabolo.config import CleanConfig, GaussianNoiseConfig, MaskingConfig, SwappingConfig


class Clean(nn.Module):
    """The data as they are."""

    def forward(self, x: Tensor, generator: torch.Generator) -> Tensor:
        del generator
        return x


class GaussianNoise(nn.Module):
    """Normal noise is added; where the data lie in [0, 1] (`unit`), the result is cut to it, as in the lecture."""

    def __init__(self, sigma: float, *, unit: bool) -> None:
        super().__init__()
        self.sigma, self.unit = sigma, unit

    def forward(self, x: Tensor, generator: torch.Generator) -> Tensor:
        noisy = torch.empty_like(x).normal_(0, self.sigma, generator=generator).add_(x)
        return noisy.clamp_(0, 1) if self.unit else noisy


class Masking(nn.Module):
    """A share of the values is set to 0 (Vincent et al. 2008)."""

    def __init__(self, fraction: float) -> None:
        super().__init__()
        self.fraction = fraction

    def forward(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return x * torch.empty_like(x).bernoulli_(1 - self.fraction, generator=generator)


class Swapping(nn.Module):
    """A share of the values is taken from other samples of the batch: each column keeps its own distribution.

    What is not swapped has to tell what was (swap noise; as a masked column's prediction, Vincent et al. 2008).
    """

    def __init__(self, fraction: float) -> None:
        super().__init__()
        self.fraction = fraction

    def forward(self, x: Tensor, generator: torch.Generator) -> Tensor:
        flat = x.flatten(1)
        donors = torch.randint(len(x), flat.shape, generator=generator, device=x.device)
        swapped = torch.empty_like(flat).bernoulli_(self.fraction, generator=generator).bool()
        return torch.where(swapped, flat.gather(0, donors), flat).view(x.shape)


CORRUPTIONS: dict[type, Callable[[Any, bool], Clean | GaussianNoise | Masking | Swapping]] = {
    CleanConfig: lambda *_: Clean(),
    GaussianNoiseConfig: lambda config, unit: GaussianNoise(config.sigma, unit=unit),
    MaskingConfig: lambda config, _: Masking(config.fraction),
    SwappingConfig: lambda config, _: Swapping(config.fraction),
}
