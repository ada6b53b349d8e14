"""Variational autoencoders: their code has a rate, and new samples can be drawn."""

import math
from dataclasses import replace

from diabolo.config.bottlenecks import VariationalConfig
from diabolo.config.likelihoods import GaussianConfig, LogisticConfig
from diabolo.config.model import ModelConfig
from diabolo.config.networks import DenseConfig, ResidualConfig
from diabolo.presets.recipes import residual, variational
from diabolo.presets.record import Facts, Preset, with_data


def vae(facts: Facts, latent: int | None) -> ModelConfig:
    """A dense variational autoencoder: 784-400-400 and a normal code (Kingma and Welling 2014)."""
    network = DenseConfig((400, 400), code="linear", hidden="silu")
    return weighted(with_data("vae", facts, latent, network, VariationalConfig()))


def conv_vae(facts: Facts, latent: int | None) -> ModelConfig:
    """A convolutional variational autoencoder: stages of 24 and 48 channels, a prior learnt by couplings."""
    network, bottleneck = ResidualConfig((24, 48), blocks=0), VariationalConfig(couplings=6)
    return weighted(with_data("conv-vae", facts, latent, network, bottleneck))


def faces(facts: Facts, latent: int | None) -> ModelConfig:
    """A convolutional variational autoencoder of 8-bit colour pictures: a learnt spread weighs rate and distortion."""
    network, bottleneck = ResidualConfig((16, 32, 64, 128)), VariationalConfig(couplings=6)
    found = with_data("faces", facts, latent or min(128, math.prod(facts.shape)), network, bottleneck)
    return weighted(replace(found, likelihood=LogisticConfig() if facts.unit else GaussianConfig()))


def weighted(config: ModelConfig) -> ModelConfig:
    """Return a variational configuration whose spread of a normal likelihood is learnt: it weighs the rate."""
    learns = config.likelihood.learns_spread
    return replace(config, likelihood=GaussianConfig(learnt=True)) if learns else config


PRESETS = (
    Preset("vae", "variational, with fully connected layers", vae, variational),
    Preset("conv-vae", "variational, with convolutions and a learnt prior", conv_vae, residual),
    Preset("faces", "variational, for colour pictures of 8 bits", faces, residual),
)
