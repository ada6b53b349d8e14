"""What one column can add to a score is bounded, and the column that is wrong is the one that is blamed."""

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import diabolo
from diabolo import Autoencoder
from diabolo.jobs.detect import members


def shops(count: int, seed: int) -> pl.DataFrame:
    """Return rows of which b follows a closely, so that a wrong a spoils what is expected of b."""
    random = np.random.default_rng(seed)
    a = random.normal(size=count)
    return pl.DataFrame(
        {
            "a": a,
            "b": a + 0.05 * random.normal(size=count),
            "amount": np.exp(random.normal(3, 1, count)),
            "shop": random.choice(["baker", "bank", "bar"], count),
            "city": random.choice(["x", "y"], count, p=[0.9, 0.1]),
        }
    )


@pytest.fixture(scope="module")
def estimator() -> Autoencoder:
    return Autoencoder("table", epochs=15, device="cpu").fit(shops(2000, 1))


WRONG = {"a": 9.0, "b": -9.0, "amount": None, "shop": "casino", "city": None}


def test_one_wrong_column_is_blamed_and_adds_no_more_than_its_rarity(estimator: Autoencoder) -> None:
    rows, most = shops(40, 2), members.of(estimator.trained_).detector.bound  # type: ignore[attr-defined]
    assert most == pytest.approx(2 * math.log(1801))
    for number, (name, value) in enumerate(WRONG.items()):
        wrong = rows.with_columns(pl.lit(value, rows.schema[name]).alias(name))
        parts = estimator.explain(wrong).to_numpy()
        assert (parts.argmax(1) == number).mean() >= 0.95, name
        assert parts.max() <= most * (1 + 1e-5)
        scores = -estimator.score_samples(wrong)
        assert np.allclose(parts.sum(1), scores, rtol=1e-4)
        assert (estimator.predict(wrong) == -1).mean() >= 0.95
        assert scores.max() < 3 * most  # without the bound: hundreds


def test_more_wrong_columns_score_higher(estimator: Autoencoder) -> None:
    rows = shops(40, 3)
    one = rows.with_columns(pl.lit("casino").alias("shop"))
    two = one.with_columns(pl.lit(None, pl.Float64).alias("amount"))
    assert (estimator.score_samples(two) < estimator.score_samples(one)).all()


def test_a_model_of_an_earlier_version_has_no_bound(estimator: Autoencoder, tmp_path: Path) -> None:
    kept = estimator.trained_.extras["detect"]
    estimator.save(tmp_path / "m.safetensors")
    again = diabolo.load(tmp_path / "m.safetensors")
    assert np.array_equal(again.score_samples(shops(50, 4)), estimator.score_samples(shops(50, 4)))
    plain = again.trained_.extras["detect"].plain
    assert plain == kept.plain
    bound = plain.pop("bound")
    wrong = shops(50, 4).with_columns(pl.lit("casino").alias("shop"))
    assert (-again.score_samples(wrong)).min() > bound
    assert (again.score_samples(wrong) <= estimator.score_samples(wrong)).all()
