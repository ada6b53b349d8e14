"""Networks of one's own: given as modules or registered under a name; all jobs, resume, and files without code."""

import copy
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import Tensor, nn

from diabolo import Autoencoder, load, register_networks
from diabolo.errors import ArgumentError, FormatError, InputError
from diabolo.model.networks import own
from diabolo.training.loop import Run
from test_cli import fails, run

X = np.random.default_rng(0).integers(0, 256, (60, 9, 7, 3)).astype(np.uint8)
ROWS = np.random.default_rng(1).normal(size=(60, 5))


class Enc(nn.Module):
    """Batch normalisation and dropout keep state and draw from torch's own generator."""

    def __init__(self, numbers: int = 4) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.Dropout(0.3), nn.Flatten())
        self.last = nn.Linear(4 * 5 * 4, numbers)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.last(self.layers(x))
        return found


class Dec(nn.Module):
    def __init__(self, numbers: int = 4) -> None:
        super().__init__()
        self.layer = nn.Linear(numbers, 3 * 9 * 7)

    def forward(self, code: Tensor) -> Tensor:
        return torch.unflatten(self.layer(code), 1, (3, 9, 7))


def modules(numbers: int = 4, taken: int = 4) -> dict[str, nn.Module]:
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return {"encoder": Enc(numbers), "decoder": Dec(taken)}


def estimator(**options: Any) -> Autoencoder:
    return Autoencoder(**{"epochs": 2, "batch_size": 16, "learning_rate": 0.005, **modules(), **options})


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(own, "REGISTERED", {})
    register_networks(
        "mine",
        lambda shape, numbers: nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(shape)), numbers)),
        lambda numbers, shape: nn.Linear(numbers, int(np.prod(shape))),
    )
    return "mine"


def test_modules_are_trained_saved_and_loaded(tmp_path: Path) -> None:
    ae = estimator()
    given, before = ae.get_params()["encoder"], copy.deepcopy(ae.get_params()["encoder"].state_dict())
    ae.fit(X)
    assert all(torch.equal(weights, before[name]) for name, weights in given.state_dict().items()), "a copy is trained"
    assert ae.get_params()["encoder"] is given
    assert clone(ae).get_params()["encoder"] is not ae.encoder
    codes = ae.encode(X)
    assert codes.shape == (60, 4)
    assert ae.reconstruct(X).shape == X.shape
    assert "BatchNorm2d" in str(ae.autoencoder)
    assert "BatchNorm2d" in str(ae.summary())
    ae.save(tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors", **modules())
    for job in ("encode", "reconstruct", "score_samples"):
        assert np.array_equal(getattr(again, job)(X), getattr(ae, job)(X))
    assert np.array_equal(again.fit(X).encode(X), codes), "the same modules and seed give the same bits"


def test_a_file_says_which_class_it_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.safetensors"
    estimator().fit(X).save(path)
    with pytest.raises(FormatError, match=r"load\(PATH, encoder=E, decoder=D\).* is a test_own_networks.Enc and D a"):
        load(path)
    with pytest.raises(FormatError, match=r"test_own_networks.Enc as encoder, got a .*Linear"):
        load(path, encoder=nn.Linear(2, 3), decoder=Dec())
    with pytest.raises(FormatError, match=r"encoder must give 4 numbers .* gives .5,"):
        load(path, **modules(5))
    assert "test_own_networks.Enc" in fails(capsys, 1, "info", path)
    Autoencoder(latent=2, epochs=1).fit(X).save(tmp_path / "plain.safetensors")
    with pytest.raises(FormatError, match="diabolo's own; leave encoder and decoder out"):
        load(tmp_path / "plain.safetensors", **modules())


def test_dropout_leaves_no_trace_and_a_run_goes_on_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = torch.get_rng_state()
    whole = estimator(epochs=4).fit(X)
    assert torch.equal(torch.get_rng_state(), state)
    place, record = tmp_path / "run.checkpoint", Run._record

    def cut(self: Run, epoch: int, *others: Any) -> None:
        record(self, epoch, *others)
        if epoch == 2:
            raise RuntimeError("killed")

    monkeypatch.setattr(Run, "_record", cut)
    with pytest.raises(RuntimeError, match="killed"):
        estimator(epochs=4).fit(X, checkpoint=place)
    monkeypatch.setattr(Run, "_record", record)
    assert place.is_file()
    gone_on = estimator(epochs=4).fit(X, checkpoint=place, resume=True)
    assert np.array_equal(gone_on.encode(X), whole.encode(X))
    assert torch.equal(torch.get_rng_state(), state)
    other = Enc()
    other.layers[0] = nn.Conv2d(3, 4, 5, 2, 2)
    with pytest.raises(InputError, match="weights do not fit the networks given"):
        estimator(epochs=4, encoder=other).fit(X, checkpoint=place, resume=True)


def test_presets_keep_their_other_choices() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ae = Autoencoder("vae", epochs=1, **modules(8)).fit(X)
    assert ae.autoencoder.config.latent == 4, "a mean and a log variance each"
    assert ae.sample(2).shape == (2, *X.shape[1:])
    rows = Autoencoder("table", epochs=1, encoder=nn.Linear(5, 2), decoder=nn.Linear(2, 5)).fit(ROWS)
    assert rows.predict(ROWS).shape == (60,)
    labels = np.arange(60) % 3
    told = Autoencoder("dense", epochs=1, conditional=True, **modules(4, 7)).fit(X, labels)
    assert told.encode(X).shape == (60, 4)


def test_weights_that_both_share_stay_shared(tmp_path: Path) -> None:
    encoder = nn.Sequential(nn.Linear(5, 5, bias=False))
    decoder = nn.Sequential(encoder[0])
    ae = Autoencoder(encoder=encoder, decoder=decoder, epochs=1, latent=5).fit(ROWS)
    assert ae.autoencoder.encoder.network[0][0].weight is ae.autoencoder.decoder.network[0][0].weight
    ae.save(tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors", encoder=encoder, decoder=decoder)
    assert np.array_equal(again.encode(ROWS), ae.encode(ROWS))


def test_registered_functions_serve_any_size(registered: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = torch.get_rng_state()
    first, other = (Autoencoder(network=registered, latent=3, epochs=1, random_state=seed).fit(X) for seed in (0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert not np.array_equal(first.encode(X), other.encode(X)), "weights follow the seed"
    assert np.array_equal(clone(first).fit(X).encode(X), first.encode(X))
    first.save(tmp_path / "m.safetensors")
    assert np.array_equal(load(tmp_path / "m.safetensors").encode(X), first.encode(X))
    assert Autoencoder(network=registered, latent="auto", epochs=1).fit(X).encode(X).shape[0] == 60
    monkeypatch.setattr(own, "REGISTERED", {})
    with pytest.raises(FormatError, match=r"network 'mine' is your own.*first call register_networks\('mine'"):
        load(tmp_path / "m.safetensors")


def test_the_command_line_runs_a_file_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own, "REGISTERED", {})
    nets, rows, model = tmp_path / "nets.py", tmp_path / "rows.npy", tmp_path / "m.safetensors"
    nets.write_text(
        "from torch.nn import Linear\nfrom diabolo import register_networks\n"
        "register_networks('wide', lambda shape, numbers: Linear(shape[0], numbers),\n"
        "                  lambda numbers, shape: Linear(numbers, shape[0]))\n"
    )
    np.save(rows, ROWS)
    wanted = ("train", rows, "--network", "wide", "--latent", 2, "--epochs", 1, "--out", model, "-q")
    assert "registered name (none yet), got 'wide'" in fails(capsys, 2, *wanted)
    assert run(capsys, "--import", nets, *wanted)[0] == 0
    monkeypatch.setattr(own, "REGISTERED", {})
    assert "--import FILE.py" in fails(capsys, 1, "info", model)
    assert "Linear" in run(capsys, "--import", nets, "info", model)[1]
    nets.write_text("1 / 0")
    assert "ZeroDivisionError" in fails(capsys, 1, "--import", nets, "info", model)
    assert "There is no file" in fails(capsys, 1, "--import", tmp_path / "none.py", "info", model)


class Mixes(Enc):
    """Takes a batch for one sample: with one sample all looks right."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)[:1]


class Sums(Enc):
    """Gives a number without a shape."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).sum()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"encoder": Enc()}, "must both be PyTorch modules.*None as decoder"),
        ({"encoder": "Enc", "decoder": Dec()}, "got 'Enc' as encoder"),
        ({"encoder": nn.Linear(3, 4), "decoder": Dec()}, "cannot take samples of the shape .2, 3, 9, 7."),
        ({"encoder": Enc(), "decoder": Dec(3)}, "decoder .*Dec cannot take samples of the shape .2, 4."),
        ({"encoder": Enc(), "decoder": nn.Linear(4, 5)}, "must give 189 values.*gives .5,."),
        ({"encoder": Mixes(), "decoder": Dec()}, "one output for each sample, got .1, 4. for 2 samples"),
        ({"encoder": Sums(), "decoder": Dec(1)}, "one output for each sample, got .. for 2 samples"),
        ({**modules(), "latent": 3}, "must give 3 numbers for a sample of the shape .3, 9, 7."),
        ({**modules(), "latent": "auto"}, "the encoder given has one"),
        ({**modules(), "network": "mine"}, "leave it out"),
        ({"network": "none"}, "must be a registered name"),
        ({**modules(), "preset": "denoise-deep"}, "choose another preset for yours"),
        ({"preset": Enc()}, "a network of your own goes to encoder and decoder"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Autoencoder(epochs=1, **{"preset": "dense", **options}).fit(X)


def test_what_cannot_be_registered_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own, "REGISTERED", {})
    with pytest.raises(ArgumentError, match="modules themselves go to"):
        register_networks("mine", Enc(), Dec())  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="must be a word"):
        register_networks("", lambda *_: Enc(), lambda *_: Dec())
    register_networks("mine", lambda *_: 3, lambda *_: Dec())  # type: ignore[arg-type, return-value]
    with pytest.raises(InputError, match="must return a PyTorch module as encoder, got int"):
        Autoencoder(network="mine", epochs=1).fit(X)
