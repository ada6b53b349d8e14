"""The notebooks run from start to end on scikit-learn's data, and the stored ones hold what they printed and drew."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
MOST_BYTES = 3 << 20


def test_they_run(tmp_path: Path) -> None:
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    words = [sys.executable, FOLDER / "run.py", "--quick", "--out", tmp_path]
    ended = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "DIABOLO_DATA": str(tmp_path)})
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert {path.name for path in tmp_path.glob("*.ipynb")} == {path.name for path in NOTEBOOKS}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_stored_as_it_ran(path: Path) -> None:
    cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert not [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"]


def test_all_of_them_are_there_and_small() -> None:
    names = ["Autoencoder_denoising", "Autoencoder_detecta_fraude", "Autoencoders"]
    assert [path.stem for path in NOTEBOOKS] == [*names, "Variational-autoencoders", "Variational-encoder"]
    assert sum(path.stat().st_size for path in NOTEBOOKS) < MOST_BYTES
