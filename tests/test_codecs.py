"""General codecs: what is lossless comes back, a better setting loses less, and headers are as small as can be."""

import bz2
import gzip
import io
import lzma

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from diabolo.data.source import Array
from diabolo.jobs.compress.compare.general_codecs import CODECS, Codec

HERE = {name: codec for name, codec in CODECS.items() if codec.available()}
LOSSLESS = sorted(name for name, codec in HERE.items() if codec.lossless)
LOSSY = sorted(set(HERE) - set(LOSSLESS))
SHAPES = st.tuples(st.integers(1, 20), st.integers(1, 20)).flatmap(lambda s: st.sampled_from([s, (*s, 3)]))


def photo(*channels: int, side: int = 48) -> Array:
    """Return a smooth picture with a little noise."""
    y, x = np.mgrid[:side, :side] / side
    waves = np.stack([np.sin(5 * x + phase) * np.cos(4 * y - phase) for phase in (0.0, 0.6, 1.1)], axis=-1)
    noise = np.random.default_rng(0).normal(0, 4, waves.shape)
    picture = np.clip(127 + 90 * waves + noise, 0, 255).astype(np.uint8)
    return picture if channels else picture[..., 0]


def squared_error(codec: Codec, image: Array, quality: float) -> tuple[int, float]:
    data = codec.encode(image, quality)
    back = codec.decode(data, image.shape)
    assert back.shape == image.shape
    assert back.dtype == np.uint8
    return len(data), float(np.square(image.astype(float) - back).mean())


def test_what_belongs_to_python_and_pillow_is_here() -> None:
    assert {"gzip", "bz2", "xz", "PNG", "JPEG"} <= set(HERE)


@pytest.mark.parametrize("name", LOSSLESS)
@settings(max_examples=15)
@given(image=SHAPES.flatmap(lambda shape: arrays(np.uint8, shape)))
def test_lossless_codecs_give_the_same_pixels_back(name: str, image: Array) -> None:
    codec = CODECS[name]
    back = codec.decode(codec.encode(image, 0), image.shape)
    assert np.array_equal(back.reshape(image.shape), image)


@pytest.mark.parametrize("name", LOSSY)
@pytest.mark.parametrize("channels", [(), (3,)])
def test_a_better_setting_takes_more_and_loses_less(name: str, channels: tuple[int, ...]) -> None:
    codec = CODECS[name]
    image = photo(*channels)
    dial = [codec.qualities[round(part * (len(codec.qualities) - 1))] for part in (0.1, 0.5, 0.9)]
    sizes, errors = zip(*(squared_error(codec, image, quality) for quality in dial), strict=True)
    assert list(sizes) == sorted(sizes)
    assert list(errors) == sorted(errors, reverse=True)
    assert errors[0] > 2 * errors[2]


@pytest.mark.parametrize("name", LOSSY)
@pytest.mark.parametrize("shape", [(1, 1), (1, 9, 3), (17, 2), (5, 7, 3)])
def test_tiny_and_odd_sizes_go_through_at_both_ends_of_the_dial(name: str, shape: tuple[int, ...]) -> None:
    codec = CODECS[name]
    image = np.full(shape, 90, np.uint8)
    for quality in (codec.qualities[0], codec.qualities[-1]):
        assert squared_error(codec, image, quality)[1] <= 30**2


def test_packers_write_the_files_that_their_programs_read() -> None:
    image = photo()
    assert gzip.decompress(CODECS["gzip"].encode(image, 0)) == image.tobytes()
    assert bz2.decompress(CODECS["bz2"].encode(image, 0)) == image.tobytes()
    assert lzma.decompress(CODECS["xz"].encode(image, 0)) == image.tobytes()


def test_packers_take_any_array() -> None:
    table = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    for name in ("gzip", "bz2", "xz"):
        back = CODECS[name].decode(CODECS[name].encode(table, 0), table.shape)
        assert np.array_equal(back.view(np.float32).reshape(3, 4), table)


def test_a_cut_dictionary_costs_no_bytes() -> None:
    data = photo(3).tobytes()
    assert len(CODECS["xz"].encode(photo(3), 0)) <= len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))


def test_jpeg_is_the_shorter_of_two_ways_and_never_subsampled_unasked() -> None:
    for image in (photo(3), photo(3, side=400)):
        data = CODECS["JPEG"].encode(image, 50)
        for progressive in (False, True):
            file = io.BytesIO()
            options = {"optimize": True, "subsampling": 0, "progressive": progressive}
            Image.fromarray(image).save(file, "JPEG", quality=50, **options)
            assert len(data) <= file.tell()
    colours = np.zeros((32, 32, 3), np.uint8)
    colours[:, ::2, 0] = 255  # columns of red and black are lost if the chroma is subsampled
    errors = [squared_error(CODECS[name], colours, 95)[1] for name in ("JPEG", "JPEG 4:2:0")]
    assert 10 * errors[0] < errors[1]


@pytest.mark.skipif("JPEG 2000" not in HERE, reason="this Pillow has no JPEG 2000")
def test_jpeg_2000_files_carry_little_beside_the_image() -> None:
    blank = np.zeros((28, 28), np.uint8)
    file = io.BytesIO()
    Image.fromarray(blank).save(file, "JPEG2000", quality_mode="dB", quality_layers=[30], irreversible=True)
    assert len(CODECS["JPEG 2000"].encode(blank, 30)) <= file.tell() - 100


def test_dials_rise() -> None:
    for name in LOSSY:
        assert list(CODECS[name].qualities) == sorted(set(CODECS[name].qualities)), name
