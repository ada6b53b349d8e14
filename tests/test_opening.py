"""The word DATA: every kind is found by its name or ending, and no foreign byte makes a reader leak its exceptions."""

import gzip
import io
import os
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from diabolo.data.opening import open_data
from diabolo.errors import DiaboloError, FileError, FormatError, InputError

RANDOM = np.random.default_rng(0)
FRAME = pl.DataFrame({"a": RANDOM.normal(size=300), "b": RANDOM.integers(0, 9, 300), "c": [1, 0] * 150})


def image_bytes(mode: str, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(RANDOM.integers(0, 256, (7, 9, 3)).astype(np.uint8)).convert(mode).save(stream, kind, **options)
    return stream.getvalue()


def zip_bytes() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"{number}.png", image_bytes("L", "PNG"))
    return stream.getvalue()


def written(save: Any, *arguments: Any, **named: Any) -> bytes:
    stream = io.BytesIO()
    save(stream, *arguments, **named)
    return stream.getvalue()


IDX = b"\0\0\x08\x03" + np.array([4, 3, 2], dtype=">u4").tobytes() + bytes(range(24))
WHOLE: dict[str, bytes] = {
    "a.png": image_bytes("RGB", "PNG"),
    "b.png": image_bytes("P", "PNG"),
    "a.jpg": image_bytes("L", "JPEG"),
    "a.bmp": image_bytes("L", "BMP"),
    "a.gif": image_bytes("P", "GIF"),
    "a.tif": image_bytes("RGB", "TIFF", compression="tiff_lzw"),
    "a.webp": image_bytes("RGB", "WEBP"),
    "a.pgm": image_bytes("L", "PPM"),
    "a.zip": zip_bytes(),
    "a.npy": written(np.save, RANDOM.normal(size=(20, 3))),
    "a.npz": written(np.savez_compressed, X=RANDOM.normal(size=(20, 3)), y=np.arange(20)),
    "a.idx": IDX,
    "a-ubyte.gz": gzip.compress(IDX),
    "a.csv": FRAME.write_csv().encode(),
    "a.tsv": FRAME.write_csv(separator="\t").encode(),
    "a.csv.gz": gzip.compress(FRAME.write_csv().encode()),
    "a.parquet": written(FRAME.write_parquet, row_group_size=100),
}


@pytest.mark.parametrize("name", list(WHOLE))
def test_every_kind_opens_by_its_ending(tmp_path: Path, name: str) -> None:
    for spelling in (name, name.upper()) if "ubyte" not in name else (name,):
        path = tmp_path / spelling
        path.write_bytes(WHOLE[name])
        data = open_data(str(path))
        rows = data.train.take(np.arange(len(data.train)))
        assert rows.shape == (len(data.train), *data.train.shape)
        assert rows.dtype == data.train.dtype
        assert data.origin == str(path)
        assert data.notes == ()


def refusal(path: Path) -> str | None:
    """Open and read `path` whole; return the words with which it was refused, or None."""
    try:
        data = open_data(path)
        rows = data.train.take(np.arange(len(data.train)))
    except DiaboloError as error:
        return str(error)
    assert rows.shape == (len(data.train), *data.train.shape)
    return None


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Random bytes, or the file cut short, or some of its bytes replaced."""
    manner = draw(st.sampled_from(("random", "cut", "replaced")))
    if manner == "random":
        return draw(st.binary(min_size=1, max_size=300))
    if manner == "cut":
        return whole[: draw(st.integers(1, len(whole) - 1))]
    content = bytearray(whole)
    for place, value in draw(
        st.lists(st.tuples(st.integers(-len(whole), len(whole) - 1), st.integers(0, 255)), min_size=1)
    ):
        content[place] = value
    return bytes(content)


@pytest.mark.parametrize("name", list(WHOLE))
def test_a_damaged_file_opens_or_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    slow = name.endswith(".parquet")  # each is read by a process of its own

    @settings(max_examples=8 if slow else 60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(content=damaged(WHOLE[name]))
    def attempt(content: bytes) -> None:
        (tmp_path / name).write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert "\n" not in (refusal(tmp_path / name) or "")

    attempt()


def test_a_parquet_that_would_end_the_process_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.parquet").write_bytes(WHOLE["a.parquet"])
    monkeypatch.setattr("diabolo.data.tables.files.PROBE", "import os; os.abort()")
    assert "reading it ended the process" in (refusal(tmp_path / "a.parquet") or "")


def test_a_name_goes_before_a_path_and_a_path_is_never_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert open_data("digits").origin == "scikit-learn"
    with pytest.raises(FileError, match="digits is not there; did you mean digits"):
        open_data(Path("digits"))
    (tmp_path / "digits").mkdir()
    (tmp_path / "digits/a.png").write_bytes(WHOLE["a.png"])
    assert open_data("./digits").items == ("a.png",)
    assert open_data(".").name == tmp_path.name


def test_what_is_missing_is_answered_with_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "photos.zip").write_bytes(b"")
    with pytest.raises(FileError, match=r"did you mean .*photos\.zip\?"):
        open_data(tmp_path / "photo.zip")
    with pytest.raises(FileError, match=r"did you mean mnist\? The data sets with a name are mnist, digits"):
        open_data("mnits")
    with pytest.raises(FileError, match="is not there; the data sets"):
        open_data("no/such/thing")


@pytest.mark.parametrize("data", ["", None, 3, b"mnist"])
def test_what_cannot_be_meant(data: Any) -> None:
    with pytest.raises(InputError, match="data must be the name of a data set"):
        open_data(data)


@pytest.mark.parametrize("data", ["a\0b", "a" * 5000])
def test_impossible_paths(data: str) -> None:
    with pytest.raises(DiaboloError):
        open_data(data)


@pytest.mark.parametrize("name", [*WHOLE, "unknown.xyz", "noending"])
def test_empty_and_unknown_files(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(FormatError, match=r"is empty|unknown kind"):
        open_data(tmp_path / name)


@pytest.mark.parametrize("ending", ["xlsx", "ods"])
def test_a_spreadsheet_is_refused_with_what_to_do(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"a.{ending}").write_bytes(b"PK")
    with pytest.raises(FormatError, match="save its sheet as CSV"):
        open_data(tmp_path / f"a.{ending}")


@pytest.mark.parametrize("ending", ["pkl", "pt", "joblib"])
def test_a_pickle_is_never_read(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    path.write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(FormatError, match="is a pickle"):
        open_data(path)


def test_a_folder_without_images_and_a_pipe(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="holds no images"):
        open_data(tmp_path)
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(FileError, match="neither a file nor a folder"):
        open_data(tmp_path / "a.csv")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("name", list(WHOLE))
def test_a_file_that_may_not_be_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(WHOLE[name])
    (tmp_path / name).chmod(0)
    with pytest.raises(DiaboloError, match=name):
        open_data(tmp_path / name)


def test_label_is_for_tables(tmp_path: Path) -> None:
    for name in ("a.csv", "a.parquet"):
        (tmp_path / name).write_bytes(WHOLE[name])
        data = open_data(tmp_path / name, label="c")
        assert data.columns == ("a", "b")
        assert data.labels is not None
        assert data.labels.tolist() == [1, 0] * 150
    (tmp_path / "a.png").write_bytes(WHOLE["a.png"])
    for what in (tmp_path / "a.png", tmp_path, "digits"):
        with pytest.raises(InputError, match="label names a column of a CSV"):
            open_data(what, label="c")


def test_labels_lie_beside_idx_images(tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(IDX)
    labels = b"\0\0\x08\x01" + np.array([4], dtype=">u4").tobytes() + bytes([3, 1, 2, 0])
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(labels)
    data = open_data(tmp_path / "train-images-idx3-ubyte")
    assert data.labels is not None
    assert data.labels.tolist() == [3, 1, 2, 0]
    with pytest.raises(InputError, match="has shape"):
        open_data(tmp_path / "train-labels-idx1-ubyte")


def test_names_with_wildcards_are_taken_as_they_are(tmp_path: Path) -> None:
    for name in ("a[1]*.csv", "a[1]*.parquet"):
        (tmp_path / name).write_bytes(WHOLE[name.replace("[1]*", "")])
        assert len(open_data(tmp_path / name).train) == 300
