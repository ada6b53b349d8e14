"""The lecture's experiment with frauds: the full file where there is one, else the sample; beside its baselines."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from diabolo.app import reproduce
from diabolo.app.commands import reports
from diabolo.app.reproduce import EXPERIMENTS, GROUPS, Outcome, named, tables
from diabolo.data.opening import open_data
from diabolo.jobs.detect.baselines import BASELINES
from diabolo.presets.presets import PRESETS
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
    assert tables(Outcome({})) == []


class Stop:
    """A watcher that presses Ctrl-C after the first epoch."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None

    def on_epoch(self, *_: object) -> None:
        raise KeyboardInterrupt


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, experiment in EXPERIMENTS.items():
        few = replace(experiment, data="digits", epochs=8, betas=experiment.betas[:2])
        monkeypatch.setitem(EXPERIMENTS, name, few)


@pytest.mark.usefixtures("small")
def test_one_ctrl_c_ends_it_with_what_is_done() -> None:
    chosen, data = named(["dense", "beta-vae", "tied"], quick=True), {"digits": open_data("digits")}
    outcome = reproduce.reproduce(
        chosen, data, seed=0, device="cpu", watch=lambda label, _: [Stop()] if label == "beta-vae, beta 1" else []
    )
    assert list(outcome.found) == ["dense", "beta-vae, beta 0.25", "beta-vae, beta 1"]
    assert (outcome.cut, outcome.left) == (("beta-vae, beta 1",), ("tied",))
    restored, rated = tables(outcome)
    assert [row[3] for row in restored[1:]] == ["1", "1", "1 (cut short)"]
    assert [row[0] for row in rated[1:]] == ["beta-vae, beta 0.25", "beta-vae, beta 1"]
    assert outcome.notes[1] == "Not done, as Ctrl-C ended the run: tied."


@pytest.mark.usefixtures("small")
def test_it_says_first_how_long_it_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "watchers", lambda *_, **__: [Stop()])
    code, out, err = run(capsys, "reproduce", "cvae", "--quick", "--out", tmp_path, "-q")
    assert code == 130, "the status of Ctrl-C"
    assert "cvae            1 epochs" in err
    assert "In all about" in err
    assert "Cut short by Ctrl-C: cvae, after 1 epochs." in err
    assert "(cut short)" in (tmp_path / "table.md").read_text()
    assert "cut short" in out
    check((tmp_path / "page.html").read_text())
    assert "lecture, kinds, all, got 'nothing'" in fails(capsys, 2, "reproduce", "nothing")


def test_each_kind_and_each_experiment_of_the_lecture_is_there() -> None:
    assert {name for name, preset in PRESETS.items() if preset.reference} <= set(GROUPS["kinds"])
    assert set(GROUPS["all"]) == set(EXPERIMENTS)
