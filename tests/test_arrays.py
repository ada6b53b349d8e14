"""Arrays: which are accepted, and `.npy` and `.npz` files that are read within bounds and never unpickled."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diabolo.data.arrays import as_labels, check_array, open_npy, open_npz
from diabolo.errors import DiaboloError, FileError, FormatError, InputError


@pytest.mark.parametrize("shape", [(5, 3), (5, 4, 3), (5, 4, 3, 1), (5, 4, 3, 3)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int64", "float32", "float64", "bool"])
def test_tables_and_images_are_accepted(shape: tuple[int, ...], dtype: str) -> None:
    array = np.ones(shape, dtype)
    assert check_array(array) is array


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.ones(5), "has shape"),
        (np.float32(1), "has shape"),
        (np.ones((1, 2, 3, 3, 3)), "has shape"),
        (np.ones((0, 3)), "empty"),
        (np.ones((3, 0)), "empty"),
        (np.ones((5, 3, 4, 4)), "transpose"),
        (np.ones((5, 8, 8, 4)), "1 or 3 channels"),
        (np.ones((5, 3), complex), "complex"),
        (np.full((5, 3), "a"), "<U1"),
        (np.full((5, 3), None), "object"),
        (np.zeros((5, 3), "M8[s]"), "datetime"),
    ],
)
def test_other_arrays_are_refused(array: Any, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        check_array(np.asarray(array))


def test_foreign_byte_order_is_turned() -> None:
    array = check_array(np.arange(6, dtype=">f4").reshape(2, 3))
    assert array.dtype == np.dtype("=f4")
    assert array.dtype.isnative
    assert array.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_labels_are_whole_numbers_or_names() -> None:
    assert as_labels(np.array([[1], [0]]), 2).tolist() == [1, 0]  # type: ignore[union-attr]
    assert as_labels(np.array([1.0, 0.0]), 2).dtype == np.int64  # type: ignore[union-attr]
    assert as_labels(np.array(["a", "b"]), 2).tolist() == ["a", "b"]  # type: ignore[union-attr]
    for wrong in (np.array([0.5, 1]), np.array([np.nan, 1]), np.arange(3), np.array([1j, 2])):
        assert as_labels(wrong, 2) is None


def test_npy_is_in_memory_when_small_and_mapped_when_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    array = np.arange(60, dtype=np.float32).reshape(20, 3)
    np.save(tmp_path / "a.npy", array)
    small = open_npy(tmp_path / "a.npy").train
    assert small.in_memory
    monkeypatch.setattr("diabolo.data.limits.SMALL_BYTES", 0)
    large = open_npy(tmp_path / "a.npy").train
    assert not large.in_memory
    rows = np.array([19, 0, 0, 7])
    for source in (small, large):
        taken = source.take(rows)
        assert np.array_equal(taken, array[rows])
        assert not isinstance(taken, np.memmap)


def test_an_array_larger_than_the_memory_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diabolo.data.limits.available_memory", lambda: 2**20)
    mapped = np.lib.format.open_memmap(tmp_path / "a.npy", mode="w+", dtype=np.uint8, shape=(2**12, 2**10))
    mapped[4000, 5] = 9
    mapped.flush()
    source = open_npy(tmp_path / "a.npy").train
    assert not source.in_memory
    assert source.take(np.array([4000]))[0, 5] == 9


def npy_bytes(array: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (npy_bytes(np.full((5, 3), None), allow_pickle=True), "object"),
        (npy_bytes(np.ones((5, 3)))[:-1], "damaged"),
        (npy_bytes(np.ones((5, 3)))[:20], "damaged"),
        (npy_bytes(np.ones(5)), "has shape"),
        (npy_bytes(np.ones((0, 5))), "empty"),
        (b"\x93NUMPY\x09\x00" + b"x" * 80, "version"),
        (b"hello", "damaged"),
    ],
)
def test_bad_npy_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(InputError, match=reason):
        open_npy(tmp_path / "a.npy")
    with pytest.raises(FileError, match="No such file"):
        open_npy(tmp_path / "b.npy")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize(
    ("names", "taken", "labels"),
    [
        (("images", "labels"), "images", True),
        (("X", "y"), "X", True),
        (("x", "other"), "x", False),
        (("anything",), "anything", False),
        (("anything", "person"), "anything", True),
        (("labels",), "labels", False),
    ],
)
def test_npz_picks_samples_and_labels(
    tmp_path: Path, save: Any, names: tuple[str, ...], taken: str, labels: bool
) -> None:
    arrays: dict[str, np.ndarray] = {name: np.full((4, 3), number) for number, name in enumerate(names)}
    if labels:
        arrays[names[1]] = np.arange(4)
    save(tmp_path / "a.npz", **arrays)
    data = open_npz(tmp_path / "a.npz")
    assert np.array_equal(data.train.take(np.arange(4)), arrays[taken])
    assert (data.labels is not None) == labels
    assert data.notes == ()


def test_labels_of_another_length_are_left_out_with_a_note(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", X=np.ones((4, 3)), y=np.arange(5))
    data = open_npz(tmp_path / "a.npz")
    assert data.labels is None
    assert "y is left out" in data.notes[0]


def test_npz_without_a_clear_array_names_what_it_holds(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", left=np.ones((4, 3)), right=np.ones((4, 3)))
    with pytest.raises(FormatError, match="it holds: left, right"):
        open_npz(tmp_path / "a.npz")


def zipped(path: Path, member: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("X.npy", member)
    return path


def test_npz_with_a_pickle_or_a_false_length_is_refused(tmp_path: Path) -> None:
    pickled = npy_bytes(np.full((5, 3), None), allow_pickle=True)
    with pytest.raises(FormatError, match="never read"):
        open_npz(zipped(tmp_path / "a.npz", pickled))
    for member in (npy_bytes(np.ones((5, 3)))[:-8], npy_bytes(np.ones((5, 3))) + b"more"):
        with pytest.raises(FormatError, match="not as long as its header"):
            open_npz(zipped(tmp_path / "b.npz", member))


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = zipped(tmp_path / "a.npz", npy_bytes(np.zeros((2**15, 2**10), np.uint8)))
    assert path.stat().st_size < 2**17
    monkeypatch.setattr("diabolo.data.limits.available_memory", lambda: 2**25)
    with pytest.raises(FormatError, match="GiB unpacked"):
        open_npz(path)


def test_a_flipped_bit_in_npz_is_noticed(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", X=np.arange(12.0).reshape(4, 3))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[content.index(np.float64(7).tobytes()) + 6] ^= 1
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(DiaboloError, match="CRC"):
        open_npz(tmp_path / "a.npz")
