"""Presets: functions that return the four choices with sizes that fit the data."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from numbers import Integral, Real

from diabolo.config import (
    BernoulliConfig,
    BlotsConfig,
    BottleneckConfig,
    ConvolutionalConfig,
    DenseConfig,
    GaussianConfig,
    GaussianNoiseConfig,
    LikelihoodConfig,
    LogisticConfig,
    ModelConfig,
    NetworkConfig,
    PlainConfig,
    ResidualConfig,
    RoundedConfig,
    SwappingConfig,
    UShapedConfig,
    VariationalConfig,
)
from diabolo.errors import ArgumentError
from diabolo.model.networks.build import grid, map_size
from diabolo.model.networks.unet import code_size

LARGE = 4096
"""Dimensions beyond which a hidden layer would hold most of the weights."""


@dataclass(frozen=True)
class Facts:
    """What a preset fits itself to: the shape of one sample, and whether prepared values lie in [0, 1]."""

    shape: tuple[int, ...]
    unit: bool = True

    @property
    def likelihood(self) -> LikelihoodConfig:
        """Bernoulli where values lie in [0, 1], else Gaussian."""
        return BernoulliConfig() if self.unit else GaussianConfig()


def dense(facts: Facts, latent: int | None) -> ModelConfig:
    """The lecture's first: one layer in, one layer out (784 -> 32 -> 784: 50,992 parameters)."""
    return _config("dense", facts, latent, DenseConfig())


def deep(facts: Facts, latent: int | None) -> ModelConfig:
    """The lecture's deep one: 784-128-64-32-64-128-784 (222,384 parameters)."""
    return _config("deep", facts, latent, DenseConfig((128, 64)))


def conv(facts: Facts, latent: int | None) -> ModelConfig:
    """The lecture's convolutional one: 16, 8 and 8 channels (4,385 parameters); the code is the last map.

    With `latent` a dense layer joins the map to that many numbers.
    """
    return _convolutional("conv", facts, latent, (16, 8, 8))


def vae(facts: Facts, latent: int | None) -> ModelConfig:
    """A dense variational autoencoder: 784-400-400 and a normal code (Kingma and Welling 2014)."""
    network = DenseConfig((400, 400), code="linear", hidden="silu")
    return _weighed(_config("vae", facts, latent, network, VariationalConfig()))


def denoise(facts: Facts, latent: int | None) -> ModelConfig:
    """The lecture's denoiser: two stages of 32 channels (28,353 parameters), Gaussian noise of 0.5."""
    return replace(_convolutional("denoise", facts, latent, (32, 32)), corruption=GaussianNoiseConfig(0.5))


def denoise_deep(facts: Facts, latent: int | None) -> ModelConfig:
    """A U-shaped network that gives the clean image itself, for small pictures and strong noise of 0.5."""
    config = _u_shaped("denoise-deep", facts, latent, UShapedConfig((32, 64, 128), residual=False))
    return replace(config, corruption=GaussianNoiseConfig(0.5))


def denoise_photo(facts: Facts, latent: int | None) -> ModelConfig:
    """A U-shaped network without biases that predicts the noise, for photos: Gaussian noise of 0 to 55/255."""
    config = _u_shaped("denoise-photo", facts, latent, UShapedConfig((32, 64, 128), blocks=2))
    return replace(config, likelihood=GaussianConfig(), corruption=GaussianNoiseConfig(55 / 255, least=0.0))


def denoise_small(facts: Facts, latent: int | None) -> ModelConfig:
    """As `denoise-photo`, a quarter of its weights: for noisy images alone, down to one (`--self-supervised`)."""
    config = _u_shaped("denoise-small", facts, latent, UShapedConfig((16, 32, 64), blocks=2))
    return replace(config, likelihood=GaussianConfig(), corruption=GaussianNoiseConfig(55 / 255, least=0.0))


def _convolutional(preset: str, facts: Facts, latent: int | None, channels: tuple[int, ...]) -> ModelConfig:
    """Return a convolutional network; its code is the last map, unless a dense layer makes it `latent` numbers."""
    network = ConvolutionalConfig(channels, dense=latent is not None)
    return _config(preset, facts, latent or map_size(network, facts.shape), network)


def _u_shaped(preset: str, facts: Facts, latent: int | None, network: UShapedConfig) -> ModelConfig:
    if latent is not None:
        raise ArgumentError(f"preset {preset} hands its maps across and has no latent size to choose; leave it out.")
    return _config(preset, facts, code_size(network.channels, grid(facts.shape)), network)


def conv_vae(facts: Facts, latent: int | None) -> ModelConfig:
    """A convolutional variational autoencoder: stages of 24 and 48 channels, a prior learnt by couplings."""
    network, bottleneck = ResidualConfig((24, 48), blocks=0), VariationalConfig(couplings=6)
    return _weighed(_config("conv-vae", facts, latent, network, bottleneck))


def faces(facts: Facts, latent: int | None) -> ModelConfig:
    """A convolutional variational autoencoder of 8-bit colour pictures: a learnt spread weighs rate and distortion."""
    network, bottleneck = ResidualConfig((16, 32, 64, 128)), VariationalConfig(couplings=6)
    found = _config("faces", facts, latent or min(128, math.prod(facts.shape)), network, bottleneck)
    return _weighed(replace(found, likelihood=LogisticConfig() if facts.unit else GaussianConfig()))


def _weighed(config: ModelConfig) -> ModelConfig:
    """Return a variational configuration whose spread of a normal likelihood is learnt: it weighs the rate."""
    gaussian = isinstance(config.likelihood, GaussianConfig)
    return replace(config, likelihood=GaussianConfig(learnt=True)) if gaussian else config


@dataclass(frozen=True)
class VariationalDials:
    """What can be set on top of a preset; None keeps what it has.

    beta: weight of the rate. free_nats: rate of each number of the code that training does not charge.
    binarise: whether training draws zeros and ones from pixels as probabilities. classes: labels to tell the decoder.
    """

    beta: float | None = None
    free_nats: float | None = None
    binarise: bool = False
    classes: tuple[str, ...] = ()

    def on(self, config: ModelConfig) -> ModelConfig:
        """Return the configuration with these dials. Raises ArgumentError for a dial that it does not have."""
        variational = isinstance(config.bottleneck, VariationalConfig)
        rated = not isinstance(config.bottleneck, PlainConfig)
        for name, value, fits in (("beta", self.beta, rated), ("free_nats", self.free_nats, variational)):
            if value is not None and not fits:
                raise ArgumentError(
                    f"{name} weighs the rate, which preset {config.preset!r} has not; choose 'vae'"
                    f"{' or codec' if name == 'beta' else ''}."
                )
            if value is not None and (isinstance(value, bool) or not isinstance(value, Real)):
                raise ArgumentError(f"{name} must be a number, got {value!r}.")
        if self.beta is not None:
            config = replace(config, beta=float(self.beta))
        if self.free_nats is not None and isinstance(config.bottleneck, VariationalConfig):
            config = replace(config, bottleneck=replace(config.bottleneck, free_nats=float(self.free_nats)))
        if self.binarise and not isinstance(config.likelihood, BernoulliConfig):
            raise ArgumentError(
                f"binarise needs values from 0 to 1 and a Bernoulli likelihood, and preset {config.preset!r} has "
                "another here; leave it out."
            )
        if self.binarise:
            config = replace(config, likelihood=BernoulliConfig(binarised=True))
        return replace(config, classes=self.classes)


def _config(
    preset: str,
    facts: Facts,
    latent: int | None,
    network: NetworkConfig,
    bottleneck: BottleneckConfig | None = None,
) -> ModelConfig:
    """Return the configuration with the likelihood that the data call for."""
    latent = latent or default_latent(facts.shape)
    return ModelConfig(preset, facts.shape, latent, network, bottleneck or PlainConfig(), facts.likelihood)


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


def table(facts: Facts, latent: int | None) -> ModelConfig:
    """A denoising autoencoder of columns, for `detect`: 64 hidden units, 30 % of the values swapped between rows."""
    latent = latent or min(10, math.prod(facts.shape))
    network = DenseConfig((64,), code="linear", hidden="silu")
    likelihood, corruption = GaussianConfig(), SwappingConfig(0.3)
    return ModelConfig("table", facts.shape, latent, network, likelihood=likelihood, corruption=corruption)


def surface(facts: Facts, latent: int | None) -> ModelConfig:
    """A U-shaped network that takes blots off surfaces, for `detect` on images of any size: learnt from pieces."""
    config = _u_shaped("surface", facts, latent, UShapedConfig((24, 48, 96)))
    return replace(config, likelihood=GaussianConfig(), corruption=BlotsConfig())


PIECED = ("surface",)
"""Presets that learn from pieces of images of any sizes, each image in units of its own brightness and grain."""

CURVED = ("table",)
"""Presets whose samples are prepared for heavy tails: standardised, then asinh."""

PRESETS: dict[str, Callable[[Facts, int | None], ModelConfig]] = {
    "dense": dense,
    "deep": deep,
    "conv": conv,
    "vae": vae,
    "denoise": denoise,
    "denoise-deep": denoise_deep,
    "denoise-photo": denoise_photo,
    "denoise-small": denoise_small,
    "codec": codec,
    "conv-vae": conv_vae,
    "faces": faces,
    "table": table,
    "surface": surface,
}


def default_latent(shape: tuple[int, ...]) -> int:
    """Return 32 as in the lecture, or half the dimensions where there are fewer than 64."""
    return max(1, min(32, math.prod(shape) // 2))


def configure(
    preset: str, shape: tuple[int, ...], *, latent: int | str | None = None, unit: bool = True
) -> ModelConfig:
    """Return the preset's four choices for samples of `shape`.

    unit: whether prepared values lie in [0, 1] (Bernoulli likelihood) or not (Gaussian).
    Raises InputError for an unknown preset or a latent below 1.

    Example:
        >>> configure("deep", (28, 28)).network
        DenseConfig(widths=(128, 64), code='relu', hidden='relu')
    """
    if not isinstance(preset, str) or preset not in PRESETS:
        raise ArgumentError(f"preset must be one of {', '.join(PRESETS)}, got {preset!r}.")
    if latent is not None and (isinstance(latent, bool) or not isinstance(latent, Integral) or latent < 1):
        raise ArgumentError(f"latent must be an integer >= 1 or 'auto', got {latent!r}.")
    return PRESETS[preset](Facts(shape, unit), None if latent is None else int(latent))
