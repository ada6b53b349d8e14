"""What the Studio's tabs are made of, without a browser: drawings, pages of tables, maps of columns, noise."""

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from diabolo import Autoencoder, open_data
from diabolo.app.drawing.pictures import data_uri, file_of
from diabolo.app.studio.shelf import Shelf
from diabolo.data.source import ArraySource, Dataset
from diabolo.errors import FormatError, InputError

pytest.importorskip("gradio", reason="the studio extra is not installed")

from diabolo.app.studio.atlas import Atlas
from diabolo.app.studio.denoise import noisy
from diabolo.app.studio.detect import alerts_page, ranking
from diabolo.app.studio.reconstruct import reconstructed
from diabolo.app.studio.uploads import drawn, fitted


def test_strokes_become_a_sample() -> None:
    paper = np.zeros((280, 280, 4), np.uint8)
    paper[100:200, 130:150, 3] = 255
    bright, dark = (drawn(data_uri(file_of(paper)), bright_ink=ink) for ink in (True, False))
    assert bright[150, 140] == 255 - dark[150, 140] == 255
    assert bright[0, 0] == 255 - dark[0, 0] == 0
    for address in ("", "data:text/plain,words", data_uri(file_of(np.zeros_like(paper)))):
        with pytest.raises(InputError, match="Draw something"):
            drawn(address, bright_ink=True)
    for content in ("$", "AAAA"):
        with pytest.raises(FormatError, match="drawing"):
            drawn(f"data:image/png;base64,{content}", bright_ink=True)


def test_tables_have_a_map_reasons_and_reconstructions() -> None:
    values = np.random.default_rng(0).normal(size=(200, 5)).astype(np.float32)
    trained = Autoencoder("table", latent=2, epochs=2).fit(values).trained_
    data = Dataset("numbers", ArraySource(values))
    ranked = ranking(trained, data)
    assert "column 3" in alerts_page(ranked, 0.05)
    assert "column 4" in reconstructed(trained, values[0], "row 0")
    with pytest.raises(InputError, match="no pictures"):
        fitted(np.zeros((4, 4), np.uint8), trained)


def test_a_table_of_words_is_shown_in_its_own_columns(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    days = pl.Series("day", [date(2026, 1, 1 + int(day)) for day in random.integers(0, 28, 300)])
    colour = pl.Series("colour", random.choice(["red", "green", "blue"], 300))
    size = pl.Series("size", [None if value > 1.5 else float(value) for value in random.normal(size=300)])
    table = tmp_path / "t.csv"
    pl.DataFrame([days, colour, size]).write_csv(table)
    data = open_data(str(table))
    Autoencoder("table", latent=2, epochs=1).fit(data).save(tmp_path / "t.safetensors")
    shelf = Shelf([tmp_path / "t.safetensors"], data)
    atlas, opened = Atlas(shelf), shelf.opened("t.safetensors")
    assert '"grid": null' in atlas.page("t.safetensors", None)
    code = np.zeros(2, "<f4").tobytes()
    decoded = dict(atlas.decoded("t.safetensors", opened.version, code, None))
    assert list(decoded) == ["day", "colour", "size"]
    assert decoded["colour"] in ("red", "green", "blue")
    assert decoded["day"].startswith("2026-01-")
    rows = atlas.nearest("t.safetensors", opened.version, code)["rows"]
    assert [row[0] for row in rows] == ["day", "colour", "size"]
    html = reconstructed(opened.trained, shelf.sample(opened.trained, 0), "row 0")
    assert all(words in html for words in ("colour", str(days[0]), str(colour[0]), "differs by"))


@pytest.mark.parametrize("kind", [np.bool_, np.uint8, np.uint16, np.float32])
def test_noise_is_added_to_pictures_of_every_kind(kind: type) -> None:
    white = np.full((40, 40), {np.uint8: 255, np.uint16: 65535}.get(kind, 1)).astype(kind)
    for picture in (white, np.zeros_like(white)):
        found = noisy(picture, 100)
        assert found.dtype == kind
        assert 0.4 < np.isclose(found, picture, atol=0).mean() < 0.99
    assert noisy(white, 0) is white


def test_the_map_of_a_table_decodes_columns(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(200, 5)).astype(np.float32)
    Autoencoder("table", latent=2, epochs=1).fit(values).save(tmp_path / "t.safetensors")
    shelf = Shelf([tmp_path / "t.safetensors"], Dataset("numbers", ArraySource(values)))
    atlas, version = Atlas(shelf), shelf.opened("t.safetensors").version
    assert '"grid": null' in atlas.page("t.safetensors", None)
    code = np.zeros(2, "<f4").tobytes()
    columns = atlas.decoded("t.safetensors", version, code, None)
    assert [name for name, _ in columns] == [f"column {number}" for number in range(5)]
    assert len(atlas.nearest("t.safetensors", version, code)["rows"][0]) == 7
    with pytest.raises(InputError, match="has 2 numbers, 8 bytes"):
        atlas.decoded("t.safetensors", version, code[:4], None)
