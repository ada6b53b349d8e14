"""The encoding of tables: exact both ways, new words and gaps as evidence, kept as JSON, damaged JSON refused."""

import datetime as dt
import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diabolo.data.tables.columns import MOST_KEPT, MOST_SHOWN, OTHER
from diabolo.data.tables.encoding import Encoding, encoding_from_json, fit_encoding
from diabolo.errors import FormatError, InputError

START = dt.datetime(2024, 2, 28, 23, 59, 58)
FRAME = pl.DataFrame(
    {
        "amount": [1.5, None, -3.0, float("nan")] * 5,
        "count": list(range(20)),
        "flag": [True, None, False, True] * 5,
        "sure": [True, False] * 10,
        "shop": ["a", "b", None, "a"] * 5,
        "kind": pl.Series(["x", "y"] * 10, dtype=pl.Categorical),
        "when": [START + dt.timedelta(days=3 * i, seconds=i) for i in range(20)],
        "born": [dt.date(1900 + 7 * i % 100, 1, 1) for i in range(19)] + [None],
        "text": [f"{1 + i:02}.12.2023" for i in range(20)],
        "constant": ["DE"] * 20,
    }
)
BACK = FRAME.with_columns(pl.col("amount").fill_nan(None), pl.col("kind").cast(pl.String))


def test_a_table_comes_back_exactly() -> None:
    encoding = fit_encoding(FRAME)
    numbers = encoding.encode(FRAME)
    assert numbers.shape == (20, len(encoding.owners)) == (20, len(encoding.numbers))
    assert np.isfinite(numbers).all()
    assert encoding.decode(numbers).equals(BACK)
    assert encoding.decode(numbers.astype(np.float32)).equals(BACK)


def test_the_encoding_is_kept_as_json() -> None:
    encoding = fit_encoding(FRAME)
    assert encoding_from_json(json.loads(json.dumps(encoding.to_json()))) == encoding


def test_an_order_of_columns_and_columns_beside_do_not_matter() -> None:
    encoding = fit_encoding(FRAME)
    other = FRAME.with_columns(more=pl.lit("?")).select("more", *reversed(FRAME.columns))
    assert np.array_equal(encoding.encode(other), encoding.encode(FRAME))


def test_a_new_word_is_rarer_than_any() -> None:
    encoding = fit_encoding(pl.DataFrame({"a": ["x"] * 90 + ["y"] * 10}))
    known, new = encoding.encode(pl.DataFrame({"a": ["x", "y"]})), encoding.encode(pl.DataFrame({"a": ["z", None]}))
    assert known[:, 0].max() < new[:, 0].min()
    assert encoding.decode(new)["a"].to_list() == [OTHER, OTHER]


def test_words_seen_once_stand_for_new_ones() -> None:
    encoding = fit_encoding(pl.DataFrame({"id": [f"id{i}" for i in range(1000)]}))
    assert encoding.encode(pl.DataFrame({"id": ["never seen"]}))[0, 0] == pytest.approx(0, abs=0.01)


def test_ten_thousand_words_are_bounded() -> None:
    words = [f"w{i % 10_000}" for i in range(30_000)]
    encoding = fit_encoding(pl.DataFrame({"a": words}))
    assert encoding.encode(pl.DataFrame({"a": words[:5]})).shape == (5, 1 + MOST_SHOWN)
    assert len(encoding.to_json()[0]["words"]) == MOST_KEPT


def test_a_gap_where_training_had_none_is_far_away() -> None:
    encoding = fit_encoding(pl.DataFrame({"a": np.arange(100.0), "b": ["x", "y"] * 50}))
    gap = encoding.encode(pl.DataFrame({"a": [None], "b": [None]}, schema={"a": pl.Float64, "b": pl.String}))
    assert gap[0, 0] > 300


def test_columns_of_a_word_weigh_as_one() -> None:
    encoding = fit_encoding(pl.DataFrame({"a": ["x", "y", "z", "x"] * 10}))
    numbers = encoding.encode(pl.DataFrame({"a": ["x", "y", "z", "x"] * 10}))
    scaled = numbers[:, 1:] / numbers[:, 1:].std(0) * encoding.weights[1:]
    assert scaled.var(0).sum() == pytest.approx(1)


def test_parts_are_summed_by_column() -> None:
    encoding = fit_encoding(FRAME)
    parts = np.random.default_rng(0).random((3, len(encoding.owners))).astype(np.float32)
    assert encoding.by_column(parts).shape == (3, len(FRAME.columns))
    np.testing.assert_allclose(encoding.by_column(parts).sum(1), parts.sum(1), rtol=1e-6)


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%d.%m.%Y %H:%M", "%m/%d/%Y", "%Y-%m-%dT%H:%M:%SZ"])
def test_text_that_is_dates_is_read_as_dates(form: str) -> None:
    text = [(START + dt.timedelta(days=i, minutes=7 * i)).strftime(form) for i in range(400)]
    encoding = fit_encoding(pl.DataFrame({"a": text}))
    assert "a day" in encoding.numbers
    assert encoding.decode(encoding.encode(pl.DataFrame({"a": text})))["a"].to_list() == text


@pytest.mark.parametrize(
    ("column", "values", "reason"),
    [
        ("amount", ["1.5", "oops"], r"numbers in the column amount.*'oops' \(row 1\)"),
        ("amount", [1.0, float("inf")], r"infinite in: amount \(row 1\)"),
        ("when", ["2024-01-01", "soon"], r"dates in the column when"),
        ("text", ["01.02.2024", "2024-01-01"], r"dates in the column text.*row 1"),
        ("born", [1, 2], r"dates in the column born"),
    ],
)
def test_a_column_that_is_not_what_it_was_is_named(column: str, values: list[object], reason: str) -> None:
    encoding = fit_encoding(FRAME)
    frame = FRAME.head(2).with_columns(pl.Series(column, values))
    with pytest.raises(InputError, match=reason) as caught:
        encoding.encode(frame, "new.csv")
    assert "\n" not in str(caught.value)


def test_text_that_is_numbers_is_read_as_numbers() -> None:
    encoding = fit_encoding(pl.DataFrame({"a": [1.0, None, 2.0]}))
    assert encoding.encode(pl.DataFrame({"a": ["1.25", None]}))[0, 0] == 1.25


def test_lists_are_refused() -> None:
    with pytest.raises(InputError, match="no usable kind: l"):
        fit_encoding(pl.DataFrame({"l": [[1]], "a": [1]}))


@given(st.lists(st.one_of(st.none(), st.text(max_size=4)), min_size=1, max_size=30))
def test_any_words_are_encoded(words: list[str | None]) -> None:
    frame = pl.DataFrame({"a": words}, schema={"a": pl.String})
    encoding = fit_encoding(frame)
    back = encoding.decode(encoding.encode(frame))["a"].to_list()
    assert all(new in (old, OTHER) or "a day" in encoding.numbers for old, new in zip(words, back, strict=True))
    assert encoding_from_json(json.loads(json.dumps(encoding.to_json()))) == encoding


GOOD = fit_encoding(FRAME).to_json()


@pytest.mark.parametrize(
    "plain",
    [
        None,
        [],
        [{}],
        [{"is": "else"}],
        [{**GOOD[0], "fill": None}],
        [{**GOOD[0], "dtype": "Object"}],
        [{**GOOD[0], "dtype": "read_csv"}],
        [{**GOOD[0], "more": 1}],
        [{**GOOD[4], "counts": [1]}],
        [{**GOOD[4], "total": 0}],
        [{**GOOD[4], "words": [1] * len(GOOD[4]["words"])}],
        [{**GOOD[6], "low": 1e300}],
        [{**GOOD[6], "dtype": "Time"}],
    ],
)
def test_a_damaged_encoding_is_refused(plain: object) -> None:
    with pytest.raises(FormatError, match=r"train it anew|cannot be read|must be|unknown keys"):
        encoding_from_json(plain)


def test_an_encoding_has_columns() -> None:
    assert Encoding(()).names == ()
