"""Likelihoods: what "close" means. distortion = -log p(x | code), in nats per sample, summed over its dimensions."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import logsigmoid

from diabolo.config.likelihoods import BernoulliConfig, GaussianConfig, LogisticConfig, PixelGaussianConfig


class _CrossEntropy(torch.autograd.Function):
    """sum(softplus(z) - x z) per sample, with the gradient sigmoid(z) - x.

    softplus(z) = max(z, 0) - log(sigmoid(|z|)). The gradient alone takes a sixth of the time of both, so that training
    asks for the value of some batches only (`measured`); the others' is given as 0.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, x: Tensor, measured: bool) -> Tensor:
        z, target = logits.flatten(1), x.flatten(1)
        mean = torch.sigmoid(z)
        entropy = z.new_zeros(len(z))
        if measured:
            sure = mean.sub(0.5).abs_().add_(0.5).log_().sum(1)
            entropy = z.clamp_min(0).sum(1) - torch.linalg.vecdot(z, target) - sure
        ctx.save_for_backward(mean.sub_(target).view(logits.shape))
        return entropy

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (slope,) = ctx.saved_tensors
        return slope * gradients[0].view(-1, *[1] * (slope.dim() - 1)), None, None


class Likelihood(nn.Module):
    """p(x | code), of the parameters that the decoder gives; unit: whether its mean lies in [0, 1]."""

    unit = False

    @torch.no_grad()
    def start(self) -> None:
        """Set the likelihood's own weights, if it has any, to where training starts."""

    def observed(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Return what is learnt of samples x: x itself, unless the kind draws it."""
        del generator
        return x

    def forward(self, parameters: Tensor) -> Tensor:
        """Return the mean of p(x | code)."""
        raise NotImplementedError

    def parameters_of(self, mean: Tensor) -> Tensor:
        """Return the parameters whose mean is given."""
        return mean

    def expected_error(self, parameters: Tensor) -> Tensor | None:
        """Return the expected root mean square error of each pixel's channels, (n, h, w); None if it gives none."""
        del parameters
        return None

    def distortion(self, parameters: Tensor, x: Tensor, *, measured: bool = True) -> Tensor:
        """Return -log p(x | code), (n,), in nats per sample; if not `measured`, zeros with its gradient."""
        raise NotImplementedError


class Bernoulli(Likelihood):
    """Cross-entropy of values in [0, 1]; the decoder gives logits (n, *shape)."""

    unit = True

    def __init__(self, *, binarised: bool = False) -> None:
        super().__init__()
        self.binarised = binarised

    def observed(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Return what is learnt: x itself, or where x holds probabilities, zeros and ones drawn from them."""
        return torch.empty_like(x).uniform_(generator=generator).lt(x).to(x.dtype) if self.binarised else x

    def forward(self, parameters: Tensor) -> Tensor:
        """Return the mean of p(x | code), in [0, 1]."""
        return torch.sigmoid(parameters)

    def parameters_of(self, mean: Tensor) -> Tensor:
        """Return the logits whose mean is given, kept from 0.01 to 0.99."""
        return torch.logit(mean.clamp(0.01, 0.99))

    def distortion(self, parameters: Tensor, x: Tensor, *, measured: bool = True) -> Tensor:
        """Return -log p(x | code), (n,), in nats per sample; if not `measured`, zeros with its gradient."""
        return _CrossEntropy.apply(parameters, x, measured)  # type: ignore[no-any-return, no-untyped-call]


class Gaussian(Likelihood):
    """Normal likelihood of spread 1 about the decoder's output (n, *shape), in prepared units.

    bounded: whether the decoder gives logits, whose sigmoid is the mean. learnt: whether one spread for all values is
    learnt, from 1, in place of it (Rybkin et al. 2021).
    """

    def __init__(self, *, bounded: bool = False, learnt: bool = False) -> None:
        super().__init__()
        self.unit = bounded
        self.log_spread = nn.Parameter(torch.empty((), device="meta")) if learnt else None

    @torch.no_grad()
    def start(self) -> None:
        if self.log_spread is not None:
            self.log_spread.zero_()

    def forward(self, parameters: Tensor) -> Tensor:
        return torch.sigmoid(parameters) if self.unit else parameters

    def parameters_of(self, mean: Tensor) -> Tensor:
        return torch.logit(mean.clamp(0.01, 0.99)) if self.unit else mean

    def distortion(self, parameters: Tensor, x: Tensor, *, measured: bool = True) -> Tensor:
        del measured
        error = (self.forward(parameters) - x).flatten(1)
        constant = math.log(2 * math.pi) / 2
        if self.log_spread is None:
            return error.square().sum(1) / 2 + error.shape[1] * constant
        spread = self.log_spread.clamp(-7, 7)
        return (error * torch.exp(-spread)).square().sum(1) / 2 + error.shape[1] * (constant + spread)


class PixelGaussian(Likelihood):
    """Normal likelihood about the decoder's output, with a spread for each pixel (Kendall and Gal 2017, section 2.2).

    The decoder gives (n, h, w, c + 1): the mean, and the logarithm of the spread of all channels less that at START.
    """

    START, LEAST, MOST = math.log(0.02), math.log(1e-4), math.log(2.0)

    def __init__(self, *, trust: float = 1.0, floor: float = 0.0) -> None:
        super().__init__()
        self.trust, self.floor = trust, floor

    def forward(self, parameters: Tensor) -> Tensor:
        mean = parameters[..., :-1]
        return mean if mean.shape[-1] > 1 else mean.squeeze(-1)

    def log_spread(self, parameters: Tensor) -> Tensor:
        """Return the logarithm of the spread, (n, h, w)."""
        return (parameters[..., -1] + self.START).clamp(self.LEAST, self.MOST)

    def expected_error(self, parameters: Tensor) -> Tensor:
        """Return the expected root mean square error of each pixel's channels, (n, h, w), in prepared units."""
        return torch.sqrt((self.trust * self.log_spread(parameters).exp()).square() + self.floor**2)

    def distortion(self, parameters: Tensor, x: Tensor, *, measured: bool = True) -> Tensor:
        del measured
        mean, log_spread = parameters[..., :-1], self.log_spread(parameters).unsqueeze(-1)
        error = (mean - x.view(mean.shape)) * torch.exp(-log_spread)
        return (error.square() / 2 + log_spread + math.log(2 * math.pi) / 2).flatten(1).sum(1)


class Logistic(Likelihood):
    """Values in [0, 1] as 256 levels: p(level) is what a logistic distribution has within half a level of it.

    With a, b = (x +- half a level - output) / spread, p = sigmoid(a) - sigmoid(b) = s(a) s(-b) (1 - e^(b - a)), a
    form without cancellation; the lowest and the highest level take the tails (Salimans et al. 2017, section 2.1).
    One spread is learnt for all values, so that the rate is weighed rightly (Rybkin et al. 2021).
    """

    unit = True
    half_level = 1 / 510

    def __init__(self) -> None:
        super().__init__()
        self.log_spread = nn.Parameter(torch.empty((), device="meta"))

    @torch.no_grad()
    def start(self) -> None:
        """Set the spread to a tenth of the range."""
        self.log_spread.fill_(math.log(0.1))

    def forward(self, parameters: Tensor) -> Tensor:
        return parameters.clamp(0, 1)

    def distortion(self, parameters: Tensor, x: Tensor, *, measured: bool = True) -> Tensor:
        del measured
        scale = torch.exp(-self.log_spread.clamp(-7, 7))
        error, x = (x - parameters).flatten(1) * scale, x.flatten(1)
        width = self.half_level * scale
        below, above = logsigmoid(error + width), logsigmoid(width - error)
        between = torch.log(-torch.expm1(-2 * width))
        inside = below + above + between
        return -torch.where(x < self.half_level, below, torch.where(x > 1 - self.half_level, above, inside)).sum(1)


LIKELIHOODS: dict[type, Callable[[Any], Likelihood]] = {
    BernoulliConfig: lambda config: Bernoulli(binarised=config.binarised),
    GaussianConfig: lambda config: Gaussian(bounded=config.bounded, learnt=config.learnt),
    PixelGaussianConfig: lambda config: PixelGaussian(trust=config.trust, floor=config.floor),
    LogisticConfig: lambda _: Logistic(),
}
