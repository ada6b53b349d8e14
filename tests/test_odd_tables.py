"""Tables with odd columns at the detector's door: long texts, far dates, gaps, names that come twice."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from diabolo import Autoencoder
from diabolo.data.source import Subset
from diabolo.data.tables.encoding import fit_encoding
from diabolo.data.tables.files import open_table
from diabolo.data.tables.frames import Encoded, FrameSource, in_memory, loaded
from diabolo.data.tables.other_libraries import open_frame
from diabolo.errors import InputError
from diabolo.jobs import table_input
from diabolo.jobs.detect.listing.reasons import reasons


def test_long_words_are_read_a_block_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = pl.DataFrame({"note": [f"{i % 3} " + "x" * 40_000 for i in range(3000)], "n": range(3000)})
    table.write_parquet(tmp_path / "t.parquet")
    monkeypatch.setattr("diabolo.data.tables.files.is_small", lambda size: size < 1000)
    source = open_table(tmp_path / "t.parquet").train
    assert isinstance(source, FrameSource)
    assert source.row_bytes > 40_000
    read: list[int] = []
    between = FrameSource._between
    monkeypatch.setattr(FrameSource, "_between", lambda own, rows: read.append(len(rows)) or between(own, rows))
    encoded = Encoded(source, fit_encoding(table.head(100)))
    assert encoded.take(np.arange(3000))[:, -1].tolist() == list(range(3000))
    assert max(read) <= 1024
    assert loaded(encoded, np.array([7, 7, 5])).take(np.arange(3))[:, -1].tolist() == [7, 7, 5]


def test_rows_asked_for_twice_come_twice(tmp_path: Path) -> None:
    pl.DataFrame({"w": ["a", "b", "c", "d"]}).write_parquet(tmp_path / "t.parquet")
    source = FrameSource(pl.scan_parquet(tmp_path / "t.parquet"), ("w",), 4)
    assert source.frame(np.array([1, 1, 2]))["w"].to_list() == ["b", "b", "c"]
    assert source.frame(np.array([1, 1, 3]))["w"].to_list() == ["b", "b", "d"]


def test_dates_beyond_the_year_9999_have_reasons() -> None:
    days = [date(2024, 1, 1 + i % 28) for i in range(200)]
    past = pl.DataFrame({"day": days, "n": np.random.default_rng(0).normal(size=200)})
    trained = Autoencoder("table", epochs=1, random_state=0).fit(past).trained_
    far = past.head(2).with_columns(pl.Series("day", [4_000_000, 19_800], dtype=pl.Int32).cast(pl.Date))
    told = reasons(trained, table_input.seen_by(trained, in_memory(far)), np.arange(2), None)
    assert "day: +12921-08-18, expected 2024" in told[0]


def test_text_where_training_had_dates_is_read_or_named() -> None:
    encoding = fit_encoding(pl.DataFrame({"day": [date(2024, 1, 1), date(2024, 2, 2)]}))
    wanted = encoding.encode(pl.DataFrame({"day": [date(2024, 2, 28), None]}))
    np.testing.assert_array_equal(encoding.encode(pl.DataFrame({"day": ["28.02.2024", None]})), wanted)
    with pytest.raises(InputError, match="column day, as in training, and holds 'soon'"):
        encoding.encode(pl.DataFrame({"day": ["2024-02-28", "soon"]}))


def test_a_column_name_that_comes_twice_is_named() -> None:
    numbers = np.zeros((2, 2))
    for frame in (pd.DataFrame(numbers, columns=["a", "a"]), pa.table([pa.array([1, 2])] * 2, names=["a", "a"])):
        with pytest.raises(InputError, match="columns that share a name: a; rename or drop them"):
            open_frame(frame)


def test_a_gap_for_a_model_of_numbers_from_0_to_1_is_said_to_be_one() -> None:
    fitted = Autoencoder("dense", latent=1, epochs=1).fit(np.random.default_rng(0).random((50, 3)))
    fitted.trained_.about["columns"] = ["a", "b", "c"]
    gap = in_memory(pl.DataFrame({"a": [0.5, None], "b": [0.1, 0.2], "c": [0.3, 0.4]}))
    with pytest.raises(InputError, match="fill the gaps"):
        table_input.seen_by(fitted.trained_, Subset(gap, np.arange(2)))
