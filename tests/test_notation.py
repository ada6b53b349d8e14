"""Numbers in other notations are never learnt as words in silence: the first such cell is named."""

from contextlib import suppress
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diabolo.app.cli import main
from diabolo.data.tables.encoding import fit_encoding
from diabolo.data.tables.notation import check_notation
from diabolo.errors import InputError

NOTATIONS = {
    "decimal comma": "12,50",
    "thousands by dots": "1.234,50",
    "thousands by commas": "1,234.50",
    "thousands by apostrophes": "1'234.50",
    "thousands by blanks": "1 234,50",
    "thousands by narrow blanks": "1\u202f234",
    "dollars": "$12.50",
    "euros behind": "12,50 \u20ac",
    "a currency's name": "USD 12.50",
    "percent": "12.5%",
    "accounting": "(12.50)",
    "minus behind": "12.50-",
    "a leading blank": " 12.5",
    "a typographic minus": "\u221212.5",
}


@pytest.mark.parametrize("cell", NOTATIONS.values(), ids=NOTATIONS)
def test_another_notation_is_refused_with_its_cell(cell: str) -> None:
    column = pl.Series("amount", [cell] * 20)
    with pytest.raises(InputError, match=r"Column 'amount' of t\.csv holds numbers") as refused:
        check_notation(column, "t.csv")
    assert repr(cell) in str(refused.value)
    assert "in row 0 " in str(refused.value)
    assert "--ignore 'amount'" in str(refused.value)


@pytest.mark.parametrize("bad", ["abc", "?", "N/A", "-", "12.5.3", "\\N"])
def test_one_bad_cell_late_is_named(bad: str) -> None:
    cells = [f"{number}.5" for number in range(500)]
    cells[430] = bad
    with pytest.raises(InputError) as refused:
        check_notation(pl.Series("amount", cells), "t.csv")
    assert f"{bad!r} in row 430 is no plain number; correct that cell" in str(refused.value)


@pytest.mark.parametrize(
    "cells",
    [
        ["red", "green", "blue", "12"] * 5,
        ["2024-02-28", "2024-02-29"] * 5,
        ["28.02.2024", "01.03.2024"] * 5,
        ["12:30", "13:45"] * 5,
        ["10.0.0.1", "10.0.0.2"] * 5,
        ["A12", "B13"] * 5,
        ["low", None, "?"] * 5,
        ["?", "-", None],
        ["0", "1.5", None],
    ],
)
def test_words_dates_and_plain_numbers_pass(cells: list[str | None]) -> None:
    check_notation(pl.Series("a", cells), "t.csv")


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=30))
def test_what_python_writes_is_plain(numbers: list[float]) -> None:
    check_notation(pl.Series("a", [repr(number) for number in numbers]), "t.csv")


@given(st.lists(st.text(max_size=12), min_size=2, max_size=30))
def test_any_text_passes_or_is_refused(cells: list[str]) -> None:
    with suppress(InputError):
        check_notation(pl.Series("a", cells), "t.csv")


def test_an_encoding_is_not_fitted_to_it() -> None:
    with pytest.raises(InputError, match="is no plain number; write its numbers plainly"):
        fit_encoding(pl.DataFrame({"a": ["1.234,50"] * 10, "b": ["x", "y"] * 5}))


def test_training_ends_with_the_cell_and_leaves_no_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "\n".join(f"{number},{number}.5,shop{number % 3}" for number in range(200))
    (tmp_path / "t.csv").write_text(f"n,amount,shop\n{rows}\n7,twelve,shop1\n")
    with pytest.raises(SystemExit) as ended:
        main(["train", str(tmp_path / "t.csv"), "--preset", "table", "--out", str(tmp_path / "m.safetensors")])
    assert ended.value.code == 1
    assert "'twelve' in line 202 is no number as the others are" in capsys.readouterr().err
    assert not (tmp_path / "m.safetensors").exists()
