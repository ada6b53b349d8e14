"""A preset: a name for four choices, a recipe, and what the jobs have to know of them."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from diabolo.config.bottlenecks import BottleneckConfig, PlainConfig
from diabolo.config.likelihoods import BernoulliConfig, GaussianConfig, LikelihoodConfig
from diabolo.config.model import ModelConfig
from diabolo.config.networks import NetworkConfig
from diabolo.config.recipe import Recipe
from diabolo.presets.recipes import default


@dataclass(frozen=True)
class Facts:
    """What a preset fits itself to: the shape of one sample, and whether prepared values lie in [0, 1]."""

    shape: tuple[int, ...]
    unit: bool = True

    @property
    def likelihood(self) -> LikelihoodConfig:
        """Bernoulli where values lie in [0, 1], else Gaussian."""
        return BernoulliConfig() if self.unit else GaussianConfig()


@dataclass(frozen=True)
class Preset:
    """A combination of the four choices that has a name.

    name: what a user types. help: one line that says what it is.
    configure: (facts, latent or None) -> configuration. recipe: (samples, epochs or None) -> recipe.
    pieces: whether it learns from random pieces of images of any size, and not from whole samples.
    patch: side, in pixels, of the pieces of images that it learns from where images of any size are given, or None.
    heavy_tails: whether its columns are standardised and then go through asinh.
    detector: the name of the detector that its models get, or None (see `diabolo.jobs.detect.detector`).
    windows: whether it is for windows of a series, each as one sample; all numbers are then standardised.
    free_latent: whether the size of the code can be chosen; else it follows from the network.
    reference: authors and year of the paper that a kind comes from.
    """

    name: str
    help: str
    configure: Callable[[Facts, int | None], ModelConfig]
    recipe: Callable[[int, int | None], Recipe] = default
    pieces: bool = False
    patch: int | None = None
    heavy_tails: bool = False
    detector: str | None = None
    windows: bool = False
    free_latent: bool = True
    reference: str = ""


def default_latent(shape: tuple[int, ...]) -> int:
    """Return 32 as in the lecture, or half the dimensions where there are fewer than 64."""
    return max(1, min(32, math.prod(shape) // 2))


def with_data(
    preset: str,
    facts: Facts,
    latent: int | None,
    network: NetworkConfig,
    bottleneck: BottleneckConfig | None = None,
) -> ModelConfig:
    """Return the configuration with the likelihood that the data call for."""
    latent = latent or default_latent(facts.shape)
    return ModelConfig(preset, facts.shape, latent, network, bottleneck or PlainConfig(), facts.likelihood)
