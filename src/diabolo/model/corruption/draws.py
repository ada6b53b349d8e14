"""Random numbers for a batch of images: one a sample, from a generator that is an argument."""

import math

import torch
from torch import Tensor


class Numbers:
    """Draws of one number for each image, (n, 1, 1, 1)."""

    def __init__(self, count: int, generator: torch.Generator, device: torch.device) -> None:
        self.count, self.generator, self.device = count, generator, device

    def even(self, low: float, high: float) -> Tensor:
        return torch.empty(self.count, 1, 1, 1, device=self.device).uniform_(low, high, generator=self.generator)

    def scale(self, low: float, high: float) -> Tensor:
        """Return numbers whose logarithms are even."""
        return self.even(math.log(low), math.log(high)).exp()

    def normal(self, mean: float, spread: float) -> Tensor:
        return torch.empty(self.count, 1, 1, 1, device=self.device).normal_(mean, spread, generator=self.generator)

    def coin(self, share: float) -> Tensor:
        return self.even(0, 1) < share

    def order(self) -> Tensor:
        return torch.randperm(self.count, generator=self.generator, device=self.device)

    def white(self, like: Tensor) -> Tensor:
        """Return standard normal noise of the shape of `like`."""
        return torch.empty_like(like).normal_(generator=self.generator)
