"""Corruption: moments of the noise, what stays in range, and that only training sees it."""

import math

import pytest
import torch

from diabolo.config.corruption import CleanConfig, CorruptionConfig, GaussianNoiseConfig, MaskingConfig
from diabolo.config.likelihoods import GaussianConfig
from diabolo.config.model import ModelConfig
from diabolo.config.networks import DenseConfig
from diabolo.model.autoencoder import AutoencoderModel
from diabolo.model.corruption.kinds import CORRUPTIONS, Clean, GaussianNoise, Masking, Swapping

CASES = [Clean(), GaussianNoise(0.5, unit=True), GaussianNoise(0.5, unit=False), Masking(0.3)]
each_case = pytest.mark.parametrize("corrupt", CASES, ids=repr)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_every_corruption_has_its_class() -> None:
    assert set(CORRUPTIONS) == set(CorruptionConfig.__args__)  # type: ignore[attr-defined]
    assert isinstance(CORRUPTIONS[CleanConfig](CleanConfig(), True), Clean)
    noise = CORRUPTIONS[GaussianNoiseConfig](GaussianNoiseConfig(0.7), True)
    assert isinstance(noise, GaussianNoise)
    assert (noise.sigma, noise.unit) == (0.7, True)
    masking = CORRUPTIONS[MaskingConfig](MaskingConfig(0.2), False)
    assert isinstance(masking, Masking)
    assert masking.fraction == 0.2


@each_case
def test_the_input_is_not_changed_and_the_generator_decides(corrupt: torch.nn.Module) -> None:
    x = torch.rand(50, 4, 3, generator=seeded(9))
    kept = x.clone()
    one, same, other = (corrupt(x, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(x, kept)
    assert one.shape == x.shape
    assert one.dtype == x.dtype
    assert torch.equal(one, same)
    assert torch.equal(one, other) == isinstance(corrupt, Clean)
    assert torch.equal(one, x) == isinstance(corrupt, Clean)


def test_gaussian_noise_has_its_spread() -> None:
    x = torch.rand(1000, 100, generator=seeded()) * 10 - 5
    noise = GaussianNoise(0.5, unit=False)(x, seeded(1)) - x
    assert float(noise.mean()) == pytest.approx(0, abs=0.01)
    assert float(noise.std()) == pytest.approx(0.5, rel=0.01)
    assert float((noise.abs() < 0.5).float().mean()) == pytest.approx(math.erf(1 / math.sqrt(2)), abs=0.01)


def test_gaussian_noise_is_cut_to_where_the_data_are() -> None:
    x = torch.rand(1000, 100, generator=seeded())
    free, cut = (GaussianNoise(0.5, unit=unit)(x, seeded(1)) for unit in (False, True))
    assert torch.equal(cut, free.clamp(0, 1))
    assert free.min() < 0 < 1 < free.max()


def test_masking_sets_its_share_to_0_and_leaves_the_rest() -> None:
    x = torch.rand(1000, 100, generator=seeded()) + 1
    masked = Masking(0.3)(x, seeded(1))
    assert float((masked == 0).float().mean()) == pytest.approx(0.3, abs=0.01)
    assert torch.equal(masked[masked != 0], x[masked != 0])


@pytest.mark.parametrize("corrupt", [GaussianNoise(0, unit=True), GaussianNoise(0, unit=False), Masking(0)])
def test_nothing_is_corrupted_by_nothing(corrupt: torch.nn.Module) -> None:
    x = torch.rand(20, 5, generator=seeded())
    assert torch.equal(corrupt(x, seeded(1)), x)


def test_everything_can_be_masked() -> None:
    assert not Masking(1)(torch.rand(20, 5, generator=seeded()), seeded(1)).any()


@pytest.mark.parametrize("config", [GaussianNoiseConfig(0.5), MaskingConfig(0.5)])
def test_what_is_learnt_is_corrupted_and_the_target_is_clean(config: CorruptionConfig) -> None:
    options = {"likelihood": GaussianConfig(), "corruption": config}
    model = AutoencoderModel(ModelConfig("any", (6,), 6, DenseConfig(code="linear"), **options), seeded())  # type: ignore[arg-type]
    for part in (model.encoder.network[1], model.decoder.network[0]):
        with torch.no_grad():
            part.weight.copy_(torch.eye(6))
    x = torch.randn(30, 6, generator=seeded())
    least = 6 * math.log(2 * math.pi) / 2
    torch.testing.assert_close(model.score(x).distortion, torch.full((30,), least))
    wanted = (model.corrupt(x, seeded(3)) - x).square().sum(1) / 2 + least
    torch.testing.assert_close(model.terms(x, seeded(3)).distortion, wanted)
    torch.testing.assert_close(model.evaluate(x, seeded(3)).distortion, wanted)
    assert torch.equal(model(x), x)


def test_swapped_values_come_from_their_own_column() -> None:
    x = torch.arange(4000.0).view(1000, 4)
    swapped = Swapping(0.3)(x, seeded())
    assert torch.equal(swapped % 4, x % 4)
    assert 0.27 < (swapped != x).float().mean() < 0.33
    assert torch.equal(Swapping(0)(x, seeded()), x)
