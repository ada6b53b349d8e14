"""The likelihood with a spread for each pixel, the network that is told the noise, and weights kept as int8."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.distributions import Normal

from diabolo.config.likelihoods import PixelGaussianConfig
from diabolo.config.model import ModelConfig
from diabolo.config.networks import UShapedConfig
from diabolo.data.preprocessing import Preprocessing
from diabolo.errors import ArgumentError
from diabolo.model.autoencoder import AutoencoderModel
from diabolo.model.likelihoods import PixelGaussian
from diabolo.model.networks.resizing import predicted
from diabolo.model.networks.sizes import code_size
from diabolo.training.files.model_file import Trained, from_steps, load_model, save_model, stepped


def told_model(*, shape: tuple[int, ...] = (16, 24, 3)) -> AutoencoderModel:
    network = UShapedConfig((8, 12), depths=(1, 2), bias=True, told=True)
    size = code_size(network.channels, (shape[2], *shape[:2]))
    config = ModelConfig("denoise-photo", shape, size, network, likelihood=PixelGaussianConfig(1.1, 0.002))
    return AutoencoderModel(config, torch.Generator().manual_seed(0)).eval()


def test_the_distortion_is_that_of_a_normal_distribution_of_each_pixels_spread() -> None:
    generator = torch.Generator().manual_seed(0)
    parameters, x = torch.randn(4, 5, 6, 4, generator=generator), torch.rand(4, 5, 6, 3, generator=generator)
    likelihood = PixelGaussian()
    spread = likelihood.log_spread(parameters).exp().unsqueeze(-1)
    expected = -Normal(parameters[..., :3], spread).log_prob(x).flatten(1).sum(1)
    torch.testing.assert_close(likelihood.distortion(parameters, x), expected)
    assert likelihood(parameters).shape == x.shape


def test_expected_errors_are_calibrated_by_trust_and_floor() -> None:
    parameters = torch.zeros(1, 2, 2, 4)
    plain, trusted = PixelGaussian(), PixelGaussian(trust=2.0, floor=0.03)
    found = trusted.expected_error(parameters)
    torch.testing.assert_close(found, torch.sqrt((2 * plain.expected_error(parameters)) ** 2 + 0.03**2))


def test_what_is_told_matters_and_nothing_told_is_zeros() -> None:
    model = told_model()
    x = torch.rand(2, 16, 24, 3, generator=torch.Generator().manual_seed(1))
    levels = torch.full((2, 16, 24, 1), 0.3)
    blind = predicted(model, x)
    torch.testing.assert_close(blind, model.decoder.predict(model.encoder(x)))
    torch.testing.assert_close(
        blind, predicted(model, torch.cat([x, torch.zeros_like(levels), torch.zeros_like(levels)], 3))
    )
    assert not torch.allclose(blind, predicted(model, torch.cat([x, levels, torch.ones_like(levels)], 3)))
    assert model(x).shape == x.shape


def test_every_weight_of_the_told_network_has_a_gradient() -> None:
    model, generator = told_model(), torch.Generator().manual_seed(0)
    given = torch.rand(2, 16, 24, 5, generator=generator)
    parameters = model.decoder.network(model.encoder.network(given))
    model.decoder.likelihood.distortion(parameters, torch.rand(2, 16, 24, 3, generator=generator)).sum().backward()
    assert all(float(weights.grad.abs().sum()) > 0 for weights in model.parameters() if weights.grad is not None)
    assert all(weights.grad is not None for weights in model.parameters())


def test_depths_must_fit_the_stages() -> None:
    with pytest.raises(ArgumentError, match="depths must be one for each of 2 stages"):
        UShapedConfig((8, 12), depths=(1, 2, 3))
    assert UShapedConfig((8, 12), blocks=3).blocks_of == (3, 3)


def test_weights_that_are_steps_are_kept_as_int8(tmp_path: Path) -> None:
    model = told_model()
    with torch.no_grad():
        for weights in model.parameters():
            weights.copy_(from_steps(*stepped(weights)) if weights.dim() > 1 else weights.half().float())
    preprocessing = Preprocessing(np.array(0.0), np.array(255.0), np.dtype(np.uint8), True)
    save_model(tmp_path / "m.safetensors", Trained(model, preprocessing, ()))
    back = load_model(tmp_path / "m.safetensors").model
    for name, weights in model.state_dict().items():
        assert torch.equal(back.state_dict()[name], weights)
    plain = replace(model.config, likelihood=PixelGaussianConfig(1.1, 0.002))
    assert back.config == plain
    floats = Trained(told_model(), preprocessing, ())
    save_model(tmp_path / "f.safetensors", floats)
    assert (tmp_path / "m.safetensors").stat().st_size < 0.45 * (tmp_path / "f.safetensors").stat().st_size
