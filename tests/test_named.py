"""Named data sets: found, downloaded whole and checked, or replaced by scikit-learn's digits with a note."""

import gzip
import hashlib
import struct
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from diabolo.data import named
from diabolo.data.named import datasets, open_named
from diabolo.errors import FileError, FormatError
from real_data import DATA, needs_set

REAL_FETCH = named._fetch


@pytest.fixture(autouse=True)
def nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No data, no cache and no network."""

    def refuse(url: str, size: int) -> bytes:
        raise OSError(f"no network for {url}, {size} bytes")

    monkeypatch.setenv("DIABOLO_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(named, "_fetch", refuse)


@pytest.fixture
def real_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIABOLO_DATA", str(DATA))


def small_mnist(folder: Path) -> dict[str, tuple[str, int]]:
    """Write four tiny files under MNIST's names; return their checksums and lengths."""
    folder.mkdir(parents=True)
    for name in named.MNIST:
        shape = (3, 2, 2) if "idx3" in name else (3,)
        body = bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + bytes(range(int(np.prod(shape))))
        (folder / name).write_bytes(gzip.compress(body))
    contents = {name: (folder / name).read_bytes() for name in named.MNIST}
    return {name: (hashlib.md5(content).hexdigest(), len(content)) for name, content in contents.items()}


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Serve tiny files of MNIST from this machine, behind a mirror that is dead."""
    monkeypatch.setattr(named, "MNIST", small_mnist(tmp_path / "served"))
    monkeypatch.setattr(named, "_fetch", REAL_FETCH)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "served")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(named, "MIRRORS", ("http://127.0.0.1:1/", f"http://127.0.0.1:{server.server_port}/"))
    yield tmp_path / "served"
    server.shutdown()
    server.server_close()


def test_without_data_and_network_mnist_falls_back_on_digits() -> None:
    data = open_named("mnist")
    assert data.name == "digits"
    assert (len(data.train), data.train.shape) == (1438, (8, 8))
    assert len(data.notes) == 1
    assert "scikit-learn's 1,797 digits" in data.notes[0]
    assert "no network" in data.notes[0]


def test_digits_are_split_the_same_way_every_time() -> None:
    first, second = open_named("digits"), open_named("digits")
    assert first.test is not None
    assert second.test is not None
    assert (len(first.train), len(first.test)) == (1438, 359)
    for source, again in ((first.train, second.train), (first.test, second.test)):
        rows = np.arange(len(source))
        assert np.array_equal(source.take(rows), again.take(rows))
    everything = first.train.take(np.arange(1438))
    assert everything.dtype == np.uint8
    assert everything.max() == 255
    assert np.array_equal(np.unique(everything), np.round(np.arange(17) * 255 / 16))
    assert first.labels is not None
    assert first.test_labels is not None
    assert set(first.labels.tolist()) == set(first.test_labels.tolist()) == set(range(10))


def test_mnist_is_downloaded_once_into_the_cache(mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = open_named("mnist")
    assert data.name == "mnist"
    assert data.train.shape == (2, 2)
    assert data.labels is not None
    assert data.labels.tolist() == [0, 1, 2]
    cached = tmp_path / "cache/diabolo/mnist"
    assert {file.name for file in cached.iterdir()} == set(named.MNIST)
    monkeypatch.setattr(named, "MIRRORS", ())
    assert open_named("mnist").name == "mnist"
    assert mirror.is_dir()


@pytest.mark.parametrize("content", [b"another file", b"x" * 10_000])
def test_a_false_download_is_not_kept(mirror: Path, tmp_path: Path, content: bytes) -> None:
    (mirror / "train-images-idx3-ubyte.gz").write_bytes(content)
    data = open_named("mnist")
    assert data.name == "digits"
    assert "another checksum" in data.notes[0]
    assert not (tmp_path / "cache/diabolo/mnist").exists()


def test_a_damaged_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(named, "MNIST", small_mnist(tmp_path / "data/mnist"))
    assert open_named("mnist").name == "mnist"
    (tmp_path / "data/mnist/t10k-labels-idx1-ubyte.gz").write_bytes(b"damaged")
    with pytest.raises(FormatError, match=r"t10k-labels-idx1-ubyte\.gz .* checksum"):
        open_named("mnist")


@pytest.mark.parametrize("name", ["frey", "olivetti", "utkface64", "creditcard", "train400"])
def test_a_missing_set_says_where_it_was_looked_for(name: str, tmp_path: Path) -> None:
    with pytest.raises(FileError, match="looked for in") as caught:
        open_named(name)
    message = str(caught.value)
    assert str(tmp_path / "data") in message
    assert str(tmp_path / "cache/diabolo") in message
    assert "DIABOLO_DATA" in message
    assert "\n" not in message


def test_the_default_folder_is_relative_to_the_current_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "shared/data/faces").mkdir(parents=True)
    np.savez(tmp_path / "shared/data/faces/frey.npz", images=np.zeros((3, 4, 4), np.uint8))
    monkeypatch.delenv("DIABOLO_DATA")
    monkeypatch.chdir(tmp_path / "project")
    assert len(open_named("frey").train) == 3


def test_the_list_opens_nothing() -> None:
    rows = {row.name: row for row in datasets()}
    assert list(rows) == list(named.SETS)
    assert rows["digits"].where == "in scikit-learn"
    assert rows["mnist"].where == "missing: it is downloaded when it is first opened"
    assert all(row.where.startswith("missing: ") for name, row in rows.items() if name != "digits")
    assert all(row.what and row.terms for row in rows.values())


@needs_set("mnist/train-images-idx3-ubyte.gz")
@pytest.mark.usefixtures("real_data")
def test_mnist() -> None:
    data = open_named("mnist")
    assert data.test is not None
    assert (len(data.train), len(data.test), data.train.shape) == (60_000, 10_000, (28, 28))
    assert data.labels is not None
    assert data.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert data.notes == ()


@needs_set("faces/utkface64.zip")
@pytest.mark.usefixtures("real_data")
def test_utkface64() -> None:
    data = open_named("utkface64")
    assert data.train.shape == (64, 64, 3)
    assert data.items is not None
    assert data.labels is not None
    assert all(int(name.split("_")[1]) == label for name, label in zip(data.items, data.labels, strict=True))


@needs_set("creditcard/creditcard_sample.csv.gz")
@pytest.mark.usefixtures("real_data")
def test_creditcard_is_split_by_time() -> None:
    data = open_named("creditcard")
    assert data.test is not None
    assert data.columns is not None
    assert data.columns[0] == "Time"
    first, last = (data.train.take(np.array([row]))[0, 0] for row in (0, len(data.train) - 1))
    next_one, end = (data.test.take(np.array([row]))[0, 0] for row in (0, len(data.test) - 1))
    assert last <= first + 0.6 * (end - first) < next_one
    assert data.weight == 18.6


@pytest.mark.parametrize(
    ("name", "count", "shape"),
    [
        pytest.param("frey", 1965, (28, 20), marks=needs_set("faces/frey.npz")),
        pytest.param("olivetti", 400, (64, 64), marks=needs_set("faces/olivetti.npz")),
        pytest.param("train400", 400, (180, 180), marks=needs_set("train400.zip")),
    ],
)
@pytest.mark.usefixtures("real_data")
def test_other_real_sets(name: str, count: int, shape: tuple[int, ...]) -> None:
    data = open_named(name)
    assert (data.name, len(data.train), data.train.shape) == (name, count, shape)
