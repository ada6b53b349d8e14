"""Anomalies among unlabelled training rows: left out by the share that is told, from detector and calibration."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from diabolo import Autoencoder, load
from diabolo.app.output.model import about_text
from diabolo.errors import ArgumentError, FormatError
from diabolo.jobs.detect.rows import rows as detect
from diabolo.jobs.detect.rows.contamination import fit_to_most
from diabolo.jobs.detect.rules import FalseAlarms
from diabolo.jobs.detect.thresholds import without_outliers
from test_cli import fails, run
from test_detect import correlated, table
from test_report import check
from test_tabular import payments

SHARE = 0.1


def alike(count: int, seed: int) -> np.ndarray:
    """Anomalies that lie together, so that each has others near it."""
    return correlated(count, seed) * 0.2 + np.array([0, 5, 5, 0, 0, 0])


def mixed(seed: int = 0) -> np.ndarray:
    rows = np.vstack([correlated(900, seed), alike(100, seed + 1)])
    return np.random.default_rng(seed).permutation(rows)


@pytest.fixture(scope="module")
def estimators() -> tuple[Autoencoder, Autoencoder]:
    """Two that learn from the same rows: the second is told of the anomalies."""
    plain, told = (Autoencoder("table", epochs=8, contamination=share) for share in (0.0, SHARE))
    for one in (plain, told):
        one.fit(mixed())
        one.trained_ = detect.with_rule(one.trained_, FalseAlarms(0.02))  # 90 of 100 held-out rows are left
    return plain, told


def test_anomalies_among_the_rows_are_found_once_their_share_is_told(
    estimators: tuple[Autoencoder, Autoencoder],
) -> None:
    X, odd = np.vstack([correlated(500, 7), alike(100, 8)]), np.repeat([0, 1], [500, 100])
    plain, told = (roc_auc_score(odd, -one.score_samples(X)) for one in estimators)
    assert plain < 0.7
    assert told > 0.98
    raised = [one.predict(X) == -1 for one in estimators]
    assert raised[0][500:].mean() < 0.3
    assert raised[1][500:].mean() > 0.6
    assert raised[1][:500].mean() < 0.05


def test_clean_rows_lose_little_by_a_share_that_is_wrong() -> None:
    rows, X = correlated(1000, 3), np.vstack([correlated(500, 4), alike(100, 5)])
    plain, told = (Autoencoder("table", epochs=8, contamination=share).fit(rows) for share in (0.0, 0.05))
    areas = [roc_auc_score(np.repeat([0, 1], [500, 100]), -one.score_samples(X)) for one in (plain, told)]
    assert areas[1] > areas[0] - 0.01
    assert (told.predict(correlated(2000, 6)) == -1).mean() < 0.01 + 0.05 / 0.95 + 0.01


def test_the_same_seed_gives_the_same_bits_and_the_file_keeps_the_share(
    estimators: tuple[Autoencoder, Autoencoder], tmp_path: Path
) -> None:
    told = estimators[1]
    again = Autoencoder("table", epochs=8, contamination=SHARE).fit(mixed())
    for name, array in told.trained_.extras["detect"].arrays.items():
        np.testing.assert_array_equal(again.trained_.extras["detect"].arrays[name], array)
    told.save(tmp_path / "m.safetensors")
    back = load(tmp_path / "m.safetensors")
    assert back.contamination == SHARE
    assert detect.of(back.trained_).contamination == SHARE
    np.testing.assert_array_equal(back.score_samples(mixed()), told.score_samples(mixed()))
    assert "0.1 of the rows it was fitted to were left out as anomalies" in about_text(back.trained_)
    kept = told.trained_.extras["detect"]
    broken = replace(kept, plain={**kept.plain, "contamination": "much"})
    with pytest.raises(FormatError, match="damaged"):
        detect.of(replace(told.trained_, extras={"detect": broken}))


def test_no_share_leaves_all_as_it_was(estimators: tuple[Autoencoder, Autoencoder]) -> None:
    plain = estimators[0].trained_
    assert "contamination" not in plain.extras["detect"].plain
    scores = np.random.default_rng(0).lognormal(0, 2, 100)
    np.testing.assert_array_equal(without_outliers(scores, 0.0), np.sort(scores))


def test_held_out_scores_far_beyond_the_rest_leave_and_no_more_than_the_share() -> None:
    normal, odd = np.exp(np.random.default_rng(1).normal(0, 0.3, 190)), np.full(10, 50.0)
    every = np.concatenate([odd, normal])
    np.testing.assert_array_equal(without_outliers(every, 0.05), np.sort(normal))
    assert len(without_outliers(every, 0.02)) == 196
    assert len(without_outliers(normal, 0.05)) >= 187
    for few in (np.zeros(1), np.zeros(40), np.full(30, 2.0)):
        np.testing.assert_array_equal(without_outliers(few, 0.3), few)


@pytest.mark.parametrize("count", [2, 3, 4, 5, 9, 40])
def test_few_rows_are_enough(count: int) -> None:
    found = Autoencoder("table", epochs=1, contamination=0.4).fit(correlated(count, 9))
    assert np.isfinite(found.score_samples(correlated(5, 10))).all()


def test_rows_that_are_all_the_same_are_fitted() -> None:
    x = np.zeros((50, 3), np.float32)
    detector, left = fit_to_most(lambda rows: rows, x, 0.2)
    assert np.isfinite(detector.references).all()
    assert len(detector.references) == 40
    assert left == pytest.approx(0.2)


def test_tables_of_words_and_gaps_have_a_share_too() -> None:
    frame = payments(900, 20)
    strange = payments(60, 21).with_columns(country=pl.lit("ZZ"), amount=pl.lit(2000.0), pin=pl.lit(value=False))
    past = pl.concat([frame, strange]).sample(fraction=1.0, shuffle=True, seed=1)
    new, odd = pl.concat([payments(300, 22), strange]), np.repeat([0, 1], [300, 60])
    plain, told = (Autoencoder("table", epochs=6, contamination=share).fit(past) for share in (0.0, 0.06))
    areas = [roc_auc_score(odd, -one.score_samples(new)) for one in (plain, told)]
    assert areas[1] > max(areas[0], 0.95)


@pytest.mark.parametrize("share", [0.5, -0.1, float("nan"), "auto", True, None])
def test_a_share_that_cannot_be_is_refused(share: object) -> None:
    with pytest.raises(ArgumentError, match=r"from 0 to below 0\.5, got") as caught:
        Autoencoder("table", contamination=share).fit(correlated(40, 11))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_a_share_is_for_detectors_of_rows() -> None:
    with pytest.raises(ArgumentError, match="preset 'table'"):
        Autoencoder("dense", contamination=0.1).fit(correlated(40, 11))


def test_the_commands_take_a_share_say_so_and_refuse_it_beside_labels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    past, model, out = table(tmp_path / "past.csv", mixed()), tmp_path / "m.safetensors", tmp_path / "alerts.csv"
    words = ("--preset", "table", "--epochs", 4, "--out", model, "-q")
    run(capsys, "train", past, *words, "--contamination", SHARE)
    assert "left out as anomalies" in run(capsys, "info", model)[1]
    assert json.loads(run(capsys, "info", model, "--json")[1])["detector"]["left_out"] == pytest.approx(SHARE, abs=1e-3)
    labels = np.repeat([0, 1], [300, 60])
    new = table(tmp_path / "new.csv", np.vstack([correlated(300, 12), alike(60, 13)]), labels)
    page = tmp_path / "page.html"
    words = ("detect", new, "-m", model, "--label", "Class", "--out", out, "--report", page, "--json")
    facts = json.loads(run(capsys, *words)[1])
    assert facts["auroc"] > 0.95
    assert facts["contamination"] == SHARE
    check(page.read_text())
    assert "at worst it is 0.121" in page.read_text()
    assert "at worst it is 0.121" in run(capsys, *words[:-1], "--force")[1]
    assert "0.1 of its training rows" in page.read_text()
    calibrated = run(
        capsys, "calibrate", past, "-m", model, "--in-place", "--contamination", 0.2, "--false-alarms", 0.02
    )[1]
    assert (
        "contamination 0.2: the rate holds as far as what was left out were anomalies, at worst it is 0.27"
        in calibrated
    )
    assert "contamination" not in run(capsys, "calibrate", new, "-m", model, "--in-place", "--label", "Class")[1]
    both = ("--label", "Class", "--contamination", 0.1)
    assert "give one of the two" in fails(capsys, 2, "calibrate", new, "-m", model, "--in-place", *both)
    words = ("--epochs", 1, "--out", tmp_path / "n.safetensors", "-q")
    assert "give one of the two" in fails(capsys, 2, "train", new, "--preset", "table", *words, *both)
    bad = ("--contamination", 0.7)
    assert "from 0 to below 0.5, got 0.7" in fails(capsys, 2, "train", past, "--preset", "table", *words, *bad)
    assert "preset 'table'" in fails(capsys, 2, "train", past, *words, *both[2:])
    code, _, said = run(capsys, "train", past, "--preset", "table", "--window", 4, *words, *both[2:])
    assert (code, "of single rows" in said) == (2, True)
