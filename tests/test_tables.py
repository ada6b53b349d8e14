"""Tables: CSV and Parquet give the same rows, whole or block by block, numbers or frames; bad columns are named."""

import gzip
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from diabolo.data.opening import open_data
from diabolo.data.source import ArraySource, Subset
from diabolo.data.tables.files import ParquetSource, open_table
from diabolo.data.tables.frames import FrameSource, frame_of, frames_of
from diabolo.data.tables.other_libraries import open_frame
from diabolo.errors import DiaboloError, FileError, FormatError, InputError
from real_data import DATA, needs_set

RANDOM = np.random.default_rng(0)
ROWS = 1000
FRAME = pl.DataFrame(
    {
        "a": RANDOM.normal(size=ROWS),
        "b": RANDOM.integers(0, 9, ROWS),
        "flag": RANDOM.integers(0, 2, ROWS) == 1,
        "kind": RANDOM.choice(["cat", "dog", "eel"], ROWS),
    }
)
NUMBERS = FRAME.select(pl.col("a", "b", "flag").cast(pl.Float64)).to_numpy()
KINDS = FRAME["kind"].to_numpy().astype(np.str_)
WRITERS: dict[str, Callable[[pl.DataFrame, Path], Any]] = {
    ".csv": lambda frame, path: frame.write_csv(path),
    ".tsv": lambda frame, path: frame.write_csv(path, separator="\t"),
    ".csv.gz": lambda frame, path: path.write_bytes(gzip.compress(frame.write_csv().encode())),
    ".parquet": lambda frame, path: frame.write_parquet(path, row_group_size=130),
}


def write(folder: Path, ending: str, frame: pl.DataFrame) -> Path:
    path = folder / f"table{ending}"
    WRITERS[ending](frame, path)
    return path


@pytest.fixture
def lazy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Make every table count as large, and blocks as small."""
    monkeypatch.setattr("diabolo.data.limits.SMALL_BYTES", 0)
    monkeypatch.setattr("diabolo.data.tables.files.LARGE_CSV_BYTES", 1000)
    monkeypatch.setattr("diabolo.data.tables.frames.FEWEST_ROWS", 64)
    monkeypatch.setattr("diabolo.data.tables.frames.MOST_ROWS", 64)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.mark.parametrize("ending", list(WRITERS))
def test_every_format_gives_the_same_rows_and_labels(tmp_path: Path, ending: str) -> None:
    data = open_table(write(tmp_path, ending, FRAME), "kind")
    assert isinstance(data.train, ArraySource)
    assert data.columns == ("a", "b", "flag")
    assert data.train.dtype == np.float64
    assert np.array_equal(data.train.take(np.arange(ROWS)), NUMBERS)
    assert data.labels is not None
    assert data.labels.dtype.kind == "U"
    assert np.array_equal(data.labels, KINDS)
    assert data.name == "table"


@pytest.mark.usefixtures("lazy")
@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_large_table_is_read_block_by_block(tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = open_table(write(tmp_path, ending, FRAME), "kind")
    source = data.train
    assert isinstance(source, ParquetSource)
    assert (source.block, source.in_memory, len(source), source.shape) == (64, False, ROWS, (3,))
    assert np.array_equal(data.labels, KINDS)  # type: ignore[arg-type]
    read: list[int] = []
    between = ParquetSource._between

    def spied(self: ParquetSource, first: int, last: int) -> Any:
        read.append(last - first + 1)
        return between(self, first, last)

    monkeypatch.setattr(ParquetSource, "_between", spied)
    for rows in (np.arange(ROWS), np.random.default_rng(1).permutation(ROWS), np.array([999, 0, 0, 63, 64])):
        assert np.array_equal(source.take(rows), NUMBERS[rows])
    assert max(read) <= 64
    assert source.take(np.array([], dtype=np.int64)).shape == (0, 3)
    with pytest.raises(IndexError, match=r"0\.\.999"):
        source.take(np.array([1000]))


@pytest.mark.usefixtures("lazy")
def test_the_temporary_copy_of_a_large_csv_goes_with_the_data(tmp_path: Path) -> None:
    data = open_table(write(tmp_path, ".csv", FRAME), "kind")
    assert len(list(tmp_path.glob("diabolo-*"))) == 1
    del data
    assert not list(tmp_path.glob("diabolo-*"))
    with pytest.raises(InputError, match="kinds"):
        open_table(tmp_path / "table.csv", "kinds")
    assert not list(tmp_path.glob("diabolo-*"))


@pytest.mark.usefixtures("lazy")
def test_a_large_csv_may_turn_to_fractions_late(tmp_path: Path) -> None:
    numbers = [str(number) for number in range(12_000)] + ["0.5"]
    (tmp_path / "a.csv").write_text("x\n" + "\n".join(numbers))
    source = open_table(tmp_path / "a.csv").train
    assert source.take(np.array([12_000, 7])).tolist() == [[0.5], [7.0]]


@pytest.mark.usefixtures("lazy")
def test_a_packed_csv_may_not_unpack_to_anything(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"a,b\n" + b"0,0\n" * 10_000))
    with pytest.raises(FormatError, match="unpacks to more than 1000 bytes"):
        open_table(tmp_path / "a.csv.gz")


def test_exact_columns_give_float32(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1, 2], "b": [0.5, 1.5]}, schema={"a": pl.UInt8, "b": pl.Float32})
    source = open_table(write(tmp_path, ".parquet", frame)).train
    assert source.dtype == np.float32
    assert source.take(np.array([1])).tolist() == [[2.0, 1.5]]


def test_whole_number_labels_are_kept(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,7\n2,-1\n")
    assert open_table(tmp_path / "a.csv", "y").labels.tolist() == [7, -1]  # type: ignore[union-attr]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separator_is_seen(tmp_path: Path, separator: str) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf" + f"x{separator}y\r\n1{separator}2.5\r\n".encode())
    data = open_table(tmp_path / "a.csv")
    assert data.columns == ("x", "y")
    assert data.train.take(np.array([0])).tolist() == [[1.0, 2.5]]


@pytest.mark.parametrize(
    ("text", "label", "reason"),
    [
        ("", None, "empty table"),
        ("\n\n", None, "empty table"),
        ("a,b\n", None, "0 rows and 2 columns"),
        ("a,a\n1,2\n", None, "share a name: a;"),
        ("a,\n1,2\n", None, r"without a name \(number 2\)"),
        ("a,b\n1,NaN\n2,inf\n", None, r"infinite in: b \(1\)"),
        ("a,b\n1,2\n", "c", "label must be a column .* its columns are: a, b"),
        ("a,b\n1,0.5\n", "b", "names or whole numbers"),
        ("a,b\n1,\n", "b", r"missing values in: b \(1\)"),
        ("a\n1\n", "a", "1 rows and 0 columns"),
    ],
)
def test_bad_columns_are_named(tmp_path: Path, text: str, label: str | None, reason: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError, match=reason) as caught:
        open_table(tmp_path / "a.csv", label)
    assert "\n" not in str(caught.value)


def test_columns_may_be_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,a,b\nx1,1,0\nx2,2,1\n")
    for ignore in ("id", ["id"], ("id", "id")):
        opened = open_data(tmp_path / "a.csv", label="b", ignore=ignore)
        assert (opened.columns, opened.train.take(np.arange(2)).tolist()) == (("a",), [[1.0], [2.0]])
    for data, label, ignore, reason in (
        (tmp_path / "a.csv", None, "c", "ignore must be a column .* its columns are: id, a, b"),
        (tmp_path / "a.csv", "b", "b", "the label already"),
        (tmp_path / "a.csv", None, ["id", "a", "b"], "No column .* is left"),
        (tmp_path / "a.csv", None, 5, "ignore must be the name of a column"),
        ("digits", None, "a", "ignore names a column of a CSV"),
    ):
        with pytest.raises(InputError, match=reason):
            open_data(data, label=label, ignore=ignore)


def test_columns_that_a_model_does_not_know_may_hold_anything(tmp_path: Path) -> None:
    table = pl.DataFrame({"a": [1.0, 2.0], "list": [[1], [2, 3]], "far": [np.inf, 0.0], "day": ["x", None]})
    table.write_parquet(tmp_path / "t.parquet")
    opened = open_data(tmp_path / "t.parquet", only=["a"])
    assert (opened.columns, opened.train.take(np.arange(2)).tolist()) == (("a",), [[1.0], [2.0]])
    frames = frames_of(open_data(tmp_path / "t.parquet", only=["a", "day"]).train)
    assert frames is not None
    assert (frames.columns, frames.column("far").to_list()) == (("a", "day"), [np.inf, 0.0])
    with pytest.raises(InputError, match="no numbers, words or dates: list"):
        open_data(tmp_path / "t.parquet", only=["a", "lacking"])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a,b\n1,2,3\n", "Line 2 of .* has 3 cells, and the table has 2 columns"),
        (b"a,b\n1,\x81\n", "neither UTF-8 nor Windows-1252 text, by line 2"),
        (b"a,b\n1,\xc3\xa9\n2,\xff\n", "neither UTF-8 nor Windows-1252 text, by line 2"),
        (b"\xff\xfe\x00\n\n", "no utf-16 text"),
    ],
)
def test_a_broken_csv_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(DiaboloError, match=reason) as caught:
        open_table(tmp_path / "a.csv")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("cut", [10, 200])
def test_a_broken_parquet_is_refused(tmp_path: Path, cut: int) -> None:
    path = write(tmp_path, ".parquet", FRAME)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(FormatError, match="could not be read as a table"):
        open_table(path)
    with pytest.raises(DiaboloError):
        open_table(tmp_path / "missing.parquet")


def test_parquet_columns_are_named(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1, None], "b": [1.0, float("nan")], "*": [1, 2], "^c$": [1, 2]})
    with pytest.raises(InputError, match=r"infinite in: b \(1\)"):
        open_table(write(tmp_path, ".parquet", frame.with_columns(b=pl.Series([1.0, float("inf")]))))
    data = open_table(write(tmp_path, ".parquet", frame.drop("a", "b")), "*")
    assert data.columns == ("^c$",)
    with pytest.raises(InputError, match="no numbers, words or dates: l, s"):
        open_table(write(tmp_path, ".parquet", pl.DataFrame({"l": [[1]], "s": [{"x": 1}], "a": [1]})))


@pytest.mark.usefixtures("lazy")
def test_a_parquet_that_goes_later_is_a_file_error(tmp_path: Path) -> None:
    path = write(tmp_path, ".parquet", FRAME)
    source = open_table(path, "kind").train
    path.unlink()
    with pytest.raises(FileError, match=r"table\.parquet"):
        source.take(np.array([0]))


MIXED = FRAME.with_columns(
    a=pl.when(pl.col("b") == 3).then(None).otherwise(pl.col("a")),
    day=pl.Series([f"2024-01-{1 + i % 31:02}" for i in range(ROWS)]),
)


@pytest.mark.parametrize("ending", list(WRITERS))
def test_words_and_gaps_come_as_frames(tmp_path: Path, ending: str) -> None:
    data = open_table(write(tmp_path, ending, MIXED))
    assert isinstance(data.train, FrameSource)
    assert (data.train.in_memory, data.columns, len(data.train)) == (True, ("a", "b", "flag", "kind", "day"), ROWS)
    rows = np.array([5, 3, 3, 999])
    assert frame_of(Subset(data.train, rows), np.array([1, 0, 3])).equals(MIXED[[3, 5, 999]])
    with pytest.raises(InputError, match="not numbers, or missing values"):
        data.train.take(rows)


@pytest.mark.usefixtures("lazy")
@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_large_tables_of_words_are_read_block_by_block(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = open_table(write(tmp_path, ending, MIXED), "b").train
    assert isinstance(source, FrameSource)
    assert (source.block, source.in_memory, len(source)) == (64, False, ROWS)
    read: list[int] = []
    between = FrameSource._between

    def spied(self: FrameSource, rows: Any) -> Any:
        read.append(int(rows[-1] - rows[0]) + 1)
        return between(self, rows)

    monkeypatch.setattr(FrameSource, "_between", spied)
    for rows in (np.arange(ROWS), np.random.default_rng(1).permutation(ROWS), np.array([999, 0, 0, 63, 64])):
        assert source.frame(rows).equals(MIXED.drop("b")[rows])
    assert max(read) <= 64
    assert source.frame(np.array([], np.int64)).columns == ["a", "flag", "kind", "day"]


def test_frames_of_polars_pandas_and_arrow() -> None:
    pandas, arrow = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    columns = FRAME.drop("kind")
    frames = (
        columns,
        pandas.DataFrame(columns.to_dict(as_series=False), index=np.arange(ROWS) * 2),
        columns.to_arrow(),
    )
    for frame, library in zip(frames, ("polars", "pandas", "pyarrow"), strict=True):
        opened = open_frame(frame)
        assert (opened.names, opened.library) == (("a", "b", "flag"), library)
        assert isinstance(opened.source, ArraySource)
        assert np.array_equal(opened.source.array, NUMBERS)
        assert opened.source.array.flags.c_contiguous
    assert open_frame(pandas.DataFrame(NUMBERS)).names == ("0", "1", "2")
    for frame in (MIXED, pandas.DataFrame(MIXED.to_dict(as_series=False)), arrow.table(MIXED.to_dict(as_series=False))):
        source = open_frame(frame).source
        assert isinstance(source, FrameSource)
        assert source.frame(np.arange(ROWS)).equals(MIXED)


def test_bad_frames_are_refused() -> None:
    pandas = pytest.importorskip("pandas")
    twice = pandas.DataFrame(np.ones((2, 2)), columns=["a", "a"])
    cases: list[tuple[Any, str]] = [
        (FRAME.lazy(), "collected"),
        (np.ones((2, 2)), "collected"),
        (FRAME.head(0), "0 rows"),
        (pl.DataFrame(), "0 columns"),
        (pl.DataFrame({"a": [1.0, float("inf")]}), r"infinite in: a \(1\)"),
        (pl.DataFrame({"a": [[1]]}), "no numbers, words or dates: a"),
        (pandas.DataFrame({"a": ["x", 1]}), "one kind of values in each"),
        (pandas.DataFrame({"a": [None, 1j]}), "no numbers, words or dates: a"),
        (twice, "share a name: a; rename"),
    ]
    for frame, reason in cases:
        with pytest.raises(InputError, match=reason) as caught:
            open_frame(frame)
        assert "\n" not in str(caught.value)


@needs_set("creditcard/creditcard_sample.csv.gz")
def test_the_credit_card_sample() -> None:
    data = open_table(DATA / "creditcard/creditcard_sample.csv.gz", "Class")
    assert (len(data.train), data.train.shape) == (11_050, (30,))
    assert data.labels is not None
    assert data.labels.sum() == 384
