"""Likelihoods: what "close" means. distortion = -log p(x | code), in nats per sample, summed over its dimensions."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from diabolo.config import BernoulliConfig, GaussianConfig


class _CrossEntropy(torch.autograd.Function):
    """sum(softplus(z) - x z) per sample, with the gradient sigmoid(z) - x.

    softplus(z) = max(z, 0) - log(sigmoid(|z|)) costs a third of torch's softplus once sigmoid(z) is there, and the
    gradient needs no further pass (bench/train_speed.py).
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, x: Tensor) -> Tensor:
        z, target = logits.flatten(1), x.flatten(1)
        mean = torch.sigmoid(z)
        sure = mean.sub(0.5).abs_().add_(0.5).log_().sum(1)
        entropy = torch.addcmul(z.clamp_min(0), z, target, value=-1).sum(1) - sure
        ctx.save_for_backward(mean.sub_(target).view(logits.shape))
        return entropy

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (slope,) = ctx.saved_tensors
        return slope * gradients[0].view(-1, *[1] * (slope.dim() - 1)), None


class Bernoulli(nn.Module):
    """Cross-entropy of values in [0, 1]; the decoder gives logits (n, *shape)."""

    unit = True

    def forward(self, parameters: Tensor) -> Tensor:
        """Return the mean of p(x | code), in [0, 1]."""
        return torch.sigmoid(parameters)

    def parameters_of(self, mean: Tensor) -> Tensor:
        """Return the logits whose mean is given, kept from 0.01 to 0.99."""
        return torch.logit(mean.clamp(0.01, 0.99))

    def distortion(self, parameters: Tensor, x: Tensor) -> Tensor:
        """Return -log p(x | code), (n,), in nats per sample."""
        return _CrossEntropy.apply(parameters, x)  # type: ignore[no-any-return, no-untyped-call]


class Gaussian(nn.Module):
    """Normal likelihood of spread 1 about the decoder's output (n, *shape), in prepared units."""

    unit = False

    def forward(self, parameters: Tensor) -> Tensor:
        return parameters

    def parameters_of(self, mean: Tensor) -> Tensor:
        return mean

    def distortion(self, parameters: Tensor, x: Tensor) -> Tensor:
        error = (parameters - x).flatten(1)
        return error.square().sum(1) / 2 + error.shape[1] * math.log(2 * math.pi) / 2


LIKELIHOODS: dict[type, Callable[[Any], Bernoulli | Gaussian]] = {
    BernoulliConfig: lambda _: Bernoulli(),
    GaussianConfig: lambda _: Gaussian(),
}
