"""Devices: nothing that training does mixes tensors of two; a model is moved as a copy; a job leaves its model alone.

The device is 'meta', whose tensors have no values, as there may be no GPU: operators do not mix it with the CPU.
"""

from collections.abc import Callable
from inspect import signature
from pathlib import Path

import numpy as np
import pytest
import torch

from diabolo.app.cli import COMMANDS
from diabolo.data.source import ArraySource, Source
from diabolo.errors import ArgumentError
from diabolo.estimator import Autoencoder, load
from diabolo.jobs import apply
from diabolo.jobs.compress.compress import compress
from diabolo.jobs.denoise.stacks import denoise_images
from diabolo.jobs.denoise.strength import Dial
from diabolo.jobs.detect import members
from diabolo.jobs.evaluate.measure import figures
from diabolo.jobs.generate import density, likelihood, sample
from diabolo.model.autoencoder import AutoencoderModel
from diabolo.model.bottlenecks import variational as bottlenecks
from diabolo.presets.presets import PRESETS, configure
from diabolo.training import devices
from diabolo.training.devices import device_of
from diabolo.training.files.model_file import Trained

SHAPES = {"table": (12,)}


@pytest.mark.parametrize("preset", list(PRESETS))
def test_nothing_mixes_devices(preset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # a generator is of a device that has values
    monkeypatch.setattr(bottlenecks, "own_noise", lambda mean, count: mean.new_empty(count, *mean.shape))
    shape = SHAPES.get(preset, (32, 32))
    model = AutoencoderModel(configure(preset, shape, unit=not PRESETS[preset].heavy_tails)).to_empty(device="meta")
    x = torch.rand(6, *model.config.shape, device="meta")
    loss = model.loss(model.terms(x, None)).mean()
    loss.backward()
    assert all(weights.grad is not None and weights.grad.is_meta for weights in model.parameters())
    for terms in (model.evaluate(x, None), model.score(x)):
        assert all(part.is_meta for part in (terms.distortion, terms.rate, model.loss(terms)))
    assert model(x).is_meta


def test_the_device_refuses_to_be_mixed() -> None:
    with pytest.raises(RuntimeError, match="device"):
        torch.zeros(2) + torch.zeros(2, device="meta")


def trained(preset: str = "vae") -> Trained:
    x = np.random.default_rng(0).random((60, 16, 16))
    return Autoencoder(preset, latent=2, epochs=1, device="cpu").fit(x).trained_


def test_a_model_on_another_device_is_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "KINDS", ("cpu", "meta"))
    found = trained()
    assert found.on("cpu") is found
    other = found.on("meta")
    assert device_of(other.model).type == "meta"
    assert device_of(found.model).type == "cpu"
    assert other.on("meta") is other
    assert (other.about, other.preprocessing, other.history) == (found.about, found.preprocessing, found.history)


def test_load_takes_the_device_of_its_argument(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.safetensors"
    Autoencoder("vae", latent=2, epochs=1, device="cpu").fit(np.random.default_rng(0).random((60, 16, 16))).save(path)
    monkeypatch.setattr(devices, "KINDS", ("cpu", "meta"))
    assert device_of(load(path, device="meta").trained_.model).type == "meta"
    assert device_of(load(path).trained_.model).type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(ArgumentError, match="device must be 'auto', 'cpu' or a GPU that is there"):
        load(path, device="tpu")


WITHOUT_WORK = {"info", "datasets", "playground", "list", "verify", "repair"}
"""Commands that compute nothing with a model's weights here."""
BY_NUMPY = {"score", "serve", "export", "check"}
"""Commands that compute with NumPy or ONNX Runtime, on the processor."""


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - WITHOUT_WORK - BY_NUMPY))
def test_every_command_that_computes_takes_a_device(name: str) -> None:
    assert "device" in signature(COMMANDS[name]).parameters


JOBS: dict[str, Callable[[Trained, Source, Path], object]] = {
    "encode": lambda trained, x, _: apply.encode(trained, x),
    "decode": lambda trained, *_: apply.decode(trained, np.zeros((3, trained.config.latent), np.float32)),
    "score": lambda trained, x, _: apply.score(trained, x),
    "figures": lambda trained, x, _: figures(trained, x, x),
    "density": lambda trained, x, _: density.fit_density(trained, x),
    "sample": lambda trained, x, _: sample.sample(density.fit_density(trained, x), 3),
    "likelihood": lambda trained, x, _: likelihood.measure(trained, x, samples=2),
    "compress": lambda trained, x, path: compress(trained, x, path / "x.dbo"),
    "detect": lambda trained, x, _: members.score(trained, x),
    "calibrate": lambda trained, x, _: members.calibrate(trained, x, np.zeros(len(x), bool)),
    "denoise": lambda trained, x, _: denoise_images(trained, x.take(np.arange(2)), Dial(), clip=True),
}
TRAINED_FOR = {"likelihood": "vae", "compress": "codec", "detect": "table", "calibrate": "table", "denoise": "denoise"}


@pytest.mark.parametrize("job", JOBS)
def test_a_job_leaves_its_model_as_it_was(job: str, tmp_path: Path) -> None:
    rows = np.random.default_rng(0).random((60, 16, 16), np.float32)
    preset = TRAINED_FOR.get(job, "dense")
    samples = (rows * 255).astype(np.uint8) if preset == "codec" else rows
    source = ArraySource(samples.reshape(60, -1)[:, :9] * 3 if preset == "table" else samples)
    model = Autoencoder(preset, epochs=1, device="cpu").fit(source).trained_
    weights = {name: tensor.clone() for name, tensor in model.model.state_dict().items()}
    before = [(name, tensor.data_ptr(), tensor.requires_grad) for name, tensor in model.model.named_parameters()]
    extras, about = set(model.extras), dict(model.about)
    JOBS[job](model, source, tmp_path)
    after = [(name, tensor.data_ptr(), tensor.requires_grad) for name, tensor in model.model.named_parameters()]
    assert before == after
    assert not model.model.training
    assert all(torch.equal(weights[name], tensor) for name, tensor in model.model.state_dict().items())
    assert (set(model.extras), model.about) == (extras, about)
