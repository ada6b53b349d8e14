"""The estimator says of suspicious samples what the command says."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.model_selection import GridSearchCV

from diabolo import Autoencoder
from diabolo.errors import InputError
from diabolo.jobs.detect import members
from test_alerts import sales
from test_cli import run


@pytest.fixture(scope="module")
def estimator() -> Autoencoder:
    return Autoencoder("table", epochs=3, device="cpu").fit(sales(800, 0).drop("id"))


def new() -> pl.DataFrame:
    return sales(30, 1).with_columns(
        amount=pl.when(pl.int_range(30) == 3).then(9000.0).otherwise("amount"),
        shop=pl.when(pl.int_range(30) == 7).then(pl.lit("casino")).otherwise("shop"),
    )


def test_detect_returns_a_frame_of_the_library_that_came_in(estimator: Autoencoder) -> None:
    rows = new()
    listed = estimator.detect(rows)
    assert listed.columns == ["id", "score", "p_value", "rarity", "alert", "reasons", "nearest"]
    assert listed["id"].equals(rows["id"])
    np.testing.assert_allclose(listed["score"], estimator.decision_function(rows.drop("id")), rtol=1e-5)
    assert listed["alert"].to_list() == (estimator.predict(rows.drop("id")) == -1).tolist()
    np.testing.assert_allclose(listed["p_value"], estimator.p_values(rows.drop("id")))
    assert listed["reasons"][7].startswith("shop: casino")
    table = rows.to_pandas().set_index(np.arange(100, 130))
    other = estimator.detect(table[["shop", "id", "flag", "amount"]])
    assert isinstance(other, pd.DataFrame)
    assert other.index.equals(table.index)
    assert other["reasons"].tolist() == listed["reasons"].to_list()
    with pytest.raises(InputError, match="lacks the columns amount that the model"):
        estimator.detect(rows.drop("amount"))


def test_detect_says_what_the_command_says(
    estimator: Autoencoder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    estimator.save(tmp_path / "m.safetensors")
    new().write_parquet(tmp_path / "new.parquet")
    run(capsys, "detect", tmp_path / "new.parquet", "-m", tmp_path / "m.safetensors", "--out", tmp_path / "a.parquet")
    said = pl.read_parquet(tmp_path / "a.parquet").sort("row").drop("row")
    own = estimator.detect(new())
    np.testing.assert_allclose(said["score"], own["score"], atol=0.01)
    for name in ("id", "alert", "reasons", "nearest"):
        assert said[name].equals(own[name])


def test_explain_names_the_columns(estimator: Autoencoder) -> None:
    rows = new().drop("id")
    parts = estimator.explain(rows)
    assert parts.columns == ["amount", "flag", "shop"]
    np.testing.assert_allclose(parts.to_numpy().sum(1), estimator.decision_function(rows), rtol=1e-4)
    assert isinstance(estimator.explain(rows.to_pandas()), pd.DataFrame)


def far(count: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    X, y = random.normal(size=(count, 3)), (np.arange(count) % 10 == 0).astype(int)
    return X + 9 * y[:, None], y


@pytest.mark.parametrize("labels", ["0/1", "-1/1", "words"])
def test_anomalies_are_not_learnt_from(labels: str) -> None:
    X, y = far(300)
    given = {"0/1": y, "-1/1": 1 - 2 * y, "words": np.where(y == 1, "fraud", "ok")}[labels]
    told, alone = (Autoencoder("table", epochs=2, device="cpu").fit(*each) for each in ((X, given), (X[y == 0],)))
    assert np.array_equal(told.score_samples(X), alone.score_samples(X))


def test_labels_that_do_not_say_which_are_refused() -> None:
    X, _ = far(60)
    with pytest.raises(InputError, match="got 3 values"):
        Autoencoder("table", epochs=1).fit(X, np.arange(60) % 3)
    with pytest.raises(InputError, match="one label for each of 60"):
        Autoencoder("table", epochs=1).fit(X, [0, 1])


def test_a_grid_is_searched_by_average_precision() -> None:
    X, y = far(200)
    search = GridSearchCV(
        Autoencoder("table", device="cpu"), {"epochs": [1, 2]}, scoring="average_precision", cv=2, error_score="raise"
    )
    assert search.fit(X, y).best_score_ > 0.9


def test_calibrate_keeps_the_rule_and_takes_labels() -> None:
    X, y = far(300)
    ae = Autoencoder("table", epochs=1, device="cpu").fit(X, y)
    ae.calibrate(X[:100], y[:100], false_alarms=0.05)
    found = members.of(ae.trained_)
    assert (len(found.calibration), found.rule.to_json()) == (90, {"rule": "false-alarms", "value": 0.05})
    assert json.dumps(members.of(ae.calibrate(X[y == 0]).trained_).rule.to_json()) == json.dumps(found.rule.to_json())
    assert members.of(ae.calibrate(X[y == 0], alerts=3).trained_).rule.value == 3
