"""IDX files: the bytes come back, and whatever contradicts the header is refused."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from diabolo.data.idx import labels_beside, read_idx
from diabolo.errors import FileError, FormatError
from real_data import DATA, needs_set


def idx_bytes(array: np.ndarray, kind: int = 8) -> bytes:
    return bytes([0, 0, kind, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


IMAGES = np.arange(24, dtype=np.uint8).reshape(4, 3, 2)


def test_plain_and_packed_files_give_the_same_array(tmp_path: Path) -> None:
    (tmp_path / "a.idx").write_bytes(idx_bytes(IMAGES))
    (tmp_path / "a.idx.gz").write_bytes(gzip.compress(idx_bytes(IMAGES)))
    for name in ("a.idx", "a.idx.gz"):
        array = read_idx(tmp_path / name)
        assert np.array_equal(array, IMAGES)
        assert array.flags.writeable


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "two zero bytes"),
        (b"hello, world", "two zero bytes"),
        (idx_bytes(IMAGES, kind=0x0D), "float32"),
        (idx_bytes(IMAGES, kind=0x77), "unknown type 0x77"),
        (bytes([0, 0, 8, 0]), "0 dimensions"),
        (bytes([0, 0, 8, 9]), "9 dimensions"),
        (idx_bytes(IMAGES)[:7], "within its header"),
        (idx_bytes(IMAGES)[:-1], "fewer"),
        (idx_bytes(IMAGES) + b"x", "more"),
        (bytes([0, 0, 8, 4]) + b"\xff" * 16, "get it anew"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_damage_is_refused(tmp_path: Path, content: bytes, reason: str, packed: bool) -> None:
    path = tmp_path / ("a.idx.gz" if packed else "a.idx")
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(FormatError, match=reason):
        read_idx(path)


def test_a_missing_file_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="No such file"):
        read_idx(tmp_path / "a.idx")


def test_labels_are_found_beside_the_images(tmp_path: Path) -> None:
    images = tmp_path / "train-images-idx3-ubyte"
    images.write_bytes(idx_bytes(IMAGES))
    assert labels_beside(images, 4) is None
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.array([3, 1, 2, 0], dtype=np.uint8)))
    found = labels_beside(images, 4)
    assert found is not None
    assert found.tolist() == [3, 1, 2, 0]
    assert labels_beside(images, 5) is None


@needs_set("mnist/t10k-images-idx3-ubyte.gz")
def test_mnist_itself() -> None:
    images = read_idx(DATA / "mnist/t10k-images-idx3-ubyte.gz")
    assert images.shape == (10_000, 28, 28)
    assert images.max() == 255
