"""Quality: presets beat principal components on scikit-learn's digits, and reach the lecture's figures on MNIST."""

import warnings
from functools import cache

import numpy as np
import pytest

from diabolo.data.opening import open_data
from diabolo.data.source import Dataset
from diabolo.estimator import Autoencoder
from diabolo.jobs.evaluate.baselines import components_against
from diabolo.jobs.evaluate.measure import figures
from real_data import DATA, needs_set


@cache
def digits() -> Dataset:
    return open_data("digits")


@pytest.mark.parametrize(("preset", "latent", "least_gain"), [("dense", 8, 1.03), ("dense", 16, 1.1), ("deep", 8, 1.8)])
def test_digits_are_rebuilt_better_than_by_as_many_principal_components(
    preset: str, latent: int, least_gain: float
) -> None:
    data = digits()
    assert data.test is not None
    trained = Autoencoder(preset, latent=latent).fit(data.train).trained_
    model, pca = figures(trained, data.test, data.train)
    assert model.bce is not None
    assert pca.bce is not None
    assert pca.mse / model.mse > least_gain
    assert model.bce < pca.bce
    assert pca.latent == model.latent == latent


def test_more_numbers_in_a_code_rebuild_better() -> None:
    data = digits()
    errors = []
    for latent in (1, 4, 16):
        trained = Autoencoder("dense", latent=latent, epochs=12).fit(data.train).trained_
        errors.append(figures(trained, data.test or data.train)[0].mse)
    assert errors == sorted(errors, reverse=True)


def test_unseen_digits_are_as_good_as_seen_ones() -> None:
    data = digits()
    assert data.test is not None
    estimator = Autoencoder("dense", latent=8).fit(data.train)
    assert estimator.score(data.test) == pytest.approx(estimator.score(data.train), rel=0.05)


@needs_set("mnist")
@pytest.mark.parametrize(("preset", "epochs", "most"), [("dense", None, 0.0915), ("deep", 3, 0.0812)])
def test_mnist_is_rebuilt_as_well_as_the_lecture_does(
    preset: str, epochs: int | None, most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nats per pixel on the test set, by the default recipe; the lecture reports 0.093 for its first (bench/)."""
    monkeypatch.setenv("DIABOLO_DATA", str(DATA))
    data = open_data("mnist")
    assert data.test is not None
    assert (len(data.train), len(data.test)) == (60_000, 10_000)
    trained = Autoencoder(preset, epochs=epochs).fit(data.train).trained_
    (found,) = figures(trained, data.test)
    assert found.bce is not None
    assert found.bce <= most


def test_components_of_samples_that_are_all_equal_raise_no_warning() -> None:
    same = np.ones((30, 5), np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reconstruct, _ = components_against(same, same, unit=False)
    np.testing.assert_array_equal(reconstruct(same), same)
