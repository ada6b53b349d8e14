"""Tables of words, dates and gaps through training, detection, explanation and the commands."""

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from diabolo import Autoencoder, load
from diabolo.data.tables.frames import in_memory
from diabolo.errors import FormatError, InputError
from diabolo.jobs import table_input
from diabolo.jobs.columns import encoding_of
from diabolo.jobs.detect.drift import drift
from diabolo.training.files.contents import Extra
from test_cli import fails, run

KINDS = ("food", "fuel", "books")
COLUMNS = ("when", "shop", "kind", "country", "amount", "pin", "age")


def payments(count: int, seed: int) -> pl.DataFrame:
    """Payments whose kind follows from the shop, and whose amount and time of day depend on the kind."""
    random = np.random.default_rng(seed)
    shop = random.choice(40, count, p=np.arange(40, 0, -1) / 820)
    kind = shop % 3
    hours = np.clip(random.normal(9 + 4 * kind, 1.5, count), 0, 23.9)
    days = np.sort(random.integers(0, 60, count))
    start = dt.datetime(2024, 1, 1)
    return pl.DataFrame(
        {
            "when": [start + dt.timedelta(days=int(d), hours=float(h)) for d, h in zip(days, hours, strict=True)],
            "shop": [f"shop{s}" for s in shop],
            "kind": [KINDS[k] for k in kind],
            "country": random.choice(["DE", "FR", "NL"], count, p=[0.9, 0.07, 0.03]),
            "amount": np.exp(random.normal(2 + kind, 0.5, count)),
            "pin": random.random(count) < 0.8,
            "age": pl.Series(random.integers(18, 90, count)).scatter(np.flatnonzero(random.random(count) < 0.1), None),
        }
    )


def odd(frame: pl.DataFrame) -> pl.DataFrame:
    """Change one thing in each of the first rows: an unseen country, an amount, a kind that does not fit, a gap."""
    return (
        frame.with_row_index()
        .with_columns(
            country=pl.when(pl.col("index") == 0).then(pl.lit("=ZZ")).otherwise(pl.col("country")),
            amount=pl.when(pl.col("index") == 1)
            .then(5e4)
            .when(pl.col("index") == 2)
            .then(None)
            .otherwise(pl.col("amount")),
        )
        .drop("index")
    )


@pytest.fixture(scope="module")
def estimator() -> Autoencoder:
    return Autoencoder("table", epochs=12).fit(payments(1500, 0))


def test_what_is_odd_is_found_and_its_column_named(estimator: Autoencoder) -> None:
    frame = odd(payments(400, 1))
    scores = -estimator.score_samples(frame)
    assert set(np.argsort(-scores)[:3]) == {0, 1, 2}
    assert [COLUMNS[column] for column in estimator.explain(frame).to_numpy()[:3].argmax(1)] == [
        "country",
        "amount",
        "amount",
    ]
    assert (estimator.predict(frame)[:3] == -1).all()


def test_the_parts_are_by_column_and_add_up(estimator: Autoencoder) -> None:
    frame = odd(payments(300, 2))
    parts = estimator.explain(frame).to_numpy()
    assert parts.shape == (300, len(COLUMNS))
    np.testing.assert_allclose(parts.sum(1, dtype=np.float64), -estimator.score_samples(frame), rtol=1e-5)


def test_frames_of_any_library_in_any_order_score_alike(estimator: Autoencoder) -> None:
    pandas, arrow = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    frame = payments(50, 3)
    scores = estimator.score_samples(frame)
    plain = frame.to_dict(as_series=False)
    for other in (
        pandas.DataFrame(plain),
        arrow.table(plain),
        frame.select(*reversed(COLUMNS), pl.lit(1).alias("more")),
    ):
        assert np.array_equal(estimator.score_samples(other), scores)


def test_rows_come_back_in_the_tables_own_units() -> None:
    pandas = pytest.importorskip("pandas")
    frame = payments(300, 4)
    fitted = Autoencoder("dense", latent=8, epochs=2).fit(pandas.DataFrame(frame.to_dict(as_series=False)))
    back = fitted.reconstruct(frame)
    assert isinstance(back, pandas.DataFrame)
    assert list(back.columns) == list(COLUMNS)
    assert set(back["kind"]) <= {*KINDS, "(other)"}
    assert back["when"].between("2023-12-01", "2024-04-01").all()
    assert list(fitted.feature_names_in_) == list(COLUMNS)


def test_a_model_of_a_table_is_kept_whole(estimator: Autoencoder, tmp_path: Path) -> None:
    estimator.save(tmp_path / "m.safetensors")
    again, frame = load(tmp_path / "m.safetensors"), payments(40, 5)
    assert np.array_equal(again.score_samples(frame), estimator.score_samples(frame))
    assert again.reconstruct(frame).equals(estimator.reconstruct(frame))


def test_other_data_are_refused(estimator: Autoencoder) -> None:
    frame = payments(5, 6)
    cases: list[tuple[Any, str]] = [
        (frame.drop("kind", "pin"), "lacks the columns kind, pin"),
        (frame.with_columns(amount=pl.lit("much")), r"numbers in the column amount.*'much' \(row 0\)"),
        (frame.with_columns(amount=float("inf")), "infinite in: amount"),
        (frame.head(0), "0 rows"),
        (np.ones((3, 7)), "give such a table"),
    ]
    for given, reason in cases:
        with pytest.raises(InputError, match=reason) as caught:
            estimator.score_samples(given)
        assert "\n" not in str(caught.value)


def test_a_damaged_encoding_is_refused(estimator: Autoencoder) -> None:
    trained = estimator.trained_
    for columns in (None, trained.extras["table"].plain["columns"][:-1]):
        broken = replace(trained, extras={**trained.extras, "table": Extra({"columns": columns})})
        with pytest.raises(FormatError, match="train it anew"):
            encoding_of(broken)


def test_gaps_in_a_table_that_had_none_are_evidence() -> None:
    random = np.random.default_rng(0)
    frame = pl.DataFrame(random.normal(size=(400, 3)), schema=list("abc"))
    fitted = Autoencoder("table", epochs=3).fit(frame)
    gap = (
        frame.head(50)
        .with_row_index()
        .select(pl.when(pl.col("index") == 7).then(None).otherwise(pl.col("a")).alias("a"), "b", "c")
    )
    assert fitted.score_samples(gap).argmin() == 7
    assert fitted.explain(gap).to_numpy()[7].argmax() == 0
    np.testing.assert_allclose(fitted.score_samples(gap)[8:], fitted.score_samples(frame.head(50))[8:], rtol=1e-5)


def test_drift_names_columns_of_words_and_gaps(estimator: Autoencoder) -> None:
    frame = payments(1500, 7)
    names = [COLUMNS[one.column] for one in drift(estimator.trained_, seen(estimator, frame))]
    assert names == []
    moved = frame.with_columns(
        country=pl.when(pl.col("amount") > 20).then(pl.lit("FR")).otherwise(pl.col("country")),
        age=pl.when(pl.col("pin")).then(None).otherwise(pl.col("age")),
    )
    names = [COLUMNS[one.column] for one in drift(estimator.trained_, seen(estimator, moved))]
    assert sorted(names) == ["age", "country"]


def seen(estimator: Autoencoder, frame: pl.DataFrame) -> Any:
    return table_input.seen_by(estimator.trained_, in_memory(frame))


def test_the_commands_take_tables_of_any_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    past, new, model = (tmp_path / name for name in ("past.csv", "new.parquet", "m.safetensors"))
    payments(400, 8).write_csv(past)
    odd(payments(100, 9)).select(*reversed(COLUMNS)).write_parquet(new)
    words = ("train", past, "--preset", "table", "--epochs", "8", "--out", model, "-q", "--json")
    assert json.loads(run(capsys, *words)[1])["columns"] == list(COLUMNS)
    out = tmp_path / "alerts.parquet"
    code, printed, _ = run(capsys, "detect", new, "-m", model, "--out", out, "--alerts", 3, "--json")
    assert (code, json.loads(printed)["alerts"]) == (0, 3)
    ranked = pl.read_parquet(out)
    assert {0, 1, 2} <= set(ranked["row"][:10])
    told = dict(zip(ranked["row"], ranked["reasons"], strict=True))
    assert told[0].startswith("country: =ZZ, in none of 360 normal rows, usually DE (")
    assert told[1].startswith("amount: 50000, expected ")
    assert told[2].startswith("amount: missing, expected ")
    codes, back = tmp_path / "codes.npy", tmp_path / "back.csv"
    assert run(capsys, "encode", new, "-m", model, "--out", codes)[0] == 0
    assert run(capsys, "decode", codes, "-m", model, "--out", back)[0] == 0
    assert pl.read_csv(back).columns == list(COLUMNS)
    assert run(capsys, "report", model, new, "--out", tmp_path / "page.html")[0] == 0
    page = (tmp_path / "page.html").read_text()
    assert all(f'<th scope="row">{name}</th>' in page for name in COLUMNS)
    assert "country=" not in page
    assert "rarity" not in page
    assert "need .csv or .parquet" in fails(capsys, 2, "decode", codes, "-m", model, "--out", tmp_path / "b.npy")


def test_bad_tables_are_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame, model, out = payments(60, 10), tmp_path / "m.safetensors", tmp_path / "o.csv"
    frame.write_csv(tmp_path / "past.csv")
    words = ("--preset", "table", "--epochs", "1", "--out", model, "-q")
    run(capsys, "train", tmp_path / "past.csv", *words)
    cases = {
        "text": (frame.with_columns(amount=pl.lit("much")), "holds numbers, and 'much' in line 2 is no number"),
        "lacks": (frame.drop("kind"), "lacks the columns kind"),
        "infinite": (frame.with_columns(amount=float("inf")), "values that are infinite in: amount (60)"),
    }
    for name, (bad, reason) in cases.items():
        bad.write_csv(tmp_path / f"{name}.csv")
        assert reason in fails(capsys, 1, "detect", tmp_path / f"{name}.csv", "-m", model, "--out", out)
    (tmp_path / "twice.csv").write_text("a,a\n1,2\n")
    assert "share a name: a" in fails(capsys, 1, "train", tmp_path / "twice.csv", *words, "--force")
    frame.head(1).write_csv(tmp_path / "one.csv")
    assert "2 samples or more" in fails(capsys, 1, "train", tmp_path / "one.csv", *words, "--force")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    assert "could not be read as a table" in fails(
        capsys, 1, "detect", tmp_path / "broken.parquet", "-m", model, "--out", out
    )
    assert not out.exists()
    assert run(capsys, "detect", tmp_path / "one.csv", "-m", model, "--out", out)[0] == 0
    assert len(pl.read_csv(out)) == 1
