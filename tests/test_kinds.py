"""The kinds that every course teaches: each against its paper's formula; layers and penalties as options."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from diabolo.config.likelihoods import GaussianConfig
from diabolo.config.model import ModelConfig
from diabolo.config.networks import ACTIVATIONS, DenseConfig
from diabolo.errors import ArgumentError, DiaboloError
from diabolo.estimator import Autoencoder, load
from diabolo.jobs.apply import score
from diabolo.jobs.evaluate.measure import remedy
from diabolo.model.autoencoder import AutoencoderModel
from diabolo.model.bottlenecks.contractive import Contractive, slope
from diabolo.model.bottlenecks.sparse import KSparse, Sparse
from diabolo.model.bottlenecks.wasserstein import SCALES, Wasserstein, discrepancy
from diabolo.model.forward import dense
from diabolo.model.summary import summarise
from diabolo.presets.presets import PRESETS, configure
from diabolo.samples import source_of
from test_cli import fails, run

X = np.random.default_rng(0).integers(0, 256, (80, 6, 6)).astype(np.uint8)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_each_kind_names_its_paper() -> None:
    named = [name for name, preset in PRESETS.items() if preset.reference]
    assert named == ["tied", "sparse", "k-sparse", "contractive", "hinton", "wasserstein"]
    assert configure("hinton", (28, 28)).network == DenseConfig((1000, 500, 250), code="linear", hidden="silu")
    assert configure("hinton", (28, 28)).latent == 30


def test_a_sparse_code_costs_its_absolute_sum() -> None:
    latent = torch.randn(5, 3, generator=seeded())
    coded = Sparse(0.5).draw(latent, seeded())
    torch.testing.assert_close(coded.penalty, 0.5 * latent.abs().sum(1))
    assert torch.equal(coded.seen, latent)
    share = [
        (Autoencoder("sparse", latent=20, penalty=penalty, epochs=40, batch_size=40).fit(X).encode(X) > 1e-6).mean()
        for penalty in (0.0, 5.0)
    ]
    assert share[1] < 0.7 * share[0], share


def test_a_k_sparse_code_keeps_the_largest_numbers() -> None:
    latent = torch.randn(50, 9, generator=seeded(), requires_grad=True)
    coded = KSparse(4).draw(latent, seeded())
    assert (coded.seen != 0).sum(1).tolist() == [4] * 50
    assert torch.equal(coded.seen.sort(1).values[:, -2:], latent.sort(1).values[:, -2:])
    coded.seen.sum().backward()
    assert latent.grad is not None
    assert torch.equal(latent.grad != 0, coded.seen != 0)
    assert torch.equal(KSparse(20)(latent), latent), "more than there are: all"
    assert ((Autoencoder("k-sparse", latent=20, active=3, epochs=1).fit(X).encode(X) != 0).sum(1) == 3).all()


def test_the_contractive_penalty_is_the_papers() -> None:
    """Rifai et al. 2011, section 3: sum over units of (h (1 - h))^2 and the squares of their weights."""
    layer = nn.Linear(7, 4)
    encoder = nn.Sequential(layer, nn.Sigmoid())
    x = torch.randn(3, 7, generator=seeded())
    hidden = encoder(x)
    wanted = ((hidden * (1 - hidden)).square() * layer.weight.square().sum(1)).sum(1)
    found = slope(encoder, x.repeat(20_000, 1), seeded()).view(-1, 3).mean(0)
    torch.testing.assert_close(found, wanted, rtol=0.02, atol=0)
    deep = nn.Sequential(nn.Linear(7, 5), nn.Tanh(), nn.Linear(5, 2))
    jacobian = torch.autograd.functional.jacobian(deep, x[0])
    found = slope(deep, x[:1].repeat(20_000, 1), seeded()).mean()
    torch.testing.assert_close(found, jacobian.square().sum(), rtol=0.02, atol=0)
    torch.testing.assert_close(Contractive(3.0).around(deep, x, seeded()), 3 * slope(deep, x, seeded()))


def test_a_contractive_code_changes_less() -> None:
    def fitted(penalty: float) -> float:
        model = Autoencoder("contractive", latent=8, penalty=penalty, epochs=40, batch_size=40).fit(X).autoencoder
        with torch.no_grad():
            return float(slope(model.encoder, torch.from_numpy(X / 255).float(), seeded()).mean())

    assert fitted(20.0) < 0.5 * fitted(0.0)


def test_the_discrepancy_is_the_papers_and_tells_distributions_apart() -> None:
    codes, prior = torch.randn(6, 3, generator=seeded()) + 1, torch.randn(6, 3, generator=seeded(1))

    def kernel(one: torch.Tensor, other: torch.Tensor) -> float:
        square = float((one - other).square().sum())
        return sum(2 * 3 * scale / (2 * 3 * scale + square) for scale in SCALES)

    pairs = [(i, j) for i in range(6) for j in range(6)]
    alike = sum(kernel(some[i], some[j]) for some in (codes, prior) for i, j in pairs if i != j) / 30
    between = sum(kernel(codes[i], prior[j]) for i, j in pairs) / 36
    torch.testing.assert_close(float(discrepancy(codes, prior)), alike - 2 * between, rtol=1e-4, atol=1e-5)
    many = [torch.randn(1000, 3, generator=seeded(seed)) for seed in (2, 3)]
    assert abs(float(discrepancy(*many))) < 0.02
    assert float(discrepancy(many[0] + 1, many[1])) > 0.3
    assert not torch.as_tensor(Wasserstein(3).draw(codes[:1], seeded()).penalty).any(), "one code has no spread"


def test_a_wasserstein_autoencoder_draws_new_samples() -> None:
    estimator = Autoencoder("wasserstein", latent=3, epochs=2).fit(X)
    assert estimator.sample(4).shape == (4, 6, 6)
    assert not estimator.autoencoder.encoder.bottleneck.has_rate


@pytest.mark.parametrize("layers", [(), (10, 7)])
def test_tied_weights_are_the_encoders(layers: tuple[int, ...], tmp_path: Path) -> None:
    estimator = Autoencoder("tied", latent=4, layers=layers, epochs=2).fit(X)
    model = estimator.autoencoder
    weights = [layer.weight for layer in model.encoder.network if isinstance(layer, nn.Linear)]
    code = torch.from_numpy(estimator.encode(X))
    biases = [layer.bias for layer in model.decoder.network if hasattr(layer, "bias")]
    for number, (weight, bias) in enumerate(zip(reversed(weights), biases, strict=True)):
        code = code @ weight + bias
        code = code.relu() if number < len(biases) - 1 else code.sigmoid()
    torch.testing.assert_close(code.view(-1, 6, 6), model.decoder(torch.from_numpy(estimator.encode(X))))
    plain = sum(weights.numel() for weights in AutoencoderModel(configure("dense", (6, 6), latent=4)).parameters())
    assert layers or summarise(model).totals["autoencoder"] == plain - 4 * 36
    estimator.save(tmp_path / "m.safetensors")
    assert np.array_equal(load(tmp_path / "m.safetensors").reconstruct(X), estimator.reconstruct(X))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_the_same_without_torch(name: str) -> None:
    network = DenseConfig((5,), code=name, hidden=name)
    model = AutoencoderModel(ModelConfig("dense", (4,), 3, network, likelihood=GaussianConfig()), seeded())
    x = torch.randn(6, 4, generator=seeded(1))
    weights = {key: tensor.numpy() for key, tensor in model.state_dict().items()}
    with torch.no_grad():
        np.testing.assert_allclose(dense(model.config, weights)(x.numpy().T).T, model(x).numpy(), atol=1e-5)


def test_layers_and_activation_are_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = Autoencoder("dense", latent=4, layers=[12, np.int64(9)], activation="tanh", epochs=1).fit(X).autoencoder
    assert model.config.network == DenseConfig((12, 9), hidden="tanh")
    conv = Autoencoder("conv", layers=(5, 3), epochs=1).fit(X).autoencoder.config
    assert (conv.network.channels, conv.latent) == ((5, 3), 3 * 2 * 2)
    np.save(tmp_path / "x.npy", X)
    options = ("--layers", "12,9", "--activation", "silu", "--penalty", 0.5, "--latent", 8, "--epochs", 1, "-q")
    train = ("train", tmp_path / "x.npy", "--preset", "sparse", "--out", tmp_path / "m.safetensors")
    assert run(capsys, *train, *options)[0] == 0
    config = load(tmp_path / "m.safetensors").autoencoder.config
    assert (config.network, config.bottleneck.penalty) == (DenseConfig((12, 9), hidden="silu"), 0.5)
    assert "as 512,256, got 'a,b'" in fails(capsys, 2, *train, "--layers", "a,b", "--force")
    assert "sigmoid, tanh, got 'relux'" in fails(capsys, 2, *train, "--activation", "relux", "--force")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"penalty": 1.0}, "has no penalty to set; these have: sparse, contractive, wasserstein"),
        ({"active": 3}, "has no active to set; these have: k-sparse"),
        ({"preset": "k-sparse", "active": 3, "latent": 2}, "at most the 2 numbers"),
        ({"preset": "k-sparse", "active": 2.5}, "must be whole numbers, got 2.5"),
        ({"preset": "sparse", "penalty": "much"}, "penalty must be a number"),
        ({"preset": "sparse", "penalty": -1.0}, "penalty must be from 0"),
        ({"layers": 12}, "list of sizes"),
        ({"layers": "12"}, "list of sizes"),
        ({"layers": (0,)}, "whole numbers from 1"),
        ({"preset": "faces", "activation": "tanh"}, "has no activation to set; these have: dense, deep, conv"),
        ({"preset": "tied", "conditional": True}, "decoder without labels"),
    ],
)
def test_what_a_preset_does_not_have_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(DiaboloError, match=words):
        Autoencoder(epochs=1, **{"preset": "dense", **options}).fit(X, np.arange(80) % 2)


def test_penalties_are_no_part_of_a_score() -> None:
    sparse = Autoencoder("sparse", latent=4, penalty=9.0, epochs=1).fit(X)
    terms = score(sparse.trained_, source_of(sparse, X))
    np.testing.assert_allclose(sparse.score_samples(X), -terms.distortion.numpy(), rtol=1e-5)
    with pytest.raises(ArgumentError):
        Autoencoder("sparse", beta=2.0, epochs=1).fit(X)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"preset": "dense"}, "train longer, or use PCA"),
        ({"preset": "sparse"}, "train longer, or lower penalty"),
        ({"preset": "k-sparse"}, "train longer, or raise active"),
        ({"preset": "vae", "beta": 0.001}, "train longer, or lower beta"),
    ],
)
def test_advice_fits_the_kind(options: dict[str, Any], words: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator = Autoencoder(latent=4, epochs=1, batch_size=40, **options).fit(X)
    assert remedy(estimator.trained_, "PCA") == words
    silent = replace(estimator.trained_, history=(replace(estimator.history_[0], active=0),))
    assert ("collapsed; lower beta, or give warm_up" in remedy(silent, "PCA")) == (options["preset"] == "vae")


def test_rate_and_active_numbers_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "x.npy", X)
    train = ("train", tmp_path / "x.npy", "--latent", 4, "--epochs", 1, "--out", tmp_path / "m.safetensors", "-q")
    code, out, _ = run(capsys, *train, "--preset", "vae")
    assert code == 0
    assert "nats, weighted by beta 1, and " in out
    assert "of 4 numbers of the code vary" in run(capsys, "info", tmp_path / "m.safetensors")[1]
    assert "numbers of the code vary" not in run(capsys, *train, "--force")[1]
