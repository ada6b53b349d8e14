"""Alerts by the day: so many of each, by dates, times or seconds; what is no day is refused in one line."""

import json
from datetime import date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from diabolo.data.source import ArraySource, Subset
from diabolo.data.tables.frames import in_memory
from diabolo.errors import FormatError, InputError
from diabolo.jobs.detect.days import days_of
from diabolo.jobs.detect.rules import FalseAlarms, MostSuspicious, rule_of
from test_cli import fails, run


def test_each_day_has_its_highest_scores() -> None:
    generator = np.random.default_rng(0)
    scores, days = generator.integers(0, 40, 500).astype(float), generator.integers(-3, 4, 500)
    raised = MostSuspicious(5, "when").raised(scores, np.ones(1), days)
    for day in range(-3, 4):
        own = scores[days == day]
        assert sorted(scores[raised & (days == day)]) == sorted(own)[-5:]
    assert MostSuspicious(5, "when").raised(scores[:3], np.ones(1), np.arange(3)).all()
    assert len(MostSuspicious(5, "when").raised(scores[:0], np.ones(1), days[:0])) == 0


@pytest.mark.parametrize(
    "values",
    [
        [date(2024, 2, 28), date(2024, 2, 28), date(2024, 2, 29)],
        [datetime(2024, 2, 28, 0), datetime(2024, 2, 28, 23, 59), datetime(2024, 2, 29)],
        ["28.02.2024", "28.02.2024", "29.02.2024"],
        ["2024-02-28 00:00", "2024-02-28 23:59", "2024-02-29 00:00"],
        [19781 * 86_400, 19781 * 86_400 + 86_399, 19782 * 86_400],
        [19781 * 86_400.0, 19781 * 86_400 + 86_399.9, 19782 * 86_400.0],
    ],
)
def test_days_are_found_in_dates_times_and_seconds(values: list[object]) -> None:
    source = in_memory(pl.DataFrame({"x": [1, 2, 3], "when": values}))
    assert days_of(source, "when").tolist() == [19781, 19781, 19782]
    assert days_of(Subset(source, np.array([2, 0])), "when").tolist() == [19782, 19781]


def test_what_is_no_day_is_refused() -> None:
    source = in_memory(
        pl.DataFrame({"x": ["a", "b"], "gap": [1, None], "odd": [1.0, float("nan")], "flag": [True, True]})
    )
    for name, words in (("x", "holds 'a'"), ("gap", "1 gaps"), ("odd", "not finite"), ("flag", "dates, times")):
        with pytest.raises(InputError, match=words):
            days_of(source, name)
    with pytest.raises(InputError, match="must be a column"):
        days_of(source, "y")
    with pytest.raises(InputError, match="without named columns"):
        days_of(ArraySource(np.zeros((2, 2))), "x")
    with pytest.raises(FormatError, match="by the day"):
        rule_of({"rule": "false-alarms", "value": 0.1, "per_day": "x"})


def test_a_rule_comes_back_from_the_file() -> None:
    for rule in (FalseAlarms(), MostSuspicious(3), MostSuspicious(3, "when")):
        assert rule_of(rule.to_json()) == rule


def test_the_commands_count_by_the_day(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = np.random.default_rng(1).normal(size=(300, 2))
    seconds = np.arange(300) * 864  # 100 rows a day
    table, model, out = tmp_path / "t.csv", tmp_path / "m.safetensors", tmp_path / "o.parquet"
    pl.DataFrame(rows, schema=["a", "b"]).write_csv(tmp_path / "past.csv")
    pl.DataFrame(rows, schema=["a", "b"]).with_columns(pl.Series("when", seconds)).write_csv(table)
    run(capsys, "train", tmp_path / "past.csv", "--preset", "table", "--epochs", "1", "--out", model, "-q")
    run(capsys, "calibrate", tmp_path / "past.csv", "-m", model, "--in-place", "--alerts", 4, "--per-day", "when")
    facts = json.loads(run(capsys, "detect", table, "-m", model, "--out", out, "--json")[1])
    assert (facts["alerts"], facts["per_day"]) == (12, "when")
    raised = pl.read_parquet(out).filter("alert")["row"].to_numpy()
    assert np.bincount(raised // 100).tolist() == [4, 4, 4]
    assert "4 a day (when)" in run(capsys, "detect", table, "-m", model, "--out", out, "--force")[1]
    again = ("detect", table, "-m", model, "--out", out, "--force")
    assert json.loads(run(capsys, *again, "--alerts", 4, "--json")[1])["alerts"] == 4
    assert "give --alerts N" in fails(capsys, 2, *again, "--per-day", "when")
    assert "must be a column" in fails(capsys, 1, *again, "--alerts", 4, "--per-day", "day")
