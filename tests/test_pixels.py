"""The pixel network: its mixture, what it may see, its estimates, and that the one loop trains it."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import logistic

from diabolo.config.pixels import PixelConfig
from diabolo.data.source import ArraySource
from diabolo.errors import ArgumentError, InputError
from diabolo.model import pixels
from diabolo.model.mixture import mixture_distortion
from diabolo.model.pixels import PixelModel, neighbours
from diabolo.presets.recipes import pixels as pixels_recipe
from diabolo.training.loop import generator_for
from diabolo.training.pixel_network import fit_pixels

SHAPES = [(5, 4), (4, 5, 3), (1, 1), (1, 9, 2), (7, 1)]
each_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def awake(shape: tuple[int, ...], seed: int = 0, **sizes: int) -> PixelModel:
    """Return a model with weights drawn everywhere, the embeddings and the output too."""
    model = PixelModel(PixelConfig(shape, **{"width": 12, "components": 3} | sizes), generator_for("cpu", seed))
    with torch.no_grad():
        for weights in model.parameters():
            weights += 0.3 * torch.randn(weights.shape, generator=generator_for("cpu", seed, 1))
    return model


def test_the_mixture_is_scipys_with_its_tails_taken_in() -> None:
    mean, scale, share = np.array([0.3, 0.9]), np.array([0.05, 0.4]), np.array([0.25, 0.75])
    parameters = torch.tensor(np.stack([np.log(share), mean, np.log(scale)])).expand(256, 3, 2)
    edges = np.concatenate([[-np.inf], (np.arange(255) + 0.5) / 255, [np.inf]])
    expected = (share * np.diff(logistic.cdf(edges[:, None], mean, scale), axis=0)).sum(1)
    found = torch.exp(-mixture_distortion(parameters, torch.arange(256))).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.sum() == pytest.approx(1)


@each_shape
@pytest.mark.parametrize("radius", [1, 3])
def test_a_number_changes_no_prediction_before_or_at_it_and_some_after(shape: tuple[int, ...], radius: int) -> None:
    model = awake(shape, radius=radius)
    x = torch.rand(1, *shape, generator=generator_for("cpu", 1))
    with torch.no_grad():
        before = model(x).flatten(1, 3)
        for place in range(x.numel()):
            other = x.clone()
            other.view(-1)[place] += 0.5
            changed = (model(other).flatten(1, 3) != before).flatten(2).any(2)[0]
            assert not changed[: place + 1].any()
            width, channels = (*shape, 1)[1:3]
            follows = place % channels < channels - 1 or place // channels % width < width - 1
            assert not follows or changed[place + 1]


def test_neighbours_are_those_within_the_radius() -> None:
    assert len(neighbours(4)) == 34
    assert all(i < 0 or (i == 0 and j < 0) for i, j in neighbours(5))
    assert neighbours(0) == []


@each_shape
def test_every_parameter_gets_a_gradient(shape: tuple[int, ...]) -> None:
    model = awake(shape, radius=2)
    x = torch.randint(0, 256, (40, *shape), generator=generator_for("cpu", 2)).float() / 255
    model.loss(model.terms(x, generator_for("cpu", 3))).mean().backward()
    for name, weights in model.named_parameters():
        assert weights.grad is not None
        assert weights.grad.isfinite().all()
        outside = shape == (1, 1) and name == "first.0.weight"  # the context of a single number is always 0
        assert bool(weights.grad.any()) != outside, name


def test_the_estimates_are_right_on_the_average(monkeypatch: pytest.MonkeyPatch) -> None:
    model = awake((6, 5, 2))
    x = torch.randint(0, 256, (4, 6, 5, 2), generator=generator_for("cpu", 4)).float() / 255
    x[:, :4] = 0
    with torch.no_grad():
        exact = mixture_distortion(model(x).flatten(0, 3), (x * 255).round().flatten()).view(4, -1).sum(1)
        monkeypatch.setattr(pixels, "DRAWN", 400_000)
        found = model.terms(x, generator_for("cpu", 5))
    torch.testing.assert_close(found.distortion, exact, rtol=0.02, atol=0)
    assert not found.rate.any()


def test_training_learns_a_pattern_and_the_same_seed_gives_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diabolo.presets.recipes.PIXEL_STEPS", 150)
    monkeypatch.setattr(pixels, "DRAWN", 1000)
    stripes = np.random.default_rng(0).integers(0, 256, (64, 6, 1), dtype=np.uint8).repeat(8, 2)
    one, other = (fit_pixels(ArraySource(stripes), seed=3) for _ in range(2))
    assert all(torch.equal(weights, other.state_dict()[name]) for name, weights in one.state_dict().items())
    with torch.no_grad():
        x = torch.from_numpy(stripes).float() / 255
        bits = mixture_distortion(one(x).flatten(0, 3), (x * 255).round().flatten()).mean() / math.log(2)
    assert bits < 6  # 8 without a model


@given(st.integers(1, 100_000), st.integers(1, 2**28))
@settings(max_examples=50)
def test_the_recipe_fits_any_data(samples: int, dimensions: int) -> None:
    recipe = pixels_recipe(samples, dimensions)
    assert recipe.batch_size * dimensions <= max(2**24, dimensions)


def test_what_is_no_8_bit_image_is_refused() -> None:
    for x in (np.zeros((9, 4), np.uint8), np.zeros((9, 4, 4), np.float32), np.zeros((0, 4, 4), np.uint8)):
        with pytest.raises(InputError):
            fit_pixels(ArraySource(x))
    for wrong in ({"shape": (4,)}, {"shape": (4, 4), "radius": 99}, {"shape": (4, 4), "components": 0}):
        with pytest.raises(ArgumentError):
            PixelConfig(**wrong)  # type: ignore[arg-type]
