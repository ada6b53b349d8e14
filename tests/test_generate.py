"""Generate: densities of codes, walks, grids, directions, distances; on digits, against closed forms."""

from functools import cache

import numpy as np
import pytest
from scipy.stats import norm

from diabolo.data.opening import open_data
from diabolo.data.source import ArraySource, Dataset
from diabolo.errors import ArgumentError, FormatError, InputError
from diabolo.estimator import Autoencoder, load
from diabolo.jobs.apply import decode, encode
from diabolo.jobs.generate import density, frechet, sample
from diabolo.training.files.contents import Extra
from diabolo.training.files.model_file import Trained


@cache
def digits() -> Dataset:
    return open_data("digits")


@cache
def plain() -> Trained:
    return density.fit_density(Autoencoder("dense", latent=6, epochs=3).fit(digits()).trained_, digits().train)


@cache
def flat() -> Trained:
    """A variational model of 2 numbers."""
    return Autoencoder("vae", latent=2, epochs=3).fit(digits()).trained_


def test_a_density_has_the_codes_mean_and_spread_and_so_has_what_is_drawn() -> None:
    codes = encode(plain(), digits().train)
    found = density.density_of(plain())
    assert found is not None
    np.testing.assert_allclose(found.mean, codes.mean(0), atol=0.02 * codes.std())
    np.testing.assert_allclose(found.spread, codes.std(0), rtol=0.02)
    drawn = found.draw(20_000, np.random.default_rng(0))
    np.testing.assert_allclose(drawn.mean(0), codes.mean(0), atol=0.05 * codes.std())
    np.testing.assert_allclose(drawn.std(0), codes.std(0), rtol=0.05)


def test_a_density_of_long_codes_has_no_correlations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(density, "FULL", 3)
    found = density.density_of(density.fit_density(plain(), digits().train, components=2))
    assert found is not None
    assert found.factors.shape == (2, 6)
    codes = encode(plain(), digits().train)
    np.testing.assert_allclose(found.draw(20_000, np.random.default_rng(0)).std(0), codes.std(0), rtol=0.05)
    np.testing.assert_allclose(found.spread, codes.std(0), rtol=0.02)


def test_what_is_drawn_from_the_fitted_density_is_nearer_the_data_than_noise() -> None:
    real = digits().train.take(np.arange(500))
    new = sample.sample(plain(), 500)
    noise = np.random.default_rng(0).integers(0, 256, (500, 8, 8)).astype(np.uint8)
    near, far = (frechet.frechet_distance(plain(), real, other) for other in (new, noise))
    assert 0 < near < far / 5
    assert frechet.frechet_distance(plain(), real, real) == pytest.approx(0, abs=1e-6)


def test_the_frechet_distance_of_normals_is_the_closed_form() -> None:
    random = np.random.default_rng(0)
    first = random.normal(size=(200_000, 2)) * (1, 2)
    second = random.normal(size=(200_000, 2)) * (3, 2) + (4, 0)
    assert frechet.distance_of(first, second) == pytest.approx(4**2 + (3 - 1) ** 2, rel=0.01)


def test_the_same_seed_gives_the_same_samples() -> None:
    first, same = (sample.sample(flat(), 5, seed=1) for _ in range(2))
    assert np.array_equal(first, same)
    assert first.shape == (5, 8, 8)
    assert first.dtype == np.uint8
    assert not np.array_equal(first, sample.sample(flat(), 5, seed=2))


def test_a_plain_model_without_a_density_says_what_to_do() -> None:
    bare = Autoencoder("dense", latent=2, epochs=1).fit(digits())
    with pytest.raises(InputError, match="fit_density"):
        bare.sample(3)
    with pytest.raises(InputError, match="no density"):
        sample.sample(flat(), 3, density="fitted")
    assert bare.fit_density(digits()).sample(3).shape == (3, 8, 8)


def test_a_density_and_directions_are_kept_in_the_model_file(tmp_path) -> None:
    model = Autoencoder("dense", latent=6, epochs=1).fit(digits()).fit_density(digits())
    model.trained_ = sample.fit_directions(model.trained_, digits().train, {"ink": ink(digits())})
    model.save(tmp_path / "m.safetensors")
    kept = load(tmp_path / "m.safetensors")
    assert np.array_equal(kept.sample(9), model.sample(9))
    assert np.array_equal(sample.directions_of(kept.trained_)["ink"], sample.directions_of(model.trained_)["ink"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"weights": np.zeros(0, np.float32)},
        {"weights": np.full(10, np.nan, np.float32)},
        {"means": np.zeros((10, 5), np.float32)},
        {"factors": np.zeros((10, 6, 5), np.float32)},
    ],
)
def test_a_density_that_lies_is_refused(wrong: dict[str, np.ndarray]) -> None:
    trained = plain()
    arrays = {**trained.extras["generate"].arrays, **wrong}
    broken = Trained(
        trained.model, trained.preprocessing, trained.history, trained.about, {"generate": Extra({}, arrays)}
    )
    with pytest.raises(FormatError, match="fit it anew"):
        sample.sample(broken, 2)
    named = Extra({"attributes": [1]}, {"directions": np.zeros((1, 6), np.float32)})
    liar = Trained(trained.model, trained.preprocessing, trained.history, trained.about, {"generate": named})
    with pytest.raises(FormatError, match="directions"):
        sample.directions_of(liar)


def test_a_straight_walk_is_even_and_a_spherical_one_keeps_its_length() -> None:
    start, end = np.array([3.0, 0.0], np.float32), np.array([0.0, 3.0], np.float32)
    straight = sample.walk(start, end, 4)
    np.testing.assert_allclose(np.diff(straight, axis=0), np.tile([[-1, 1]], (3, 1)), atol=1e-6)
    round_ = sample.walk(start, end, 5, spherical=True)
    np.testing.assert_allclose(np.linalg.norm(round_, axis=1), 3, rtol=1e-6)
    np.testing.assert_allclose(round_[[0, -1]], [start, end], atol=1e-6)
    np.testing.assert_allclose(round_[2], 3 * np.sqrt(0.5), rtol=1e-6)
    assert np.isfinite(sample.walk(start, -start, 3, spherical=True)).all()
    assert np.isfinite(sample.walk(np.zeros(2, np.float32), end, 3, spherical=True)).all()
    with pytest.raises(ArgumentError, match="steps"):
        sample.walk(start, end, 1)


def test_a_walk_begins_and_ends_at_the_reconstructions() -> None:
    model = Autoencoder("dense", latent=6, epochs=1).fit(digits())
    pair = digits().train.take(np.array([0, 1]))
    found = model.interpolate(pair[0], pair[1], 5)
    assert found.shape == (5, 8, 8)
    assert np.array_equal(found[[0, -1]], model.reconstruct(pair))


def test_the_grid_is_even_in_the_share_of_codes() -> None:
    codes = sample.manifold_codes(flat(), 5).reshape(5, 5, 2)
    np.testing.assert_allclose(norm.cdf(codes[0, :, 0]), [0.05, 0.275, 0.5, 0.725, 0.95], atol=1e-6)
    assert (np.diff(codes[:, 0, 1]) < 0).all()
    with pytest.raises(InputError, match="2 numbers"):
        sample.manifold_codes(plain(), 5)


def test_traversals_move_one_number_each_and_the_most_telling_first() -> None:
    codes, numbers = sample.traversal_codes(plain(), 7, most=4)
    rows = codes.reshape(4, 7, 6)
    for row, number in zip(rows, numbers, strict=True):
        assert np.flatnonzero(row.std(0) > 1e-6).tolist() in ([number], [])
    change = np.square(np.diff(decode(plain(), codes).astype(float).reshape(4, 7, -1)[:, [0, -1]], axis=1)).sum((1, 2))
    assert change[0] >= change[-1]


def ink(data: Dataset) -> np.ndarray:
    """Return how much ink is in the middle, where zeros have none."""
    return data.train.take(np.arange(len(data.train)))[:, 3:5, 3:5].astype(float).mean((1, 2))


def test_a_step_along_an_attribute_changes_it_by_most_of_a_standard_deviation() -> None:
    amount = ink(digits())
    noise = np.random.default_rng(0).random(len(amount))
    trained = sample.fit_directions(plain(), digits().train, {"ink": amount, "noise": noise})
    codes = encode(trained, digits().train)
    before, after = (
        decode(trained, moved)[:, 3:5, 3:5].astype(float).mean()
        for moved in (codes, sample.towards(trained, codes, {"ink": 1}))
    )
    assert (after - before) / amount.std() == pytest.approx(0.7, abs=0.5)
    steps = sample.directions_of(trained)
    assert np.linalg.norm(steps["noise"]) < 0.3 * np.linalg.norm(steps["ink"])
    with pytest.raises(ArgumentError, match="it has ink, noise"):
        sample.towards(trained, codes, {"age": 1})
    with pytest.raises(InputError, match="not all the same"):
        sample.fit_directions(plain(), digits().train, {"one": np.ones(len(amount))})


def test_neighbours_are_as_near_as_asked() -> None:
    code = encode(plain(), ArraySource(digits().train.take(np.array([3]))))[0]
    assert np.array_equal(sample.neighbours(plain(), code, 2, spread=0), np.stack([code, code]))
    near, far = (np.abs(sample.neighbours(plain(), code, 50, spread=spread) - code).mean() for spread in (0.1, 1))
    assert far == pytest.approx(10 * near, rel=1e-3)


def test_a_conditional_model_draws_the_label_that_it_is_told() -> None:
    data = digits()
    chosen = np.flatnonzero(np.isin(data.labels, [0, 1]))
    images, labels = data.train.take(chosen), data.labels[chosen]
    model = Autoencoder("vae", latent=2, epochs=10, conditional=True).fit(images, labels)
    means = [images[labels == label].mean(0) for label in (0, 1)]
    for label in (0, 1):
        made = model.sample(100, label=str(label)).astype(float)
        nearer = np.square(made - means[label]).sum((1, 2)) < np.square(made - means[1 - label]).sum((1, 2))
        assert nearer.mean() > 0.95
    assert model.encode(images).shape == (len(images), 2)
    with pytest.raises(InputError, match="label must be one of 0, 1"):
        model.sample(3, label="7")
    with pytest.raises(InputError, match="knows no labels"):
        sample.sample(flat(), 2, label="1")
    with pytest.raises(InputError, match="a label for each sample"):
        Autoencoder("vae", conditional=True).fit(images)


@pytest.mark.parametrize("dials", [{"beta": 2.0}, {"free_nats": 0.1}, {"binarise": True}])
def test_a_dial_that_a_preset_does_not_have_is_refused(dials: dict[str, float]) -> None:
    samples = np.random.default_rng(0).normal(size=(40, 5))
    with pytest.raises(ArgumentError, match=r"[Pp]reset 'dense'"):
        Autoencoder("dense", **dials).fit(samples)


def test_a_collapsed_posterior_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="Posterior collapse"):
        model = Autoencoder("vae", latent=4, epochs=2, beta=1000.0).fit(digits())
    assert model.history_[-1].active == 0
