"""Networks: the lecture's exact sizes, and a matching pair for samples of any shape; no global generator is touched."""

import math
import random
from typing import Any

import numpy as np
import pytest
import rich.style  # noqa: F401 its import draws a random number, and scikit-learn imports it late
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from diabolo.config.bottlenecks import VariationalConfig
from diabolo.config.likelihoods import BernoulliConfig, GaussianConfig
from diabolo.config.model import ModelConfig
from diabolo.config.networks import ConvolutionalConfig, DenseConfig, ResidualConfig
from diabolo.errors import ArgumentError, InputError
from diabolo.estimator import Autoencoder
from diabolo.model.autoencoder import AutoencoderModel
from diabolo.model.networks.starts import start_at
from diabolo.model.summary import summarise
from diabolo.presets.presets import PRESETS, configure
from diabolo.presets.record import default_latent

sizes = st.integers(1, 33)
shapes = st.tuples(sizes) | st.tuples(sizes, sizes) | st.tuples(sizes, sizes, st.integers(1, 4))


def built(config: ModelConfig, seed: int = 0) -> AutoencoderModel:
    return AutoencoderModel(config, torch.Generator().manual_seed(seed)).eval()


@pytest.mark.parametrize(
    ("preset", "encoder", "decoder", "latent"),
    [
        ("dense", 784 * 32 + 32, 32 * 784 + 784, 32),
        ("deep", 784 * 128 + 128 + 128 * 64 + 64 + 64 * 32 + 32, 32 * 64 + 64 + 64 * 128 + 128 + 128 * 784 + 784, 32),
        ("conv", 160 + 1160 + 584, 584 + 584 + 1168 + 145, 128),
    ],
)
def test_the_lectures_counts(preset: str, encoder: int, decoder: int, latent: int) -> None:
    config = configure(preset, (28, 28))
    totals = summarise(built(config)).totals
    assert totals == {"encoder": encoder, "decoder": decoder, "autoencoder": encoder + decoder}
    assert config.latent == latent


def test_the_lectures_totals() -> None:
    totals = [summarise(built(configure(preset, (28, 28)))).totals for preset in ("dense", "deep", "conv")]
    assert totals[0] == {"encoder": 25_120, "decoder": 25_872, "autoencoder": 50_992}
    assert [total["autoencoder"] for total in totals] == [50_992, 222_384, 4_385]


def test_the_lectures_convolutional_shapes() -> None:
    rows = summarise(built(configure("conv", (28, 28)))).rows
    seen = [(row.part, row.layer, row.shape) for row in rows if row.layer in ("Conv2d", "MaxPool2d", "Upsample")]
    assert seen == [
        ("encoder", "Conv2d", (16, 28, 28)),
        ("encoder", "MaxPool2d", (16, 14, 14)),
        ("encoder", "Conv2d", (8, 14, 14)),
        ("encoder", "MaxPool2d", (8, 7, 7)),
        ("encoder", "Conv2d", (8, 7, 7)),
        ("encoder", "MaxPool2d", (8, 4, 4)),
        ("decoder", "Conv2d", (8, 4, 4)),
        ("decoder", "Upsample", (8, 8, 8)),
        ("decoder", "Conv2d", (8, 8, 8)),
        ("decoder", "Upsample", (8, 16, 16)),
        ("decoder", "Conv2d", (16, 14, 14)),
        ("decoder", "Upsample", (16, 28, 28)),
        ("decoder", "Conv2d", (1, 28, 28)),
    ]


def test_the_lectures_deep_widths() -> None:
    rows = summarise(built(configure("deep", (28, 28)))).rows
    assert [row.shape for row in rows if row.layer == "Linear"] == [(128,), (64,), (32,), (64,), (128,), (784,)]


@pytest.mark.parametrize("preset", PRESETS)
@settings(max_examples=25)
@given(shape=shapes, latent=st.none() | st.integers(1, 5), unit=st.booleans(), count=st.integers(1, 3))
def test_any_shape_goes_there_and_back(
    preset: str, shape: tuple[int, ...], latent: int | None, unit: bool, count: int
) -> None:
    latent = latent if PRESETS[preset].free_latent else None
    config = configure(preset, shape, latent=latent, unit=unit)
    model, x = built(config), torch.rand(count, *shape)
    code = model.encoder(x)
    assert code.shape == (count, config.latent)
    assert latent is None or config.latent == latent
    assert model.decoder(code).shape == model(x).shape == x.shape
    terms = model.terms(x, torch.Generator().manual_seed(0))
    assert terms.distortion.shape == terms.rate.shape == (count,)
    assert torch.isfinite(model.loss(terms)).all()
    start_at(model, x, torch.Generator().manual_seed(0))
    assert torch.isfinite(model(x)).all()


@settings(max_examples=40)
@given(
    shape=shapes,
    channels=st.lists(st.integers(1, 4), min_size=1, max_size=6).map(tuple),
    dense=st.booleans(),
    variational=st.booleans(),
)
def test_any_number_of_stages_fits_any_shape(
    shape: tuple[int, ...], channels: tuple[int, ...], dense: bool, variational: bool
) -> None:
    height, width = shape[:2] if len(shape) > 1 else (1, shape[0])
    for _ in channels:
        height, width = math.ceil(height / 2), math.ceil(width / 2)
    latent = 3 if dense else channels[-1] * height * width
    options: dict[str, Any] = {"bottleneck": VariationalConfig()} if variational else {}
    model = built(ModelConfig("any", shape, latent, ConvolutionalConfig(channels, dense), **options))
    assert model(torch.rand(2, *shape)).shape == (2, *shape)


@settings(max_examples=20)
@given(shape=shapes, channels=st.lists(st.integers(1, 4), min_size=1, max_size=6).map(tuple), blocks=st.integers(0, 2))
def test_any_number_of_residual_stages_fits_any_shape(
    shape: tuple[int, ...], channels: tuple[int, ...], blocks: int
) -> None:
    network = ResidualConfig(channels, blocks)
    model = built(ModelConfig("any", shape, 3, network, VariationalConfig(couplings=2)))
    assert model(torch.rand(2, *shape)).shape == (2, *shape)


def test_an_empty_residual_decoder_starts_at_the_mean_of_each_channel() -> None:
    model = built(ModelConfig("any", (8, 8, 3), 2, ResidualConfig((4,), 0), likelihood=GaussianConfig()))
    start_at(model, torch.tensor([0.2, 0.5, 0.7]).expand(5, 8, 8, 3), torch.Generator())
    bias = model.decoder.network[-2].convolution.bias
    torch.testing.assert_close(bias, torch.tensor([0.2, 0.5, 0.7]).repeat_interleave(4))


def test_the_decoder_mirrors_the_encoder() -> None:
    model = built(ModelConfig("any", (10,), 2, DenseConfig((7, 5)), likelihood=BernoulliConfig()))
    wide = [[layer.weight.shape for layer in part if hasattr(layer, "weight")] for part in (model.encoder.network,)]
    back = [layer.weight.shape for layer in model.decoder.network if hasattr(layer, "weight")]
    assert back == [shape[::-1] for shape in reversed(wide[0])]


def test_a_convolutional_code_without_a_dense_layer_has_one_size() -> None:
    with pytest.raises(InputError, match="latent must be 128"):
        built(ModelConfig("any", (28, 28), 32, ConvolutionalConfig()))


@given(shapes)
def test_the_latent_that_nobody_asked_for_is_half_or_32(shape: tuple[int, ...]) -> None:
    assert default_latent(shape) == max(1, min(32, math.prod(shape) // 2))


@pytest.mark.parametrize("latent", [0, -1, True, 1.5, "x", [2], float("nan"), float("inf")])
def test_a_latent_that_is_no_count_is_refused(latent: Any) -> None:
    with pytest.raises(ArgumentError, match="latent must be an integer >= 1 or 'auto'"):
        configure("dense", (5,), latent=latent)


@pytest.mark.parametrize("latent", [2, np.int64(2), np.uint8(2)])
def test_a_whole_number_of_any_type_is_a_latent(latent: Any) -> None:
    config = configure("dense", (5,), latent=latent)
    assert type(config.latent) is int
    assert config == configure("dense", (5,), latent=2)


@pytest.mark.parametrize("preset", ["", "denser", None, ["dense"], 3])
def test_an_unknown_preset_is_refused(preset: Any) -> None:
    with pytest.raises(ArgumentError, match="preset must be one of dense, deep, conv"):
        configure(preset, (5,))


def global_states() -> tuple[Any, ...]:
    numpy = np.random.get_state()
    return random.getstate(), numpy[0], numpy[1].tolist(), numpy[2:], torch.get_rng_state().tolist()  # type: ignore[index]


@pytest.mark.parametrize("preset", PRESETS)
def test_no_global_generator_is_touched(preset: str) -> None:
    before = global_states()
    x = np.random.default_rng(0).uniform(size=(40, 6, 5))
    estimator = Autoencoder(preset, epochs=2, batch_size=16).fit(x)
    estimator.reconstruct(x)
    estimator.score(x)
    estimator.summary()
    assert global_states() == before


def test_the_weights_are_glorot_uniform_and_come_from_the_generator() -> None:
    one, same, other = (built(configure("deep", (28, 28)), seed) for seed in (1, 1, 2))
    for name, weights in one.state_dict().items():
        assert torch.equal(weights, same.state_dict()[name])
        if weights.dim() > 1:
            bound = math.sqrt(6 / sum(weights.shape))
            assert weights.abs().max() <= bound
            assert float(weights.std()) == pytest.approx(bound / math.sqrt(3), rel=0.05)
            assert not torch.equal(weights, other.state_dict()[name])
        else:
            assert not weights.any()


def test_convolutions_are_drawn_as_torch_draws_them() -> None:
    weights = built(configure("conv", (28, 28))).encoder.network[4].weight.detach()
    reference = torch.nn.init.xavier_uniform_(torch.empty(8, 16, 3, 3), generator=torch.Generator().manual_seed(0))
    assert weights.shape == reference.shape
    assert float(weights.std()) == pytest.approx(float(reference.std()), rel=0.1)
    assert weights.abs().max() <= math.sqrt(6 / ((8 + 16) * 9))
