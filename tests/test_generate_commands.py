"""The commands of generate as a user calls them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diabolo.app.cli import main
from diabolo.data.opening import open_data
from diabolo.estimator import Autoencoder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "vae.safetensors"
    Autoencoder("vae", latent=2, epochs=3).fit(open_data("digits")).save(path)
    return path


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    return int(end.value.code or 0)


def test_samples_as_a_sheet_a_folder_and_an_array(model: Path, tmp_path: Path) -> None:
    assert run("generate", "-m", model, "--count", 10, "--out", tmp_path / "s.png") == 0
    assert Image.open(tmp_path / "s.png").size == (6 * (4 * 9 - 1), 6 * (3 * 9 - 1))  # 8 x 8, magnified
    assert run("generate", "-m", model, "--count", 3, "--like", "digits:5", "--out", tmp_path / "folder") == 0
    assert len(list((tmp_path / "folder").iterdir())) == 3
    assert run("generate", "-m", model, "--like", tmp_path / "folder" / "0.png", "--out", tmp_path / "a.npy") == 0
    assert np.load(tmp_path / "a.npy").shape == (64, 8, 8)


def test_a_density_and_directions_are_fitted_and_used(model: Path, tmp_path: Path, capsys) -> None:
    copy = Path(shutil.copy(model, tmp_path / "m.safetensors"))
    table = tmp_path / "more.csv"
    ink = open_data("digits").train.take(np.arange(1438))[:, 3:5, 3:5].mean((1, 2))
    table.write_text("ink\n" + "\n".join(f"{value:.3f}" for value in ink))
    assert run("generate", "-m", copy, "--fit", "digits", "--attributes", table) == 0
    assert "10 components of 1,438 codes, directions of label=0" in capsys.readouterr().out
    for steps, name in (("label=0:+3", "thin.npy"), ("label=0:-3", "thick.npy"), ("ink:1", "any.npy")):
        assert run("generate", "-m", copy, "--towards", steps, "--out", tmp_path / name) == 0
    one, other = (np.load(tmp_path / name).astype(float) for name in ("thick.npy", "thin.npy"))
    assert np.abs(one - other).mean() > 5
    words = (
        "interpolate",
        "digits:5",
        "-m",
        copy,
        "--towards",
        "label=0:+3",
        "--steps",
        5,
        "--out",
        tmp_path / "walk.npy",
    )
    assert run(*words) == 0
    steps = np.load(tmp_path / "walk.npy").astype(float)
    assert steps.shape == (5, 8, 8)
    assert np.abs(steps[-1] - steps[0]).mean() > 5
    assert run("generate", "-m", copy, "--towards", "age:1", "--out", tmp_path / "x.npy") == 2
    assert "it has label=0" in capsys.readouterr().err


def test_a_walk_and_a_map(model: Path, tmp_path: Path) -> None:
    assert run("interpolate", "digits:1", "digits:5", "-m", model, "--steps", 6, "--out", tmp_path / "w.gif") == 0
    with Image.open(tmp_path / "w.gif") as moving:
        assert moving.n_frames == 10
    out = tmp_path / "w.png"
    assert run("interpolate", "digits:1", "digits:5", "-m", model, "--spherical", "--steps", 6, "-o", out) == 0
    assert Image.open(out).size == (6 * (6 * 9 - 1), 6 * 8)
    assert run("map", "-m", model, "--side", 5, "--out", tmp_path / "map.png") == 0
    assert Image.open(tmp_path / "map.png").size == (6 * 44, 6 * 44)


def test_the_likelihood_as_text_and_as_json(model: Path, capsys) -> None:
    assert run("likelihood", "digits", "-m", model, "--samples", 5, "--count", 20) == 0
    assert "IWAE bound of 5" in capsys.readouterr().out
    assert run("likelihood", "digits", "-m", model, "--samples", 5, "--count", 20, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["elbo"] == pytest.approx(found["distortion"] + found["rate"])
    assert len(found["each"]) == found["count"] == 20


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["generate"], 2, "Give --out PATH"),
        (["generate", "--out", "s.gif"], 2, "must end in"),
        (["generate", "--out", "s.png", "--count", "0"], 2, "count must be"),
        (["generate", "--out", "s.png", "--label", "7"], 1, "knows no labels"),
        (["generate", "--out", "s.png", "--like", "nothing.png"], 2, "nothing.png is not there"),
        (["generate", "--out", "s.png", "--like", "digits:99999"], 2, "rows 0 to 1,437"),
        (["generate", "--out", "s.png", "--towards", "age"], 2, "must be NAME:STEPS"),
        (["generate", "--out", "s.png", "--density", "flow"], 2, "auto, fitted or normal"),
        (["generate", "--out", "s.png", "--attributes", "a.csv"], 2, "--attributes needs --fit"),
        (["interpolate", "digits:1", "olivetti.zip", "--out", "w.gif"], 2, "is not there"),
        (["interpolate", "digits:1", "--out", "w.gif"], 2, "either TO, a second sample, or --towards"),
        (["interpolate", "digits:1", "digits:2", "--towards", "a:1", "--out", "w.gif"], 2, "either TO"),
        (["map"], 2, "Give --out SHEET.png"),
        (["map", "--out", "m.jpg"], 2, "must end in .png"),
        (["likelihood", "digits", "--samples", "0"], 2, "samples must be"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    words: list[str], status: int, message: str, model: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*words, "-m", model) == status
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_training_tells_labels_of_a_table(tmp_path: Path, capsys) -> None:
    table, out = tmp_path / "labels.csv", tmp_path / "m.safetensors"
    table.write_text("odd\n" + "\n".join("yes" if label % 2 else "no" for label in open_data("digits").labels))
    train = ["train", "digits", "--preset", "vae", "--latent", 2, "--epochs", 1, "-q", "--out", out]
    assert run(*train, "--condition", f"{table}:odd", "--beta", 0.5, "--warm-up", 0.1, "--free-nats", 0.01) == 0
    assert run("generate", "-m", out, "--label", "yes", "--count", 2, "--out", tmp_path / "s.npy") == 0
    assert run(*train, "--condition", f"{table}:even", "--force") == 2
    assert "has no column 'even'" in capsys.readouterr().err
    assert run(*train, "--condition", "nothing.csv", "--force") == 2
