"""Stacks: files of many images, written by tifffile and zarr themselves, come back with their type, range and axes."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from diabolo.app.cli import main
from diabolo.data.images.stack_files import open_stack, written_stack
from diabolo.data.images.stacks import Layout, named_axes
from diabolo.errors import ArgumentError, FileError, FormatError
from diabolo.jobs.denoise.bundled import bundled_denoiser
from diabolo.jobs.denoise.denoise import denoise
from diabolo.jobs.denoise.scale import Scale, scale_of
from diabolo.jobs.denoise.strength import Dial

zarr = pytest.importorskip("zarr")
SHAPE = (2, 3, 40, 32)


def blobs(shape: tuple[int, ...] = SHAPE, *, sigma: float = 0.1) -> NDArray[np.float64]:
    """Return smooth images with noise, about 0 to 1, and in the last axes an image."""
    rows, columns = np.mgrid[: shape[-2], : shape[-1]] / 7
    clean = 0.5 + 0.4 * np.sin(rows) * np.cos(columns)
    return np.asarray(clean + np.random.default_rng(0).normal(0, sigma, shape))


def ran(*words: object) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    return int(end.value.code or 0)


def spread(image: NDArray[np.generic]) -> float:
    """Return how strong the finest detail of an image is."""
    values = image.astype(float)
    return float((values[..., 1:, 1:] - values[..., :-1, 1:] - values[..., 1:, :-1] + values[..., :-1, :-1]).std())


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32", "float64"])
def test_an_ome_tiff_keeps_its_axes_type_range_and_metadata(tmp_path: Path, dtype: str) -> None:
    high = {"uint8": 200, "uint16": 3000}.get(dtype, 2161)
    low = 0 if dtype.startswith("u") else 224
    given = (low + high * blobs().clip(0, 1)).astype(dtype)
    metadata = {"axes": "TCYX", "PhysicalSizeX": 0.25, "PhysicalSizeXUnit": "µm", "Channel": {"Name": ["a", "b", "c"]}}
    tifffile.imwrite(tmp_path / "in.ome.tif", given, metadata=metadata, resolution=(1e4 / 0.25, 1e4 / 0.25))
    assert ran("denoise", tmp_path / "in.ome.tif", "--out", tmp_path / "out.ome.tif", "--quiet") == 0
    with tifffile.TiffFile(tmp_path / "in.ome.tif") as before, tifffile.TiffFile(tmp_path / "out.ome.tif") as after:
        assert after.is_ome
        assert after.ome_metadata == before.ome_metadata
        one, other = before.series[0], after.series[0]
        assert (other.axes, other.shape, other.dtype) == (one.axes, one.shape, one.dtype)
        assert after.pages[0].tags["XResolution"].value == before.pages[0].tags["XResolution"].value
        cleaned = after.asarray()
    assert spread(cleaned) < 0.5 * spread(given)
    assert abs(float(cleaned.mean()) - float(given.mean())) < 0.02 * high


def test_an_imagej_hyperstack_of_large_floats(tmp_path: Path) -> None:
    given = (224 + 2161 * blobs()).astype(np.float32)
    tifffile.imwrite(tmp_path / "in.tif", given, imagej=True, metadata={"axes": "TZYX", "unit": "um", "spacing": 0.5})
    assert ran("denoise", tmp_path / "in.tif", "--out", tmp_path / "out.tif", "--quiet") == 0
    with tifffile.TiffFile(tmp_path / "out.tif") as after:
        assert after.is_imagej
        assert after.imagej_metadata["spacing"] == 0.5
        assert (after.series[0].axes, after.series[0].shape) == ("TZYX", SHAPE)
        assert spread(after.asarray()) < 0.5 * spread(given)


@pytest.mark.parametrize("packing", ["zlib", "lzw"])
def test_packed_pages_of_colour_and_of_two_channels(tmp_path: Path, packing: str) -> None:
    colour = (255 * np.stack([blobs((3, 40, 32))] * 3, -1).clip(0, 1)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "in.tif", colour, photometric="rgb", compression=packing)
    assert ran("denoise", tmp_path / "in.tif", "--out", tmp_path / "out.tif", "--quiet") == 0
    after = tifffile.imread(tmp_path / "out.tif")
    assert (after.shape, after.dtype) == (colour.shape, colour.dtype)
    assert spread(after[..., 0]) < 0.5 * spread(colour[..., 0])


@pytest.mark.parametrize("version", [2, 3])
def test_an_ome_zarr_image_keeps_its_axes(tmp_path: Path, version: int) -> None:
    given = (3000 * blobs().clip(0, 1)).astype(np.uint16)
    group = zarr.open_group(tmp_path / "in.zarr", mode="w", zarr_format=version)
    array = group.create_array("0", shape=SHAPE, dtype="uint16", chunks=(1, 1, 20, 32))
    array[:] = given
    group.create_array("1", shape=(2, 3, 20, 16), dtype="uint16")
    axes = [{"name": name, "type": "space"} for name in "czyx"]
    images = [{"version": "0.4", "axes": axes, "datasets": [{"path": "0"}, {"path": "1"}]}]
    group.attrs.update({"multiscales": images} if version == 2 else {"ome": {"multiscales": images}, "own": 1})
    assert ran("denoise", tmp_path / "in.zarr", "--out", tmp_path / "out.zarr", "--quiet") == 0
    after = zarr.open(tmp_path / "out.zarr", mode="r")
    assert spread(after["0"][:]) < 0.5 * spread(given)
    kept = (after.attrs if version == 2 else after.attrs["ome"])["multiscales"][0]
    assert (kept["axes"], kept["datasets"]) == (axes, [{"path": "0"}])
    assert (after["0"].dtype, after["0"].shape) == (np.uint16, SHAPE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.zarr", "out.zarr"]


def test_arrays_of_any_range_and_one_single_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = (224 + 2161 * blobs((40, 32))).astype(np.float32)
    np.save(tmp_path / "in.npy", given)
    assert ran("denoise", tmp_path / "in.npy", "--out", tmp_path / "out.npy", "--quiet", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert 100 < said["noise"] < 350
    after = np.load(tmp_path / "out.npy")
    assert (after.shape, after.dtype) == (given.shape, given.dtype)
    assert spread(after) < 0.5 * spread(given)
    assert ran("denoise", tmp_path / "in.npy", "--out", tmp_path / "out.zarr", "--quiet") == 0
    assert ran("denoise", tmp_path / "in.npy", "--out", tmp_path / "out.tif", "--quiet") == 0
    assert np.array_equal(zarr.open(tmp_path / "out.zarr", mode="r")[:], after)
    assert np.array_equal(tifffile.imread(tmp_path / "out.tif"), after)


def test_axes_of_arrays_without_names() -> None:
    shapes = {(5, 6): "YX", (2, 5, 6): "CYX", (50, 60, 3): "YXS", (2, 3, 5, 6): "ZCYX", (7, 50, 60, 4): "CYXS"}
    assert {shape: named_axes(shape) for shape in shapes} == shapes
    assert Layout((2, 3, 5, 6), np.dtype("u1"), "ZCYX").count == 6


def test_what_is_no_stack_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "bad.npy").write_bytes(b"nothing")
    np.save(tmp_path / "flat.npy", np.zeros(5))
    with pytest.raises(FormatError, match=r"flat\.npy has the shape"):
        open_stack(tmp_path / "flat.npy")
    with pytest.raises(FormatError, match="damaged"):
        open_stack(tmp_path / "bad.npy")
    with pytest.raises(FileError, match="not there"):
        open_stack(tmp_path / "none.zarr")
    np.save(tmp_path / "in.npy", np.zeros((2, 5, 5)))
    with pytest.raises(ArgumentError, match=r"\.tif, \.npy or \.zarr"):
        written_stack(tmp_path / "out.png", open_stack(tmp_path / "in.npy"), force=False)


def test_a_page_that_is_cut_short_leaves_no_file(tmp_path: Path) -> None:
    images = (255 * blobs((4, 64, 64)).clip(0, 1)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "in.tif", images, photometric="minisblack")
    whole = (tmp_path / "in.tif").read_bytes()
    (tmp_path / "in.tif").write_bytes(whole[: len(whole) // 2])
    assert ran("denoise", tmp_path / "in.tif", "--out", tmp_path / "out.tif", "--quiet") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["in.tif"]


@pytest.mark.parametrize(("low", "high"), [(224, 2385), (-5, 5), (0, 1e-4), (1e6, 1e6 + 10)])
def test_the_scale_goes_there_and_back(low: float, high: float) -> None:
    values = np.linspace(low, high, 2000).reshape(40, 50)
    scale = scale_of(values)
    unit = scale.unit(values)
    assert -0.05 < float(unit.min()) < 0.05
    assert 0.95 < float(unit.max()) < 1.05
    assert np.allclose(
        scale.stored(unit, values.dtype), values, atol=2e-7 * max(abs(low), abs(high)) + 1e-6 * (high - low)
    )
    assert scale_of(np.linspace(-0.3, 1.4, 1000)) == Scale()


def test_a_turned_range_gives_the_same_picture() -> None:
    given = blobs((60, 50))
    one = denoise(bundled_denoiser(), given.astype(np.float32), scale=Scale()).image
    other = denoise(bundled_denoiser(), 1000 + 4000 * given, scale=Scale(1000, 4000)).image
    np.testing.assert_allclose((other - 1000) / 4000, one, atol=1e-3)


@pytest.mark.parametrize("options", [{"strength": 2.1}, {"strength": -0.1}, {"noise": 2.0}, {"grain": 1.5}])
def test_a_dial_out_of_range_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(ArgumentError, match="must be from 0 to"):
        Dial(**options)  # type: ignore[arg-type]
