"""The bound against closed forms: a linear variational autoencoder is probabilistic PCA, the bound its likelihood."""

import math
from functools import cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from torch.distributions import MultivariateNormal

from diabolo.config.bottlenecks import VariationalConfig
from diabolo.config.likelihoods import GaussianConfig
from diabolo.config.model import ModelConfig
from diabolo.config.networks import DenseConfig
from diabolo.config.recipe import Recipe
from diabolo.data.opening import open_data
from diabolo.data.source import ArraySource, Subset
from diabolo.errors import ArgumentError, InputError
from diabolo.estimator import Autoencoder
from diabolo.jobs.generate import likelihood
from diabolo.jobs.generate.likelihood import measure
from diabolo.training.files.model_file import Trained
from diabolo.training.fitting import Dials, fit


def factors(count: int = 2000) -> NDArray[np.float64]:
    random = np.random.default_rng(0)
    loadings = random.normal(size=(2, 6)) * 2
    return random.normal(size=(count, 2)) @ loadings + random.normal(size=(count, 6)) + 5


@cache
def linear() -> Trained:
    """A linear variational autoencoder of two factors, trained on all samples."""
    bottleneck, spread = VariationalConfig(), GaussianConfig(learnt=True)
    config = ModelConfig("linear", (6,), 2, DenseConfig((), code="linear"), bottleneck, spread)
    recipe = Recipe(150, 100, 1e-2, "adam", validation=0)
    return fit(ArraySource(factors()), lambda *_: config, lambda _: recipe, Dials())


def test_a_linear_one_recovers_the_maximum_likelihood_of_probabilistic_pca() -> None:
    trained = linear()
    prepared = trained.preprocessing.prepare(factors()).astype(np.float64)
    wanted = -float(PCA(2).fit(prepared).score(prepared))
    layer = trained.model.decoder.network[0]
    spread = trained.model.decoder.likelihood.log_spread.double().exp()
    loadings = layer.weight.detach().double()
    covariance = loadings @ loadings.T + spread.square() * torch.eye(6)
    exact = -MultivariateNormal(layer.bias.double(), covariance).log_prob(torch.from_numpy(prepared)).mean()
    assert float(exact.detach()) == pytest.approx(wanted, rel=0.01)
    found = measure(trained, ArraySource(factors()), samples=200)
    assert found.bound == pytest.approx(wanted, rel=0.01)
    assert found.elbo == pytest.approx(wanted, rel=0.01)
    assert found.active == 2
    assert found.bits is None


def test_more_draws_give_a_tighter_bound_and_one_gives_the_elbo(monkeypatch: pytest.MonkeyPatch) -> None:
    data = open_data("digits")
    trained = Autoencoder("vae", latent=4, epochs=2, binarise=True).fit(data).trained_
    samples = Subset(data.train, np.arange(200))
    one, many = (measure(trained, samples, samples=count) for count in (1, 300))
    assert many.bound < many.elbo - 0.01
    assert one.bound == pytest.approx(many.elbo, rel=0.02)
    assert many.binarised
    assert many.each.shape == (200,)
    assert many.each.mean() == pytest.approx(many.bound)
    monkeypatch.setattr(likelihood, "TOGETHER", 64 * 7)
    assert measure(trained, samples, samples=300).bound == pytest.approx(many.bound, rel=1e-4)


def test_bits_are_of_eight_bit_values_under_a_likelihood_of_levels() -> None:
    images = open_data("digits").train.take(np.arange(300))
    trained = Autoencoder("faces", latent=2, epochs=1).fit(images).trained_
    found = measure(trained, ArraySource(images), samples=3)
    assert found.bits == pytest.approx(found.bound / (64 * math.log(2)))


def test_what_has_no_likelihood_is_refused() -> None:
    data = open_data("digits")
    plain = Autoencoder("dense", epochs=1).fit(data).trained_
    with pytest.raises(InputError, match="Only a variational model"):
        measure(plain, data.train)
    with pytest.raises(ArgumentError, match="samples must be"):
        measure(linear(), ArraySource(factors()), samples=0)
