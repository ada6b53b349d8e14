"""Codecs: their code is whole numbers, so that `compress` can write it."""

import math

from diabolo.config.bottlenecks import HyperpriorConfig, RoundedConfig, VectorQuantisedConfig
from diabolo.config.likelihoods import GaussianConfig
from diabolo.config.model import ModelConfig
from diabolo.config.networks import ConvolutionalConfig, DenseConfig, PhotoConfig
from diabolo.config.recipe import Recipe
from diabolo.model.networks.sizes import map_size, photo_code_size, photo_map
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


def quantised(samples: int, epochs: int | None) -> Recipe:
    """Adam at 3e-3, batches of 256 at most, for 25 epochs or 1,500 steps: a codebook follows slower steps better."""
    del epochs
    size = max(1, min(256, samples // 16))
    return Recipe(max(25, round(1500 * size / samples)), size, 3e-3, "adam")


def vq(facts: Facts, latent: int | None) -> ModelConfig:
    """A dense autoencoder whose code is `latent` indices of a codebook of 256 vectors."""
    latent = latent or min(24, max(1, math.prod(facts.shape) // 8))
    network = DenseConfig((400,), code="linear")
    return ModelConfig("vq", facts.shape, latent, network, VectorQuantisedConfig(), facts.likelihood)


def conv_vq(facts: Facts, latent: int | None) -> ModelConfig:
    """A convolutional one: each place of the last map, a quarter of the size, is an index of a codebook."""
    del latent
    network = ConvolutionalConfig((32, 16))
    bottleneck = VectorQuantisedConfig(size=128, width=network.channels[-1])
    places = map_size(network, facts.shape) // network.channels[-1]
    return ModelConfig("conv-vq", facts.shape, places, network, bottleneck, facts.likelihood)


SMALL_MAP = 16
"""Places of the map, of 8 x 8 pixels, up to which a smaller network is plenty."""
PHOTO_BETA = 1.36e-3
"""Balances rate and error at quality 1/2 as 0.0245 bits a pixel for a squared error of a level from 0 to 255 do."""


def codec_photo(facts: Facts, latent: int | None) -> ModelConfig:
    """A hyperprior for photos of any size (Minnen et al. 2018): a deep encoder, a shallow decoder, any quality."""
    del latent
    small = math.prod(photo_map(facts.shape)) <= SMALL_MAP
    network = PhotoConfig(48, (12, 48, 48), (0, 1, 1), 16, 48) if small else PhotoConfig()
    widths = {"side": 16, "hidden": 32, "features": 16} if small else {}
    bottleneck = HyperpriorConfig(network.places, *photo_map(facts.shape), **widths)
    size = photo_code_size(network, facts.shape)
    return ModelConfig("codec-photo", facts.shape, size, network, bottleneck, GaussianConfig(), beta=PHOTO_BETA)


PRESETS = (
    Preset("codec", "a code of whole numbers, for compress", codec, recipes.codec),
    Preset("vq", "a code of indices of a learnt codebook, for compress", vq, quantised),
    Preset("conv-vq", "the same with convolutions, for images", conv_vq, quantised, free_latent=False),
    Preset(
        "codec-photo",
        "for compress of photos of any size, learnt from pieces of them",
        codec_photo,
        recipes.photo_codec,
        patch=160,
        free_latent=False,
    ),
)
