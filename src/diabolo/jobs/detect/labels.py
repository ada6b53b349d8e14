"""Labels: which samples are anomalies, by 0 and 1, -1 and 1, booleans, words, or the value that a user names."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diabolo.data.source import Array
from diabolo.errors import InputError

NORMAL_WORDS = "0 ok okay normal good legit legitimate genuine benign inlier healthy no false negative clean cleared"
ANOMALOUS_WORDS = (
    "1 fraud fraudulent anomaly anomalous outlier abnormal attack bad defect defective malicious faulty fault failure "
    "confirmed yes true positive"
)
"""Words in small letters that say by themselves which of two labels is the anomaly."""
LETTERS = {"ny": "y", "jn": "j", "ns": "s", "ft": "t"}
"""Two letters for no and yes or false and true, with the anomaly's; beside others n and f may be normal and fraud."""
NORMAL, ANOMALOUS = frozenset(NORMAL_WORDS.split()), frozenset(ANOMALOUS_WORDS.split())
SHOWN = 5
Marks = NDArray[np.bool_]


def marks(labels: Array | None) -> Marks | None:
    """Return which samples are labelled as anomalies; None where labels say nothing of that, being none or others."""
    known = labels is not None and set(np.unique(labels).tolist()) <= {0, 1}
    return np.asarray(labels == 1) if known else None


def anomalous(labels: Array | None, anomaly: str | None = None) -> Marks:
    """Return which samples are labelled as anomalies, as `told` does.

    Raises InputError as it does, and where every row is an anomaly.
    """
    marked = told(labels, anomaly)
    if marked.all():
        raise InputError("Every row is labelled as an anomaly; training needs normal rows (label 0).")
    return marked


def told(labels: Array | None, anomaly: str | None = None) -> Marks:
    """Return which samples are labelled as anomalies: by 1 beside 0, by -1 beside 1 (as scikit-learn), or by a word.

    anomaly: the value that marks them; all others are normal. Raises InputError for labels that do not say which.
    """
    if labels is None:
        raise InputError("These data have no labels; name their column with --label.")
    if anomaly is not None:
        truths = {"true": "1", "false": "0"} if labels.dtype.kind not in "US" else {}
        return np.asarray(labels.astype(np.str_) == truths.get(anomaly.lower(), anomaly))
    values = np.unique(labels)
    which = _which(values.tolist())
    if which is None:
        raise InputError(_unsaid(values.tolist()))
    return np.isin(labels, which)


def _which(values: Sequence[Any]) -> list[Any] | None:
    """Return those of the labels that mark anomalies; None where they do not say which."""
    if all(not isinstance(value, str) for value in values):
        if set(values) <= {0, 1}:
            return [1]
        return [-1] if set(values) <= {-1, 1} else None
    words = {value: str(value).strip().lower() for value in values}
    bad = [value for value, word in words.items() if word in ANOMALOUS]
    good = [value for value, word in words.items() if word in NORMAL]
    pair = "".join(sorted(words.values()))
    if pair in LETTERS and len(values) == 2:
        return [value for value, word in words.items() if word == LETTERS[pair]]
    if len(bad) + len(good) == len(values):
        return bad
    if len(values) == 2 and len(bad) + len(good) == 1:
        return bad or [value for value in values if value not in good]
    return None


def _unsaid(values: Sequence[Any]) -> str:
    shown = ", ".join(str(value) for value in values[:SHOWN])
    return (
        f"A label must be 0 (normal) or 1 (anomaly), got {len(values)} values: {shown}; "
        "say which of them is the anomaly: --anomaly VALUE."
    )
