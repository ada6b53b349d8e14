"""The job detect: scores that are the sum of their parts, p-values that keep their promise, drift, commands."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.metrics import roc_auc_score

from diabolo import Autoencoder, load
from diabolo.app.output.model import about_json, about_text
from diabolo.data.source import ArraySource
from diabolo.errors import FormatError, InputError
from diabolo.jobs.detect.drift import drift
from diabolo.jobs.detect.labels import anomalous
from diabolo.jobs.detect.listing.reasons import reasons
from diabolo.jobs.detect.rows import rows as detect
from diabolo.jobs.detect.rules import FalseAlarms
from diabolo.jobs.detect.thresholds import resampled_rates
from diabolo.presets.presets import PRESETS
from diabolo.training.files.contents import Extra
from test_cli import fails, run


def correlated(count: int, seed: int) -> np.ndarray:
    """Rows whose six columns follow two hidden numbers; one is heavy-tailed, one constant."""
    generator = np.random.default_rng(seed)
    hidden = generator.standard_normal((count, 2))
    rows = hidden @ np.array([[1, 2, 0, 1], [0, 1, -1, 1]]) + 0.1 * generator.standard_normal((count, 4))
    return np.column_stack([rows, np.exp(2 * hidden[:, 0]), np.full(count, 7.0)])


@pytest.fixture(scope="module")
def estimator() -> Autoencoder:
    return Autoencoder("table", epochs=20).fit(correlated(1500, 0))


def test_a_broken_dependence_is_found_and_its_column_named(estimator: Autoencoder) -> None:
    normal, broken = correlated(300, 1), correlated(300, 2)
    broken[:, 2] = np.roll(broken[:, 2], 1)
    X = np.vstack([normal, broken])
    assert (
        roc_auc_score(np.repeat([0, 1], 300), -estimator.score_samples(X)) > 0.85
    )  # some shifted values fit by chance
    parts = estimator.explain(broken)
    assert np.bincount(parts.argmax(1), minlength=6).argmax() in (1, 2, 3)


def test_the_parts_add_up_to_the_score(estimator: Autoencoder) -> None:
    X = correlated(200, 3) * 3
    scores = detect.score(estimator.trained_, ArraySource(X))
    np.testing.assert_allclose(estimator.explain(X).sum(1, dtype=np.float64), scores, rtol=1e-5)
    np.testing.assert_allclose(-estimator.score_samples(X), scores, rtol=1e-5)


@pytest.mark.parametrize("preset", [name for name, record in PRESETS.items() if record.detector is None])
def test_other_presets_score_once_they_are_calibrated(preset: str, tmp_path: Path) -> None:
    images = np.random.default_rng(0).random((60, 6, 5)).astype(np.float32)
    latent = 3 if PRESETS[preset].free_latent else None
    fitted = Autoencoder(preset, latent=latent, epochs=1).fit(images)
    assert not hasattr(fitted, "predict")
    fitted.trained_ = detect.calibrate(fitted.trained_, ArraySource(images))
    scores, parts = -fitted.score_samples(images), fitted.explain(images)
    assert parts.shape == images.shape
    np.testing.assert_allclose(parts.sum((1, 2), dtype=np.float64), scores, rtol=1e-5)
    order = np.random.default_rng(1).permutation(60)
    np.testing.assert_allclose(-fitted.score_samples(images[order]), scores[order], rtol=1e-5)
    np.testing.assert_allclose(-fitted.score_samples(images[:1]), scores[:1], rtol=1e-5)
    fitted.save(tmp_path / "m.safetensors")
    assert (load(tmp_path / "m.safetensors").score_samples(images) == -scores).all()


@pytest.fixture(scope="module")
def large() -> Autoencoder:
    """A model with so many references that they lie in cells."""
    return Autoencoder("table", epochs=2).fit(correlated(3000, 20))


def test_order_batch_and_threads_change_no_score(large: Autoencoder, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(detect.of(large.trained_).detector.centres) > 50
    X, threads = correlated(4000, 21) * 2, torch.get_num_threads()
    scores = detect.score(large.trained_, ArraySource(X))
    order = np.random.default_rng(22).permutation(len(X))
    shuffled = detect.score(large.trained_, ArraySource(X[order]))
    np.testing.assert_allclose(shuffled, scores[order], rtol=1e-5, atol=1e-6)
    monkeypatch.setattr(detect, "BLOCK_NUMBERS", 6 * 700)
    monkeypatch.setattr(detect, "LEAST_ROWS", 1)
    for count in (1, 2):
        torch.set_num_threads(count)
        found = detect.score(large.trained_, ArraySource(X))
        assert torch.get_num_threads() == count
        torch.set_num_threads(threads)
        np.testing.assert_allclose(found, scores, rtol=1e-5, atol=1e-6)
    parts = detect.explain(large.trained_, ArraySource(X))
    np.testing.assert_allclose(parts.sum(1, dtype=np.float64), scores, rtol=1e-5, atol=1e-6)


def test_a_row_that_is_a_reference_adds_up_too(large: Autoencoder) -> None:
    X = np.repeat(correlated(3000, 20)[:4], 3, 0)
    scores, parts = detect.score(large.trained_, ArraySource(X)), detect.explain(large.trained_, ArraySource(X))
    assert np.isfinite(parts).all()
    assert (parts >= 0).all()
    np.testing.assert_allclose(parts.sum(1, dtype=np.float64), scores, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rate", [0.001, 0.01, 0.1])
def test_the_promise_holds_over_200_resamplings_of_normal_rows(large: Autoencoder, rate: float) -> None:
    scores = detect.score(large.trained_, ArraySource(correlated(8000, 23)))
    found = resampled_rates(scores, rate, repeats=200, seed=24)
    assert found.mean() <= rate + found.std() / np.sqrt(len(found))
    assert found.mean() > rate / 2


def test_a_constant_column_that_changes_is_an_alert(estimator: Autoencoder) -> None:
    X = correlated(20, 6)
    X[3, 5] = 70
    assert estimator.score_samples(X).argmin() == 3
    assert estimator.explain(X)[3].argmax() == 5


def test_calibration_on_new_normal_rows_keeps_the_promise(estimator: Autoencoder) -> None:
    trained = detect.calibrate(estimator.trained_, ArraySource(correlated(2000, 7)), FalseAlarms(0.05))
    again = Autoencoder("table")
    again.trained_ = trained
    again.n_features_in_ = 6
    assert 0.03 < (again.predict(correlated(4000, 8)) == -1).mean() < 0.07


def test_drift_names_the_columns_that_moved(estimator: Autoencoder) -> None:
    assert drift(estimator.trained_, ArraySource(correlated(2000, 9))) == []
    moved = correlated(2000, 9)
    moved[:, 2] += 1
    assert [one.column for one in drift(estimator.trained_, ArraySource(moved))] == [2]


@pytest.mark.parametrize("name", ["references", "centres", "whitening", "table", "calibration", "spread"])
def test_a_damaged_detector_is_refused(estimator: Autoencoder, name: str) -> None:
    kept = estimator.trained_.extras["detect"]
    for damaged in (kept.arrays[name][..., :-1], kept.arrays[name] * np.nan):
        broken = Extra(kept.plain, {**kept.arrays, name: damaged})
        if name == "calibration" and np.isfinite(damaged).all():
            continue
        with pytest.raises(FormatError, match="calibrate it anew"):
            detect.of(replace(estimator.trained_, extras={"detect": broken}))
    with pytest.raises(InputError, match="has no detector"):
        detect.of(replace(estimator.trained_, extras={}))


def table(path: Path, rows: np.ndarray, labels: object = None, names: str = "abcdef") -> Path:
    frame = pl.DataFrame(rows, schema=list(names))
    if labels is not None:
        frame = frame.with_columns(pl.Series("Class", labels))
    frame.write_csv(path) if path.suffix == ".csv" else frame.write_parquet(path)
    return path


def test_the_commands_train_detect_and_calibrate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = correlated(600, 10)
    rows[:30, 1] += 8
    labels = np.repeat([1, 0], [30, 570])
    past, model = table(tmp_path / "past.csv", rows, labels), tmp_path / "m.safetensors"
    words = ("train", past, "--preset", "table", "--label", "Class", "--epochs", "5", "--out", model, "-q", "--json")
    assert json.loads(run(capsys, *words)[1])["samples"] == 570
    new, out = table(tmp_path / "new.parquet", rows[:, ::-1], labels, "fedcba"), tmp_path / "alerts.csv"
    code, printed, _ = run(
        capsys, "detect", new, "-m", model, "--label", "Class", "--alerts", 30, "--out", out, "--json"
    )
    facts = json.loads(printed)
    assert (code, facts["alerts"], facts["samples"]) == (0, 30, 600)
    assert facts["auroc"] > 0.95
    ranked = pl.read_csv(out)
    assert ranked.columns == ["row", "Class", "score", "p_value", "rarity", "alert", "reasons", "nearest"]
    assert ranked["Class"].to_list() == labels[ranked["row"]].tolist()
    assert ranked["rarity"][0] == "higher than all 57 normal rows held out"
    assert (ranked["score"].diff().drop_nulls() <= 0).all()
    assert "expected" in ranked["reasons"][0]
    words = ("calibrate", new, "-m", model, "--in-place", "--label", "Class", "--cost-miss", 50, "--cost-alarm", 1)
    assert "threshold" in run(capsys, *words)[1]
    assert (
        "0.1"
        in run(capsys, "calibrate", new, "-m", model, "--in-place", "--label", "Class", "--false-alarms", "0.1")[1]
    )
    assert (
        json.loads(run(capsys, "detect", new, "-m", model, "--out", out, "--force", "--label", "Class", "--json")[1])[
            "rule"
        ]
        == "false-alarms"
    )


def test_training_says_what_the_detector_is_worth_and_what_to_leave_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows, model = correlated(600, 13), tmp_path / "m.safetensors"
    rows[:6, 1] += 8
    frame = pl.DataFrame(rows, schema=list("abcdef")).with_columns(
        pl.Series("id", [f"N{number:04}" for number in range(600)]),
        pl.Series("n", np.arange(600)),
        pl.Series("Class", np.repeat([1, 0], [6, 594])),
    )
    frame.write_csv(tmp_path / "t.csv")
    words = ["train", tmp_path / "t.csv", "--preset", "table", "--epochs", "5", "--out", model, "-q", "--force"]
    _, told, _ = run(capsys, *words, "--label", "Class")
    assert "Its detector: false-alarms = 0.0" in told
    assert "It ranks the held-out samples, 59, and 6 anomalies: AUROC " in told
    assert f"Next: diabolo detect NEW -m {model}" in told
    assert "--ignore id" in told
    assert "Column n grows with the rows" in told
    assert "too few: nothing will be an alert; calibrate on 99" in told
    heads = next(line for line in told.splitlines() if "latent" in line)
    assert heads.split() == ["latent", "parameters", "MSE"]
    found = json.loads(run(capsys, *words, "--label", "Class", "--ignore", "id", "--ignore", "n", "--json")[1])
    assert (found["columns"], found["detector"]["calibrated_on"]) == (list("abcdef"), 59)
    assert found["detector"]["average_precision"] > 0.5
    _, told, _ = run(capsys, *words, "--ignore", "id", "--ignore", "Class", "--ignore", "n")
    assert "--ignore" not in told
    assert "--contamination" in told
    run(capsys, *words, "--ignore", "id", "--ignore", "Class", "--ignore", "n", "--contamination", "0.02")
    run(capsys, "detect", tmp_path / "t.csv", "-m", model, "--out", tmp_path / "a.csv")
    assert len(set(pl.read_csv(tmp_path / "a.csv")["row"].head(6)) & set(range(6))) >= 4


def test_reasons_are_no_small_shares_and_expect_nothing_that_is_there(
    large: Autoencoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = np.array([[90, 4, 6, 0, 0, 0], [2, 50, 48, 0, 0, 0]], np.float32)
    monkeypatch.setattr(detect, "explain", lambda *_: parts)
    rows = correlated(2, 14)
    monkeypatch.setattr(detect, "expected", lambda *_: np.where(np.arange(6) == 2, rows + 1, rows))
    told = reasons(large.trained_, ArraySource(rows), np.arange(2), list("abcdef"))
    seen, other = [[f"{value:.6g}" for value in row] for row in rows], [f"{row[2] + 1:.6g}" for row in rows]
    first, second = told[0].split("; "), told[1].split("; ")
    assert first[0].startswith(f"a: {seen[0][0]}, usually ")
    assert first[0].endswith(" (90%)")
    assert first[1].startswith(f"c: {seen[0][2]}, expected {other[0]}, usually ")
    assert first[1].endswith(" (6%)")
    assert len(first) == 2
    assert [line.split(",")[0] for line in second] == [f"b: {seen[1][1]}", f"c: {seen[1][2]}"]


def test_bad_input_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows, model = correlated(60, 11), tmp_path / "m.safetensors"
    words = ("--preset", "table", "--label", "Class", "--epochs", "1", "--out", model, "-q")
    assert "Every row" in fails(capsys, 1, "train", table(tmp_path / "all.csv", rows, [1] * 60), *words)
    three = table(tmp_path / "three.csv", rows, [0, 1, 2] * 20)
    assert "3 values: 0, 1, 2" in fails(capsys, 1, "train", three, *words)
    run(capsys, "train", table(tmp_path / "good.csv", rows, [0] * 60), *words)
    lacking = table(tmp_path / "lacking.csv", rows[:, 1:], names="bcdef")
    out = tmp_path / "o.csv"
    assert "lacks the columns a" in fails(capsys, 1, "detect", lacking, "-m", model, "--out", out)
    assert ".csv, .parquet, .xlsx, .json, .jsonl" in fails(
        capsys, 2, "detect", lacking, "-m", model, "--out", tmp_path / "o.txt"
    )
    full = table(tmp_path / "full.csv", rows)
    both = ("--alerts", 3, "--false-alarms", 0.1)
    assert "two rules" in fails(capsys, 2, "detect", full, "-m", model, "--out", out, *both)
    assert "between 0 and 1" in fails(capsys, 2, "detect", full, "-m", model, "--out", out, "--false-alarms", 2)
    assert not out.exists()


def test_what_is_written_is_no_formula(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows, model, out = correlated(60, 12), tmp_path / "m.safetensors", tmp_path / "o.csv"
    frame = pl.DataFrame(rows, schema=["=1+1", "@b", "-c", "+d", "=e", "=f"])
    frame.write_csv(tmp_path / "t.csv")
    run(capsys, "train", tmp_path / "t.csv", "--preset", "table", "--epochs", "1", "--out", model, "-q")
    run(capsys, "detect", tmp_path / "t.csv", "-m", model, "--out", out)
    assert all(text.startswith(("'", "no column stands out")) for text in pl.read_csv(out)["reasons"])


@pytest.mark.parametrize(
    ("labels", "anomaly", "expected"),
    [
        ([0, 1, 0], None, [0, 1, 0]),
        ([1, -1, 1], None, [0, 1, 0]),
        (["ok", "fraud", "ok"], None, [0, 1, 0]),
        (["Legit", "chargeback", "Legit"], None, [0, 1, 0]),
        (["No", "Yes", "No"], None, [0, 1, 0]),
        (["a", "b", "c"], "b", [0, 1, 0]),
        ([0, 2, 0], "2", [0, 1, 0]),
    ],
)
def test_labels_say_which_rows_are_anomalies(labels: list[object], anomaly: str | None, expected: list[int]) -> None:
    assert anomalous(np.array(labels), anomaly).astype(int).tolist() == expected


def test_labels_that_do_not_say_which_are_refused() -> None:
    with pytest.raises(InputError, match="got 2 values: red, white; say which of them is the anomaly: --anomaly VALUE"):
        anomalous(np.array(["white", "red", "white"]))


def test_an_earlier_detector_is_fitted_anew_by_calibrate() -> None:
    X = np.random.default_rng(0).normal(size=(300, 4))
    trained = Autoencoder("table", epochs=1, random_state=0).fit(X).trained_
    kept = trained.extras["detect"]
    arrays = {name: array for name, array in kept.arrays.items() if name != "centres"}
    earlier = replace(trained, extras={**trained.extras, "detect": replace(kept, arrays=arrays)})
    source = ArraySource(X)
    with pytest.raises(FormatError, match="earlier version's"):
        detect.score(earlier, source)
    assert "of an earlier version, or damaged" in about_text(earlier)
    assert "detector" not in about_json(earlier)
    assert len(detect.score(detect.calibrate(earlier, source), source)) == 300
