"""What confirmed anomalies teach: they rank higher, others are still found, reasons add up, files keep it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import diabolo
from diabolo import Autoencoder
from diabolo.errors import FormatError, InputError
from diabolo.jobs.detect import members
from diabolo.jobs.detect.labels import told
from diabolo.training.files.contents import Extra
from test_cli import fails, run

NAMES = list("abcd")


def rows(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 4))


def frauds(count: int, seed: int) -> np.ndarray:
    """Rows that are barely unusual, always in the same way."""
    return rows(count, seed) + np.array([2.2, 0, 0, 0])


@pytest.fixture(scope="module")
def plain() -> Autoencoder:
    return Autoencoder("table", epochs=2, device="cpu").fit(rows(900, 0))


@pytest.fixture
def taught(plain: Autoencoder) -> Autoencoder:
    other = Autoencoder("table", epochs=2, device="cpu")
    other.__dict__.update(plain.__dict__)
    X, y = np.concatenate([frauds(30, 1), rows(20, 2)]), np.repeat([1, 0], [30, 20])
    return other.learn_labels(X, y)


def test_what_was_confirmed_ranks_higher_and_other_kinds_are_still_found(
    plain: Autoencoder, taught: Autoencoder
) -> None:
    from sklearn.metrics import roc_auc_score

    new, bad = rows(600, 3), frauds(200, 4)
    y = np.repeat([0, 1], [600, 200])
    before, after = (roc_auc_score(y, one.decision_function(np.concatenate([new, bad]))) for one in (plain, taught))
    assert after > before + 0.05
    other = rows(50, 5) - np.array([0, 0, 9, 0])
    assert (taught.predict(other) == -1).mean() > 0.9


def test_the_promise_holds_after_learning(taught: Autoencoder) -> None:
    assert (taught.predict(rows(4000, 6)) == -1).mean() < 0.025


def test_parts_add_up_and_name_the_column(taught: Autoencoder) -> None:
    X = frauds(60, 7)
    parts = taught.explain(X)
    np.testing.assert_allclose(parts.sum(1), taught.decision_function(X), rtol=1e-3, atol=1e-3)
    assert (parts.argmax(1) == 0).mean() > 0.6


def test_files_keep_what_was_learnt_and_damage_is_refused(taught: Autoencoder, tmp_path: Path) -> None:
    taught.save(tmp_path / "m.safetensors")
    again = diabolo.load(tmp_path / "m.safetensors", device="cpu")
    np.testing.assert_allclose(again.decision_function(rows(50, 8)), taught.decision_function(rows(50, 8)), rtol=1e-5)
    kept = again.trained_.extras["confirmed"]
    damaged = {**again.trained_.extras, "confirmed": Extra({**kept.plain, "anomalies": 0}, kept.arrays)}
    again.trained_ = replace(again.trained_, extras=damaged)
    with pytest.raises(FormatError, match="learn it anew"):
        again.decision_function(rows(5, 8))


def test_labels_without_an_anomaly_teach_nothing(plain: Autoencoder) -> None:
    with pytest.raises(InputError, match="from 1 anomaly on, got none"):
        plain.learn_labels(rows(5, 9), np.zeros(5, int))


def test_the_commands_learn_from_labels_and_verdicts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    X = np.concatenate([rows(600, 10), frauds(20, 11)])
    verdict = ["ok"] * 600 + ["fraud"] * 20
    table = pl.DataFrame(X, schema=NAMES).with_columns(id=pl.Series([f"T{i}" for i in range(620)]))
    table.with_columns(Class=pl.Series(verdict)).write_csv(tmp_path / "past.csv")
    table.write_csv(tmp_path / "new.csv")
    model, taught = tmp_path / "m.safetensors", tmp_path / "t.safetensors"
    words = (
        "train",
        tmp_path / "past.csv",
        "--preset",
        "table",
        "--ignore",
        "id",
        "--label",
        "Class",
        "--epochs",
        1,
        "-q",
    )
    run(capsys, *words, "--out", model)
    run(capsys, *words, "--out", taught, "--learn-labels")
    assert diabolo.load(taught).trained_.extras["confirmed"].plain["anomalies"] == 20
    assert "--learn-labels goes with --label" in fails(
        capsys,
        2,
        "train",
        tmp_path / "new.csv",
        "--preset",
        "table",
        "--out",
        tmp_path / "x.safetensors",
        "--learn-labels",
    )
    cases = pl.DataFrame({"id": ["T605", "T606", "T3", "T9"], "verdict": ["fraud", "fraud", "ok", None]})
    cases.write_csv(tmp_path / "cases.csv")
    given = ("learn", tmp_path / "cases.csv", "-m", model, "--label", "verdict", "--data", tmp_path / "new.csv")
    _, printed, said = run(capsys, *given, "--by", "id", "--out", tmp_path / "n.safetensors")
    assert "2 anomalies and 1 cleared cases" in said
    assert "n.safetensors: false-alarms = 0.01, calibrated on 541 samples" in printed
    assert members.detects(diabolo.load(tmp_path / "n.safetensors").trained_)
    assert "the column row" in fails(capsys, 1, *given, "--out", tmp_path / "o.safetensors")
    both = pl.read_csv(tmp_path / "new.csv").with_columns(id=pl.lit("T605"))
    both.write_csv(tmp_path / "twice.csv")
    again = (*given[:-1], tmp_path / "twice.csv", "--by", "id", "--out", tmp_path / "o.safetensors")
    assert "has 620 rows with id = T605" in fails(capsys, 1, *again)
    cases.with_columns(id=pl.lit(None, pl.String)).write_csv(tmp_path / "cases.csv")
    assert "3 cases have a verdict and no id" in fails(
        capsys, 1, *given, "--by", "id", "--out", tmp_path / "o.safetensors"
    )
    wrong = [*words, "--anomaly", "Fraud", "--out", tmp_path / "o.safetensors"]
    assert "No row has Class = Fraud, and all would count as normal; Class holds fraud, ok" in fails(capsys, 1, *wrong)
    assert not (tmp_path / "o.safetensors").exists()


def test_a_letter_alone_does_not_say_which_label_is_the_anomaly() -> None:
    for letters in ("FN", "FL", "GF"):
        with pytest.raises(InputError, match="say which of them is the anomaly"):
            told(np.array(list(letters)))
    for no, yes in ("NY", "nj", "NS", "ft"):
        assert told(np.array([no, yes])).tolist() == [False, True]
    assert told(np.array([0, 1]), "TRUE").tolist() == [False, True]
    assert told(np.array(["TRUE", "1"]), "TRUE").tolist() == [True, False]
