"""The comparison: which codecs meet which data, what a model's own file weighs, and when a user is warned."""

import math

import numpy as np
import pytest

from diabolo.data.source import Array, ArraySource
from diabolo.errors import ArgumentError
from diabolo.jobs.compress.compare.comparison import Comparison, Row, compare, refusal
from diabolo.jobs.compress.compare.general_codecs import CODECS
from test_codecs import HERE, LOSSLESS, photo


def pictures(*channels: int, count: int = 12) -> Array:
    big = photo(*channels, side=48)
    return np.stack([np.roll(big, 5 * step, 0)[:24, :24] for step in range(count)])


def run(images: Array, psnr: float | None = 30, *, size: float = 1, file_bytes: int = 0) -> Comparison:
    return compare(ArraySource(images), psnr=psnr, model_bytes_per_image=size, model_file_bytes=file_bytes)


def names(found: Comparison) -> set[str]:
    return {row.codec for row in found.rows}


@pytest.mark.parametrize("channels", [(), (3,)])
def test_every_codec_that_is_here_gives_a_row_for_each_way(channels: tuple[int, ...]) -> None:
    found = run(pictures(*channels))
    there = set(HERE) - (set() if channels else {"JPEG 4:2:0"})
    assert names(found) | {note.split(" is left")[0].split(" as ")[0].split(" on ")[0] for note in found.notes} >= there
    assert len({(row.codec, row.how) for row in found.rows}) == len(found.rows)
    assert [row.bytes_per_image for row in found.rows] == sorted(row.bytes_per_image for row in found.rows)
    assert all(row.psnr >= 30 for row in found.rows)
    assert ("JPEG 4:2:0" in names(found)) == bool(channels)


def test_a_lossless_archive_stands_beside_lossless_codecs_alone() -> None:
    found = run(pictures(), None)
    assert names(found) == {*LOSSLESS, "model"}
    assert all(row.psnr == math.inf for row in found.rows)


def test_one_channel_is_grey() -> None:
    grey = pictures()
    assert run(grey[..., None], None).rows == run(grey, None).rows


@pytest.mark.parametrize(
    "images",
    [
        np.arange(600, dtype=np.float32).reshape(20, 30),
        np.arange(3200, dtype=np.uint16).reshape(8, 20, 20),
        np.zeros((3, 8, 8, 4), np.uint8),
        np.zeros((5, 64), np.uint8),
    ],
)
def test_other_arrays_meet_the_packers(images: Array) -> None:
    found = run(images, None)
    assert names(found) == {"gzip", "bz2", "xz", "model"}
    assert any(note.startswith("PNG is left out") for note in found.notes)


def test_the_models_file_is_shared_among_all_images() -> None:
    images = pictures(count=10)
    own = next(row for row in run(images, size=7, file_bytes=50).rows if row.how == "archive")
    assert own == Row("model", "archive", 7, 12, 30, 10)
    others = [row for row in run(images, file_bytes=50).rows if row.how != "archive"]
    assert all(row.with_model == row.bytes_per_image for row in others)


def test_a_model_that_loses_is_told_so() -> None:
    images = pictures()
    best = min(row.bytes_per_image for row in run(images, None).rows if row.how != "archive")
    assert run(images, None, size=best / 2).warnings == ()
    (plain,) = run(images, None, size=best + 1).warnings
    assert plain.startswith("The model loses: ")
    (counted,) = run(images, None, size=best / 2, file_bytes=10_000).warnings
    assert f"{math.floor(10_000 / (best / 2)) + 1:,} images on" in counted
    enough = math.floor(10_000 / (best / 2)) + 1
    assert best / 2 + 10_000 / enough < best <= best / 2 + 10_000 / (enough - 1)


def test_a_codec_that_cannot_reach_the_quality_is_named() -> None:
    found = run(np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8), 70)
    assert "JPEG as single files is left out: its best quality stays below 70.00 dB." in found.notes
    assert "JPEG" not in names(found)


def test_sides_and_pixels_have_limits() -> None:
    uint8 = np.dtype(np.uint8)
    assert "16383" in str(refusal(CODECS["WebP"], (20_000, 10), uint8)) or "WebP" not in HERE
    assert refusal(CODECS["PNG"], (20_000, 10), uint8) is None
    assert "pixels" in str(refusal(CODECS["PNG"], (20_000, 20_000), uint8))
    assert refusal(CODECS["xz"], (20_000, 20_000), uint8) is None


def test_what_is_not_installed_is_left_out_with_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    found = run(pictures(), None)
    assert "JPEG XL lossless" not in names(found)
    assert "JPEG XL lossless is left out: it is not installed (JPEG XL: pip install imagecodecs)." in found.notes


def test_large_sets_are_sampled_and_rows_are_told_as_they_come() -> None:
    told: list[Row] = []
    images = ArraySource(np.zeros((600, 4, 4), np.uint8))
    found = compare(images, psnr=None, model_bytes_per_image=1, model_file_bytes=0, on_row=told.append)
    assert {row.images for row in found.rows if row.how == "files"} == {500}
    assert {row.images for row in found.rows if row.how != "files"} == {600}
    assert sorted(told, key=str) == sorted((row for row in found.rows if row.how != "archive"), key=str)


@pytest.mark.parametrize(
    ("psnr", "size", "file_bytes"), [(0.0, 1, 0), (math.nan, 1, 0), (math.inf, 1, 0), (30.0, 0, 0), (30.0, 1, -1)]
)
def test_impossible_figures_are_refused(psnr: float, size: float, file_bytes: int) -> None:
    with pytest.raises(ArgumentError):
        run(pictures(), psnr, size=size, file_bytes=file_bytes)
