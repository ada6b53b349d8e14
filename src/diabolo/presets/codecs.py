"""Codecs: their code is whole numbers, so that `compress` can write it."""

import math

from diabolo.config.bottlenecks import HyperpriorConfig, RoundedConfig
from diabolo.config.likelihoods import GaussianConfig
from diabolo.config.model import ModelConfig
from diabolo.config.networks import DenseConfig, PhotoConfig
from diabolo.model.networks.sizes import photo_code_size, photo_map
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
    Preset(
        "codec-photo",
        "for compress of photos of any size, learnt from pieces of them",
        codec_photo,
        recipes.photo_codec,
        patch=160,
        free_latent=False,
    ),
)
