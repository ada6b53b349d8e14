"""Likelihoods: what "close" means. distortion = -log p(x | code), in nats per sample, summed over its dimensions."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from diabolo.config import BernoulliConfig, GaussianConfig


class _CrossEntropy(torch.autograd.Function):
    """sum(softplus(z) - x z) per sample, whose gradient sigmoid(z) - x needs no further pass over the data.

    torch's own binary_cross_entropy_with_logits takes twice the time (bench/train_speed.py --profile).
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, x: Tensor) -> Tensor:
        flat, target = logits.flatten(1), x.flatten(1)
        if ctx.needs_input_grad[0]:
            ctx.save_for_backward(torch.sigmoid(logits).sub_(x))
        return functional.softplus(flat).sum(1) - torch.linalg.vecdot(flat, target)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (slope,) = ctx.saved_tensors
        return slope * gradients[0].view(-1, *[1] * (slope.dim() - 1)), None


class Bernoulli(nn.Module):
    """Cross-entropy of values in [0, 1]; the decoder gives logits (n, *shape)."""

    unit = True

    def forward(self, parameters: Tensor) -> Tensor:
        """Return the mean of p(x | code), in [0, 1]."""
        return torch.sigmoid(parameters)

    def distortion(self, parameters: Tensor, x: Tensor) -> Tensor:
        """Return -log p(x | code), (n,), in nats per sample."""
        return _CrossEntropy.apply(parameters, x)  # type: ignore[no-any-return, no-untyped-call]


class Gaussian(nn.Module):
    """Normal likelihood of spread 1 about the decoder's output (n, *shape), in prepared units."""

    unit = False

    def forward(self, parameters: Tensor) -> Tensor:
        return parameters

    def distortion(self, parameters: Tensor, x: Tensor) -> Tensor:
        error = (parameters - x).flatten(1)
        return error.square().sum(1) / 2 + error.shape[1] * math.log(2 * math.pi) / 2


LIKELIHOODS: dict[type, Callable[[Any], Bernoulli | Gaussian]] = {
    BernoulliConfig: lambda _: Bernoulli(),
    GaussianConfig: lambda _: Gaussian(),
}
