"""The lecture's experiment with frauds: the full file where there is one, else the sample; beside its baselines."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from diabolo.app import reproduce
from diabolo.app.reproduce import EXPERIMENTS, tables
from diabolo.jobs.detect.baselines import BASELINES
from test_cli import fails, run
from test_report import check


def payments(path: Path, count: int = 400) -> None:
    """A table of payments in order of time, the 10th of each hundred a fraud that is far off."""
    random = np.random.default_rng(0)
    rows, fraud = random.standard_normal((count, 3)), np.arange(count) % 100 == 9
    rows[fraud] += 7
    time = np.sort(random.uniform(0, 1000, count))
    path.parent.mkdir(parents=True)
    pl.DataFrame(np.column_stack([time, rows]), schema=["Time", "V1", "V2", "Amount"]).with_columns(
        pl.Series("Class", fraud.astype(int))
    ).write_csv(path)


def test_fraud_takes_the_full_file_and_ranks_beside_its_baselines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DIABOLO_DATA", str(tmp_path / "data"))
    monkeypatch.setitem(EXPERIMENTS, "fraud", replace(EXPERIMENTS["fraud"], epochs=3))
    monkeypatch.setattr(reproduce, "ALERTS", 2)
    assert "creditcard.csv" in fails(capsys, 1, "reproduce", "fraud", "--out", tmp_path / "out", "-q")
    payments(tmp_path / "data/creditcard/creditcard.csv")
    code, out, err = run(capsys, "reproduce", "fraud", "--out", tmp_path / "out", "-q")
    assert code == 0
    assert "sample" not in err
    assert "the first 60 % of it" in err
    table = (tmp_path / "out/table.md").read_text().splitlines()
    assert [line.split("|")[1].strip() for line in table[2:]] == ["deep, squared error", "table", *BASELINES]
    assert all(float(line.split("|")[2]) > 0.9 for line in table[2:]), "what is far off is found by all"
    assert "average precision" in out
    page = (tmp_path / "out/page.html").read_text()
    check(page)
    assert "As a detector" in page
    assert "anomalies in 2 alerts" in page


def test_what_has_no_table_is_none() -> None:
    assert tables({}) == []
