"""Codecs: their code is whole numbers, so that `compress` can write it."""

import math

from diabolo.config.bottlenecks import RoundedConfig
from diabolo.config.likelihoods import GaussianConfig
from diabolo.config.model import ModelConfig
from diabolo.config.networks import DenseConfig
from diabolo.presets import recipes
from diabolo.presets.record import Facts, Preset

LARGE = 4096
"""Dimensions beyond which a hidden layer would hold most of the weights."""


def codec(facts: Facts, latent: int | None) -> ModelConfig:
    """A dense autoencoder whose code is whole numbers under a learned prior: for `compress` (Balle et al. 2018).

    beta, nats of squared error for a nat of rate, gives about 22.5 dB on MNIST. Large samples get a linear pair, which
    starts at their principal axes: hidden layers would hold too many weights, and take too long.
    """
    dimensions = math.prod(facts.shape)
    large = dimensions > LARGE
    network = DenseConfig(() if large else (200, 100), code="linear")
    latent = latent or max(1, min(256, max(32, dimensions // 24), dimensions // 2))
    likelihood = GaussianConfig(bounded=facts.unit and not large)
    return ModelConfig("codec", facts.shape, latent, network, RoundedConfig(), likelihood, beta=0.02)


PRESETS = (Preset("codec", "a code of whole numbers, for compress", codec, recipes.codec),)
