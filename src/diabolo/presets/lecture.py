"""The lecture's four autoencoders."""

from dataclasses import replace

from diabolo.config.corruption import GaussianNoiseConfig
from diabolo.config.model import ModelConfig
from diabolo.config.networks import ConvolutionalConfig, DenseConfig
from diabolo.model.networks.sizes import map_size
from diabolo.presets.recipes import denoiser
from diabolo.presets.record import Facts, Preset, with_data


def dense(facts: Facts, latent: int | None) -> ModelConfig:
    """The lecture's first: one layer in, one layer out (784 -> 32 -> 784: 50,992 parameters)."""
    return with_data("dense", facts, latent, DenseConfig())


def deep(facts: Facts, latent: int | None) -> ModelConfig:
    """The lecture's deep one: 784-128-64-32-64-128-784 (222,384 parameters)."""
    return with_data("deep", facts, latent, DenseConfig((128, 64)))


def conv(facts: Facts, latent: int | None) -> ModelConfig:
    """The lecture's convolutional one: 16, 8 and 8 channels (4,385 parameters); the code is the last map.

    With `latent` a dense layer joins the map to that many numbers.
    """
    return convolutional("conv", facts, latent, (16, 8, 8))


def denoise(facts: Facts, latent: int | None) -> ModelConfig:
    """The lecture's denoiser: two stages of 32 channels (28,353 parameters), Gaussian noise of 0.5."""
    return replace(convolutional("denoise", facts, latent, (32, 32)), corruption=GaussianNoiseConfig(0.5))


def convolutional(preset: str, facts: Facts, latent: int | None, channels: tuple[int, ...]) -> ModelConfig:
    """Return a convolutional network; its code is the last map, unless a dense layer makes it `latent` numbers."""
    network = ConvolutionalConfig(channels, dense=latent is not None)
    return with_data(preset, facts, latent or map_size(network, facts.shape), network)


PRESETS = (
    Preset("dense", "one layer in, one layer out; used if no preset is given", dense),
    Preset("deep", "three layers in, three layers out", deep),
    Preset("conv", "convolutions, for images; the code is the last map", conv),
    Preset("denoise", "convolutions that remove noise from small images", denoise, denoiser),
)
