"""Denoise: the estimate of the noise, tiles that cannot be told apart, clean images left alone, and figures."""

import io
import math

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from skimage import data

from diabolo.errors import ArgumentError, InputError
from diabolo.estimator import Autoencoder
from diabolo.jobs.denoise.bundled import bundled_denoiser, bundled_white, fitting
from diabolo.jobs.denoise.denoise import denoise, model_scale
from diabolo.jobs.denoise.noise_level import noise_level
from diabolo.jobs.denoise.scale import Scale
from diabolo.jobs.denoise.strength import Dial
from diabolo.jobs.evaluate.quality import psnr, ssim
from diabolo.model.corruption.described import parse_noise
from diabolo.model.networks.resizing import can_resize, resized


def camera() -> NDArray[np.float32]:
    return (data.camera()[100:260, 150:330] / 255).astype(np.float32)


def noisy(image: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    return (image + np.random.default_rng(1).normal(0, sigma / 255, image.shape)).astype(np.float32)


@pytest.mark.parametrize("sigma", [5, 15, 25, 50])
def test_the_noise_is_estimated(sigma: float) -> None:
    assert 255 * noise_level(noisy(camera(), sigma)) == pytest.approx(sigma, rel=0.15)


@pytest.mark.parametrize("name", ["grass", "gravel"])
def test_texture_is_not_taken_for_noise_and_noise_on_it_is_found(name: str) -> None:
    clean = (getattr(data, name)() / 255).astype(np.float32)
    assert 255 * noise_level(clean) < 1
    assert 255 * noise_level(noisy(clean, 25)) == pytest.approx(25, rel=0.15)


@pytest.mark.parametrize("sigma", [15, 25, 50])
def test_noise_goes_and_the_image_stays(sigma: float) -> None:
    given = noisy(camera(), sigma)
    cleaned = denoise(bundled_denoiser(), given).image
    assert psnr(camera(), cleaned) > psnr(camera(), given) + 3
    assert ssim(camera(), cleaned) > ssim(camera(), given) + 0.05


@pytest.mark.parametrize("name", ["camera", "moon", "coffee", "astronaut", "chelsea", "brick", "gravel", "grass"])
@pytest.mark.parametrize("sigma", [0, 0.7])
def test_an_image_that_is_clean_already_is_hardly_touched(name: str, sigma: float) -> None:
    clean = getattr(data, name)()[:200, :200] / 255
    given = np.rint(255 * (clean + np.random.default_rng(1).normal(0, sigma / 255, clean.shape)))
    before = given.clip(0, 255).astype(np.uint8)
    assert psnr(before, denoise(bundled_denoiser(), before).image) > 45


@pytest.mark.parametrize("kind", ["white", "smooth", "jpeg"])
@pytest.mark.parametrize("sigma", [8, 20])
def test_the_noise_that_was_removed_is_known_even_where_neighbours_are_alike(kind: str, sigma: float) -> None:
    clean = data.astronaut()[200:400, 100:300] / 255
    noise = np.random.default_rng(0).normal(0, 1, clean.shape)
    noise = ndimage.gaussian_filter(noise, (0.7, 0.7, 0)) if kind == "smooth" else noise
    levels = np.rint(255 * (clean + sigma / 255 * noise / noise.std())).clip(0, 255).astype(np.uint8)
    reference = np.rint(255 * clean).astype(np.uint8)
    if kind == "jpeg":
        levels, reference = packed(levels), packed(reference)
    found = denoise(bundled_denoiser(), levels)
    true = float(np.sqrt(np.square(levels.astype(float) - reference).mean()))
    assert found.found is not None
    assert 255 * found.noise == pytest.approx(true, rel=0.3)
    assert (found.found.lags[1] > 0.3) == (kind == "smooth")
    assert found.found.spreads == (1 if kind == "smooth" else 0)


def packed(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    stream = io.BytesIO()
    Image.fromarray(levels).save(stream, "JPEG", quality=75)
    return np.asarray(Image.open(stream))


def test_shot_noise_is_told_from_read_noise() -> None:
    clean = np.linspace(0.1, 0.8, 256)[:, None] * np.ones((256, 256))
    peak, read = 200, 0.01
    noisy_image = np.random.default_rng(0).poisson(clean * peak) / peak
    noisy_image += np.random.default_rng(1).normal(0, read, clean.shape)
    found = denoise(bundled_denoiser(), noisy_image.astype(np.float32)).found
    assert found is not None
    assert found.shot == pytest.approx(1 / peak, rel=0.2)
    assert found.at(np.float32([0.5]))[0] == pytest.approx(math.sqrt(0.5 / peak + read**2), rel=0.1)


def colour(sigma: float = 20) -> NDArray[np.uint8]:
    clean = data.astronaut()[200:328, 100:228]
    return np.rint(clean + np.random.default_rng(0).normal(0, sigma, clean.shape)).clip(0, 255).astype(np.uint8)


def test_the_dial_goes_from_the_picture_itself_and_is_monotone() -> None:
    given = colour()
    found = [denoise(bundled_denoiser(), given, dial=Dial(step)).image for step in (0, 0.4, 0.8, 1, 1.5, 2)]
    assert np.array_equal(found[0], given)
    assert np.array_equal(found[3], denoise(bundled_denoiser(), given).image)
    removed = [float(np.square(image.astype(float) - given).mean()) for image in found]
    assert removed == sorted(removed)
    assert len(set(removed)) == len(removed)
    assert fineness(found[-1]) < fineness(found[3])


def fineness(image: NDArray[np.uint8]) -> float:
    return float(np.abs(np.diff(image.astype(float), axis=0)).mean())


def test_a_level_that_is_given_is_taken() -> None:
    given = colour(5)
    weak, strong = (denoise(bundled_denoiser(), given, dial=Dial(noise=level / 255)).image for level in (2, 30))
    assert fineness(strong) < fineness(weak) < fineness(given)


def test_grain_that_is_kept_is_grey() -> None:
    given = colour()
    plain, grainy = (
        denoise(bundled_denoiser(), given, dial=Dial(grain=share)).image.astype(float) for share in (0, 0.5)
    )
    added = grainy - plain
    assert added.std() > 2
    assert np.abs(added - added.mean(2, keepdims=True)).mean() < 1


def test_the_expected_error_is_about_the_true_one() -> None:
    clean = data.astronaut()[0:256, 100:356]
    noisy_one = np.rint(clean + np.random.default_rng(0).normal(0, 25, clean.shape)).clip(0, 255).astype(np.uint8)
    found = denoise(bundled_denoiser(), noisy_one, uncertainty=True)
    assert found.error is not None
    assert found.error.shape == clean.shape[:2]
    square = np.square(found.image.astype(float) - clean).mean(2)
    assert float(np.sqrt((square / np.square(found.error)).mean())) == pytest.approx(1, abs=0.25)
    assert np.corrcoef(np.sqrt(square).ravel(), found.error.ravel())[0, 1] > 0.3
    with pytest.raises(ArgumentError, match="bundled"):
        denoise(bundled_white(), camera(), uncertainty=True)
    with pytest.raises(ArgumentError, match="cannot be told"):
        denoise(bundled_white(), camera(), dial=Dial(1.5))


def test_white_noise_in_grey_has_its_own_model_and_photons_have_not() -> None:
    white = noisy(np.tile(camera(), (2, 2)), 25)
    photons = (np.random.default_rng(0).poisson(np.tile(camera(), (2, 2)) * 30) / 30).astype(np.float32)
    assert fitting(bundled_denoiser(), white, Scale()) is bundled_white()
    assert fitting(bundled_denoiser(), photons, Scale()) is bundled_denoiser()


def test_two_tilings_agree_to_the_last_grey_level() -> None:
    image = np.rint(255 * noisy(np.tile(camera(), (2, 2))[:301, :333], 25)).clip(0, 255).astype(np.uint8)
    one, other = (denoise(bundled_denoiser(), image, tile=tile).image for tile in (96, 208))
    assert np.array_equal(one, other)


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (17, 5), (33, 40, 3), (1, 50), (61, 37)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_any_size_and_depth_keeps_its_shape_and_type(shape: tuple[int, ...], dtype: type) -> None:
    limit = 1 if dtype is np.float32 else np.iinfo(dtype).max
    image = (np.random.default_rng(0).uniform(size=shape) * limit).astype(dtype)
    found = denoise(bundled_denoiser(), image)
    assert (found.image.shape, found.image.dtype) == (shape, np.dtype(dtype))
    assert math.isfinite(found.noise)


def test_sixteen_bits_are_worth_as_much_as_floats() -> None:
    image = np.clip(noisy(camera(), 20), 0, 1)
    deep = denoise(bundled_denoiser(), np.rint(image * 65535).astype(np.uint16)).image
    np.testing.assert_allclose(deep / 65535, np.clip(denoise(bundled_denoiser(), image).image, 0, 1), atol=1e-3)


def test_twelve_bits_in_sixteen_are_cleaned_as_twelve() -> None:
    image = np.clip(noisy(camera(), 20), 0, 1)
    given = np.rint(image * 4095).astype(np.uint16)
    given[0, :3] = 4095, 4096, 5000  # noise may go beyond
    found, wanted = denoise(bundled_denoiser(), given), denoise(bundled_denoiser(), given / np.float32(4095))
    assert (found.white, found.noise) == (4095, pytest.approx(wanted.noise, rel=1e-4))
    np.testing.assert_allclose(found.image / 4095, np.clip(wanted.image, 0, 2), atol=1e-3)


def test_what_learnt_from_sixteen_bits_sees_sixteen() -> None:
    images = np.rint(np.random.default_rng(0).uniform(0, 4000, (40, 8, 8))).astype(np.uint16)
    deep = Autoencoder("denoise-small", epochs=1, noise="gaussian:0.1").fit(images)
    assert denoise(deep.trained_, images[0]).white == 65535
    assert model_scale(bundled_denoiser(), images).span == 4095
    assert model_scale(bundled_denoiser(), np.full((4, 4), 60_000, np.uint16)).span == 65535
    assert model_scale(bundled_denoiser(), np.zeros((4, 4), np.uint16)).span == 255


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (np.zeros((0, 4), np.uint8), "height"),
        (np.zeros((4, 4, 4), np.uint8), "height"),
        (np.zeros((4, 4), np.complex64), "numbers"),
        (np.full((4, 4), np.nan, np.float32), "NaN"),
    ],
)
def test_what_cannot_be_cleaned_is_refused(image: NDArray[np.generic], said: str) -> None:
    with pytest.raises(InputError, match=said):
        denoise(bundled_denoiser(), image)


def test_the_lectures_denoiser_beats_the_noise_on_digits() -> None:
    from sklearn.datasets import load_digits

    digits = np.rint(load_digits().images / 16 * 255).astype(np.uint8)
    model = Autoencoder("denoise", noise="gaussian:0.3", epochs=8).fit(digits[:1500])
    given = np.clip(digits[1500:] / 255 + np.random.default_rng(1).normal(0, 0.3, digits[1500:].shape), 0, 1)
    given = np.rint(255 * given).astype(np.uint8)
    cleaned = model.denoise(given)
    assert cleaned.dtype == np.uint8
    assert psnr(digits[1500:], cleaned) > psnr(digits[1500:], given) + 3


def test_a_model_of_convolutions_is_the_same_at_another_size() -> None:
    model = bundled_white().model
    assert can_resize(model.config)
    larger = resized(model, 96, 128)
    assert larger.config.shape == (96, 128)
    assert all(
        a is b or a.data_ptr() == b.data_ptr() for a, b in zip(larger.parameters(), model.parameters(), strict=True)
    )


def test_a_dense_model_takes_its_own_size_only() -> None:
    x = np.random.default_rng(0).integers(0, 256, (40, 6, 6)).astype(np.uint8)
    model = Autoencoder("dense", latent=4, noise="gaussian:0.1", epochs=1).fit(x)
    assert model.denoise(x[:2]).shape == (2, 6, 6)
    with pytest.raises(InputError, match="fully connected"):
        model.denoise(np.zeros((1, 7, 7), np.uint8))


def test_psnr_and_ssim_of_equal_images() -> None:
    image = camera()
    assert psnr(image, image) == math.inf
    assert ssim(image, image) == pytest.approx(1)
    assert psnr(np.zeros((4, 4), np.uint8), np.full((4, 4), 255, np.uint8)) == 0


@pytest.mark.parametrize(
    "text", ["gaussian", "gaussian:", "gaussian:x", "gaussian:-1", "fog:1", "poisson:5-2", "jpeg:0", ""]
)
def test_noise_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match=r"noise must|must be from"):
        parse_noise(text)


@pytest.mark.parametrize(
    "text", ["gaussian:0.5", "gaussian:0-0.2", "poisson:5-30", "salt-pepper:0.1", "jpeg:20", "jpeg:10-40"]
)
def test_a_model_learns_from_every_kind_of_noise(text: str) -> None:
    x = np.random.default_rng(0).integers(0, 256, (20, 8, 8)).astype(np.uint8)
    model = Autoencoder("denoise", noise=text, epochs=1).fit(x)
    assert model.autoencoder.config.corruption == parse_noise(text)
    assert math.isfinite(model.history_[0].loss)
