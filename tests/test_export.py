"""An exported table decides as its model does, or is not written; a file that answers otherwise is found out."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from diabolo import Autoencoder
from diabolo.deploy.export.compare import Answers, first_difference
from diabolo.deploy.runtime.table import TableModel, open_model
from diabolo.errors import FileError, FormatError, InputError

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from diabolo.deploy.export import onnx_file, tables  # noqa: E402
from diabolo.deploy.export.onnx_file import DifferentError, answers_of, check, export_table, session_of  # noqa: E402


def table(count: int, seed: int) -> pl.DataFrame:
    g = np.random.default_rng(seed)
    amount = np.round(np.exp(g.normal(3, 1, count)), 2)
    return pl.DataFrame(
        {
            "amount": amount,
            "score": pl.Series(np.where(g.random(count) < 0.1, np.nan, amount * 2)).fill_nan(None),
            "city": pl.Series(g.choice(["Lima", "Quito", "Oslo"], count)).replace("Oslo", None),
            "day": [f"2026-0{month}-1{month}" for month in g.integers(1, 9, count)],
            "id": [f"{seed}-{number}" for number in range(count)],
            "paid": g.random(count) < 0.4,
        }
    )


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("export") / "shop.safetensors"
    Autoencoder("table", latent=2, epochs=1, validation=0.4).fit(table(300, 0)).save(found)
    return found


@pytest.fixture(scope="module")
def file(path: Path) -> Path:
    out = path.with_suffix(".onnx")
    export_table(path, out, rows=table(60, 1).to_dicts())
    return out


@pytest.fixture(scope="module")
def model(path: Path) -> TableModel:
    return open_model(path)


@pytest.mark.parametrize("count", [1, 7, 80])
def test_a_file_answers_as_its_model(file: Path, model: TableModel, count: int) -> None:
    """Of any number of rows; gaps, new words and far values too."""
    rows = table(count, 2).to_dicts()
    rows[0] |= {"amount": 1e6, "city": "Cusco", "score": None}
    got = answers_of(session_of(str(file)), tables.feed(model, rows))
    wanted = onnx_file.model_answers(model, rows)
    assert first_difference(wanted, got, model.columns) is None
    np.testing.assert_allclose(got.score, wanted.score, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(got.contribution.sum(1), got.score, rtol=1e-4)
    assert got.alert[0]
    assert got.score.shape == (count,)


def test_the_threshold_can_be_changed_without_a_new_export(file: Path, model: TableModel) -> None:
    rows = table(50, 3).to_dicts()
    session, fed = session_of(str(file)), tables.feed(model, rows)
    own = answers_of(session, fed)
    low = answers_of(session, fed, threshold=float(np.median(own.score)))
    assert low.alert.sum() == 25 > own.alert.sum()


def test_a_file_says_what_it_is(file: Path) -> None:
    plain = json.loads({each.key: each.value for each in onnx.load(file).metadata_props}["diabolo"])
    assert plain["columns"] == ["amount", "score", "city", "day", "id", "paid"]
    assert list(plain["inputs"]) == ["amount", "score_", "city", "day", "id", "paid"]
    assert plain["threshold"] > 0
    assert len(plain["samples"]["answers"]["score"]) == 16


def test_the_samples_are_checked_without_torch_and_onnx(file: Path) -> None:
    program = f"""
import sys
for name in ("torch", "polars", "onnx", "scipy", "sklearn"):
    sys.modules[name] = None
from diabolo.app.light import main
main(["check", {str(file)!r}, "--json"])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert json.loads(done.stdout)["rows"] == 16, done.stderr


def _threshold(plain: dict[str, Any]) -> None:
    plain["threshold"] = -1.0


def _score(plain: dict[str, Any]) -> None:
    plain["samples"]["answers"]["score"][5] += 0.1


def _reasons(plain: dict[str, Any]) -> None:
    plain["samples"]["answers"]["contribution"][3].reverse()


@pytest.mark.parametrize(
    ("change", "words"), [(_threshold, "alert"), (_score, "sample 5: its score"), (_reasons, "sample 3: its reasons")]
)
def test_other_answers_are_found_out(
    file: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None], words: str
) -> None:
    found = onnx.load(file)
    plain = json.loads(found.metadata_props[0].value)
    change(plain)
    found.metadata_props[0].value = json.dumps(plain)
    onnx.save(found, tmp_path / "x.onnx")
    with pytest.raises(DifferentError, match=words):
        check(tmp_path / "x.onnx")


def test_other_weights_are_found_out(file: Path, tmp_path: Path) -> None:
    found = onnx.load(file)
    first = next(each for each in found.graph.initializer if each.data_type == 1 and len(each.dims) == 2)
    first.raw_data = (np.frombuffer(first.raw_data, np.float32) * 3).tobytes()
    onnx.save(found, tmp_path / "x.onnx")
    with pytest.raises(DifferentError):
        check(tmp_path / "x.onnx")


def test_a_file_that_decides_otherwise_is_not_written(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the graph gets the weights of a layer from elsewhere."""
    own = tables.layers
    monkeypatch.setattr(tables, "layers", lambda *given: [(factor * 1.5, after) for factor, after in own(*given)])
    with pytest.raises(DifferentError, match=r"in row \d+, \{'amount'.*nothing is written"):
        export_table(path, tmp_path / "x.onnx")
    assert not list(tmp_path.iterdir())


def test_other_files_are_refused(path: Path, file: Path, tmp_path: Path) -> None:
    with pytest.raises(FileError, match="already there"):
        export_table(path, file)
    with pytest.raises(FileError, match="There is no file"):
        check(tmp_path / "none.onnx")
    (tmp_path / "x.onnx").write_bytes(b"text")
    with pytest.raises(FormatError, match="no ONNX model"):
        check(tmp_path / "x.onnx")
    found = onnx.load(file)
    del found.metadata_props[:]
    onnx.save(found, tmp_path / "y.onnx")
    with pytest.raises(FormatError, match="no export of diabolo"):
        check(tmp_path / "y.onnx")
    Autoencoder("dense", latent=2, epochs=1).fit(np.random.default_rng(0).random((20, 8, 8))).save(tmp_path / "m")
    with pytest.raises(InputError, match="no detector of table rows"):
        export_table(tmp_path / "m", tmp_path / "z.onnx")


def answers(*parts: list[float], alert: bool = False) -> Answers:
    contribution = np.array(parts)
    score = contribution.sum(1)
    return Answers(score, np.ones_like(score), np.full(len(score), alert), contribution)


def test_the_first_row_that_differs_is_named() -> None:
    columns, one = ("a", "b", "c"), answers([3, 2, 1], [3, 2, 1])
    assert first_difference(one, one, columns) is None
    assert first_difference(one, answers([3, 2, 1], [3, 1, 2]), columns) is not None
    found = first_difference(one, answers([3, 2, 1], [2, 3, 1]), columns)
    assert found is not None
    assert (found.row, found.what) == (1, "its reasons are b, a, c instead of a, b, c")
    assert "raises an alert" in str(first_difference(one, answers([3, 2, 1], [3, 2, 1], alert=True), columns))
    tied = answers([2, 2, 1]), answers([2 - 1e-6, 2 + 1e-6, 1])
    assert first_difference(*tied, columns) is None
