"""What every bottleneck can be asked for: a code, what it costs, and what else it can do."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Coded(NamedTuple):
    """A code as training sees it. seen: (n, numbers), what the decoder sees of it; rate: (n,) in nats per sample.

    penalty: (n,) in nats per sample, what the bottleneck adds to the loss beside the rate; 0 where it adds nothing.
    weight: (n,), what the distortion counts; 1 unless the bottleneck drew a quality.
    """

    seen: Tensor
    rate: Tensor
    penalty: Tensor | float = 0.0
    weight: Tensor | float = 1.0


class Bottleneck(nn.Module):
    """What happens at the latent. Jobs ask for what it can do, never for its class.

    per_latent: numbers that the encoder gives for each number of the code. per_code: numbers that the decoder sees for
    each. gain: what latents are multiplied by before they are rounded.
    has_rate: whether a code costs anything, so that beta has something to weight.
    integer_codes: whether codes are whole numbers, whose cost `cost` gives. has_steps: whether they can be rounded to
    finer or coarser steps. has_maps: whether they are maps of rounded numbers that
    `coding.photo` codes, of any size. has_prior: whether new codes can be drawn, by `from_prior`.
    standard_normal: whether that prior is the standard normal.
    draws_weighted: whether `sampled` gives draws of a code with their weights (importance weights).
    categories: of codes that are indices, how many there are; 0 where codes are numbers.
    """

    per_latent: int = 1
    per_code: int = 1
    gain = 1.0
    has_rate = False
    integer_codes = False
    has_steps = False
    has_maps = False
    has_prior = False
    standard_normal = False
    draws_weighted = False
    categories = 0
    embedding: nn.Module | None = None
    """The module that `embed` applies; the decoder holds it, so that it can stand alone."""

    def forward(self, latent: Tensor) -> Tensor:
        """Return the code (n, latent) that stands for the sample, without noise."""
        return latent

    def start_at(self, latent: Tensor) -> None:
        """Set weights to what latents of training samples suggest, before training."""

    def unrounded(self, latent: Tensor) -> Tensor:
        """Return the code (n, latent) before it is rounded, in units of the training's step."""
        return self.gain * latent

    def embed(self, code: Tensor) -> Tensor:
        """Return what the decoder sees of codes (n, latent): (n, per_code * latent)."""
        return code

    def rate(self, latent: Tensor) -> Tensor:
        """Return what the code costs, (n,), in nats per sample."""
        return latent.new_zeros(len(latent))

    def draw(self, latent: Tensor, generator: torch.Generator, kept: Tensor | None = None) -> Coded:
        """Return a code as training sees it, and its rate.

        kept: (n, latent), 0 for the numbers of the code that are left out and cost nothing, else 1.
        """
        del generator
        return Coded(only(latent, kept), self.rate(latent))

    def around(self, encoder: Callable[[Tensor], Tensor], x: Tensor, generator: torch.Generator) -> Tensor | float:
        """Return a penalty in nats per sample, (n,), on how the encoder answers changes of samples x (n, *shape)."""
        del encoder, x, generator
        return 0.0

    def cost(self, code: Tensor, step: float = 1.0) -> Tensor:
        """Return what each number of codes (n, latent) costs, in nats: -log of the prior within step / 2 of it."""
        raise NotImplementedError

    def from_prior(self, noise: Tensor) -> Tensor:
        """Return the codes (n, latent) of the prior that standard normal noise (n, latent) stands for."""
        raise NotImplementedError

    def sampled(self, latent: Tensor, noise: Tensor, *, closed: bool = False) -> tuple[Tensor, Tensor]:
        """Return the codes (n, latent) that noise makes, and log q(code | x) - log p(code) by number of the code.

        closed: give its average over the noise instead, where that has a closed form.
        """
        raise NotImplementedError


def only(numbers: Tensor, kept: Tensor | None) -> Tensor:
    """Return numbers (n, latent), 0 where `kept` is 0."""
    return numbers if kept is None else numbers * kept
