"""Preprocessing: moments against NumPy and scikit-learn, an exact inverse, and messages that say what to do."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from sklearn.preprocessing import StandardScaler

from diabolo.data import preprocessing as module
from diabolo.data.preprocessing import Preprocessing, chunks, fit_preprocessing, sample_bytes
from diabolo.data.source import Array, ArraySource
from diabolo.errors import InputError

RANDOM = np.random.default_rng(0)


def fitted(x: Array) -> Preprocessing:
    return fit_preprocessing(ArraySource(x), np.arange(len(x)))


def there_and_back(x: Array) -> Array:
    preprocessing = fitted(x)
    return preprocessing.restore(preprocessing.prepare(x))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_pixel_value_comes_back_exactly_and_lies_in_0_to_1(dtype: Any) -> None:
    x = np.arange(np.iinfo(dtype).max + 1, dtype=dtype).reshape(-1, 2)
    prepared = fitted(x).prepare(x)
    assert (prepared.min(), prepared.max()) == (0, 1)
    assert prepared.dtype == np.float32
    np.testing.assert_allclose(prepared, x / np.iinfo(dtype).max, rtol=1e-6)
    back = there_and_back(x)
    assert back.dtype == x.dtype
    assert np.array_equal(back, x)


def test_the_range_of_pixels_is_the_types_and_not_the_datas() -> None:
    dark = fitted(np.full((4, 2, 2), 3, np.uint8))
    assert dark.unit
    assert dark.compact
    assert float(dark.scale) == 255
    assert not fitted(np.full((4, 2, 2), 3, np.uint16)).compact


shapes = npst.array_shapes(min_dims=2, max_dims=4, max_side=6)


@settings(max_examples=60)
@given(st.data(), st.sampled_from(["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?"]))
def test_whole_numbers_come_back_exactly(data: Any, dtype: str) -> None:
    kind = np.dtype(dtype)
    bounds = {}
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        bounds = {"min_value": max(limits.min, -(2**21)), "max_value": min(limits.max, 2**21)}
    x = data.draw(npst.arrays(kind, shapes, elements=npst.from_dtype(kind, **bounds)))
    back = there_and_back(x)
    assert back.dtype == x.dtype
    assert np.array_equal(back, x)


floats = st.floats(-1e6, 1e6, width=32)


@settings(max_examples=60)
@given(npst.arrays(np.float64, shapes, elements=floats))
def test_real_numbers_come_back_nearly(x: Array) -> None:
    preprocessing = fitted(x)
    prepared = preprocessing.prepare(x)
    assert np.isfinite(prepared).all()
    back = preprocessing.restore(prepared)
    assert back.dtype == x.dtype
    np.testing.assert_allclose(back, x, rtol=1e-5, atol=1e-5 * max(1, np.abs(x).max()))


@settings(max_examples=40)
@given(npst.arrays(np.float32, shapes, elements=st.floats(0, 1, width=32)))
def test_numbers_from_0_to_1_stay_as_they_are(x: Array) -> None:
    preprocessing = fitted(x)
    assert preprocessing.unit
    assert np.array_equal(preprocessing.prepare(x), x)
    assert np.array_equal(there_and_back(x), x)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "i8"])
@pytest.mark.parametrize("chunk_bytes", [1, 1000, 1 << 20])
def test_columns_are_standardised_as_scikit_learn_does(
    dtype: str, chunk_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK_BYTES", chunk_bytes)
    x = (RANDOM.normal(size=(500, 4)) * [1, 30, 1e4, 5] + [0, 1e5, -7, 1000]).astype(dtype)
    preprocessing = fitted(x)
    scaler = StandardScaler().fit(x.astype(np.float64))
    np.testing.assert_allclose(preprocessing.offset, scaler.mean_, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(preprocessing.scale, scaler.scale_, rtol=1e-9)
    np.testing.assert_allclose(preprocessing.prepare(x), scaler.transform(x.astype(np.float64)), rtol=1e-5, atol=1e-6)
    assert not preprocessing.unit
    assert preprocessing.constant == ()


@pytest.mark.parametrize("shape", [(50, 6, 5), (50, 6, 5, 3)])
@pytest.mark.parametrize("chunk_bytes", [1, 3000, 1 << 20])
def test_images_are_standardised_over_all_pixels(
    shape: tuple[int, ...], chunk_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK_BYTES", chunk_bytes)
    x = RANDOM.normal(100, 7, size=shape)
    preprocessing = fitted(x)
    assert preprocessing.offset.shape == preprocessing.scale.shape == ()
    assert float(preprocessing.offset) == pytest.approx(x.mean(), rel=1e-12)
    assert float(preprocessing.scale) == pytest.approx(x.std(), rel=1e-12)


def test_moments_stay_exact_far_from_0() -> None:
    x = RANDOM.normal(size=(4000, 1)) + 1e9
    assert float(fitted(x).scale[0]) == pytest.approx(x.std(), rel=1e-6)


def test_only_the_given_rows_are_fitted() -> None:
    x = np.concatenate([RANDOM.normal(size=(50, 3)), np.full((50, 3), 1e9)])
    preprocessing = fit_preprocessing(ArraySource(x), np.arange(50))
    np.testing.assert_allclose(preprocessing.offset, x[:50].mean(0), rtol=1e-12)


def test_a_constant_column_keeps_its_value_and_is_named() -> None:
    x = RANDOM.normal(size=(100, 4))
    x[:, 1], x[:, 3] = 0.1, -7e9
    preprocessing = fitted(x)
    assert preprocessing.constant == (1, 3)
    assert preprocessing.scale[[1, 3]].tolist() == [1, 1]
    prepared = preprocessing.prepare(x)
    assert not prepared[:, [1, 3]].any()
    assert np.array_equal(preprocessing.restore(prepared)[:, [1, 3]], x[:, [1, 3]])


def test_a_constant_column_from_0_to_1_is_named() -> None:
    x = RANDOM.uniform(size=(100, 3))
    x[:, 2] = 0.5
    assert fitted(x).constant == (2,)


def test_nothing_but_one_value_is_no_division_by_0() -> None:
    for x in (np.full((5, 3), 4.0), np.full((5, 3, 2), -4.0), np.zeros((5, 3)), np.full((5, 3), 9, np.int32)):
        assert np.array_equal(there_and_back(x), x)


@pytest.mark.parametrize("scale", [1e-100, 1e-40, 1e30, 1e100])
def test_numbers_of_any_magnitude_are_standardised(scale: float) -> None:
    x = RANDOM.normal(size=(100, 3)) * scale
    preprocessing = fitted(x)
    prepared = preprocessing.prepare(x)
    np.testing.assert_allclose(prepared.std(0), 1, rtol=1e-3)
    np.testing.assert_allclose(preprocessing.restore(prepared), x, rtol=1e-3, atol=1e-5 * scale)


def test_numbers_too_large_are_refused_and_tiny_ones_stay_finite() -> None:
    with pytest.raises(InputError, match="too large to be standardised"):
        fitted(RANDOM.normal(size=(100, 3)) * 1e200)
    x = RANDOM.normal(size=(100, 3)) * 1e-200
    preprocessing = fitted(x)
    prepared = preprocessing.prepare(x)
    assert np.abs(prepared).max() <= 1
    np.testing.assert_allclose(preprocessing.restore(prepared), x, rtol=1e-3, atol=1e-205)


@pytest.mark.parametrize("dtype", ["i8", "u8"])
def test_the_ends_of_the_largest_types_do_not_wrap_round(dtype: str) -> None:
    limits = np.iinfo(dtype)
    x = np.array([[limits.max - 10, limits.min], [limits.max, limits.min + 10]], dtype)
    back = there_and_back(x)
    error = np.abs(back.astype(np.float64) - x.astype(np.float64))
    assert error.max() <= 1e-6 * float(limits.max)


def test_restored_whole_numbers_are_rounded_and_kept_in_range() -> None:
    preprocessing = Preprocessing(np.asarray(0.0), np.asarray(255.0), np.dtype(np.uint8), unit=True)
    restored = preprocessing.restore(np.array([[-1, 0.4 / 255, 0.6 / 255, 1, 7]], np.float32))
    assert restored.tolist() == [[0, 0, 1, 255, 255]]
    truth = Preprocessing(np.asarray(0.0), np.asarray(1.0), np.dtype(np.bool_), unit=True)
    assert truth.restore(np.array([[0.49, 0.5, 2]], np.float32)).tolist() == [[False, True, True]]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_what_is_not_finite_is_counted_and_placed(bad: float, dtype: str) -> None:
    x = RANDOM.normal(size=(20, 4, 3)).astype(dtype)
    preprocessing = fitted(x)
    x[7, 2, 1] = x[9, 0, 0] = bad
    for refused in (lambda: preprocessing.prepare(x), lambda: fitted(x)):
        with pytest.raises(InputError, match=r"NaN or infinity: 2 values, the first in sample 7, position \(2, 1\)"):
            refused()


@pytest.mark.filterwarnings("ignore:overflow")
def test_large_finite_numbers_are_not_called_infinite() -> None:
    x = np.full((10, 3), 3e38, np.float32)
    x[0] = -3e38
    assert np.isfinite(fitted(x).prepare(x)).all()


@pytest.mark.parametrize("value", [-0.01, 1.01])
def test_values_a_little_out_of_the_trained_range_are_taken(value: float) -> None:
    x = RANDOM.uniform(size=(10, 3))
    preprocessing = fitted(x)
    x[3, 1] = value
    assert preprocessing.prepare(x)[3, 1] == np.float32(value)


@pytest.mark.parametrize("value", [-1.01, 2.01, 255.0])
def test_values_out_of_the_trained_range_are_refused(value: float) -> None:
    x = RANDOM.uniform(size=(10, 3))
    preprocessing = fitted(x)
    x[3, 1] = value
    with pytest.raises(InputError, match=r"must lie within 0 to 1 as in training, got .*; scale them as"):
        preprocessing.prepare(x)


def test_pixels_out_of_range_are_refused_in_pixels() -> None:
    preprocessing = fitted(np.zeros((3, 2, 2), np.uint8))
    with pytest.raises(InputError, match="must lie within 0 to 255 as in training, got 0 to 256"):
        preprocessing.prepare(np.array([[[0, 256], [0, 0]]]))


def test_values_too_far_out_are_refused() -> None:
    preprocessing = fitted(RANDOM.normal(size=(10, 3)))
    with pytest.raises(InputError, match=r"must lie within 1e\+15 standard deviations"):
        preprocessing.prepare(np.full((1, 3), 1e30))


def test_nothing_at_all_can_be_prepared() -> None:
    for x in (RANDOM.uniform(size=(10, 3)), RANDOM.normal(size=(10, 3))):
        assert fitted(x).prepare(x[:0]).shape == (0, 3)


@given(st.integers(1, 60), st.integers(1, 500), st.sampled_from(["u1", "f4", "f8"]))
def test_chunks_are_bounded_and_keep_the_order(count: int, chunk_bytes: int, dtype: str) -> None:
    source = ArraySource(np.arange(count * 6).astype(dtype).reshape(count, 3, 2))
    rows = np.random.default_rng(count).permutation(count)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK_BYTES", chunk_bytes)
        pieces = list(chunks(source, rows))
    assert all(len(piece) == 1 or len(piece) * sample_bytes(source) <= chunk_bytes for piece in pieces)
    assert np.array_equal(np.concatenate(pieces), source.array[rows])


def test_curved_preprocessing_keeps_heavy_tails_near_and_is_inverted() -> None:
    x = np.random.default_rng(0).standard_cauchy((500, 3)) * [1, 100, 1e-3]
    fitted = fit_preprocessing(ArraySource(x), np.arange(500), curved=True)
    straight = fit_preprocessing(ArraySource(x), np.arange(500))
    np.testing.assert_allclose(fitted.prepare(x), np.arcsinh(straight.prepare(x)), rtol=1e-6, atol=2e-7)
    np.testing.assert_allclose(fitted.restore(fitted.prepare(x)), x, rtol=1e-4, atol=1e-4 * x.std(0).max())
    unit = np.random.default_rng(1).random((50, 2))
    assert not fit_preprocessing(ArraySource(unit), np.arange(50), curved=True).unit
