"""Where training starts."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from diabolo.model.autoencoder import AutoencoderModel
from diabolo.model.networks.starts import start_at
from diabolo.presets.presets import configure


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def started(x: torch.Tensor, latent: int, *, unit: bool) -> AutoencoderModel:
    model = AutoencoderModel(configure("dense", tuple(x.shape[1:]), latent=latent, unit=unit), seeded())
    start_at(model, x, seeded(1))
    return model


def test_a_dense_pair_starts_as_pca_where_the_likelihood_is_normal() -> None:
    digits = load_digits().data
    x = (digits - digits.mean(0)) / (digits.std(0) + 1e-6)
    model = started(torch.from_numpy(x.astype(np.float32)), 8, unit=False)
    with torch.no_grad():
        error = np.square(model(torch.from_numpy(x.astype(np.float32))).numpy() - x).mean()
    pca = PCA(8).fit(x)
    best = np.square(pca.inverse_transform(pca.transform(x)) - x).mean()
    assert best - 1e-6 < error < 1.01 * best


def test_a_dense_pair_of_pixels_starts_far_below_the_mean() -> None:
    x = torch.from_numpy((load_digits().images / 16).astype(np.float32))
    model = started(x, 8, unit=True)
    with torch.no_grad():
        distortion = model.score(x).distortion.mean()
        alone = model.decoder.likelihood.distortion(torch.logit(x.mean(0).clamp(0.01, 0.99)).expand_as(x), x).mean()
    assert distortion < 0.8 * alone


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("latent", [1, 3, 40])
@pytest.mark.parametrize("unit", [True, False])
def test_few_or_constant_samples_and_wide_codes_start_finite(count: int, latent: int, unit: bool) -> None:
    for x in (torch.rand(count, 9, generator=seeded()), torch.full((count, 9), 0.5)):
        model = started(x, latent, unit=unit)
        assert all(torch.isfinite(weights).all() for weights in model.parameters())
        assert torch.isfinite(model(x)).all()


def test_a_conditional_pair_starts_without_its_labels() -> None:
    config = replace(configure("dense", (9,), latent=3), classes=("a", "b"))
    model, x = AutoencoderModel(config, seeded()), torch.rand(20, 9, generator=seeded())
    start_at(model, x, seeded(1))
    code, told = model.encoder(x), torch.eye(2)[torch.zeros(20, dtype=torch.long)]
    assert torch.equal(model.decoder(code), model.decoder(code, told))
