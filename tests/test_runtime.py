"""Rows of tables are scored without torch and polars, as the estimator scores them."""

import datetime
import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diabolo import Autoencoder
from diabolo.data.tables.columns import Dates, Numbers, Words
from diabolo.data.tables.dates import FORMS
from diabolo.data.tables.encoding import Encoding, fit_encoding
from diabolo.data.tables.frames import in_memory
from diabolo.data.tables.values import Reader, seen, shown
from diabolo.deploy.runtime.table import TableModel, open_model, rows_of_csv
from diabolo.errors import ArgumentError, FormatError, InputError
from diabolo.jobs.detect.listing.alerts import ranked
from diabolo.jobs.detect.rows import rows as detector
from diabolo.jobs.detect.rules import MostSuspicious, Threshold
from diabolo.jobs.table_input import seen_by
from diabolo.training.files.contents import read_kept


def table(count: int, seed: int) -> pl.DataFrame:
    g = np.random.default_rng(seed)
    amount = np.round(np.exp(g.normal(3, 1, count)), 2)
    begin = datetime.datetime(2026, 1, 1)
    return pl.DataFrame(
        {
            "amount": amount,
            "items": g.integers(0, 9, count),
            "city": g.choice(["Lima", "Quito", "Bogota"], count, p=[0.6, 0.3, 0.1]),
            "when": [
                f"{begin + datetime.timedelta(minutes=int(m)):%Y-%m-%d %H:%M:%S}" for m in g.integers(0, 10**5, count)
            ],
            "tax": pl.Series(np.where(g.random(count) < 0.1, np.nan, np.round(amount * 1.2, 2))).fill_nan(None),
            "paid": g.random(count) < 0.3,
        }
    )


@pytest.fixture(scope="module")
def estimator() -> Autoencoder:
    return Autoencoder("table", latent=3, epochs=2, validation=0.3).fit(table(400, 0))


@pytest.fixture(scope="module")
def path(estimator: Autoencoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("runtime") / "model.safetensors"
    estimator.save(found)
    return found


@pytest.fixture(scope="module")
def model(path: Path) -> TableModel:
    return open_model(path)


def test_rows_have_the_answers_of_the_estimator(estimator: Autoencoder, model: TableModel) -> None:
    """Scores to the order of their sums; alerts, p-values and the order of reasons exactly."""
    frame = table(150, 1)
    frame[3, "amount"], frame[7, "city"], frame[9, "tax"] = 9000.0, "Oslo", None
    listed = ranked(estimator.trained_, seen_by(estimator.trained_, in_memory(frame)), None).frame().sort("row")
    answers = model.score(frame.to_dicts()).answers
    assert [answer.row for answer in answers] == list(range(150))
    np.testing.assert_allclose([answer.score for answer in answers], listed["score"], rtol=1e-5, atol=1e-5)
    assert [answer.p_value for answer in answers] == listed["p_value"].to_list()
    assert [answer.alert for answer in answers] == listed["alert"].to_list()
    assert any(answer.alert for answer in answers)
    for answer, told in zip(answers, listed["reasons"], strict=True):
        named = [part.split(":")[0] for part in told.split("; ") if part != "no column stands out"]
        assert named == [reason.column for reason in answer.reasons]


def test_a_reason_says_what_was_seen_and_what_was_expected(model: TableModel) -> None:
    row = {**table(1, 2).to_dicts()[0], "amount": 9000.0}
    reason = model.score([row]).answers[0].reasons[0]
    assert reason.column == "amount"
    assert reason.value == 9000.0
    assert 0 < reason.expected < 9000
    assert 0.05 < reason.share <= 1


def test_rows_are_names_lists_or_csv(model: TableModel, tmp_path: Path) -> None:
    frame = table(20, 3)
    frame.write_csv(tmp_path / "rows.csv")
    texts = [row for some in rows_of_csv(tmp_path / "rows.csv") for row in some]
    named = model.scores(frame.to_dicts())
    np.testing.assert_array_equal(model.scores([list(row.values()) for row in frame.to_dicts()]), named)
    np.testing.assert_array_equal(model.scores(texts), named)


def test_one_row_has_its_answer_of_a_batch(model: TableModel) -> None:
    """To the last bit, what is expected in its columns too."""
    rows = table(60, 4).to_dicts()
    together = model.score(rows).answers
    alone = [model.score([row]).answers[0] for row in rows]
    assert [(a.score, a.p_value, a.alert, a.reasons) for a in alone] == [
        (a.score, a.p_value, a.alert, a.reasons) for a in together
    ]


@pytest.mark.parametrize(
    ("change", "column", "words"),
    [
        ({"amount": "12,50"}, "amount", "written plainly"),
        ({"amount": float("inf")}, "amount", "finite"),
        ({"amount": 10**400}, "amount", "finite"),
        ({"amount": 1e300}, "amount", "too far"),
        ({"amount": [1]}, "amount", "number"),
        ({"when": "01.02.2026"}, "when", "of the form"),
        ({"when": "2026-02-30 10:00:00"}, "when", "of the form"),
        ({"city": 1.5}, "city", "text"),
    ],
)
def test_a_bad_row_is_refused_and_the_others_are_scored(
    model: TableModel, change: dict[str, Any], column: str, words: str
) -> None:
    rows = table(3, 5).to_dicts()
    found = model.score([rows[0], rows[1] | change, rows[2]])
    assert [answer.row for answer in found.answers] == [0, 2]
    assert [(each.row, each.column) for each in found.refused] == [(1, column)]
    assert words in found.refused[0].message


def test_a_row_of_another_shape_is_refused(model: TableModel) -> None:
    short = {name: 1 for name in model.columns if name != "tax"}
    found = model.score([short, [1, 2], "text", 5])  # type: ignore[list-item]
    assert not found.answers
    assert [each.row for each in found.refused] == [0, 0, 1, 2, 3]  # of the first: when is no date, tax is not there
    with pytest.raises(InputError, match="Row 0"):
        model.scores([short])


def test_the_runtime_loads_neither_torch_nor_polars(path: Path, tmp_path: Path) -> None:
    """In a process in which nothing but NumPy and safetensors can be imported."""
    table(10, 6).write_csv(tmp_path / "rows.csv")
    program = f"""
import sys
from importlib.abc import MetaPathFinder
own = {{"diabolo", "numpy", "safetensors", "_distutils_hack"}}
class Only(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        first = name.partition(".")[0]
        if first not in own and first not in sys.stdlib_module_names and not first.startswith("_"):
            raise ModuleNotFoundError(f"{{name}} is not in this environment", name=name)
sys.meta_path.insert(0, Only())
from pathlib import Path
from diabolo.deploy.runtime.table import open_model, rows_of_csv
model = open_model(Path({str(path)!r}))
for rows in rows_of_csv(Path({str(tmp_path / "rows.csv")!r})):
    found = model.score(rows)
    print(len(found.answers), len(found.answers[0].reasons) > 0)
assert not {{"torch", "polars", "scipy", "sklearn"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout == "10 True\n", done.stderr


def test_a_rule_that_counts_a_file_needs_another_for_single_rows(path: Path) -> None:
    kept = detector.with_rule(read_kept(path), MostSuspicious(10))
    with pytest.raises(ArgumentError, match="--false-alarms"):
        TableModel(kept)
    assert TableModel(kept, Threshold(2.0)).threshold == 2.0


def test_other_models_are_refused(tmp_path: Path) -> None:
    images = np.random.default_rng(0).random((20, 8, 8))
    Autoencoder("dense", latent=2, epochs=1).fit(images).save(tmp_path / "m.safetensors")
    with pytest.raises(InputError, match="no detector of table rows"):
        open_model(tmp_path / "m.safetensors")


def test_a_model_of_plain_numbers(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(200, 4))
    estimator = Autoencoder("table", latent=2, epochs=2).fit(x)
    estimator.save(tmp_path / "m.safetensors")
    model = open_model(tmp_path / "m.safetensors")
    np.testing.assert_allclose(model.scores(x[:9].tolist()), -estimator.score_samples(x[:9]), rtol=1e-5, atol=1e-5)
    assert model.score([[1.0, None, 2.0, 3.0]]).refused[0].column == "column 1"


@pytest.mark.parametrize("text", ["a,b\n1\n", 'a,b\n"1,2\n', "a,a\n1,2\n"])
def test_a_damaged_csv_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(FormatError, match="line"):
        list(rows_of_csv(tmp_path / "x.csv"))


def encoded(values: pl.Series, encoding: Encoding) -> Any:
    """Return what data frames make of values, None where they refuse them."""
    try:
        return encoding.encode(values.to_frame())
    except InputError:
        return None


TEXTS = st.from_regex(r"[-+]?[0-9.eE]{1,6}")
NUMBERS = st.one_of(
    st.none(), st.floats(), st.integers(-(2**70), 2**70), st.booleans(), st.from_regex(r"[-+]?[0-9.eE]{1,6}")
)


@settings(max_examples=40)
@given(NUMBERS, st.booleans())
def test_numbers_are_read_as_data_frames_read_them(value: Any, gaps: bool) -> None:
    encoding = Encoding((Numbers("a", "Float64", 7.0, gaps),))
    found, refused = Reader(encoding).read([[value]])
    try:
        series = pl.Series("a", [value], strict=False)
    except (OverflowError, TypeError):
        return
    frame = encoded(series, encoding)
    if not refused and series.null_count() == (value is None):  # polars itself holds no whole number beyond 64 bits
        np.testing.assert_array_equal(found, frame)


@given(st.one_of(st.none(), st.text(max_size=4), st.sampled_from(["x", "y"]), st.integers(-9, 99), st.booleans()))
def test_words_are_read_as_data_frames_read_them(value: Any) -> None:
    for words in (("x", "y"), ("y", None, "true")):
        encoding = Encoding((Words("a", words, (5, 3, 2)[: len(words)], 20),))
        found, refused = Reader(encoding).read([[value]])
        assert not refused
        np.testing.assert_array_equal(found, encoded(pl.Series("a", [value]), encoding))


TIMES = st.datetimes(datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31))


@given(TIMES, st.sampled_from(FORMS), st.one_of(st.just(""), st.from_regex(r"[0-9 :.T-]{1,3}", fullmatch=True)))
def test_dates_are_read_as_data_frames_read_them(time: datetime.datetime, form: str, more: str) -> None:
    """Whatever is read as a date is the same date; a text in its own form always is one."""
    text = f"{time.year:04}".join(time.strftime(part.replace("%.f", ".%f")) for part in form.split("%Y")) + more
    for kind in (form, ""):
        encoding = Encoding((Dates("a", "Datetime", kind, timed=True, low=-9.0, high=9.0, clock=False),))
        found, refused = Reader(encoding).read([[text]])
        assert more or refused == [] or not kind
        if not refused:
            np.testing.assert_array_equal(found, encoded(pl.Series("a", [text]), encoding))


@given(st.one_of(TIMES, st.dates(), st.none(), TIMES.map(lambda time: time.replace(tzinfo=datetime.UTC))))
def test_objects_are_dates_too(value: Any) -> None:
    encoding = Encoding((Dates("a", "Datetime", "", timed=True, low=-9.0, high=9.0, clock=False),))
    found, refused = Reader(encoding).read([[value]])
    series = pl.Series("a", [value], dtype=pl.Datetime("us") if value is None else None)
    assert not refused
    np.testing.assert_array_equal(found, encoded(series, encoding))


def test_values_come_back_in_their_own_units() -> None:
    frame = table(50, 8)
    encoding = fit_encoding(frame)
    numbers, reader = encoding.encode(frame), Reader(encoding)
    for row, values in zip(numbers[:20], frame.to_dicts(), strict=False):
        for column, place in zip(encoding.columns, reader.places, strict=True):
            assert shown(column, row[place]) == seen(values[column.name], column)


def test_the_command_score_writes_a_line_for_each_row(path: Path, model: TableModel, tmp_path: Path) -> None:
    frame = table(5, 9)
    texts = frame.cast(pl.String).with_columns(pl.Series("amount", ["1", "2", "much", "4", "5"]))
    texts.write_csv(tmp_path / "rows.csv")
    command = [sys.executable, "-m", "diabolo", "score", "rows.csv", "-m", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["row"] for line in lines] == list(range(5))
    assert lines[2]["refused"][0]["column"] == "amount"
    assert lines[4]["score"] == model.score([frame.to_dicts()[4] | {"amount": 5.0}]).answers[0].score
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


def test_the_list_of_the_runtime_distribution_is_true() -> None:
    program = runpy.run_path(str(Path(__file__).parent.parent / "bench" / "runtime_environment.py"))
    assert program["listed"]() == program["modules"](), "run: python bench/runtime_environment.py --modules"
