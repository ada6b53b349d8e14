"""Noise of cameras: its spread at each grey level, JPEG as Pillow's, the mosaic, and what chains of noises do."""

import io
import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from diabolo.config.corruption import CameraConfig, ChainConfig, CorruptionConfig, JpegConfig, PhotoNoiseConfig
from diabolo.config.json import from_json, to_json
from diabolo.config.model import ModelConfig
from diabolo.errors import ArgumentError
from diabolo.model.corruption.camera import Camera, photographed
from diabolo.model.corruption.described import parse_noise
from diabolo.model.corruption.draws import Numbers
from diabolo.model.corruption.filters import blurred, rescaled
from diabolo.model.corruption.jpeg import jpeg
from diabolo.model.corruption.kinds import CORRUPTIONS
from diabolo.model.corruption.mosaic import bilinear, malvar, mosaicked, places
from diabolo.model.corruption.photo_noise import Mixture, spoiled
from diabolo.model.corruption.raw import Colours, linear_of, sensor_noise, shot_and_read, srgb_of

CPU = torch.device("cpu")


def draws(count: int, seed: int = 0) -> Numbers:
    return Numbers(count, torch.Generator().manual_seed(seed), CPU)


def picture() -> NDArray[np.uint8]:
    """A smooth colour picture with edges, 75 x 90."""
    rows, columns = np.mgrid[:75, :90] / 9
    waves = [np.sin(rows + k) * np.cos(columns * (1 + k / 3)) for k in range(3)]
    planes = 128 + 90 * np.stack(waves, -1) + 30 * (columns > 5)[..., None]
    return np.asarray(planes.clip(0, 255).astype(np.uint8))


def planes_of(image: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(image.copy()).permute(2, 0, 1).unsqueeze(0).float() / 255


@pytest.mark.parametrize("quality", [30, 75, 95])
@pytest.mark.parametrize("halved", [True, False])
def test_jpeg_is_that_of_pillow(quality: int, halved: bool) -> None:
    stream = io.BytesIO()
    Image.fromarray(picture()).save(stream, "JPEG", quality=quality, subsampling=2 if halved else 0)
    theirs = planes_of(np.asarray(Image.open(stream)))
    ours = jpeg(planes_of(picture()), torch.tensor([float(quality)]), torch.tensor([halved]))
    assert float((ours - theirs).abs().mean()) < 0.7 / 255
    assert torch.equal(ours, (ours * 255).round() / 255)


def test_each_image_has_its_own_jpeg_quality() -> None:
    images = planes_of(picture()).expand(3, -1, -1, -1)
    qualities, halved = torch.tensor([20.0, 60.0, 98.0]), torch.tensor([True, False, False])
    found = jpeg(images, qualities, halved)
    alone = torch.cat([jpeg(images[:1], qualities[i : i + 1], halved[i : i + 1]) for i in range(3)])
    assert torch.equal(found, alone)
    assert torch.equal((found - images).square().mean((1, 2, 3)).argsort(), torch.tensor([2, 1, 0]))


@pytest.mark.parametrize("level", [0.02, 0.18, 0.6])
@pytest.mark.parametrize("shot", [1e-4, 1e-3, 0.012])
def test_the_spread_at_each_grey_level_is_that_of_the_formula(level: float, shot: float) -> None:
    kind = draws(4)
    shots, read = shot_and_read(kind, (shot, shot))
    assert torch.allclose(shots, torch.full_like(shots, shot))
    noise = sensor_noise(torch.full((4, 3, 64, 64), level), shots, read, kind)
    expected = (shot * level + read).sqrt().flatten()
    assert torch.allclose(noise.flatten(1).std(1), expected, rtol=0.03)


def test_read_noise_is_in_natural_logarithms() -> None:
    """With base 10 in place of e the read variance would be several times as large (Brooks et al. 2019)."""
    _, read = shot_and_read(draws(4000), (0.01, 0.01))
    expected = 2.18 * math.log(0.01) + 1.20
    assert float(read.log().mean()) == pytest.approx(expected, abs=0.02)
    assert float(read.log().std()) == pytest.approx(0.26, rel=0.05)
    assert float(read.mean()) < 5e-4


def test_srgb_spread_of_the_published_ranges() -> None:
    """Shot 0.012 makes about 21, 14 and 13 levels at linear 0.02, 0.18 and 0.6, gamma 2.2, before the mosaic."""
    for level, expected in ((0.18, 14), (0.6, 13)):
        kind = draws(16)
        shot, read = shot_and_read(kind, (0.012, 0.012))
        linear = torch.full((16, 3, 48, 48), level)
        noisy = srgb_of(linear + sensor_noise(linear, shot, read, kind), torch.zeros(16, 1, 1, 1, dtype=torch.bool))
        assert float(noisy.std() * 255) == pytest.approx(expected, rel=0.15)


def test_the_way_to_the_sensor_and_back_changes_nothing() -> None:
    images = 0.05 + 0.75 * torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 0.5
    kind = draws(6)
    colours, curved = Colours(kind), torch.tensor([True, False] * 3).view(-1, 1, 1, 1)
    back = srgb_of(colours.processed(colours.unprocessed(linear_of(images, curved))), curved)
    grey = images.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    grey_back = srgb_of(colours.processed(colours.unprocessed(linear_of(grey, curved))), curved)
    assert float((back - images).abs().mean()) < 0.01
    torch.testing.assert_close(grey_back, grey, atol=2e-3, rtol=0)


@pytest.mark.parametrize("start", range(4))
def test_a_mosaic_of_grey_and_of_slopes_is_interpolated_exactly(start: int) -> None:
    slope = (torch.arange(24.0).view(1, 1, 1, -1) + 2 * torch.arange(20.0).view(1, 1, -1, 1)).expand(1, 3, 20, 24)
    where = places((20, 24), torch.tensor([start]))
    assert torch.equal(where.sum(1), torch.ones(1, 20, 24))
    assert where.sum((0, 2, 3)).tolist() == [120, 120, 120, 120]
    for way in (bilinear, malvar):
        inner = way(mosaicked(slope, where), where)[..., 3:-3, 3:-3]
        torch.testing.assert_close(inner, slope[..., 3:-3, 3:-3])


def test_interpolation_spreads_noise_over_neighbours() -> None:
    noise = torch.randn(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    where = places((128, 128), torch.tensor([0]))
    spread = bilinear(mosaicked(noise, where), where)
    red = spread[0, 0]
    assert float((red[:, 1:] * red[:, :-1]).mean() / red.square().mean()) > 0.5


def test_a_blur_has_its_width_and_a_scale_of_1_changes_nothing() -> None:
    point = torch.zeros(2, 1, 41, 41)
    point[:, :, 20, 20] = 1
    found = blurred(point, torch.tensor([0.0, 2.0]).view(-1, 1, 1, 1))
    torch.testing.assert_close(found[0], point[0])
    rows = torch.arange(41.0) - 20
    assert float((found[1, 0].sum(1) * rows.square()).sum()) == pytest.approx(4, rel=0.01)
    images = torch.rand(2, 3, 9, 11, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(rescaled(images, torch.ones(2, 1, 1, 1)), images)


def test_a_camera_without_noise_shows_what_is_wanted() -> None:
    images = planes_of(picture()).expand(4, -1, -1, -1)
    noisy, clean = photographed(images, draws(4), Camera(shots=(1e-8, 1e-8)))
    assert float((noisy - clean).abs().mean()) < 1e-3
    plain = Camera(curved=0, sharpened=0, scaled=0)
    assert float((photographed(images * 0.5 + 0.2, draws(4), plain)[1] - images * 0.5 - 0.2).abs().mean()) < 0.02


def test_the_mixture_has_its_shares_and_keeps_grey_grey() -> None:
    grey = planes_of(picture()).mean(1, keepdim=True).expand(40, 3, -1, -1)
    given, wanted = spoiled(grey, torch.Generator().manual_seed(0))
    assert torch.equal(given[:, :1], given[:, 2:]) or float((given[:, 0] - given[:, 2]).abs().max()) <= 2 / 255
    assert Mixture().counts(40) == (18, 12, 7, 3)
    noise = (given - wanted).square().mean((1, 2, 3)).sqrt() * 255
    assert float(noise[-3:].max()) < 6
    assert float(noise[18:30].max()) > 10


@pytest.mark.parametrize("text", ["camera", "camera:0.001-0.01", "camera,jpeg:60-95", "poisson+gaussian", "photo"])
@pytest.mark.parametrize("shape", [(16, 16), (16, 16, 3)])
def test_each_is_described_kept_and_applied(text: str, shape: tuple[int, ...]) -> None:
    config = parse_noise(text)
    kept = from_json(ModelConfig, to_json(example(config)))
    assert kept.corruption == config
    corrupt = CORRUPTIONS[type(config)](config, True)
    x = torch.rand(8, *shape, generator=torch.Generator().manual_seed(0))
    seen, again = (corrupt.seen(x, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(seen.given, again.given)
    assert seen.given.shape == seen.wanted.shape == x.shape
    assert not torch.equal(seen.given, seen.wanted)


def example(corruption: CorruptionConfig) -> ModelConfig:
    from diabolo.config.networks import DenseConfig

    return ModelConfig("any", (6,), 6, DenseConfig(), corruption=corruption)


def test_what_a_chain_is() -> None:
    chain = parse_noise("camera,jpeg:60-95")
    assert chain == ChainConfig((CameraConfig(), JpegConfig(95, 60 / 95)))
    assert parse_noise("photo") == PhotoNoiseConfig()
    for text in ("jpeg:60,camera", "camera,", "camera,fog:1"):
        with pytest.raises(ArgumentError):
            parse_noise(text)
