"""The photo codec: the same symbols on every machine, any size and quality, damage refused, small files that agree."""

from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from diabolo.coding.photo.classes import class_tables
from diabolo.coding.photo.maps import MapCoder
from diabolo.coding.photo.prior import WholePrior, by_place, in_rows
from diabolo.coding.photo.whole import LEVELS, level_quality, prior_weights
from diabolo.config.bottlenecks import HyperpriorConfig
from diabolo.config.likelihoods import GaussianConfig
from diabolo.config.model import ModelConfig
from diabolo.config.networks import PhotoConfig
from diabolo.data.preprocessing import Preprocessing
from diabolo.data.source import ArraySource
from diabolo.errors import FormatError
from diabolo.jobs.compress.compress import compress, identity
from diabolo.jobs.compress.decompress import unpacked
from diabolo.jobs.compress.packed_model import read_packed, write_packed
from diabolo.jobs.compress.photos import PHOTO, Photos, fit_photos, parts
from diabolo.model.autoencoder import AutoencoderModel
from diabolo.model.networks.starts import start_at
from diabolo.training.files.model_file import Trained

SIDE = 32


def photos(count: int, height: int = SIDE, width: int = SIDE) -> Any:
    """Return smooth pictures with some grain, (count, height, width, 3)."""
    random = np.random.default_rng(0)
    slopes = random.normal(size=(count, 1, 1, 3, 2))
    rows, columns = np.mgrid[:height, :width][..., None] / SIDE
    plain = 128 + 60 * np.sin(4 * (slopes[..., 0] * rows + slopes[..., 1] * columns))
    return np.clip(plain + random.normal(size=plain.shape) * 8, 0, 255).astype(np.uint8)


@cache
def small() -> Trained:
    """Return a small codec that starts at the cosines, untrained, with its prior in whole numbers."""
    network = PhotoConfig(48, (12, 48, 48), (0, 1, 1), 8, 48)
    prior = HyperpriorConfig(48, 4, 4, side=8, hidden=16, features=8)
    config = ModelConfig("codec-photo", (SIDE, SIDE, 3), 48 * 16 + 1, network, prior, GaussianConfig(), beta=1e-3)
    model = AutoencoderModel(config, torch.Generator().manual_seed(0))
    samples = photos(16)
    start_at(model, torch.from_numpy(samples).float() / 255, torch.Generator().manual_seed(1))
    with torch.no_grad():
        for weights in model.encoder.bottleneck.prior.parameters():
            weights.add_(torch.randn(weights.shape, generator=torch.Generator().manual_seed(2)) * 0.02)
    scale = Preprocessing(np.zeros(()), np.array(255.0), np.dtype(np.uint8), True, ())
    trained = Trained(model.eval(), scale, (), {})
    return Trained(model, scale, (), {}, {PHOTO: fit_photos(trained, ArraySource(samples[:4]))})


@cache
def coder() -> MapCoder:
    return MapCoder(small().extras[PHOTO].arrays)


def maps_of(height: int, width: int, seed: int = 0, count: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randn(count, 48, height, width, generator=generator) * 3
    return maps, torch.randn(count, 8, -(-height // 4), -(-width // 4), generator=generator) * 3


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.lists(st.integers(0, LEVELS - 1), min_size=1, max_size=3))
def test_maps_of_any_size_and_quality_come_back_as_they_were_coded(height: int, width: int, levels: list[int]) -> None:
    maps, side = maps_of(height, width, count=len(levels))
    with torch.inference_mode():
        data, known = coder().coded(maps, side, np.array(levels))
        found = coder().decode(data, len(levels), height, width)
    assert found.levels.tolist() == levels
    assert torch.equal(found.maps, known)
    fine = known[[level > 50 for level in levels]]
    assert not len(fine) or float((fine - maps[[level > 50 for level in levels]]).abs().median()) < 0.25


def test_one_thread_and_two_decode_the_same_symbols() -> None:
    maps, side = maps_of(40, 30)
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            with torch.inference_mode():
                data, known = coder().coded(maps, side, np.array([60]))
                found.append((data, known, coder().decode(data, 1, 40, 30).maps))
    finally:
        torch.set_num_threads(before)
    assert found[0][0] == found[1][0]
    assert all(torch.equal(one, found[0][1]) for pair in found for one in pair[1:])


def test_means_and_classes_are_those_of_any_order_of_summation() -> None:
    prior, shuffled = coder().prior, WholePrior(small().extras[PHOTO].arrays)
    order = torch.randperm(shuffled.deep[1].weight.shape[0], generator=torch.Generator().manual_seed(0))
    layer = shuffled.deep[1]
    x = torch.randint(0, 256, (1, 4, 3, 3, len(order)), generator=torch.Generator().manual_seed(1)).float()
    other = type(layer)(layer.weight[order], layer.bias, layer.scale)
    levels = torch.tensor([3])
    assert torch.equal(prior.deep[1](x, levels), other(x[..., order], levels))
    exact = (x.double() @ layer.weight.double() + layer.bias.double()) * layer.scale.double()
    assert torch.equal(prior.deep[1](x, levels).double(), exact.floor())


def test_training_starts_at_a_transform_that_keeps_smooth_pictures() -> None:
    analysis, _, synthesis = parts(small())
    x = torch.from_numpy(photos(2)).permute(0, 3, 1, 2).float() / 510 + 0.45  # the mean is not that of the range
    with torch.inference_mode():
        error = (synthesis.pictures(analysis.maps(x), torch.zeros(2)) - x).square().mean()
    assert -10 * float(torch.log10(error)) > 30


def test_whole_numbers_predict_what_the_trained_prior_does() -> None:
    bottleneck = parts(small())[1]
    items = photos(4)
    codec = Photos(small(), 60)
    with torch.inference_mode():
        maps, side = codec.analysed(items)
        data = codec.maps.encode(maps, side, np.array([60] * 4))
        latent = torch.cat([maps.flatten(1), torch.full((4, 1), level_quality(60))], 1)
        nats = bottleneck.rate(latent).sum()
    assert 8 * len(data) == pytest.approx(float(nats) / np.log(2), rel=0.05)


def test_the_priors_weights_come_back_from_its_whole_numbers() -> None:
    bottleneck = parts(small())[1]
    restored = prior_weights(small().extras[PHOTO].arrays, 48)
    state = bottleneck.prior.state_dict()
    assert set(restored) == set(state)
    for name, weights in state.items():
        if "told" not in name and "bias" not in name:
            bound = float(weights.abs().max())
            assert np.abs(restored[name] - weights.numpy()).max() <= 0.02 * bound


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_damaged_bytes_are_refused_or_give_maps_of_the_right_size(data: st.DataObject) -> None:
    maps, side = maps_of(3, 5)
    with torch.inference_mode():
        good = bytearray(coder().encode(maps, side, np.array([40])))
        for _ in range(data.draw(st.integers(1, 3))):
            good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
        cut = bytes(good[: data.draw(st.integers(0, len(good)))])
        with suppress(FormatError):
            assert coder().decode(cut, 1, 3, 5).maps.shape == (1, 48, 3, 5)


def test_arrays_whose_sums_could_round_are_refused() -> None:
    arrays = dict(small().extras[PHOTO].arrays)
    arrays["deep.0.weight"] = np.full_like(arrays["deep.0.weight"], 32767)
    with pytest.raises(FormatError, match="could sum to"):
        MapCoder(arrays)
    del arrays["deep.0.weight"]
    with pytest.raises(FormatError, match="lacks the array"):
        MapCoder(arrays)


def test_places_and_rows_are_each_others_inverse() -> None:
    x = torch.arange(2 * 5 * 7 * 3).view(2, 5, 7, 3)
    assert torch.equal(in_rows(by_place(x), 5, 7), x)


def test_tables_are_narrow_for_the_first_class_and_wide_for_the_last() -> None:
    tables = class_tables()
    first, last = tables.each()[0], tables.each()[-1]
    assert len(tables) == 63
    assert first[len(first) // 2 - 1] > 0.99 * 2**24
    assert last[len(last) // 2 - 1] < 0.01 * 2**24


@pytest.mark.parametrize("shape", [(1, 1, 3), (5, 23, 3), (33, 17), (40, 9, 1)])
def test_pictures_of_any_size_come_back_through_an_archive(shape: tuple[int, ...], tmp_path: Path) -> None:
    items = photos(3, *shape[:2])
    items = items if shape[2:] == (3,) else items[..., 0].reshape(3, *shape)
    found = compress(small(), ArraySource(items), tmp_path / "a.dbo")
    back = np.concatenate([piece.array for piece in unpacked(small(), tmp_path / "a.dbo")])
    assert back.shape == items.shape
    error = np.square(back - items.astype(float)).mean()
    assert found.psnr == pytest.approx(min(120, 10 * np.log10(255**2 / max(error, 1e-9))))


def test_each_picture_reaches_the_quality(tmp_path: Path) -> None:
    items = photos(4, 48, 40)
    sizes = []
    for quality in (24.0, 30.0):
        found = compress(small(), ArraySource(items), tmp_path / "a.dbo", quality=quality, force=True)
        back = np.concatenate([piece.array for piece in unpacked(small(), tmp_path / "a.dbo")])
        errors = np.square(back - items.astype(float)).mean((1, 2, 3))
        assert (10 * np.log10(255**2 / errors) >= quality).all()
        sizes.append(found.size)
    assert sizes[0] < sizes[1]


def test_a_quality_out_of_reach_is_kept_exactly(tmp_path: Path) -> None:
    items = photos(2)
    found = compress(small(), ArraySource(items), tmp_path / "a.dbo", quality=70.0)
    assert found.stored == found.blocks == 1
    assert np.array_equal(next(iter(unpacked(small(), tmp_path / "a.dbo"))).array, items)


def test_a_packed_model_codes_as_the_one_it_was_made_of(tmp_path: Path) -> None:
    write_packed(tmp_path / "m.safetensors", small())
    packed = read_packed(tmp_path / "m.safetensors")
    assert identity(packed) == identity(read_packed(tmp_path / "m.safetensors"))
    items = photos(2)
    data, own = (Photos(model, 50).encode(items) for model in (packed, small()))
    assert data is not None
    assert own is not None
    assert len(data) == pytest.approx(len(own), rel=0.02)
    assert Photos(packed).decode(data, 2, items.shape[1:]).shape == items.shape
