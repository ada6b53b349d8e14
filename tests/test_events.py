"""Events of series: alerts that belong together, the same in a stream as in a file."""

import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from diabolo import Autoencoder
from diabolo.data.tables.periods import windows_of
from diabolo.errors import ArgumentError, InputError
from diabolo.jobs.detect import series
from diabolo.jobs.detect.events import Adaptive, Event, Merging, adapted, events_of
from diabolo.jobs.detect.rules import FalseAlarms, MostSuspicious
from diabolo.jobs.detect.stream import Stream
from test_cli import fails, run
from test_series import waves


def found(raised: list[int], how: Merging, count: int = 40) -> list[tuple[int, int]]:
    scores = np.zeros(count)
    scores[raised] = 1 + np.arange(len(raised))
    return [(one.start, one.end) for one in events_of(scores, scores > 0, how)]


def test_alerts_are_merged_over_gaps() -> None:
    assert found([3, 4, 7, 20], Merging()) == [(3, 4), (7, 7), (20, 20)]
    assert found([3, 4, 7, 20], Merging(gap=2)) == [(3, 7), (20, 20)]
    assert found([3, 4, 7, 20], Merging(gap=30)) == [(3, 20)]
    assert found([], Merging()) == []


def test_m_of_n_begin_an_event_and_a_mute_time_drops_those_that_follow() -> None:
    assert found([3, 9, 10, 12, 30], Merging(gap=2, least=2, within=3)) == [(9, 12)]
    assert found([3, 9, 20], Merging(mute=10)) == [(3, 3), (20, 20)]


def test_an_event_knows_its_peak() -> None:
    scores = np.array([0, 2, 5, 1, 0, 0.0])
    assert events_of(scores, scores > 0, Merging()) == [Event(1, 3, 2, 5.0, 3, ended=True)]
    for wrong in ({"gap": -1}, {"least": 3, "within": 2}, {"mute": -1}):
        with pytest.raises(ArgumentError, match="M of N"):
            Merging(**wrong)


def test_a_threshold_that_adapts_forgets_a_change_of_level() -> None:
    random = np.random.default_rng(0)
    scores = np.concatenate([random.random(1500), 5 + random.random(3000)])
    left = adapted(scores, scores > 4, FalseAlarms(0.01))
    assert left[1500:1505].all()
    assert left[3000:].mean() < 0.03
    with pytest.raises(ArgumentError, match="--false-alarms"):
        adapted(scores, scores > 4, MostSuspicious(3))
    assert Adaptive(0.01).above(1.0)


@pytest.fixture(scope="module")
def estimator() -> Autoencoder:
    return Autoencoder("series", epochs=3).fit(windows_of(waves(700, 0)))


def wrecked() -> np.ndarray:
    rows = waves(500, 1)
    rows[120:150] = 0.3
    rows[400:420, 1] += 3
    return rows


def test_a_stream_has_the_events_of_a_batch(estimator: Autoencoder) -> None:
    rows = wrecked()
    scores = -estimator.score_samples(rows).astype(np.float64)
    kept = series.of(estimator.trained_)
    wanted = events_of(scores, kept.rule.raised(scores, kept.calibration), Merging(gap=30))
    stream = estimator.stream(gap=30)
    told = [event for row in rows for event in stream.update(row)] + stream.close()
    ended = [event for event in told if event.ended]
    assert [(one.start, one.end, one.peak) for one in ended] == [(one.start, one.end, one.peak) for one in wanted]
    assert len(ended) >= 2
    assert [event.start for event in told if not event.ended] == [event.start for event in ended]
    with pytest.raises(InputError, match="A step has 2 values, got 3"):
        stream.update([1, 2, 3])
    with pytest.raises(ArgumentError, match="ranks a whole series"):
        Stream(series.with_rule(estimator.trained_, MostSuspicious(3)))


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    past, new, model, out = (tmp_path / name for name in ("past.csv", "new.csv", "m.safetensors", "o.csv"))
    pl.DataFrame(waves(700, 0), schema=["a", "b"]).write_csv(past)
    pl.DataFrame(wrecked(), schema=["a", "b"]).write_csv(new)
    _, told, _ = run(capsys, "train", past, "--preset", "series", "--epochs", 3, "--out", model, "-q")
    assert "blocks" in told
    _, told, _ = run(capsys, "detect", new, "-m", model, "--out", out)
    table = pl.read_csv(out)
    assert f"{len(table)} events" in told
    assert ((table["start"] <= 150) & (table["end"] >= 120)).any()
    assert ((table["start"] <= 420) & (table["end"] >= 400) & table["columns"].str.contains("b")).any()
    monkeypatch.setattr("sys.stdin", io.StringIO(new.read_text()))
    _, told, _ = run(capsys, "detect", "-", "-m", model)
    assert told.count("event ended") == len(table)
    monkeypatch.setattr("sys.stdin", io.StringIO("a,b\n1,x\n"))
    assert "Line 2: b must be a number, got 'x'" in fails(capsys, 1, "detect", "-", "-m", model)
    assert "need a file" in fails(capsys, 2, "detect", "-", "-m", model, "--steps")
    assert "M/N" in fails(capsys, 2, "detect", new, "-m", model, "--at-least", "3", "--out", tmp_path / "p.csv")
