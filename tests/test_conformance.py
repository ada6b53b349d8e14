"""Archives of format version 1 that were made once, and must open for ever, however the machine is set."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

FIXTURES = Path(__file__).parent / "fixtures"
DECODE = """
import hashlib, sys
from pathlib import Path
import numpy as np, torch
from diabolo.estimator import load
from diabolo.jobs.compress import decompress
from diabolo.jobs.compress.decompress import unpacked
folder, threads, onednn, floats, out = sys.argv[1:]
torch.set_num_threads(int(threads))
torch.backends.mkldnn.set_flags(onednn == "on")
trained = load(f"{folder}/v1.safetensors").trained_
if floats == "float64":
    known = decompress.identity_of(trained)
    decompress.identity_of = lambda trained: known
    decoder = trained.model.decoder.double()
    forward = decoder.forward
    decoder.forward = lambda code, labels=None: forward(code.double(), labels).float()
for name in ("lossy", "bounded", "lossless"):
    array = np.concatenate([piece.array for piece in unpacked(trained, Path(f"{folder}/v1-{name}.dbo"))])
    print(name, hashlib.sha256(array.tobytes()).hexdigest())
    if name == "lossy":
        np.save(out, array)
"""


@pytest.mark.parametrize(
    ("threads", "onednn", "floats"),
    [("1", "on", "float32"), ("2", "on", "float32"), ("1", "off", "float32"), ("2", "off", "float64")],
)
def test_archives_of_version_1_open(threads: str, onednn: str, floats: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", DECODE, str(FIXTURES), threads, onednn, floats, str(tmp_path / "lossy.npy")]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    found = dict(line.split() for line in lines)
    expected = json.loads((FIXTURES / "v1.json").read_text())
    for name in ("bounded", "lossless"):
        assert found[name] == expected[name]
    with np.load(FIXTURES / "v1-lossy.npz") as file:
        (lossy,) = (file[name] for name in file.files)
    assert np.abs(np.load(tmp_path / "lossy.npy").astype(int) - lossy).max() <= 1
