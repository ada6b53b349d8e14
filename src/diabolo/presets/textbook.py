"""The kinds that every course teaches, each with the paper that it comes from."""

import math
from dataclasses import replace

from diabolo.config.bottlenecks import ContractiveConfig, KSparseConfig, SparseConfig, WassersteinConfig
from diabolo.config.likelihoods import GaussianConfig
from diabolo.config.model import ModelConfig
from diabolo.config.networks import DenseConfig, TiedConfig
from diabolo.config.recipe import Recipe
from diabolo.presets import recipes
from diabolo.presets.record import Facts, Preset, default_latent, with_data

WIDE, SHARE = 256, 10
"""Numbers of a wide code; one of so many is kept in a k-sparse one."""
HINTON, DIGIT = (1000, 500, 250), 784
"""Hinton and Salakhutdinov's layers, and the pixels that they are for."""


def sparse(facts: Facts, latent: int | None) -> ModelConfig:
    """One layer in, one out, and a penalty on the absolute sum of the code: a sample needs few of its numbers."""
    return with_data("sparse", facts, latent or wide(facts), DenseConfig(), SparseConfig())


def k_sparse(facts: Facts, latent: int | None) -> ModelConfig:
    """One linear layer in, one out, and of the code only the largest tenth is kept."""
    latent = latent or wide(facts)
    active = KSparseConfig(max(1, round(latent / SHARE)))
    return with_data("k-sparse", facts, latent, DenseConfig(code="linear"), active)


def wide(facts: Facts) -> int:
    """Return 256, or as many numbers as a sample has where these are fewer."""
    return min(WIDE, math.prod(facts.shape))


def contractive(facts: Facts, latent: int | None) -> ModelConfig:
    """One sigmoid layer with tied weights, whose code changes little where the sample does."""
    return with_data("contractive", facts, latent or wide(facts), TiedConfig(code="sigmoid"), ContractiveConfig())


def tied(facts: Facts, latent: int | None) -> ModelConfig:
    """The dense one with half its weights: the decoder's are the encoder's, transposed."""
    return with_data("tied", facts, latent, TiedConfig())


def hinton(facts: Facts, latent: int | None) -> ModelConfig:
    """784-1000-500-250-30 and back; layers of smaller samples are narrower in proportion."""
    share = min(1.0, math.prod(facts.shape) / DIGIT)
    widths = tuple(max(1, round(share * width)) for width in HINTON)
    latent = latent or min(30, default_latent(facts.shape))
    config = with_data("hinton", facts, latent, DenseConfig(widths, code="linear", hidden="silu"))
    return replace(config, likelihood=GaussianConfig(bounded=facts.unit))


def wasserstein(facts: Facts, latent: int | None) -> ModelConfig:
    """A sharp code whose codes as a whole are spread as the prior: it generates without a rate."""
    network = DenseConfig((400, 400), code="linear", hidden="silu")
    return with_data("wasserstein", facts, latent or min(8, default_latent(facts.shape)), network, WassersteinConfig())


def drawn(samples: int, epochs: int | None) -> Recipe:
    """As the default, from drawn weights: principal axes make a code of which every number is in use."""
    return replace(recipes.default(samples, epochs), informed_start=False)


def deep(samples: int, epochs: int | None) -> Recipe:
    """Adam at 1.5e-3, batches of 200 at most, 26 epochs or 3,000 steps: Muon's step on wide layers costs too much."""
    del epochs
    size = max(1, min(200, samples // 32))
    return Recipe(max(26, round(3000 * size / samples)), size, 1.5e-3, "adam")


PRESETS = (
    Preset("tied", "dense, the decoder's weights are the encoder's, transposed", tied, reference="Vincent et al. 2010"),
    Preset("sparse", "a wide code, few of whose numbers a sample needs (L1)", sparse, drawn, reference="Ng 2011"),
    Preset(
        "k-sparse", "a wide code, of which the largest numbers are kept", k_sparse, reference="Makhzani and Frey 2013"
    ),
    Preset("contractive", "a code that changes little where a sample does", contractive, reference="Rifai et al. 2011"),
    Preset("hinton", "784-1000-500-250-30 and back", hinton, deep, reference="Hinton and Salakhutdinov 2006"),
    Preset(
        "wasserstein",
        "generates as a variational one, with a sharp code",
        wasserstein,
        recipes.variational,
        reference="Tolstikhin et al. 2018",
    ),
)
