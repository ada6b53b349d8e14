"""The command line: what it writes, what it prints, and how it refuses."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import diabolo
from diabolo.app.cli import main


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


def fails(capsys: pytest.CaptureFixture[str], status: int, *words: str | Path) -> str:
    """Run a command that must fail with one line on standard error, and return the line."""
    code, out, err = run(capsys, *words)
    assert code == status, err
    assert out == ""
    assert err.count("\n") == 1, err
    assert "Traceback" not in err
    return err


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "m.safetensors"
    with pytest.raises(SystemExit):
        main(["train", "digits", "--epochs", "3", "--latent", "6", "--out", str(path), "-q"])
    return path


def test_train_writes_a_model_and_says_how_good_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.safetensors"
    code, out, _ = run(capsys, "train", "digits", "--epochs", "2", "--out", path, "-q", "--json")
    facts = json.loads(out)
    assert code == 0
    assert [figure["name"] for figure in facts["figures"]] == ["dense", "PCA"]
    assert "test set" in facts["split"]
    assert [file.name for file in tmp_path.iterdir()] == ["m.safetensors"]


def test_info_tells_people_and_programs(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "info", model)
    assert code == 0
    assert "8x8 -> 6 numbers (10.7 times fewer)" in out
    assert "PCA" in out
    facts = json.loads(run(capsys, "info", model, "--json")[1])
    assert facts["config"]["latent"] == 6
    assert len(facts["history"]) == 3


@pytest.mark.parametrize("ending", [".npy", ".csv", ".parquet"])
def test_encode_and_decode_give_what_python_gives(
    model: Path, ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codes, back = tmp_path / f"codes{ending}", tmp_path / "back.npy"
    assert run(capsys, "encode", "digits", "-m", model, "--out", codes)[0] == 0
    assert run(capsys, "decode", codes, "-m", model, "--out", back)[0] == 0
    estimator, digits = diabolo.load(model), diabolo.open_data("digits").train
    restored = np.load(back)
    assert restored.dtype == np.uint8
    assert np.abs(restored.astype(int) - estimator.reconstruct(digits).astype(int)).max() <= 1


def test_decode_writes_a_folder_of_pictures(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "codes.npy", np.ones((3, 6), np.float32))
    assert run(capsys, "decode", tmp_path / "codes.npy", "-m", model, "--out", tmp_path / "pictures")[0] == 0
    assert sorted(file.name for file in (tmp_path / "pictures").iterdir()) == ["0.png", "1.png", "2.png"]
    assert Image.open(tmp_path / "pictures/0.png").size == (8, 8)
    assert "not empty" in fails(
        capsys, 1, "decode", tmp_path / "codes.npy", "-m", model, "--out", tmp_path / "pictures"
    )


def test_a_table_keeps_its_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(200, 3)) * [1, 100, 5] + [0, 1000, 3]
    table = tmp_path / "t.csv"
    table.write_text("a,b,c\n" + "\n".join(",".join(map(str, row)) for row in rows), encoding="utf-8")
    path = tmp_path / "m.safetensors"
    assert run(capsys, "train", table, "--latent", "2", "--epochs", "5", "--out", path, "-q")[0] == 0
    assert run(capsys, "encode", table, "-m", path, "--out", tmp_path / "codes.parquet")[0] == 0
    assert run(capsys, "decode", tmp_path / "codes.parquet", "-m", path, "--out", tmp_path / "back.csv")[0] == 0
    assert (tmp_path / "back.csv").read_text(encoding="utf-8").splitlines()[0] == "a,b,c"
    assert run(capsys, "report", path, table, "--out", tmp_path / "page.html")[0] == 0


def test_report_is_one_page(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "report", model, "digits", "--out", tmp_path / "page.html")
    assert code == 0
    assert "page.html" in out
    assert "://" not in (tmp_path / "page.html").read_text(encoding="utf-8").replace("http://www.w3.org", "")


def test_the_demo_runs_without_any_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(*_: object) -> bytes:
        raise OSError("no network")

    monkeypatch.setattr("diabolo.data.named._fetch", nothing)
    monkeypatch.setenv("DIABOLO_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    code, out, err = run(capsys, "demo", "--out", tmp_path / "out/demo.html", "-q")
    assert code == 0
    assert "scikit-learn" in err
    page = (tmp_path / "out/demo.html").read_text(encoding="utf-8")
    assert all(name in page for name in ("dense", "deep", "conv"))
    assert str(tmp_path / "out/demo.html") in out


def test_datasets_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "datasets")
    assert code == 0
    assert "mnist" in out
    assert {"name", "what", "where", "terms"} == set(json.loads(run(capsys, "datasets", "--json")[1])[0])


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys, diabolo.app.cli; print([m for m in ('torch', 'numpy', 'sklearn', 'polars') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "[]\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--latent", "0"], "latent must be an integer >= 1 or 'auto', got 0"),
        (["--latent", "few"], "latent must be an integer >= 1 or 'auto', got 'few'"),
        (["--quality", "20"], "quality is for latent 'auto'"),
        (["--preset", "conv", "--latent", "auto"], "latent 'auto' has nothing to choose"),
        (["--preset", "dens"], "got 'dens'"),
        (["--recipe", "mine"], "recipe must be one of default, lecture, got 'mine'"),
        (["--epochs", "0"], "epochs must be a whole number >= 1, got 0"),
        (["--batch-size", "-1"], "batch_size must be a whole number >= 1"),
        (["--learning-rate", "-1"], "learning_rate must be from"),
        (["--device", "tpu"], "device must be"),
        (["--track", "x"], "--track must be tensorboard:FOLDER or mlflow:URI"),
        (["--seed", "-1"], "must be a whole number >= 0, got -1"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in fails(capsys, 2, "train", "digits", "--out", tmp_path / "m.safetensors", "-q", *words)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_option_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "train", "digits", "--nonsense")[0] == 2


def test_what_is_in_the_way_stays(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.safetensors"
    path.write_text("precious")
    assert "already there" in fails(capsys, 1, "train", "digits", "--out", path, "-q")
    assert "already there" in fails(capsys, 1, "report", model, "digits", "--out", path)
    (tmp_path / "c.npy").write_text("precious")
    assert "already there" in fails(capsys, 1, "encode", "digits", "-m", model, "--out", tmp_path / "c.npy")
    assert path.read_text() == (tmp_path / "c.npy").read_text() == "precious"


def test_bad_data_is_one_line_and_status_1(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "m.safetensors"
    (tmp_path / "empty").mkdir()
    np.save(tmp_path / "nan.npy", np.array([[1.0, np.nan], [2.0, 3.0]]))
    np.save(tmp_path / "one.npy", np.zeros((1, 5)))
    np.save(tmp_path / "other.npy", np.zeros((4, 9, 9), np.uint8))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "other.npy").read_bytes()[:150])
    for data, said in [
        ("nothing-there", "not there"),
        ("empty", "image"),
        ("nan.npy", "NaN"),
        ("one.npy", "n_samples = 1"),
    ]:
        path = data if data == "nothing-there" else tmp_path / data
        assert said in fails(capsys, 1, "train", path, "--out", out, "-q")
    fails(capsys, 1, "train", tmp_path / "cut.npy", "--out", out, "-q")
    assert "(8, 8)" in fails(capsys, 1, "encode", tmp_path / "other.npy", "-m", model, "--out", tmp_path / "c.npy")
    assert "(n, 6)" in fails(capsys, 1, "decode", tmp_path / "nan.npy", "-m", model, "--out", tmp_path / "d.npy")
    (tmp_path / "bad.safetensors").write_bytes(b"\x00" * 50)
    assert "not a readable model" in fails(capsys, 1, "info", tmp_path / "bad.safetensors")
    assert not out.exists()


def test_ctrl_c_keeps_the_best_model_and_resume_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.safetensors"
    words = ["train", "digits", "--epochs", "3000", "--patience", "3000", "--out", str(path), "-q"]
    process = subprocess.Popen([sys.executable, "-m", "diabolo", *words], stderr=subprocess.PIPE, text=True)
    checkpoint = tmp_path / "m.safetensors.checkpoint"
    while not checkpoint.exists() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "the best weights are kept" in err
    done = len(diabolo.load(path).history_)
    assert 1 <= done < 3000
    assert checkpoint.exists()
    assert "other data or options" in fails(
        capsys, 1, "train", "digits", "--epochs", "7", "--out", path, "-q", "--resume"
    )
    assert len(diabolo.load(path).history_) == done


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table with columns a, b, c of very different sizes."""
    rows = np.random.default_rng(0).normal(size=(200, 3)) * [1, 100, 5] + [0, 1000, 3]
    path = tmp_path / "t.csv"
    path.write_text("a,b,c\n" + "\n".join(",".join(map(str, row)) for row in rows), encoding="utf-8")
    return path


def test_columns_are_found_by_their_names(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.safetensors"
    assert run(capsys, "train", table, "--latent", "2", "--epochs", "2", "--out", path, "-q")[0] == 0
    rows = [line.split(",") for line in table.read_text(encoding="utf-8").splitlines()]
    other, short = tmp_path / "other.csv", tmp_path / "short.csv"
    other.write_text(
        "\n".join(f"{c},x,{a},{b}" if a == "a" else f"{c},7,{a},{b}" for a, b, c in rows), encoding="utf-8"
    )
    short.write_text("\n".join(f"{a},{b}" for a, b, _ in rows), encoding="utf-8")
    for source, name in ((table, "one.npy"), (other, "two.npy")):
        assert run(capsys, "encode", source, "-m", path, "--out", tmp_path / name)[0] == 0
    assert np.array_equal(np.load(tmp_path / "one.npy"), np.load(tmp_path / "two.npy"))
    assert "lacks the columns c" in fails(capsys, 1, "encode", short, "-m", path, "--out", tmp_path / "d.npy")
    assert list(diabolo.load(path).feature_names_in_) == ["a", "b", "c"]


def test_other_data_of_the_same_size_are_not_taken_for_the_training_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed, name in enumerate(("one.npy", "two.npy")):
        np.save(tmp_path / name, np.random.default_rng(seed).normal(size=(100, 5)))
    path = tmp_path / "m.safetensors"
    assert run(capsys, "train", tmp_path / "one.npy", "--epochs", "2", "--out", path, "-q")[0] == 0
    for name, said in (("one.npy", "held-out samples, 5"), ("two.npy", "samples given, 100")):
        page = tmp_path / f"{name}.html"
        assert run(capsys, "report", path, tmp_path / name, "--out", page)[0] == 0
        assert said in page.read_text(encoding="utf-8")


def test_an_ending_in_capitals_is_an_ending(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "encode", "digits", "-m", model, "--out", tmp_path / "C.NPY")[0] == 0
    assert [file.name for file in tmp_path.iterdir()] == ["C.NPY"]
    assert np.load(tmp_path / "C.NPY").shape == (1438, 6)


def test_a_folder_is_replaced_whole(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for count in (12, 3):
        np.save(tmp_path / "codes.npy", np.ones((count, 6), np.float32))
        words = ["decode", tmp_path / "codes.npy", "-m", model, "--out", tmp_path / "pictures", "--force"]
        assert run(capsys, *words)[0] == 0
    assert sorted(file.name for file in (tmp_path / "pictures").iterdir()) == ["0.png", "1.png", "2.png"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["codes.npy", "pictures"]


def test_numbers_that_are_no_pictures_are_not_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(50, 4, 4)))
    np.save(tmp_path / "codes.npy", np.ones((3, 8), np.float32))
    path = tmp_path / "m.safetensors"
    assert run(capsys, "train", tmp_path / "x.npy", "--epochs", "1", "--out", path, "-q")[0] == 0
    said = fails(capsys, 2, "decode", tmp_path / "codes.npy", "-m", path, "--out", tmp_path / "pictures")
    assert "no pictures" in said


@pytest.mark.parametrize("verb", ["demo", "reproduce"])
def test_pages_in_the_way_are_refused_before_any_work(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "page.html").write_text("precious")
    out = tmp_path / "page.html" if verb == "demo" else tmp_path
    assert "already there" in fails(capsys, 1, verb, "--out", out, "-q")
    assert "cannot be made" in fails(capsys, 1, verb, "--out", tmp_path / "page.html/deeper/x", "-q")
    assert (tmp_path / "page.html").read_text() == "precious"


def test_force_keeps_a_checkpoint_until_there_is_something_better(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.safetensors.checkpoint").write_text("an old run")
    fails(capsys, 1, "train", "nothing-there", "--out", tmp_path / "m.safetensors", "-q", "--force")
    assert (tmp_path / "m.safetensors.checkpoint").read_text() == "an old run"


def test_a_model_larger_than_memory_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for latent in (10**9, 2**40):
        said = fails(capsys, 2, "train", "digits", "--latent", str(latent), "--out", tmp_path / "m.safetensors", "-q")
        assert "latent" in said
