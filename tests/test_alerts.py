"""The alert list: what it carries along, the files that it is written to, and reasons in the table's own words."""

import json
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import polars as pl
import pytest

from diabolo.jobs.detect.listing.alerts import rarity
from diabolo.jobs.detect.listing.usual import Usual, digits_of
from test_cli import run


def sales(count: int, seed: int) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "id": [f"T{number:04}" for number in range(count)],
            "amount": np.round(np.exp(random.normal(3, 1, count)), 2),
            "flag": (random.random(count) < 0.003).astype(int),
            "shop": random.choice(["baker", "bank"], count, p=[0.8, 0.2]),
        }
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from diabolo.app.cli import main

    folder = tmp_path_factory.mktemp("alerts")
    sales(1200, 0).write_csv(folder / "past.csv")
    words = ["train", folder / "past.csv", "--preset", "table", "--ignore", "id", "--epochs", "5"]
    with pytest.raises(SystemExit):
        main([str(word) for word in (*words, "--out", folder / "m.safetensors", "-q")])
    return folder / "m.safetensors"


@pytest.fixture
def new(tmp_path: Path) -> Path:
    rows = sales(40, 1).with_columns(
        amount=pl.when(pl.int_range(40) == 3).then(9000).when(pl.int_range(40) == 4).then(None).otherwise("amount"),
        flag=pl.when(pl.int_range(40) == 9).then(1).otherwise("flag"),
        shop=pl.when(pl.int_range(40) == 7).then(pl.lit("casino")).otherwise("shop"),
    )
    rows.write_csv(tmp_path / "new.csv")
    return tmp_path / "new.csv"


def listed(path: Path) -> list[dict[str, object]]:
    """Return the rows of a list, whatever it was written as."""
    if path.suffix == ".xlsx":
        with ZipFile(path) as sheet:
            assert "T0003" in sheet.read("xl/sharedStrings.xml").decode()
        return []
    if path.suffix == ".json":
        return json.loads(path.read_text())  # type: ignore[no-any-return]
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    return (pl.read_csv(path) if path.suffix == ".csv" else pl.read_parquet(path)).to_dicts()


@pytest.mark.parametrize("ending", ["csv", "parquet", "xlsx", "json", "jsonl"])
def test_every_ending_holds_the_same_list(
    model: Path, new: Path, ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / f"a.{ending}"
    run(capsys, "detect", new, "-m", model, "--out", out)
    rows = listed(out)
    if rows:
        assert len(rows) == 40
        assert {row["id"] for row in rows[:4]} == {"T0003", "T0004", "T0007", "T0009"}
        assert all(row["id"] == f"T{row['row']:04}" for row in rows)


def test_reasons_are_in_the_words_and_digits_of_the_table(
    model: Path, new: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, printed, _ = run(capsys, "detect", new, "-m", model, "--out", tmp_path / "a.csv", "--keep", "shop")
    assert "At most 0.01 of normal samples raise an alert" in printed
    assert "higher than all 120 normal rows held out" in printed
    table = pl.read_csv(tmp_path / "a.csv")
    told = dict(table.select("row", "reasons").iter_rows())
    assert told[3].startswith("amount: 9000.00, expected ")
    assert told[4].startswith("amount: missing, expected ")
    assert told[7].startswith("shop: casino, in none of 1,080 normal rows, usually baker (")
    flagged = [text for text in told.values() if "flag: 1" in text]
    assert flagged
    assert all("flag: 1, usually 0 (" in text for text in flagged)
    assert dict(table.select("row", "shop").iter_rows())[7] == "casino"
    assert "amount: " in dict(table.select("row", "nearest").iter_rows())[3]


def test_a_file_without_rows_gives_a_list_without_rows(
    model: Path, new: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = new.read_text().splitlines(keepends=True)
    for name, text in (("heads.csv", lines[0]), ("nothing.csv", "")):
        (tmp_path / name).write_text(text)
        code, printed, _ = run(
            capsys, "detect", tmp_path / name, "-m", model, "--out", tmp_path / "e.json", "--force", "--json"
        )
        assert (code, json.loads(printed)["alerts"]) == (0, 0)
        assert listed(tmp_path / "e.json") == []


def test_a_list_goes_to_standard_output_and_what_is_said_of_it_does_not(
    model: Path, new: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, printed, said = run(capsys, "detect", new, "-m", model, "--out", "-")
    assert len(pl.read_csv(printed.encode())) == 40
    assert "alerts in 40 samples" in said
    assert run(capsys, "detect", new, "-m", model, "--out", "-", "--json")[0] == 2


def test_errors_are_json_where_json_is_asked_for(
    model: Path, new: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("detect", new, "-m", model, "--out", tmp_path / "a.csv", "--json")
    code, printed, said = run(capsys, *words, "--keep", "nothing")
    assert (code, json.loads(printed)["status"]) == (1, 1)
    assert json.loads(printed)["error"] in said
    assert "it has id, amount, flag, shop" in said


def test_rarity_is_a_count_of_normal_rows() -> None:
    p = np.array([1 / 101, 2 / 101, 0.5, 1.0])
    assert rarity(p, 100).to_list() == [
        "higher than all 100 normal rows held out",
        "1 in 50 normal rows",
        "1 in 2 normal rows",
        "1 in 1 normal rows",
    ]


def test_digits_are_those_of_the_column() -> None:
    assert digits_of(pl.Series([1.5, 2.25, None])) == 2
    assert digits_of(pl.Series([1, 2])) == 0
    assert digits_of(pl.Series([1 / 3])) is None
    assert Usual(10, None, -0.001, 3.14159).told(2.0, 1.0, 2) == "2.00, expected 1.00, usually 0.00 to 3.14"
    assert Usual(10, {True: 0.9, False: 0.1}).told(False, False, None) == "False, in 10% of normal rows"


def test_ids_are_carried_along_as_the_file_has_them(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ids that begin with 0, or have more digits than a float or a sheet holds; in large files too."""
    more = {
        "account": [f"{i:08d}" for i in range(40)],
        "card": [str(4_000_123_412_341_234_567 + i) for i in range(40)],
        "number": [str(400_012_341_234_123_456 + i) for i in range(40)],
        "seconds": [f"{i}.5" for i in range(40)],
    }
    sales(40, 1).with_columns(pl.Series(name, cells) for name, cells in more.items()).write_csv(tmp_path / "ids.csv")
    for bound in (2**28, 100):
        monkeypatch.setattr("diabolo.data.tables.files.LARGE_CSV_BYTES", bound)
        out = tmp_path / f"{bound}.parquet"
        run(capsys, "detect", tmp_path / "ids.csv", "-m", model, "--out", out)
        table = pl.read_parquet(out).sort("row")
        assert table["account"].to_list() == more["account"]
        assert table["card"].to_list() == more["card"]
        assert table["number"].to_list() == [int(cell) for cell in more["number"]]
        assert table["seconds"].to_list() == [float(cell) for cell in more["seconds"]]
    run(capsys, "detect", tmp_path / "ids.csv", "-m", model, "--out", tmp_path / "ids.xlsx")
    with ZipFile(tmp_path / "ids.xlsx") as sheet:
        assert all(number in sheet.read("xl/sharedStrings.xml").decode() for number in more["number"])
