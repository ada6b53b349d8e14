"""The data sets that have a name: where each is looked for, how it is opened, and under which terms it may be used."""

import hashlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import polars as pl

from diabolo.data.arrays import open_npz
from diabolo.data.idx import read_idx
from diabolo.data.images.one_size import open_images
from diabolo.data.limits import reading
from diabolo.data.source import ArraySource, Dataset, Subset
from diabolo.data.tables.files import open_table
from diabolo.errors import FileError, FormatError
from diabolo.files import written_whole

MIRRORS = ("https://storage.googleapis.com/cvdf-datasets/mnist/", "https://ossci-datasets.s3.amazonaws.com/mnist/")
TIMEOUT = 10.0
"""Seconds without an answer after which a mirror is given up."""
PATIENCE = 120.0
"""Seconds for one whole file."""
MNIST = {
    "train-images-idx3-ubyte.gz": ("f68b3c2dcbeaaa9fbdd348bbdeb94873", 9912422),
    "train-labels-idx1-ubyte.gz": ("d53e105ee54ea40749a09fcbcd1e9432", 28881),
    "t10k-images-idx3-ubyte.gz": ("9fb629c4189551a2d022fa330f9573f3", 1648877),
    "t10k-labels-idx1-ubyte.gz": ("ec29112dd5afa0611ce80d1b7f02629c", 4542),
}
"""MD5 and length in bytes of the four original files."""
CREDITCARD = ("creditcard/creditcard.csv", "creditcard/creditcard_sample.csv.gz")
TRAIN_SHARE = {"digits": 0.8, "creditcard": 0.6}
THINNED = 18.6
"""Normal card payments that one of the sample stands for: it has 5.4 % of them."""


@dataclass(frozen=True)
class NamedSet:
    """A data set with a name: what it is, its terms, its files (any one will do), how to get it, how to open it."""

    what: str
    terms: str
    files: tuple[str, ...]
    get: str
    open: Callable[[], Dataset]


@dataclass(frozen=True)
class Listing:
    """One row of the list of data sets; `where` is a path, or says how to get what is missing."""

    name: str
    what: str
    where: str
    terms: str


def open_named(name: str) -> Dataset:
    """Open the data set of that name.

    Raises FileError if its files are not there or cannot be read; FormatError if one is damaged.
    """
    return SETS[name].open()


def datasets() -> list[Listing]:
    """List the data sets that have a name, and where each was found, without opening any."""
    return [Listing(name, known.what, _where(known), known.terms) for name, known in SETS.items()]


def _where(known: NamedSet) -> str:
    if not known.files:
        return "in scikit-learn"
    found = next((path for path in map(_find, known.files) if path is not None), None)
    return str(found) if found is not None else f"missing: {known.get}"


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path("~/.cache").expanduser()) / "diabolo"


def _roots() -> list[Path]:
    """Return the folders to look in: DIABOLO_DATA or else ../shared/data, and the cache."""
    given = os.environ.get("DIABOLO_DATA")
    return [Path(given) if given else Path("../shared/data"), _cache()]


def _find(file: str) -> Path | None:
    return next((root / file for root in _roots() if (root / file).is_file()), None)


def _need(name: str, *files: str) -> Path:
    found = next((path for path in map(_find, files) if path is not None), None)
    if found is None:
        looked = " and ".join(str(root) for root in _roots())
        raise FileError(f"{name} needs {' or '.join(files)}, looked for in {looked}; {SETS[name].get}.")
    return found


def _mnist() -> Dataset:
    try:
        paths = [_find(f"mnist/{file}") or _download(file) for file in MNIST]
    except FileError as error:
        note = f"MNIST cannot be had ({error}), so scikit-learn's 1,797 digits of 8x8 are used instead."
        return replace(_digits(), notes=(note,))
    for path in paths:
        _check_original(path)
    images, labels, test_images, test_labels = (read_idx(path) for path in paths)
    sources = ArraySource(images), ArraySource(test_images)
    return Dataset(
        "mnist", *sources, labels.astype(np.int64), test_labels.astype(np.int64), origin=str(paths[0].parent)
    )


def _check_original(path: Path) -> None:
    checksum, size = MNIST[path.name]
    with reading(path, "a file of MNIST"):
        if path.stat().st_size != size or _md5(path.read_bytes()) != checksum:
            raise FormatError(f"{path} is not MNIST's own file: its checksum must be {checksum}; delete or replace it.")


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _download(file: str) -> Path:
    """Fetch one file of MNIST into the cache, whole and checked. Raises FileError if no mirror gives it."""
    from http.client import HTTPException  # whoever downloads nothing need not wait for it

    checksum, size = MNIST[file]
    reasons = []
    for mirror in MIRRORS:
        try:
            content = _fetch(mirror + file, size)
        except (OSError, HTTPException, ValueError) as error:
            reasons.append(f"{mirror}: {error}")
            continue
        if _md5(content) == checksum:
            return _cached(file, content)
        reasons.append(f"{mirror}: another checksum")
    raise FileError(f"{file} is not in {_roots()[0]} or {_cache()}, and no mirror gives it: {'; '.join(reasons)}")


def _fetch(url: str, size: int) -> bytes:
    """Return what `url` holds, at most one byte more than `size`."""
    import urllib.request  # whoever downloads nothing need not wait for it

    deadline = time.monotonic() + PATIENCE
    content = bytearray()
    with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
        while len(content) <= size and (part := answer.read1(size + 1 - len(content))):
            content += part
            if time.monotonic() > deadline:
                raise TimeoutError(f"not done after {PATIENCE:g} s")
    return bytes(content)


def _cached(file: str, content: bytes) -> Path:
    path = _cache() / "mnist" / file
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path, force=True) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise FileError(f"{path} could not be written: {error}") from error
    return path


def _digits() -> Dataset:
    """Open the 1,797 digits that scikit-learn carries, as 8-bit images; a fixed fifth is held out."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.round(digits.images * (255 / 16)).astype(np.uint8)
    labels = digits.target.astype(np.int64)
    order = np.random.default_rng(0).permutation(len(images))
    count = round(TRAIN_SHARE["digits"] * len(images))
    train, test = np.sort(order[:count]), np.sort(order[count:])
    sources = ArraySource(images[train]), ArraySource(images[test])
    return Dataset("digits", *sources, labels[train], labels[test], origin="scikit-learn")


def _frey() -> Dataset:
    return replace(open_npz(_need("frey", "faces/frey.npz")), name="frey")


def _olivetti() -> Dataset:
    return replace(open_npz(_need("olivetti", "faces/olivetti.npz")), name="olivetti")


def _train400() -> Dataset:
    return replace(open_images(_need("train400", "train400.zip")), name="train400")


def _utkface64() -> Dataset:
    faces = open_images(_need("utkface64", "faces/utkface64.zip"))
    table = _need("utkface64", "faces/utkface64.csv")
    with reading(table, "the list of faces"):
        rows = pl.read_csv(table, columns=["file", "gender"], infer_schema_length=None)
        gender = dict(zip(rows["file"], rows["gender"], strict=True))
        labels = np.array([gender[name] for name in faces.items or ()], dtype=np.int64)
    return replace(faces, name="utkface64", labels=labels, notes=("labels are gender: 0 = male, 1 = female.",))


def _creditcard() -> Dataset:
    """Open the credit-card table, split by time: the first 60 % of it to learn from, the rest to test."""
    path = _need("creditcard", *CREDITCARD)
    whole = open_table(path, "Class")
    if whole.labels is None or whole.columns is None or "Time" not in whole.columns:
        raise FormatError(f"{path} is not the credit-card set: it lacks the column Time; get it anew.")
    rows = np.arange(len(whole.train))
    time = whole.train.take(rows)[:, whole.columns.index("Time")].astype(np.float64)
    count = int(np.searchsorted(time, time[0] + TRAIN_SHARE["creditcard"] * (time[-1] - time[0]), side="right"))
    sample = path.name.endswith("gz")
    thinned = f"this is the sample: its normal rows are thinned to 5.4 %, so each counts for {THINNED:g}."
    return replace(
        whole,
        name="creditcard",
        train=Subset(whole.train, rows[:count]),
        test=Subset(whole.train, rows[count:]),
        labels=whole.labels[:count],
        test_labels=whole.labels[count:],
        notes=(*((thinned,) if sample else ()), "split by time: the first 60 % of it to learn from, the rest to test."),
        weight=THINNED if sample else 1.0,
    )


PLACE = "put it in the folder that DIABOLO_DATA names"
SETS: Mapping[str, NamedSet] = MappingProxyType(
    {
        "mnist": NamedSet(
            "70,000 handwritten digits, 28x28 grey",
            "free for research",
            tuple(f"mnist/{file}" for file in MNIST),
            "it is downloaded when it is first opened",
            _mnist,
        ),
        "digits": NamedSet("1,797 handwritten digits, 8x8 grey", "CC BY 4.0", (), "install scikit-learn", _digits),
        "frey": NamedSet("1,965 frames of one face, 28x20 grey", "research", ("faces/frey.npz",), PLACE, _frey),
        "olivetti": NamedSet(
            "400 faces of 40 people, 64x64 grey",
            "research (AT&T Cambridge)",
            ("faces/olivetti.npz",),
            PLACE,
            _olivetti,
        ),
        "utkface64": NamedSet(
            "7,000 aligned faces, 64x64 RGB, labelled by gender",
            "non-commercial research only",
            ("faces/utkface64.zip",),
            f"{PLACE}, with utkface64.csv beside it",
            _utkface64,
        ),
        "creditcard": NamedSet(
            "card payments of two days, 30 columns, labelled by fraud", "DbCL (ULB)", CREDITCARD, PLACE, _creditcard
        ),
        "train400": NamedSet(
            "400 natural images, 180x180 grey, for learning to denoise",
            "research",
            ("train400.zip",),
            PLACE,
            _train400,
        ),
    }
)
