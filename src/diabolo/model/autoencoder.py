"""The three models: encoder, decoder, and autoencoder = decoder(encoder(x)), trained on one equation."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from diabolo.config import ModelConfig
from diabolo.model.bottlenecks import BOTTLENECKS, Plain, Variational
from diabolo.model.corruption import CORRUPTIONS
from diabolo.model.layers import draw_weights
from diabolo.model.likelihoods import LIKELIHOODS, Bernoulli, Gaussian
from diabolo.model.networks import NETWORKS


class Terms(NamedTuple):
    """distortion = -log p(x | code) and rate, each (n,) in nats per sample."""

    distortion: Tensor
    rate: Tensor


class Encoder(nn.Module):
    """Prepared samples (n, *shape) -> codes (n, latent)."""

    def __init__(self, network: nn.Sequential, bottleneck: Plain | Variational) -> None:
        super().__init__()
        self.network, self.bottleneck = network, bottleneck

    def forward(self, x: Tensor) -> Tensor:
        return self.bottleneck(self.network(x))  # type: ignore[no-any-return]


class Decoder(nn.Module):
    """Codes (n, latent) -> prepared samples (n, *shape): the mean of p(x | code)."""

    def __init__(self, network: nn.Sequential, likelihood: Bernoulli | Gaussian) -> None:
        super().__init__()
        self.network, self.likelihood = network, likelihood

    def forward(self, code: Tensor) -> Tensor:
        return self.likelihood(self.network(code))  # type: ignore[no-any-return]


class AutoencoderModel(nn.Module):
    """decoder(encoder(x)), built from a configuration; weights are drawn from `generator` or left on 'meta'.

    Example:
        >>> from diabolo.model.presets import configure
        >>> model = AutoencoderModel(configure("dense", (28, 28)), torch.Generator().manual_seed(0))
        >>> model(torch.zeros(5, 28, 28)).shape
        torch.Size([5, 28, 28])
        >>> sum(weights.numel() for weights in model.parameters())
        50992
    """

    def __init__(self, config: ModelConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        bottleneck = BOTTLENECKS[type(config.bottleneck)](config.bottleneck)
        pair = NETWORKS[type(config.network)](config.network, config, bottleneck.per_latent)
        self.encoder = Encoder(pair.encoder, bottleneck)
        likelihood = LIKELIHOODS[type(config.likelihood)](config.likelihood)
        self.decoder = Decoder(pair.decoder, likelihood)
        self.corrupt = CORRUPTIONS[type(config.corruption)](config.corruption, likelihood.unit)
        if generator is not None:
            draw_weights(self, generator)

    @property
    def dimensions(self) -> int:
        """Numbers in one sample."""
        return math.prod(self.config.shape)

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x))  # type: ignore[no-any-return]

    @torch.no_grad()
    def start_at(self, x: Tensor) -> None:
        """Set the output's bias so that an empty decoder gives the mean of samples x, and a ReLU code's bias to 0.5."""
        *_, output = (
            layer.bias for layer in self.decoder.network.modules() if isinstance(layer, (nn.Linear, nn.Conv2d))
        )
        if output is not None:
            output.copy_(self.decoder.likelihood.parameters_of(x.reshape(-1, *output.shape).mean(0)))
        *_, latent, last = self.encoder.network
        if isinstance(latent, nn.Linear) and isinstance(last, nn.ReLU):
            latent.bias.fill_(0.5)

    def terms(self, x: Tensor, generator: torch.Generator, *, measured: bool = True) -> Terms:
        """Return the loss's two terms as training sees them: corrupted input, drawn code.

        If not `measured`, the distortion may be zeros with the right gradient (see `likelihoods`).
        """
        given, wanted = self.corrupt.seen(x, generator)
        code, rate = self.encoder.bottleneck.draw(self.encoder.network(given), generator)
        return Terms(self.decoder.likelihood.distortion(self.decoder.network(code), wanted, measured=measured), rate)

    def evaluate(self, x: Tensor, generator: torch.Generator) -> Terms:
        """Return the two terms of held-out samples: corrupted and drawn as in training."""
        return self.terms(x, generator)

    def score(self, x: Tensor) -> Terms:
        """Return the two terms at the code that stands for the sample, without noise: always the same."""
        latent = self.encoder.network(x)
        parameters = self.decoder.network(self.encoder.bottleneck(latent))
        return Terms(self.decoder.likelihood.distortion(parameters, x), self.encoder.bottleneck.rate(latent))

    def loss(self, terms: Terms) -> Tensor:
        """Return distortion + beta * rate, (n,), in nats per sample."""
        return terms.distortion + self.config.beta * terms.rate
