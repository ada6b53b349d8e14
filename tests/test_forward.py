"""Dense models at work without torch: the numbers that torch gives, and a command that never loads it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from diabolo import Autoencoder
from diabolo.errors import FormatError
from diabolo.model.autoencoder import AutoencoderModel
from diabolo.model.forward import dense, is_dense
from diabolo.presets.presets import configure


@pytest.mark.parametrize(("preset", "shape"), [("table", (7,)), ("table", (1,)), ("deep", (9,)), ("dense", (5, 4))])
def test_numpy_reconstructs_as_torch_does(preset: str, shape: tuple[int, ...]) -> None:
    config = configure(preset, shape, unit=False)
    assert is_dense(config)
    model = AutoencoderModel(config, torch.Generator().manual_seed(0)).eval()
    x = 30 * torch.randn(50, *shape, generator=torch.Generator().manual_seed(1))
    weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    with torch.inference_mode():
        wanted = model(x).flatten(1).numpy()
    np.testing.assert_allclose(dense(config, weights)(x.flatten(1).numpy().T).T, wanted, rtol=1e-4, atol=1e-4)


def test_weights_that_do_not_fit_are_refused() -> None:
    config = configure("table", (7,), unit=False)
    with pytest.raises(FormatError, match="do not fit"):
        dense(config, {"encoder.network.1.weight": np.zeros((64, 7), np.float32)})


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_weights_that_are_not_finite_are_refused(value: float) -> None:
    config = configure("table", (4,), unit=False)
    weights = {name: np.zeros(tensor.shape) for name, tensor in AutoencoderModel(config).state_dict().items()}
    weights["encoder.network.1.weight"][0, 0] = value
    with pytest.raises(FormatError, match="not finite"):
        dense(config, weights)


@pytest.mark.parametrize("preset", ["conv", "vae", "codec"])
def test_other_networks_are_torchs(preset: str) -> None:
    assert not is_dense(configure(preset, (8, 8)))


def test_detect_loads_no_torch(tmp_path: Path) -> None:
    rows, table = np.random.default_rng(0).normal(size=(200, 3)), tmp_path / "t.csv"
    Autoencoder("table", epochs=1, random_state=0).fit(rows).save(tmp_path / "m.safetensors")
    pl.DataFrame(rows, schema=["numbers 0", "numbers 1", "numbers 2"]).write_csv(table)
    words = [
        "detect",
        str(table),
        "-m",
        str(tmp_path / "m.safetensors"),
        "--alerts",
        "5",
        "--out",
        str(tmp_path / "o.csv"),
    ]
    program = f"import sys; from diabolo.app.cli import main; sys.argv[1:] = {words}\n"
    program += (
        "try:\n    main()\nfinally:\n    print(*{'torch', 'sklearn', 'scipy'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "")
    assert len(pl.read_csv(tmp_path / "o.csv")) == 200
