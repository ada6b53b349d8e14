"""The three models: encoder, decoder, and autoencoder = decoder(encoder(x)), trained on one equation."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from diabolo.config.model import ModelConfig
from diabolo.model.bottlenecks.base import Bottleneck, Coded
from diabolo.model.bottlenecks.table import BOTTLENECKS
from diabolo.model.corruption.kinds import CORRUPTIONS
from diabolo.model.likelihoods import LIKELIHOODS, Likelihood
from diabolo.model.nested import kept, prefix_lengths
from diabolo.model.networks.build import NETWORKS
from diabolo.model.networks.layers import draw_weights
from diabolo.model.networks.own import Modules, global_draws, joined

ACTIVE = 0.01
"""Variance over samples from which on a number of the code counts as active."""
UNTOLD = 0.1
"""Share of the samples whose label training keeps from the decoder, so that it can do without."""


class Terms(NamedTuple):
    """distortion = -log p(x | code), rate, and what the bottleneck adds: each (n,) in nats per sample.

    weight: (n,), what the distortion counts.
    """

    distortion: Tensor
    rate: Tensor
    penalty: Tensor | float = 0.0
    weight: Tensor | float = 1.0


class Encoder(nn.Module):
    """Prepared samples (n, *shape) -> codes (n, latent)."""

    def __init__(self, network: nn.Sequential, bottleneck: Bottleneck) -> None:
        super().__init__()
        self.network, self.bottleneck = network, bottleneck

    def forward(self, x: Tensor) -> Tensor:
        code: Tensor = self.bottleneck(self.network(x))
        return code


class Decoder(nn.Module):
    """Codes (n, latent) -> prepared samples (n, *shape): the mean of p(x | code).

    A conditional model's can be told labels (n, classes), a 1 in each row; without them it does not know.
    """

    def __init__(
        self,
        network: nn.Sequential,
        likelihood: Likelihood,
        classes: int = 0,
        embedding: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.network, self.likelihood, self.classes, self.embedding = network, likelihood, classes, embedding

    def forward(self, code: Tensor, labels: Tensor | None = None) -> Tensor:
        seen = code if self.embedding is None else self.embedding(code)
        mean: Tensor = self.likelihood(self.predict(seen, labels))
        return mean

    def predict(self, seen: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the parameters of p(x | code) that the likelihood takes. seen: what the decoder sees of the code."""
        if self.classes:
            labels = seen.new_zeros(len(seen), self.classes) if labels is None else labels
            seen = torch.cat([seen, labels], 1)
        parameters: Tensor = self.network(seen)
        return parameters


class AutoencoderModel(nn.Module):
    """decoder(encoder(x)), built from a configuration; weights are drawn from `generator` or left on 'meta'.

    modules: the user's encoder and decoder, with their weights, where the configuration says that they are given.

    Example:
        >>> from diabolo.presets.presets import configure
        >>> model = AutoencoderModel(configure("dense", (28, 28)), torch.Generator().manual_seed(0))
        >>> model(torch.zeros(5, 28, 28)).shape
        torch.Size([5, 28, 28])
        >>> sum(weights.numel() for weights in model.parameters())
        50992
    """

    def __init__(
        self, config: ModelConfig, generator: torch.Generator | None = None, modules: Modules | None = None
    ) -> None:
        super().__init__()
        self.config = config
        bottleneck = BOTTLENECKS[type(config.bottleneck)](config.bottleneck, config.latent)
        sizes = bottleneck.per_latent, bottleneck.per_code
        with global_draws(generator.initial_seed() if generator else 0):
            make = NETWORKS[type(config.network)]
            pair = joined(modules, config, *sizes) if modules else make(config.network, config, *sizes)
        self.encoder = Encoder(pair.encoder, bottleneck)
        likelihood = LIKELIHOODS[type(config.likelihood)](config.likelihood)
        self.decoder = Decoder(pair.decoder, likelihood, len(config.classes), bottleneck.embedding)
        self.corrupt = CORRUPTIONS[type(config.corruption)](config.corruption, likelihood.unit)
        self.own_networks = pair.own
        if generator is not None:
            parts = [bottleneck, self.decoder.likelihood, bottleneck.embedding, self.corrupt] if pair.own else [self]
            for part in parts:
                draw_weights(part or nn.Identity(), generator)

    @property
    def dimensions(self) -> int:
        """Numbers in one sample."""
        return math.prod(self.config.shape)

    def forward(self, x: Tensor) -> Tensor:
        mean: Tensor = self.decoder(self.encoder(x))
        return mean

    def terms(self, x: Tensor, generator: torch.Generator, *, measured: bool = True) -> Terms:
        """Return the loss's two terms as training sees them: corrupted input, drawn code (of `nested`: prefixes).

        If not `measured`, the distortion may be zeros with the right gradient (see `likelihoods`).
        """
        x, labels = self.parted(x)
        given, wanted = self.corrupt.seen(self.decoder.likelihood.observed(x, generator), generator)
        drawn = self._drawn(given, generator)
        if labels is not None:
            labels = labels * labels.new_empty(len(labels), 1).bernoulli_(1 - UNTOLD, generator=generator)
        distortion = self.decoder.likelihood.distortion(
            self.decoder.predict(drawn.seen, labels), wanted, measured=measured
        )
        return Terms(distortion, drawn.rate, drawn.penalty, drawn.weight)

    def evaluate(self, x: Tensor, generator: torch.Generator) -> Terms:
        """Return the two terms of held-out samples, corrupted as in training; labels are told."""
        x, labels = self.parted(x)
        given, wanted = self.corrupt.seen(self.decoder.likelihood.observed(x, generator), generator)
        drawn = self._drawn(given, generator)
        distortion = self.decoder.likelihood.distortion(self.decoder.predict(drawn.seen, labels), wanted)
        return Terms(distortion, drawn.rate, drawn.penalty, drawn.weight)

    def _drawn(self, given: Tensor, generator: torch.Generator) -> Coded:
        """Return a code as training sees it: where the configuration is nested, a prefix of it, of a drawn length."""
        latent, bottleneck, some = self.encoder.network(given), self.encoder.bottleneck, None
        if self.config.nested:
            some = kept(prefix_lengths(len(given), self.config.latent, generator), self.config.latent)
        coded = bottleneck.draw(latent, generator, some)
        return coded._replace(penalty=coded.penalty + bottleneck.around(self.encoder, given, generator))

    def parted(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return samples (n, *shape) and labels; a conditional model's may come flat, as (n, dimensions + classes)."""
        if not self.config.classes or x.shape[1:] == self.config.shape:
            return x, None
        return x[:, : self.dimensions].reshape(-1, *self.config.shape), x[:, self.dimensions :]

    def score(self, x: Tensor) -> Terms:
        """Return the two terms at the code that stands for the sample, without noise: always the same."""
        latent = self.encoder.network(x)
        bottleneck = self.encoder.bottleneck
        parameters = self.decoder.predict(bottleneck.embed(bottleneck(latent)))
        return Terms(self.decoder.likelihood.distortion(parameters, x), self.encoder.bottleneck.rate(latent))

    def loss(self, terms: Terms, *, warmth: float | Tensor = 1.0) -> Tensor:
        """Return weight * distortion + warmth * beta * rate + penalty, (n,), in nats per sample; warmth: 0 to 1."""
        return terms.weight * terms.distortion + warmth * self.config.beta * terms.rate + terms.penalty

    def active(self, x: Tensor) -> int:
        """Return how many numbers of the code vary over samples (Burda et al. 2016, section 4.3).

        All of them, where the code is larger than a sample: it holds maps that are handed across.
        """
        if self.config.latent > self.dimensions:
            return self.config.latent
        looked, _ = self.parted(x)
        looked = looked if looked.shape[1:] == self.config.shape else looked[:, 0]
        return int((self.encoder(looked).var(0, correction=0) > ACTIVE).sum())
