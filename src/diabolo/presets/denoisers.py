"""Denoisers of photos and of small pictures with strong noise: U-shaped networks."""

from dataclasses import replace

from diabolo.config.corruption import GaussianNoiseConfig
from diabolo.config.likelihoods import GaussianConfig
from diabolo.config.model import ModelConfig
from diabolo.config.networks import UShapedConfig
from diabolo.model.networks.sizes import code_size, grid
from diabolo.presets.recipes import deep_denoiser, deep_images, noisy_images
from diabolo.presets.record import Facts, Preset, with_data


def denoise_deep(facts: Facts, latent: int | None) -> ModelConfig:
    """A U-shaped network that gives the clean image itself, for small pictures and strong noise of 0.5."""
    config = u_shaped("denoise-deep", facts, latent, UShapedConfig((32, 64, 128), residual=False))
    return replace(config, corruption=GaussianNoiseConfig(0.5))


def denoise_photo(facts: Facts, latent: int | None) -> ModelConfig:
    """A U-shaped network without biases that predicts the noise, for photos: Gaussian noise of 0 to 55/255."""
    config = u_shaped("denoise-photo", facts, latent, UShapedConfig((32, 64, 128), blocks=2))
    return replace(config, likelihood=GaussianConfig(), corruption=GaussianNoiseConfig(55 / 255, least=0.0))


def denoise_small(facts: Facts, latent: int | None) -> ModelConfig:
    """As `denoise-photo`, a quarter of its weights: for noisy images alone, down to one (`--self-supervised`)."""
    config = u_shaped("denoise-small", facts, latent, UShapedConfig((16, 32, 64), blocks=2))
    return replace(config, likelihood=GaussianConfig(), corruption=GaussianNoiseConfig(55 / 255, least=0.0))


def u_shaped(preset: str, facts: Facts, latent: int | None, network: UShapedConfig) -> ModelConfig:
    del latent
    return with_data(preset, facts, code_size(network.channels, grid(facts.shape)), network)


PRESETS = (
    Preset("denoise-deep", "removes strong noise from small pictures", denoise_deep, deep_denoiser, free_latent=False),
    Preset("denoise-photo", "removes noise of any strength from photos", denoise_photo, deep_images, free_latent=False),
    Preset("denoise-small", "a small denoiser, for --self-supervised", denoise_small, noisy_images, free_latent=False),
)
