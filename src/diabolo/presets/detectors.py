"""Presets whose models get a detector."""

import math
from dataclasses import replace

from diabolo.config.corruption import BlotsConfig, SwappingConfig
from diabolo.config.likelihoods import GaussianConfig
from diabolo.config.model import ModelConfig
from diabolo.config.networks import DenseConfig, UShapedConfig
from diabolo.presets import recipes
from diabolo.presets.denoisers import u_shaped
from diabolo.presets.record import Facts, Preset


def table(facts: Facts, latent: int | None) -> ModelConfig:
    """A denoising autoencoder of columns, for `detect`: 64 hidden units, 30 % of the values swapped between rows."""
    latent = latent or min(10, math.prod(facts.shape))
    network = DenseConfig((64,), code="linear", hidden="silu")
    likelihood, corruption = GaussianConfig(), SwappingConfig(0.3)
    return ModelConfig("table", facts.shape, latent, network, likelihood=likelihood, corruption=corruption)


def series(facts: Facts, latent: int | None) -> ModelConfig:
    """An autoencoder of windows of a series, for `detect`: 64 hidden units, a code of an eighth of the numbers."""
    latent = latent or max(2, min(16, math.prod(facts.shape) // 8))
    network = DenseConfig((64,), code="linear", hidden="silu")
    return ModelConfig("series", facts.shape, latent, network, likelihood=GaussianConfig())


def surface(facts: Facts, latent: int | None) -> ModelConfig:
    """A U-shaped network that takes blots off surfaces, for `detect` on images of any size: learnt from pieces."""
    config = u_shaped("surface", facts, latent, UShapedConfig((24, 48, 96)))
    return replace(config, likelihood=GaussianConfig(), corruption=BlotsConfig())


PRESETS = (
    Preset("table", "rows of a table, for detect", table, recipes.table, heavy_tails=True, detector="rows"),
    Preset(
        "series",
        "windows of a series, for detect",
        series,
        recipes.table,
        detector="series",
        windows=True,
    ),
    Preset(
        "surface",
        "images of surfaces of any size, for detect",
        surface,
        recipes.surface,
        pieces=True,
        detector="images",
        free_latent=False,
    ),
)
