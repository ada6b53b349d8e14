"""A detector beside its baselines: figures, warnings, and the pages that show them."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from diabolo.app.pages.detection_section import detection_part
from diabolo.jobs.detect.baselines import BASELINES, baseline_scores
from diabolo.jobs.detect.listing.reasons import joined, split
from diabolo.jobs.detect.ranking import Detection, judged, ranked_beside
from test_cli import fails, run
from test_detect import correlated, table
from test_report import HOSTILE, check

NAMES = ("plain", "<b>bold", "=1+1", "d; e", "tail", "same")


def far(rows: np.ndarray, count: int) -> np.ndarray:
    """Rows of which the first few broke the dependence between columns, in two of them: each adds a bounded part."""
    rows = rows.copy()
    rows[:count, 1] += 8
    rows[:count, 3] -= 8
    return rows


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A labelled table to learn from, another to judge, and a model of the first."""
    folder = tmp_path_factory.mktemp("detection")
    past, new, model = folder / "past.csv", folder / "new.parquet", folder / "m.safetensors"
    labels = np.repeat([1, 0], [20, 580])
    for path, seed in ((past, 0), (new, 1)):
        table(path, far(correlated(600, seed), 20), labels, NAMES)
    from diabolo.app.cli import main

    words = ["train", past, "--preset", "table", "--label", "Class", "--epochs", "4", "--out", model, "-q"]
    with pytest.raises(SystemExit):
        main([str(word) for word in words])
    return past, new, model


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_ranks_what_is_far_off_first(name: str) -> None:
    normal, rows = correlated(300, 2), far(correlated(100, 3), 5)
    scores = BASELINES[name](normal, rows, 0)
    assert scores.shape == (100,)
    assert roc_auc_score(np.arange(100) < 5, scores) > 0.85
    np.testing.assert_array_equal(scores, BASELINES[name](normal, rows, 0))


def test_a_baseline_needs_no_columns_that_vary_and_few_rows() -> None:
    assert all(np.isfinite(scores).all() for scores in baseline_scores(np.ones((2, 3)), np.eye(3)).values())
    assert "Mahalanobis" not in baseline_scores(np.eye(3, 1100), np.eye(2, 1100))


def test_rare_anomalies_are_all_judged_and_weigh_as_they_are() -> None:
    anomalous = np.arange(10_000) % 1000 == 7
    rows, weights = judged(10_000, anomalous, 500)
    assert (np.diff(rows) > 0).all()
    assert anomalous[rows].sum() == 10
    assert weights.sum() == pytest.approx(10_000)
    assert set(weights[anomalous[rows]]) == {1.0}
    assert len(judged(300, None, 500)[0]) == 300


def test_figures_are_scikit_learn_s_and_who_wins_is_said() -> None:
    random = np.random.default_rng(4)
    anomalous, weights = np.arange(400) < 40, np.where(np.arange(400) < 40, 1, 18.6)
    own, other = random.random(400) + 0.3 * anomalous, random.random(400) + 0.8 * anomalous
    found = ranked_beside(("mine", own), {"other": other}, anomalous, weights, least=0.9, raised=60, fitted="those")
    assert found.own.auroc == pytest.approx(roc_auc_score(anomalous, own))
    assert found.methods[1].average_precision == average_precision_score(anomalous, other, sample_weight=weights)
    first = np.argsort(-own)
    first = first[np.cumsum(weights[first]) <= 60]
    assert found.own.caught == anomalous[first].sum()
    assert found.own.shared == 1
    assert len(found.warnings) == 1
    assert found.warnings[0].startswith("other does better here: average precision")
    assert "Warning" in detection_part(found)
    assert ranked_beside(("mine", other), {"other": own}, anomalous, weights, least=None).warnings == ()


CASES = {
    "no labels": (np.arange(1.0, 50), None, 40.0),
    "no anomaly": (np.arange(1.0, 50), np.zeros(49, bool), 40.0),
    "all anomalies": (np.arange(1.0, 50), np.ones(49, bool), 4.0),
    "no threshold": (np.exp(np.arange(49.0)), np.arange(49) > 45, None),
    "the same score": (np.ones(49), np.arange(49) > 45, 1.0),
    "nothing is an alert": (np.arange(49.0), np.arange(49) > 45, 1e9),
    "nothing to compare": (np.ones(1), None, 2.0),
    "negative": (np.arange(-30.0, 19), np.arange(49) > 45, 0.0),
}


@pytest.mark.parametrize("name", CASES)
def test_the_part_of_a_page_is_sound(name: str) -> None:
    scores, anomalous, least = CASES[name]
    raised = 0 if least is None else float((scores >= least).sum())
    other = {HOSTILE: scores[::-1]}
    found: Detection = ranked_beside(
        (HOSTILE, scores), other, anomalous, np.ones(len(scores)), least=least, raised=raised, fitted=HOSTILE
    )
    text = detection_part(found)
    check(text)
    assert "<script" not in text
    assert ("Beside its baselines" in text) == (name != "nothing to compare")


def test_reasons_come_apart_again_whatever_they_hold() -> None:
    lines = ["d; e: a; b (5%); c, expected ; (90%)", "=x: ;; , expected y (1%)", "plain: 1, expected 2 (9%)"]
    assert [line.replace(" ", "") for line in split(joined(lines))] == [line.replace(" ", "") for line in lines]
    assert split(joined([])) == []


def test_detect_writes_a_page(
    files: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    past, new, model = files
    out, page = tmp_path / "alerts.csv", tmp_path / "pages/page.html"
    words = ("detect", new, "-m", model, "--out", out, "--report", page)
    facts = json.loads(run(capsys, *words, "--label", "Class", "--alerts", 20, "--json")[1])
    text = page.read_text()
    check(text)
    assert facts["auroc"] > 0.9
    assert f"{facts['average_precision']:.4f}" in text
    assert [one["name"] for one in facts["beside"]] == ["table", *BASELINES]
    assert facts["beside"][0]["auroc"] == pytest.approx(facts["auroc"])
    assert "&lt;b&gt;bold: " in text
    assert "that the model file keeps" in text
    assert text.count('<span class="anomaly">') > 15
    assert all(name in text for name in BASELINES)
    run(capsys, *words, "--label", "Class", "--train", past, "--force")
    assert "580 of the 580 normal rows" in page.read_text()
    run(capsys, *words, "--alerts", 20, "--force")
    check(page.read_text())
    assert "nobody can say which is better" in page.read_text()
    assert "--report too" in fails(capsys, 2, "detect", new, "-m", model, "--out", tmp_path / "o.csv", "--train", past)
    moved = pl.read_parquet(new).with_columns(pl.col("tail") * 100)
    moved.write_parquet(tmp_path / "moved.parquet")
    said = run(capsys, "detect", tmp_path / "moved.parquet", *words[2:], "--label", "Class", "--force")[2]
    assert "a column that grows with time always drifts" in said
    assert "a column that grows with time always drifts" in page.read_text()
    page.unlink()
    pl.DataFrame({"a": [1]}).write_csv(tmp_path / "bad.csv")
    fails(capsys, 1, "detect", tmp_path / "bad.csv", *words[2:], "--force")
    assert not page.exists()


def test_report_shows_the_detector_on_rows_that_training_did_not_see(
    files: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    past, new, model = files
    page = tmp_path / "page.html"
    run(capsys, "report", model, past, "--label", "Class", "--out", page)
    text = page.read_text()
    check(text)
    assert "held-out samples, 58, and 20 anomalies" in text
    assert "All rank the same 78 samples." in text
    assert "522 of the 522 normal rows" in text
    run(capsys, "report", model, new, "--label", "Class", "--out", page, "--force")
    assert "samples given, 600" in page.read_text()
    assert "As a detector" in page.read_text()
