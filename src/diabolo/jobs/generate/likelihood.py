"""How likely a variational model finds samples: the split of its bound, and a tighter, importance-weighted one."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from diabolo.data.source import Source
from diabolo.errors import ArgumentError, InputError
from diabolo.jobs.apply import batches
from diabolo.model.autoencoder import ACTIVE
from diabolo.model.bottlenecks.variational import noise_for
from diabolo.training.devices import device_of
from diabolo.training.files.model_file import Trained
from diabolo.training.loop import generator_for

BINARISED_FROM = 1
TOGETHER = 1 << 18
"""Numbers of decoder output that are held at once: 16 times as many leave the cache, and took 1.2 times as long."""


@dataclass(frozen=True)
class Likelihood:
    """Means over samples, in nats per sample; lower is better.

    distortion, rate: the parts of -ELBO, their sum. bound: -log p(x), at most, by `samples` weighted draws
    (Burda et al. 2016, eq. 8). each: (n,) that bound of every sample. bits: the bound in bits per dimension, for 8-bit
    values under a likelihood of 256 levels; None elsewhere. active: numbers of the code that vary, of `latent`.
    binarised: whether zeros and ones were drawn from the samples, once, from seed 1.
    """

    distortion: float
    rate: float
    bound: float
    each: NDArray[np.float64]
    samples: int
    bits: float | None
    active: int
    latent: int
    binarised: bool

    @property
    def elbo(self) -> float:
        """-ELBO, in nats per sample."""
        return self.distortion + self.rate


def measure(trained: Trained, source: Source, *, samples: int = 5000, seed: int = 0) -> Likelihood:
    """Return how likely a variational model finds the samples of a source.

    samples: draws of the code per sample (5,000 in the field). Raises InputError if the model is not variational.
    """
    config = trained.model.config
    if not trained.model.encoder.bottleneck.draws_weighted:
        raise InputError(f"Only a variational model has a likelihood of samples, and {config.preset!r} is none.")
    if not isinstance(samples, int) or isinstance(samples, bool) or not 1 <= samples <= 1_000_000:
        raise ArgumentError(f"samples must be a whole number from 1 to 1,000,000, got {samples!r}.")
    binarised = getattr(config.likelihood, "binarised", False)
    ones = np.random.default_rng(BINARISED_FROM)
    generator = generator_for(device_of(trained.model), seed, 6)
    bounds, distortions, rates, means = [], [], [], []
    with torch.inference_mode():
        for batch in batches(trained, source):
            if binarised:
                drawn = ones.random(tuple(batch.shape), np.float32) < batch.cpu().numpy()
                batch = torch.from_numpy(drawn).to(batch)
            latent = trained.model.encoder.network(batch)
            found = [_weighed(trained, *pair, samples, generator) for pair in zip(batch, latent, strict=True)]
            bounds += [bound for bound, _, _ in found]
            distortions += [distortion for _, distortion, _ in found]
            rates += [rate for _, _, rate in found]
            means.append(trained.model.encoder.bottleneck(latent).cpu().numpy())
    each = np.array(bounds)
    eight_bit = config.likelihood.discrete and trained.preprocessing.dtype == np.uint8
    return Likelihood(
        distortion=float(np.mean(distortions)),
        rate=float(np.mean(rates)),
        bound=float(each.mean()),
        each=each,
        samples=samples,
        bits=float(each.mean()) / (trained.model.dimensions * math.log(2)) if eight_bit else None,
        active=int((np.concatenate(means).var(0) > ACTIVE).sum()),
        latent=config.latent,
        binarised=binarised,
    )


def _weighed(
    trained: Trained, x: Tensor, latent: Tensor, samples: int, generator: torch.Generator
) -> tuple[float, float, float]:
    """Return for one sample its bound -log(mean of p(x | code) p(code) / q(code | x)), mean distortion and rate.

    The rate is its closed form where the prior is the standard normal, else its mean over the same draws.
    """
    bottleneck, decoder = trained.model.encoder.bottleneck, trained.model.decoder
    together = max(1, min(samples, TOGETHER // trained.model.dimensions))
    weights, distortions, rate = [], 0.0, 0.0
    for start in range(0, samples, together):
        many = latent.expand(min(together, samples - start), -1)
        code, rates = bottleneck.sampled(many, noise_for(many, generator))
        distortion = decoder.likelihood.distortion(decoder.predict(code), x.expand(len(code), *x.shape))
        weights.append(-rates.sum(1) - distortion)
        distortions += float(distortion.sum(dtype=torch.float64))
        rate += float(rates.sum(dtype=torch.float64))
    log_sum = torch.logsumexp(torch.cat(weights).double(), 0)
    if bottleneck.standard_normal:
        rate = samples * float(bottleneck.rate(latent.unsqueeze(0)))
    return math.log(samples) - float(log_sum), distortions / samples, rate / samples
