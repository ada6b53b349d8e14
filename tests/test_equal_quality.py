"""A codec's dial is turned until the PSNR is reached: against a search over every setting, and closed forms."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diabolo.data.named import open_named
from diabolo.data.source import Array
from diabolo.errors import InputError
from diabolo.jobs.compress.compare.equal_quality import PARTS, Measured, at_quality, least, measure, mixed, psnr_of
from diabolo.jobs.compress.compare.general_codecs import CODECS


def digits(count: int = 20) -> Array:
    return np.repeat(np.repeat(open_named("digits").train.take(np.arange(count)), 3, 1), 3, 2).astype(np.uint8) * 15


@given(st.integers(1, 300), st.data())
def test_the_search_finds_the_first_that_reaches_from_wherever_it_starts(count: int, data: st.DataObject) -> None:
    first, start = data.draw(st.integers(0, count)), data.draw(st.integers(0, count - 1))
    asked: list[int] = []

    def reaches(number: int) -> bool:
        asked.append(number)
        return number >= first

    assert least(reaches, count, start) == first
    assert len(asked) == len(set(asked))
    assert len(asked) <= 3 + 2 * math.log2(abs(first - start) + 1)
    assert all(0 <= number < count for number in asked)


def test_psnr_by_its_formula() -> None:
    assert psnr_of(255**2 * 50, 50) == 0
    assert psnr_of(50, 50) == pytest.approx(20 * math.log10(255))
    assert psnr_of(0, 50) == math.inf


@pytest.mark.parametrize("how", PARTS)
def test_one_psnr_is_taken_over_all_images(how: str) -> None:
    images = digits()
    codec = CODECS["JPEG"]
    found = measure(images, codec, 30, how=how)  # type: ignore[arg-type]
    if how == "files":
        back = np.stack([codec.decode(codec.encode(image, 30), image.shape) for image in images])
        assert found.psnr == pytest.approx(psnr_of(float(np.square(images.astype(float) - back).sum()), images.size))
        assert found.bytes_per_image == pytest.approx(np.mean([len(codec.encode(image, 30)) for image in images]))
    assert found.images == len(images)
    assert 10 < found.psnr < 50


@pytest.mark.parametrize("psnr", [22.0, 31.0])
@pytest.mark.parametrize("how", PARTS)
def test_nothing_less_than_what_is_found_reaches_the_quality(psnr: float, how: str) -> None:
    codec, images = CODECS["JPEG"], digits()
    found = at_quality(images, codec, psnr, how=how)  # type: ignore[arg-type]
    every = [measure(images, codec, quality, how=how) for quality in codec.qualities]  # type: ignore[arg-type]
    enough = min(one.bytes_per_image for one in every if one.psnr >= psnr)
    too_few = max(one.bytes_per_image for one in every if one.psnr < psnr)
    assert found is not None
    assert found.psnr >= psnr
    assert 0.9 * too_few <= found.bytes_per_image <= enough


def test_sheets_spare_the_headers() -> None:
    for name in ("PNG", "JPEG", "xz"):
        alone, together = (at_quality(digits(), CODECS[name], 30, how=how) for how in ("files", "sheet"))
        assert alone is not None
        assert together is not None
        assert together.bytes_per_image < 0.7 * alone.bytes_per_image


def test_mixing_two_settings_is_what_files_of_both_would_give() -> None:
    images, codec = digits(), CODECS["JPEG"]
    low, high = (measure(images, codec, quality, how="files") for quality in (10, 60))
    halves = [measure(images[part::2], codec, quality, how="files") for part, quality in ((0, 10), (1, 60))]
    mse = sum(255**2 * 10 ** (-half.psnr / 10) for half in halves) / 2
    found = mixed(low, high, psnr_of(mse, 1))
    assert found.bytes_per_image == pytest.approx(sum(half.bytes_per_image for half in halves) / 2, rel=0.05)
    assert mixed(low, high, low.psnr).bytes_per_image == pytest.approx(low.bytes_per_image)
    assert mixed(low, high, high.psnr).bytes_per_image == pytest.approx(high.bytes_per_image)
    assert mixed(Measured(9, 20, 1, 5), Measured(8, 30, 2, 5), 25) == Measured(8, 30, 2, 5)


def test_what_cannot_be_reached_is_none_and_what_is_better_anyway_stands() -> None:
    assert at_quality(digits(), CODECS["JPEG"], 90, how="files") is None
    found = at_quality(digits(), CODECS["JPEG"], 1, how="files")
    assert found is not None
    assert found.quality == CODECS["JPEG"].qualities[0]
    assert found.psnr > 1


def test_lossless_codecs_need_no_quality_and_lossy_ones_do() -> None:
    found = at_quality(digits(1), CODECS["PNG"], None, how="sheet")
    assert found is not None
    assert found.psnr == math.inf
    with pytest.raises(InputError, match="psnr"):
        at_quality(digits(), CODECS["JPEG"], None, how="files")
