"""Presets: functions that return the four choices with sizes that fit the data."""

import math
from collections.abc import Callable
from dataclasses import replace
from numbers import Integral

from diabolo.config import (
    BernoulliConfig,
    ConvolutionalConfig,
    DenseConfig,
    GaussianConfig,
    ModelConfig,
    VariationalConfig,
)
from diabolo.errors import ArgumentError
from diabolo.model.networks import map_size


def dense(shape: tuple[int, ...], latent: int | None) -> ModelConfig:
    """The lecture's first: one layer in, one layer out (784 -> 32 -> 784: 50,992 parameters)."""
    return ModelConfig("dense", shape, latent or default_latent(shape), DenseConfig())


def deep(shape: tuple[int, ...], latent: int | None) -> ModelConfig:
    """The lecture's deep one: 784-128-64-32-64-128-784 (222,384 parameters)."""
    return ModelConfig("deep", shape, latent or default_latent(shape), DenseConfig((128, 64)))


def conv(shape: tuple[int, ...], latent: int | None) -> ModelConfig:
    """The lecture's convolutional one: 16, 8 and 8 channels (4,385 parameters); the code is the last map.

    With `latent` a dense layer joins the map to that many numbers.
    """
    network = ConvolutionalConfig((16, 8, 8), dense=latent is not None)
    return ModelConfig("conv", shape, latent or map_size(network, shape), network)


def vae(shape: tuple[int, ...], latent: int | None) -> ModelConfig:
    """A dense variational autoencoder: 784-400-400 and a normal code (Kingma and Welling 2014)."""
    network = DenseConfig((400, 400), code="linear")
    return ModelConfig("vae", shape, latent or default_latent(shape), network, VariationalConfig())


PRESETS: dict[str, Callable[[tuple[int, ...], int | None], ModelConfig]] = {
    "dense": dense,
    "deep": deep,
    "conv": conv,
    "vae": vae,
}


def default_latent(shape: tuple[int, ...]) -> int:
    """Return 32 as in the lecture, or half the dimensions where there are fewer than 64."""
    return max(1, min(32, math.prod(shape) // 2))


def configure(preset: str, shape: tuple[int, ...], *, latent: int | None = None, unit: bool = True) -> ModelConfig:
    """Return the preset's four choices for samples of `shape`.

    unit: whether prepared values lie in [0, 1] (Bernoulli likelihood) or not (Gaussian).
    Raises InputError for an unknown preset or a latent below 1.

    Example:
        >>> configure("deep", (28, 28)).network
        DenseConfig(widths=(128, 64), code='relu')
    """
    if not isinstance(preset, str) or preset not in PRESETS:
        raise ArgumentError(f"preset must be one of {', '.join(PRESETS)}, got {preset!r}.")
    if latent is not None and (isinstance(latent, bool) or not isinstance(latent, Integral) or latent < 1):
        raise ArgumentError(f"latent must be a whole number >= 1, got {latent!r}.")
    config = PRESETS[preset](shape, None if latent is None else int(latent))
    return replace(config, likelihood=BernoulliConfig() if unit else GaussianConfig())
