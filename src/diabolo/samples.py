"""Samples as a user gives them to the estimator: arrays, data frames and sources, checked as scikit-learn does.

Each function takes the estimator first, an `Autoencoder`.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import validate_data

from diabolo.data.arrays import check_array
from diabolo.data.images.any_size import sized
from diabolo.data.source import Array, ArraySource, Dataset, Source
from diabolo.data.tables.other_libraries import as_library, is_frame, open_frame
from diabolo.errors import InputError
from diabolo.jobs import table_input
from diabolo.jobs.columns import encoding_of
from diabolo.jobs.detect.anomaly_maps import pieces_of

Samples = ArrayLike | Source | Dataset


def in_own_units(estimator: Any, samples: Array) -> Any:
    """Return decoded samples in the data's own units: tables with words or dates as data frames."""
    found = table_input.in_own_units(estimator.trained_, samples)
    return found if isinstance(found, np.ndarray) else as_library(found, getattr(estimator, "frames_", "polars"))


def source_of(estimator: Any, X: Samples, seed: int | None = None, *, pieces: bool = False) -> Source:
    """Return samples as a source; sources and memory maps are taken as they are.

    seed: the one that `fit` works with; None after it. pieces: whether a list of images is learnt from in pieces.
    Raises InputError for anything that is no array of numbers, data frame or source.
    """
    fitting = seed is not None
    if isinstance(X, Dataset):
        X = X.train
    if seed is not None and pieces and isinstance(X, list):
        X = pieces_of(sized(X), seed)
    if is_frame(X):
        return _table(estimator, X, fitting=fitting)
    if hasattr(X, "in_memory") or isinstance(X, np.memmap):
        source: Source = ArraySource(check_array(X)) if isinstance(X, np.memmap) else X  # type: ignore[assignment]
        if fitting:
            forget_features(estimator, getattr(source, "item_shape", source.shape))
            return source
        return table_input.seen_by(estimator.trained_, source)
    array = _validated(estimator, X, fitting=fitting)
    if array.ndim > 4 or array.dtype.kind not in "fiub":
        raise InputError(f"Samples must be numbers (n, columns), (n, h, w) or (n, h, w, channels), got {array.shape}.")
    return ArraySource(array) if fitting else table_input.seen_by(estimator.trained_, ArraySource(array))


def _table(estimator: Any, X: Any, *, fitting: bool) -> Source:
    """Return a data frame as a source: of numbers as scikit-learn takes them, else to be encoded."""
    opened = open_frame(X)
    if table_input.is_mixed(opened.source) or (not fitting and encoding_of(estimator.trained_)):
        if fitting:
            forget_features(estimator, opened.source.shape)
            estimator.feature_names_in_ = np.array(opened.names, dtype=object)
            estimator.frames_ = opened.library
            return opened.source
        return table_input.seen_by(estimator.trained_, opened.source)
    return ArraySource(_validated(estimator, opened.frame, fitting=fitting))


def _validated(estimator: Any, X: Any, *, fitting: bool) -> Any:
    least = 2 if fitting else 1
    return validate_data(estimator, X, reset=fitting, dtype="numeric", allow_nd=True, ensure_min_samples=least)


def forget_features(estimator: Any, shape: tuple[int, ...]) -> None:
    """Set what scikit-learn calls features to those of flat samples that come without names."""
    for name in ("n_features_in_", "feature_names_in_", "frames_"):
        if hasattr(estimator, name):
            delattr(estimator, name)
    if len(shape) == 1:
        estimator.n_features_in_ = shape[0]
