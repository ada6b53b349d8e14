"""The estimator: scikit-learn's manners, every preset on samples of every shape, and what cannot be used is refused."""

import doctest
import importlib
import math
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import diabolo
from diabolo.config.bottlenecks import PlainConfig
from diabolo.config.likelihoods import BernoulliConfig, GaussianConfig
from diabolo.data.opening import open_data
from diabolo.data.source import Array, ArraySource
from diabolo.errors import ArgumentError, DiaboloError, InputError
from diabolo.estimator import Autoencoder, load
from diabolo.presets.presets import PRESETS

RANDOM = np.random.default_rng(0)
TABLE = RANDOM.normal(size=(60, 3)) @ RANDOM.normal(size=(3, 6)) * 5 + 20
SHAPES: dict[tuple[int, ...], Array] = {
    (8, 8): RANDOM.integers(0, 256, (41, 8, 8)).astype(np.uint8),
    (9, 7, 3): RANDOM.uniform(size=(41, 9, 7, 3)).astype(np.float32),
    (5,): RANDOM.normal(3, 10, size=(41, 5)),
    (27, 31): RANDOM.integers(0, 65536, (41, 27, 31)).astype(np.uint16),
}
each_preset = pytest.mark.parametrize("preset", PRESETS)
each_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def small(preset: str = "dense", **options: Any) -> Autoencoder:
    options |= {} if PRESETS[preset].free_latent else {"latent": None}
    return Autoencoder(preset, **{"latent": 2, "epochs": 2, "batch_size": 16, **options})


@cache
def fitted(preset: str, shape: tuple[int, ...]) -> Autoencoder:
    return small(preset).fit(SHAPES[shape])


@cache
def tabular() -> Autoencoder:
    return small().fit(TABLE)


def checked(estimator: Autoencoder) -> tuple[dict[str, Any], set[str]]:
    """Return scikit-learn's failed checks with their exceptions, and the names of those that it skipped."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(estimator, on_skip=None, on_fail=None)
    failed = {
        result["check_name"]: result["exception"] for result in results if result["status"] not in ("passed", "skipped")
    }
    return failed, {result["check_name"] for result in results if result["status"] == "skipped"}


def test_scikit_learns_checks() -> None:
    failed, skipped = checked(Autoencoder(latent=2, epochs=3))
    assert failed == {}
    assert skipped <= {"check_array_api_input", "check_estimators_unfitted_array_api"}


@each_preset
@each_shape
class TestBattery:
    def test_there_and_back(self, preset: str, shape: tuple[int, ...]) -> None:
        x, estimator = SHAPES[shape], fitted(preset, shape)
        codes = estimator.encode(x)
        assert codes.shape == (41, 2 if PRESETS[preset].free_latent else estimator.autoencoder.config.latent)
        assert codes.dtype == np.float32
        back = estimator.decode(codes)
        assert back.shape == x.shape
        assert back.dtype == x.dtype
        assert np.isfinite(back).all()
        assert np.array_equal(estimator.reconstruct(x), back)
        assert np.array_equal(estimator.transform(x), codes)
        assert np.array_equal(estimator.inverse_transform(codes), back)

    def test_scores_are_minus_distortion_and_rate(self, preset: str, shape: tuple[int, ...]) -> None:
        x, estimator = SHAPES[shape], fitted(preset, shape)
        scores = estimator.score_samples(x)
        assert scores.shape == (41,)
        assert estimator.score(x) == pytest.approx(scores.mean(), rel=1e-5)
        likelihood = BernoulliConfig() if estimator.trained_.preprocessing.unit else GaussianConfig()
        config = estimator.autoencoder.config
        if PRESETS[preset].detector is None and config.bottleneck == PlainConfig() and config.likelihood == likelihood:
            np.testing.assert_allclose(scores, -distortions(estimator, x), rtol=1e-4)

    def test_saved_and_loaded(self, preset: str, shape: tuple[int, ...], tmp_path: Path) -> None:
        x, estimator = SHAPES[shape], fitted(preset, shape)
        estimator.save(tmp_path / "m.safetensors")
        other = load(tmp_path / "m.safetensors")
        for job in ("encode", "reconstruct", "score_samples"):
            assert np.array_equal(getattr(other, job)(x), getattr(estimator, job)(x))

    def test_the_same_seed_gives_the_same_bits(self, preset: str, shape: tuple[int, ...]) -> None:
        x = SHAPES[shape]
        again = small(preset).fit(x).reconstruct(x)
        assert np.array_equal(again, fitted(preset, shape).reconstruct(x))

    def test_one_sample_is_as_good_as_many(self, preset: str, shape: tuple[int, ...]) -> None:
        x, estimator = SHAPES[shape], fitted(preset, shape)
        codes, scores = estimator.encode(x), estimator.score_samples(x)
        for number in (0, 17, 40):
            one = x[number : number + 1]
            np.testing.assert_allclose(estimator.encode(one)[0], codes[number], rtol=1e-5, atol=1e-5)
            assert estimator.decode(codes[number : number + 1]).shape == one.shape
            assert estimator.score_samples(one)[0] == pytest.approx(scores[number], rel=1e-4), "by its place"

    def test_the_three_models_compose(self, preset: str, shape: tuple[int, ...]) -> None:
        x, estimator = SHAPES[shape], fitted(preset, shape)
        prepared = torch.from_numpy(estimator.trained_.preprocessing.prepare(x))
        with torch.inference_mode():
            codes = estimator.encoder(prepared)
            whole = estimator.autoencoder(prepared)
            assert torch.equal(estimator.decoder(codes), whole)
        np.testing.assert_allclose(codes.numpy(), estimator.encode(x), rtol=1e-5, atol=1e-5)
        restored = estimator.trained_.preprocessing.restore(whole.numpy()).astype(np.float64)
        np.testing.assert_allclose(restored, estimator.reconstruct(x).astype(np.float64), atol=1.001, rtol=1e-5)


def distortions(estimator: Autoencoder, x: Array) -> NDArray[np.float64]:
    """Return -log p(x | code) of each sample in nats, from reconstructions in prepared units, in double precision."""
    prepared = estimator.trained_.preprocessing.prepare(x)
    with torch.inference_mode():
        mean = estimator.autoencoder(torch.from_numpy(prepared)).numpy().astype(np.float64)
    if estimator.trained_.preprocessing.unit:
        nats = -(prepared * np.log(mean) + (1 - prepared) * np.log1p(-mean))
    else:
        nats = (prepared - mean) ** 2 / 2 + math.log(2 * math.pi) / 2
    total: NDArray[np.float64] = nats.reshape(len(x), -1).sum(1)
    return total


def test_a_variational_score_is_that_of_the_declared_equation() -> None:
    """Mean over many draws of the code, against the estimator's one draw, over all samples together."""
    x, estimator = SHAPES[8, 8], fitted("vae", (8, 8))
    prepared = torch.from_numpy(estimator.trained_.preprocessing.prepare(x))
    with torch.inference_mode():
        mean, log_variance = estimator.encoder.network(prepared).chunk(2, 1)
        normal = torch.distributions.Normal(mean, (log_variance / 2).exp())
        rate = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0)).sum(1)
        generator = torch.Generator().manual_seed(0)
        draws = []
        for _ in range(50):
            code = mean + (log_variance / 2).exp() * torch.randn(mean.shape, generator=generator)
            pixels = torch.distributions.Bernoulli(estimator.decoder(code), validate_args=False)
            draws.append(-pixels.log_prob(prepared).flatten(1).sum(1))
    wanted = torch.stack(draws).mean(0) + rate
    assert -estimator.score(x) == pytest.approx(float(wanted.mean()), rel=0.01)


@pytest.mark.parametrize("latent", [None, 3])
@each_preset
def test_the_latent_is_as_asked_for(preset: str, latent: int | None) -> None:
    estimator = small(preset, latent=latent, epochs=1).fit(SHAPES[8, 8])
    maps = 8 * 8 + 32 * 16 + 64 * 4 + 128
    own = {
        "conv": 8,
        "denoise": 128,
        "denoise-deep": maps,
        "denoise-photo": maps,
        "denoise-small": 8 * 8 + 16 * 16 + 32 * 4 + 64,
        "surface": 8 * 8 + 24 * 16 + 48 * 4 + 96,
        "conv-vq": 2 * 2,  # indices
        "codec-photo": 48 + 1,  # a map of one place, and the quality
    }
    wanted = (
        own[preset]
        if not PRESETS[preset].free_latent
        else latent or own.get(preset, estimator.autoencoder.config.latent)
    )
    assert estimator.encode(SHAPES[8, 8]).shape == (41, wanted)
    assert len(estimator.get_feature_names_out()) == wanted


@pytest.mark.parametrize("count", [1, 2, 2047, 2048, 2049, 5000])
def test_codes_do_not_depend_on_the_company(count: int) -> None:
    x = np.resize(TABLE, (count, 6))
    np.testing.assert_allclose(
        tabular().encode(x), np.resize(tabular().encode(TABLE), (count, 2)), rtol=1e-5, atol=1e-5
    )


def test_parameters_are_kept_as_given_and_cloned() -> None:
    estimator = Autoencoder("deep", latent=3, epochs=7, validation=0.2, random_state=5)
    assert clone(estimator).get_params() == estimator.get_params()
    assert not hasattr(clone(tabular()), "trained_")
    assert estimator.set_params(latent=4).latent == 4


@pytest.mark.parametrize("job", ["encode", "decode", "transform", "inverse_transform", "reconstruct", "score_samples"])
def test_before_fit_there_is_nothing(job: str) -> None:
    with pytest.raises(NotFittedError):
        getattr(Autoencoder(), job)(TABLE)
    with pytest.raises(NotFittedError):
        _ = Autoencoder().autoencoder
    assert Autoencoder().encoder is Autoencoder().decoder is None  # the parameters: no module of one's own


def test_a_pipeline() -> None:
    pipeline = make_pipeline(StandardScaler(), small()).fit(TABLE)
    assert pipeline.transform(TABLE).shape == (60, 2)
    assert pipeline.inverse_transform(pipeline.transform(TABLE)).shape == TABLE.shape
    assert np.isfinite(pipeline.score(TABLE))
    assert list(pipeline.get_feature_names_out()) == ["autoencoder0", "autoencoder1"]


def test_a_grid_search(tmp_path: Path) -> None:
    search = GridSearchCV(small(epochs=30), {"latent": np.array([1, 3])}, cv=2).fit(TABLE)
    assert search.best_params_["latent"] == 3
    search.best_estimator_.save(tmp_path / "m.safetensors")


def test_data_frames() -> None:
    names = list("abcdef")
    pandas, polars = pd.DataFrame(TABLE, columns=names), pl.DataFrame(TABLE, schema=names)
    for frame in (pandas, polars):
        estimator = small().fit(frame)
        assert estimator.feature_names_in_.tolist() == names
        assert np.array_equal(estimator.encode(frame), tabular().encode(TABLE))
    with pytest.raises(ValueError, match="feature names"):
        small().fit(pandas).encode(pandas.rename(columns={"a": "z"}))
    assert np.array_equal(small().fit(TABLE.tolist()).encode(TABLE.tolist()), tabular().encode(TABLE))
    assert np.array_equal(tabular().decode(tabular().encode(TABLE).tolist()), tabular().reconstruct(TABLE))


@pytest.mark.parametrize(("output", "kind"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame)])
def test_frames_on_their_way_out(output: str, kind: type) -> None:
    estimator = small().set_output(transform=output).fit(pd.DataFrame(TABLE, columns=list("abcdef")))
    codes = estimator.transform(pd.DataFrame(TABLE, columns=list("abcdef")))
    assert isinstance(codes, kind)
    assert list(codes.columns) == ["autoencoder0", "autoencoder1"]
    assert np.array_equal(estimator.inverse_transform(codes), tabular().reconstruct(TABLE))


def test_the_number_of_features() -> None:
    assert tabular().n_features_in_ == 6
    assert small().fit(ArraySource(TABLE)).n_features_in_ == 6


def test_a_second_fit_forgets_the_first() -> None:
    other = RANDOM.normal(size=(40, 4))
    for again in (other, ArraySource(other)):
        estimator = small().fit(pd.DataFrame(TABLE, columns=list("abcdef")))
        estimator.fit(again)
        assert estimator.encode(other).shape == (40, 2)
        assert not hasattr(estimator, "feature_names_in_")


def test_sources_and_arrays_give_the_same() -> None:
    one = small().fit(ArraySource(TABLE))
    assert np.array_equal(one.encode(TABLE), tabular().encode(TABLE))
    assert np.array_equal(one.encode(ArraySource(TABLE)), tabular().encode(TABLE))


def test_a_memory_map(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", TABLE)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert np.array_equal(tabular().encode(mapped), tabular().encode(TABLE))
    assert small().fit(mapped).encode(mapped).shape == (60, 2)


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((3, 5)), np.zeros((3, 7)), np.zeros((3, 6, 1)), np.zeros((3, 2, 3)), np.zeros(6), np.zeros((0, 6))],
)
def test_samples_of_another_shape_are_refused(wrong: Array) -> None:
    for job in ("encode", "reconstruct", "score_samples"):
        with pytest.raises(ValueError, match=r"\d"):
            getattr(tabular(), job)(wrong)


def test_images_of_another_shape_are_refused() -> None:
    estimator = fitted("dense", (8, 8))
    for wrong in (np.zeros((3, 8, 7), np.uint8), np.zeros((3, 8, 8, 1), np.uint8), np.zeros((3, 64), np.uint8)):
        with pytest.raises(ValueError, match=r"\d"):
            estimator.encode(wrong)
    with pytest.raises(InputError, match=r"shape \(8, 8\) of the training data, got \(8, 7\)"):
        estimator.encode(ArraySource(np.zeros((3, 8, 7), np.uint8)))


@pytest.mark.parametrize(
    "codes", [np.zeros((3, 1)), np.zeros(2), np.full((3, 2), np.nan), np.full((3, 2), np.inf), np.full((3, 2), "a"), 1]
)
def test_codes_that_are_none_are_refused(codes: Any) -> None:
    with pytest.raises(InputError, match="Codes must"):
        tabular().decode(codes)


def test_no_codes_are_no_samples() -> None:
    assert tabular().decode(np.zeros((0, 2))).shape == (0, 6)


@pytest.mark.parametrize(
    "wrong", [np.zeros((5, 2, 2, 2, 2)), np.zeros((5, 3), complex), np.full((5, 3), "a"), [[1], [1, 2]]]
)
def test_what_are_no_samples_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        small().fit(wrong)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_are_refused_everywhere(bad: float) -> None:
    x = TABLE.copy()
    x[3, 2] = bad
    for job in (small().fit, tabular().encode, tabular().score_samples):
        for samples in (x, ArraySource(x)):
            with pytest.raises(ValueError, match=r"NaN|infinity"):
                job(samples)


OPTIONS: list[tuple[str, Any]] = [
    ("preset", "denser"),
    ("latent", 0),
    ("latent", -1),
    ("latent", 1.5),
    ("latent", "x"),
    ("latent", "auto?"),
    ("recipe", "fast"),
    ("epochs", 0),
    ("epochs", 1.5),
    ("epochs", "x"),
    ("epochs", float("inf")),
    ("batch_size", 0),
    ("batch_size", True),
    ("learning_rate", 0),
    ("learning_rate", float("nan")),
    ("learning_rate", "x"),
    ("patience", 0),
    ("validation", 1),
    ("validation", -0.5),
    ("validation", "x"),
    ("device", "gpu"),
    ("device", "cuda:77"),
    ("random_state", -1),
    ("random_state", 1.5),
]


@pytest.mark.parametrize(("name", "value"), OPTIONS, ids=str)
def test_an_option_that_is_not_allowed_is_refused_by_its_name(name: str, value: Any) -> None:
    with pytest.raises(ArgumentError, match=name):
        small().set_params(**{name: value}).fit(TABLE)


def test_a_latent_larger_than_a_sample_is_warned_of() -> None:
    with pytest.warns(UserWarning, match=r"latent = 9 is larger than a sample \(6 numbers\)"):
        assert small(latent=9).fit(TABLE).encode(TABLE).shape == (60, 9)


def test_constant_columns_are_warned_of() -> None:
    x = TABLE.copy()
    x[:, 2] = 7
    with pytest.warns(UserWarning, match=r"1 column never changes \(number 2\)"):
        assert np.isfinite(small().fit(x).reconstruct(x)).all()


def test_good_data_are_not_warned_of() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small().fit(TABLE).reconstruct(TABLE)
        small().fit(SHAPES[8, 8]).score(SHAPES[8, 8])


def test_one_sample_cannot_be_learnt_from() -> None:
    for x in (TABLE[:1], ArraySource(TABLE[:1])):
        with pytest.raises(ValueError, match=r"(?i)1 sample|2 samples"):
            small().fit(x)


@pytest.mark.parametrize("count", [2, 3, 5, 15])
@each_preset
def test_fewer_samples_than_a_batch(preset: str, count: int) -> None:
    x = SHAPES[5,][:count]
    assert np.isfinite(small(preset, batch_size=256).fit(x).reconstruct(x)).all()


def test_the_summary_has_layers_and_totals() -> None:
    summary = Autoencoder("dense", epochs=1).fit(np.zeros((20, 28, 28), np.uint8)).summary()
    text = str(summary)
    for figure in ("25,120", "25,872", "50,992", "encoder", "decoder", "autoencoder", "(32,)", "(28, 28)"):
        assert figure in text
    assert sum(row.parameters for row in summary.rows) == summary.totals["autoencoder"] == 50_992


def test_a_loaded_estimator_has_its_manners(tmp_path: Path) -> None:
    tabular().save(tmp_path / "m.safetensors")
    other = load(str(tmp_path / "m.safetensors"))
    assert (other.preset, other.latent, other.n_features_in_) == ("dense", 2, 6)
    assert other.history_ == tabular().history_
    assert np.array_equal(other.fit(TABLE).encode(TABLE).shape, (60, 2))


def test_errors_are_one_family() -> None:
    with pytest.raises(DiaboloError):
        small(latent=0).fit(TABLE)


def modules_with_examples() -> list[str]:
    root = Path(diabolo.__file__).parent
    found = [path for path in sorted(root.rglob("*.py")) if ">>> " in path.read_text()]
    return [".".join(("diabolo", *path.relative_to(root).with_suffix("").parts)) for path in found]


@pytest.mark.parametrize("name", modules_with_examples())
def test_the_examples_in_docstrings_run(name: str) -> None:
    results = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert results.failed == 0


def test_what_is_loaded_can_be_cloned_and_fitted_to_the_same_network(tmp_path: Path) -> None:
    x = np.random.default_rng(0).uniform(size=(40, 16, 16))
    one = Autoencoder("conv", epochs=1, batch_size=16).fit(x)
    one.save(tmp_path / "m.safetensors")
    other = clone(load(tmp_path / "m.safetensors"))
    assert other.get_params() == one.get_params()
    assert other.fit(x).summary().totals == one.summary().totals


def test_a_data_set_is_taken_as_its_training_samples() -> None:
    data = open_data("digits")
    one = Autoencoder(latent=4, epochs=1).fit(data)
    assert np.array_equal(one.encode(data), one.encode(data.train))


def test_a_score_depends_on_the_sample_alone() -> None:
    x = open_data("digits").train.take(np.arange(200))
    one = Autoencoder("vae", latent=2, epochs=1).fit(x)
    order = np.random.default_rng(0).permutation(200)
    np.testing.assert_allclose(one.score_samples(x[order]), one.score_samples(x)[order], rtol=1e-5)


def test_no_seed_draws_one_and_keeps_it() -> None:
    x = np.random.default_rng(0).uniform(size=(40, 6))
    one, other = (Autoencoder(epochs=1, random_state=None).fit(x) for _ in range(2))
    assert one.trained_.about["seed"] != other.trained_.about["seed"]
