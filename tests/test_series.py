"""Windows of series: a score for each step, explained by column, in bounded memory."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from diabolo import Autoencoder
from diabolo.config.recipe import Recipe
from diabolo.data.source import ArraySource, Subset
from diabolo.data.tables.periods import period, window_for, windows_of
from diabolo.data.tables.windows import Windows, learnt_windows
from diabolo.errors import ArgumentError, InputError
from diabolo.jobs.detect import members, series
from diabolo.jobs.detect.rows.rows import prepared_rows
from diabolo.presets.presets import configure
from diabolo.training.files.model_file import Trained
from diabolo.training.fitting import Dials, fit
from test_cli import fails, run
from test_report import check


def waves(count: int, seed: int) -> np.ndarray:
    """Two waves that keep step with each other, and noise."""
    random = np.random.default_rng(seed)
    phase = np.arange(count) * 2 * np.pi / 25 + random.uniform(0, 6)
    return np.column_stack([np.sin(phase), np.cos(phase)]) + 0.05 * random.standard_normal((count, 2))


@pytest.fixture(scope="module")
def trained() -> Trained:
    learnt = learnt_windows(ArraySource(waves(1500, 0)), 8)
    recipe = Recipe(3, 64, 0.01, validation=0.05)
    found = fit(
        learnt, lambda shape, unit: configure("table", shape, unit=unit), lambda _: recipe, Dials(), curved=True
    )
    return series.with_detector(found, learnt)


def test_a_window_is_some_steps_in_a_row() -> None:
    rows = np.arange(20).reshape(10, 2)
    windows = Windows(ArraySource(rows), 3)
    assert (len(windows), windows.shape) == (8, (6,))
    np.testing.assert_array_equal(windows.take(np.array([7, 0])), [rows[7:].ravel(), rows[:3].ravel()])


def test_what_is_held_out_shares_no_step_with_what_is_learnt() -> None:
    learnt = learnt_windows(ArraySource(np.arange(200.0)[:, None]), 5)
    assert learnt.held is not None
    assert learnt.take(np.arange(len(learnt))).max() < learnt.held.take(np.arange(len(learnt.held))).min()


def test_a_step_out_of_line_is_found_with_its_column(trained: Trained) -> None:
    rows = waves(400, 1)
    rows[200, 1] += 1.0
    scores, parts = series.score(trained, ArraySource(rows)), series.explain(trained, ArraySource(rows))
    assert abs(int(scores.argmax()) - 200) <= 1
    assert parts[200].argmax() == 1
    np.testing.assert_allclose(parts.sum(1, dtype=np.float64), scores, rtol=1e-5)


def test_a_step_is_the_mean_of_the_windows_that_hold_it(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    source = ArraySource(waves(60, 2))
    x = prepared_rows(trained, Windows(source, 8))
    errors = np.square(x - trained.forward()(np.ascontiguousarray(x.T)).T).reshape(53, 8, 2).mean(1)
    errors /= 2 * series.of(trained).typical
    wanted = [np.mean([errors[first] for first in range(53) if 0 <= step - first < 8], 0) for step in range(60)]
    np.testing.assert_allclose(series.explain(trained, source), wanted, rtol=1e-4)
    for together in (16 * 7, 16 * 3, 16):
        monkeypatch.setattr(series, "TOGETHER_NUMBERS", together)
        np.testing.assert_allclose(series.explain(trained, source), wanted, rtol=1e-4)
    np.testing.assert_allclose(series.score(trained, Subset(source, np.arange(60))), np.sum(wanted, 1), rtol=1e-4)


def test_blocks_keep_the_promise_about(trained: Trained) -> None:
    found = series.calibrate(trained, ArraySource(waves(2000, 3)), np.zeros(2000, bool))
    assert series.of(found).blocks == 250
    scores = series.score(trained, ArraySource(waves(4000, 4)))
    blocks = scores.reshape(500, 8).max(1)
    for rate, most in ((0.1, 0.16), (0.01, 0.03)):
        assert (blocks > np.quantile(series.of(found).calibration, 1 - rate)).mean() < most
    assert (blocks > np.quantile(series.of(found).calibration, 0.9)).mean() > 0.05


def test_calibration_joins_no_steps_across_an_anomaly(trained: Trained) -> None:
    rows, anomalous = waves(300, 8), np.zeros(300, bool)
    anomalous[[100, 105, 200]] = True
    rows[anomalous] += 5
    found = members.calibrate(trained, ArraySource(rows), anomalous)
    assert series.of(found).blocks == 100 // 8 + 94 // 8 + 99 // 8
    assert series.of(found).calibration.max() < series.score(trained, ArraySource(rows)).max()
    with pytest.raises(InputError, match="more than 8 normal steps in a row"):
        series.calibrate(trained, ArraySource(rows), np.arange(300) % 8 == 0)


def test_a_window_is_a_period_and_at_least_60_steps_where_there_are_enough() -> None:
    assert period(waves(1000, 0)) in (25, 50, 75, 100)
    assert window_for(waves(1000, 0)) in (60, 75, 100)
    wave = np.sin(np.arange(3000) * 2 * np.pi / 144)[:, None]
    assert window_for(wave) == 144
    assert window_for(wave[:150]) == 50
    assert period(np.zeros((100, 2))) == 0
    assert window_for(np.random.default_rng(0).standard_normal((1000, 1))) == 60


def test_the_estimator_scores_steps() -> None:
    X = waves(700, 10)
    ae = Autoencoder("series", epochs=2).fit(windows_of(X))
    assert ae.trained_.about["window"] == window_for(X)
    new = waves(300, 11)
    new[150:160] = 0
    scores = -ae.score_samples(new)
    assert scores.shape == (300,)
    assert 90 < scores.argmax() < 220
    np.testing.assert_allclose(ae.explain(new).sum(1), scores, rtol=1e-4)


def test_bad_windows_are_refused() -> None:
    rows = ArraySource(waves(30, 5))
    for length in (1, 0, True, 10_001):
        with pytest.raises(ArgumentError, match="--window must be a whole number from 2"):
            Windows(rows, length)
    with pytest.raises(InputError, match="needs a longer series"):
        Windows(rows, 30)
    with pytest.raises(InputError, match="40 steps or more"):
        learnt_windows(rows, 19)
    with pytest.raises(InputError, match="tables"):
        Windows(ArraySource(np.zeros((40, 3, 3))), 4)


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    past, new, model, out = (tmp_path / name for name in ("past.csv", "new.csv", "m.safetensors", "o.csv"))
    pl.DataFrame(waves(1200, 6), schema=["sine", "cosine"]).write_csv(past)
    rows = waves(300, 7)
    rows[150:153, 0] -= 1.5
    pl.DataFrame(rows, schema=["sine", "cosine"]).write_csv(new)
    run(capsys, "train", past, "--preset", "table", "--window", 6, "--epochs", 2, "--out", model, "-q")
    run(
        capsys, "detect", new, "-m", model, "--steps", "--out", out, "--report", tmp_path / "page.html", "--train", past
    )
    page = (tmp_path / "page.html").read_text()
    check(page)
    assert "sine (" in page
    assert "isolation forest" in page
    assert "1,195 of the 1,195 normal rows" in page
    table = pl.read_csv(out)
    assert table["row"].to_list() == list(range(300))
    assert 145 <= int(table["score"].arg_max() or 0) <= 157
    assert "sine" in table["reasons"][150]
    assert "windows of 6 steps" in fails(
        capsys, 2, "detect", new, "-m", model, "--window", 5, "--out", tmp_path / "p.csv"
    )


def test_a_series_with_a_clock_leaves_it_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    past, new, model = (tmp_path / name for name in ("past.csv", "new.csv", "m.safetensors"))
    clock = [f"2026-01-{1 + step // 24:02} {step % 24:02}:00" for step in range(600)]
    rows = waves(600, 8)
    for path, some in ((past, rows), (new, waves(600, 9))):
        pl.DataFrame(some, schema=["sine", "cosine"]).insert_column(0, pl.Series("clock", clock)).write_csv(path)
    words = ("train", past, "--preset", "table", "--window", 6, "--epochs", 1, "--out", model, "-q")
    assert "are not: clock; fill gaps in" in fails(capsys, 1, *words)
    run(capsys, *words, "--ignore", "clock")
    code, told, _ = run(
        capsys, "detect", new, "-m", model, "--steps", "--out", tmp_path / "o.csv", "--alerts", 2, "--per-day", "clock"
    )
    assert (code, "events, 50 of 600 steps" in told) == (0, True)
    table = pl.read_csv(tmp_path / "o.csv")
    assert f"highest at {table['score'].arg_max()}" in told.splitlines()[1]
    lines = new.read_text().splitlines()
    lines[301] = ",".join([*lines[301].split(",")[:2], ""])
    new.write_text("\n".join(lines))
    run(capsys, "detect", new, "-m", model, "--steps", "--out", tmp_path / "o.csv", "--force")
    table = pl.read_csv(tmp_path / "o.csv")
    assert abs(int(table["score"].arg_max() or 0) - 300) <= 6
    run(capsys, "report", model, past, "--out", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    check(page)
    assert "cosine -5" in page
    assert "test set, 55 samples" in page
    assert "single rows" in fails(capsys, 2, "report", model, past, "--label", "sine", "--out", tmp_path / "q.html")
    np.savez(tmp_path / "xy.npz", X=waves(600, 8), y=np.arange(600) % 2)
    assert run(capsys, "train", tmp_path / "xy.npz", *words[2:8], "--out", tmp_path / "n.safetensors", "-q")[0] == 0
    code, told, _ = run(capsys, "encode", past, "-m", model, "--out", tmp_path / "c.npy")
    assert told.startswith("595 codes of 10 numbers")
