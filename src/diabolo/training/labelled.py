"""Samples with their labels in one row, so that a conditional model learns through the same batches as any other."""

from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from diabolo.config.model import MOST_CLASSES
from diabolo.data.preprocessing import Preprocessing
from diabolo.data.source import Array, Dataset, Source, View
from diabolo.errors import InputError


@dataclass(frozen=True)
class Labels:
    """names: of the classes, in order. index: (n,) the class of each sample."""

    names: tuple[str, ...]
    index: NDArray[np.int64]

    @property
    def digest(self) -> str:
        """The SHA-256 of the classes' names and of the class of each sample."""
        return sha256(repr(self.names).encode() + self.index.astype("<i8").tobytes()).hexdigest()


def as_classes(labels: Array, count: int) -> Labels:
    """Return labels (n,), whole numbers or names, as classes. Raises InputError if they are not such labels."""
    if labels.shape != (count,):
        raise InputError(f"There must be one label for each of {count:,} samples, got an array {labels.shape}.")
    if labels.dtype.kind == "O":
        if any(label is None for label in labels):
            raise InputError("Some samples have no label; fill the empty ones, or leave those samples out.")
        labels = labels.astype(str)
    if labels.dtype.kind == "f" and not np.array_equal(labels, np.trunc(labels)):
        raise InputError("Labels must be whole numbers or names; a conditional model learns classes.")
    values, index = np.unique(labels.astype(np.int64) if labels.dtype.kind == "f" else labels, return_inverse=True)
    if not 2 <= len(values) <= MOST_CLASSES:
        raise InputError(f"Labels must be of 2 to {MOST_CLASSES:,} classes, got {len(values):,}.")
    return Labels(tuple(str(value) for value in values), index.astype(np.int64))


def classes_of(samples: object, labels: object, count: int) -> Labels:
    """Return what a conditional model learns with: labels (count,), or those that samples of a data set bring along.

    Raises InputError where there are none, or none of use.
    """
    given = samples.labels if labels is None and isinstance(samples, Dataset) else labels
    if given is None:
        raise InputError("A conditional model needs a label for each sample: fit(X, y).")
    return as_classes(np.asarray(given), count)


@dataclass(frozen=True)
class Labelled(View):
    """A source of flat rows (dimensions + classes,): a sample, then a 1 at its class and 0 elsewhere, once prepared."""

    labels: Labels
    top: float
    """What is prepared to 1."""

    @property
    def shape(self) -> tuple[int, ...]:
        return (int(np.prod(self.source.shape)) + len(self.labels.names),)

    def __len__(self) -> int:
        return len(self.source)

    def take(self, rows: NDArray[np.int64]) -> Array:
        samples = self.source.take(rows).reshape(len(rows), -1)
        told = np.zeros((len(rows), len(self.labels.names)), samples.dtype)
        told[np.arange(len(rows)), self.labels.index[rows]] = self.top
        return np.concatenate([samples, told], 1)


def labelled(source: Source, labels: Labels, preprocessing: Preprocessing) -> tuple[Labelled, Preprocessing]:
    """Return samples with their labels, and the preprocessing of such rows."""
    if preprocessing.unit:
        top = 1 if source.dtype.kind == "b" else float(preprocessing.scale)
        return Labelled(source, labels, top), preprocessing
    size, classes = int(np.prod(source.shape)), len(labels.names)
    offset = np.concatenate([np.broadcast_to(preprocessing.offset, size), np.zeros(classes)])
    scale = np.concatenate([np.broadcast_to(preprocessing.scale, size), np.ones(classes)])
    return Labelled(source, labels, 1.0), replace(preprocessing, offset=offset, scale=scale)


def one_hot(names: tuple[str, ...], label: str, count: int) -> NDArray[np.float32]:
    """Return (count, classes) rows that tell a decoder `label`. Raises InputError for a label that it does not know."""
    if not names:
        raise InputError("This model knows no labels: train one with --condition labels (conditional=True).")
    if label not in names:
        raise InputError(f"label must be one of {', '.join(names[:20])}, got {label!r}.")
    told = np.zeros((count, len(names)), np.float32)
    told[:, names.index(label)] = 1
    return told
