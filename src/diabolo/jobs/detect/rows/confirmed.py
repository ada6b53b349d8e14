"""What confirmed anomalies teach: a linear view beside the detector's own, in nats, by a weight that their number sets.

The classifier is scikit-learn's logistic regression, on the standardised numbers of a row, on these and their squares,
and in both cases on the detector's score too. Which of them, and how strongly it is shrunk, is chosen by the average
precision of cross-validation where there are anomalies enough. Scores of the rows that it learns from are made out of
fold, so that no row is judged by itself. Its decision becomes -log p by normal rows, out of fold as well.

score = (1 - w) * own + w * view, w = MOST * n / (n + HALF) for n anomalies. More than MOST would lose the anomalies
of kinds that no label covers. Both were chosen on the card sample (bench/learn_labels.py).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diabolo.errors import FormatError, InputError
from diabolo.jobs.detect.rows.score import Scorer
from diabolo.jobs.detect.rows.tails import Kept, Tail
from diabolo.training.files.contents import Extra

JOB = "confirmed"
MOST, HALF, FOLDS, ENOUGH, FARTHEST, MOST_KEPT = 0.6, 2.0, 3, 8, 6.0, 20_000
SHRINKAGES, USUAL = (0.01, 0.1, 1.0), 0.1
Numbers = NDArray[np.float32]
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Confirmed:
    """mean, scale: (numbers,), of normal rows. weights: (features,) and bias of the classifier. squared: its kind.

    kept: sorted decisions about normal rows (n,), out of fold. anomalies: how many it learnt from.
    """

    mean: Scores
    scale: Scores
    weights: Scores
    bias: float
    squared: bool
    kept: Kept
    anomalies: int

    @property
    def share(self) -> float:
        """The weight of this view in the score."""
        return MOST * self.anomalies / (self.anomalies + HALF)

    @cached_property
    def _tail(self) -> Tail:
        return Tail(self.kept, grows=True)

    def decision(self, x: Numbers, own: Scores) -> Scores:
        """Return the classifier's decision about prepared rows (n, numbers). own: the detector's scores of them."""
        return np.asarray(features(x, own, self.mean, self.scale, squared=self.squared) @ self.weights + self.bias)

    def blend(self, own: Scores, decisions: Scores) -> Scores:
        """Return scores (n,) made of the detector's and of the classifier's decisions."""
        return np.asarray((1 - self.share) * own + self.share * self._tail.surprise(decisions))

    def parts(self, x: Numbers, own: Scores, parts: Numbers) -> Numbers:
        """Return what each number adds to the blended score, (n, numbers). parts: what it adds to the detector's.

        The view is split by what each number adds to the decision, where that speaks for an anomaly; what the
        detector's score adds there is split as that score is.
        """
        count = x.shape[1]
        each = features(x, own, self.mean, self.scale, squared=self.squared) * self.weights
        added = each[:, :count] + (each[:, count : 2 * count] if self.squared else 0)
        owned = parts / np.maximum(parts.sum(1, keepdims=True), 1e-30)
        added = np.maximum(added, 0) + np.maximum(each[:, -1:], 0) * owned
        total = added.sum(1, keepdims=True)
        shares = np.divide(added, total, out=np.array(owned, np.float64), where=total > 0)
        view = self._tail.surprise(self.decision(x, own))[:, None]
        return np.asarray((1 - self.share) * parts + self.share * view * shares, np.float32)


class Blended:
    """A scorer of rows beside what confirmed anomalies teach; it takes prepared samples (n, numbers)."""

    def __init__(self, scorer: Scorer, confirmed: Confirmed) -> None:
        self.scorer, self.confirmed, self.reconstruct = scorer, confirmed, scorer.reconstruct

    def scores(self, x: Numbers) -> Numbers:
        """Return the score of samples, (n,)."""
        own = self.scorer.scores(x).astype(np.float64)
        return self.confirmed.blend(own, self.confirmed.decision(x, own)).astype(np.float32)

    def explained(self, x: Numbers) -> tuple[Numbers, Numbers]:
        """Return the score of samples, (n,), and what each number adds to it, (n, numbers)."""
        found, parts = self.scorer.explained(x)
        own = found.astype(np.float64)
        scores = self.confirmed.blend(own, self.confirmed.decision(x, own)).astype(np.float32)
        return scores, self.confirmed.parts(x, own, parts)

    def parts(self, x: Numbers) -> Numbers:
        """Return what each number adds to the score, (n, numbers)."""
        return self.explained(x)[1]


def features(x: Numbers, own: Scores, mean: Scores, scale: Scores, *, squared: bool) -> Scores:
    """Return what the classifier sees: standardised numbers, clipped, their squares, and the detector's score last."""
    seen = np.clip((x - mean) / scale, -FARTHEST, FARTHEST)
    return np.column_stack([seen, *([np.square(seen) / FARTHEST] if squared else []), np.log1p(own)])


def fit_confirmed(
    normal: Numbers, own: Scores, anomalies: Numbers, theirs: Scores, seed: int = 0
) -> tuple[Confirmed, Scores]:
    """Fit on prepared normal rows (n, numbers) and confirmed anomalies (m, numbers); return decisions (n,) as well.

    These are about the normal rows, by classifiers that did not see them.

    own, theirs: the detector's scores of them; it learnt from neither (`out_of_fold`).
    Raises InputError where there are too few normal rows.
    """
    if len(normal) < 2 * FOLDS:
        raise InputError(f"Labels need {2 * FOLDS} normal rows or more, got {len(normal)}.")
    mean, scale = normal.mean(0, dtype=np.float64), np.maximum(normal.std(0, dtype=np.float64), 1e-6)
    x, both = np.concatenate([normal, anomalies]), np.concatenate([own, theirs])
    y = np.arange(len(x)) >= len(normal)
    seen = {squared: features(x, both, mean, scale, squared=squared) for squared in (False, True)}
    squared, shrinkage = _chosen(seen, y, seed)
    model = _classifier(shrinkage).fit(seen[squared], y)
    decisions = _out_of_fold(seen[squared], y, shrinkage, seed)[~y]
    kept = np.sort(decisions.astype(np.float32))[:: max(1, len(decisions) // MOST_KEPT)]
    bias = float(model.intercept_[0])
    return Confirmed(mean, scale, model.coef_[0], bias, squared, kept, int(y.sum())), decisions


def _chosen(seen: dict[bool, Scores], y: NDArray[np.bool_], seed: int) -> tuple[bool, float]:
    """Return the kind and the shrinkage that cross-validation prefers; the usual ones where anomalies are few."""
    from sklearn.metrics import average_precision_score

    if y.sum() < ENOUGH:
        return False, USUAL
    found = {
        (squared, shrinkage): average_precision_score(y, _out_of_fold(seen[squared], y, shrinkage, seed))
        for squared in seen
        for shrinkage in SHRINKAGES
    }
    return max(found, key=lambda one: found[one])


def _classifier(shrinkage: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=shrinkage, max_iter=300)


def _out_of_fold(seen: Scores, y: NDArray[np.bool_], shrinkage: float, seed: int) -> Scores:
    """Return the decision about each row by a classifier that did not see it, (n,); each fold has its anomalies."""
    fold, random = np.empty(len(y), int), np.random.default_rng(seed)
    for kind in (False, True):
        rows = random.permutation(np.flatnonzero(y == kind))
        fold[rows] = np.arange(len(rows)) % FOLDS
    found = np.empty(len(y))
    for one in range(FOLDS):
        learnt = fold != one
        if y[learnt].any():
            found[~learnt] = _classifier(shrinkage).fit(seen[learnt], y[learnt]).decision_function(seen[~learnt])
        else:
            found[~learnt] = seen[~learnt, -1]
    return found


def to_extra(confirmed: Confirmed) -> Extra:
    """Return the view as the model file holds it."""
    plain = {"bias": confirmed.bias, "squared": confirmed.squared, "anomalies": confirmed.anomalies}
    return Extra(plain, {name: getattr(confirmed, name) for name in ("mean", "scale", "weights", "kept")})


def from_extra(extra: Extra, numbers: int) -> Confirmed:
    """Return the view of a model file. Raises FormatError for anything that `to_extra` does not make."""
    plain, arrays = extra.plain, extra.arrays
    bias, squared, count = plain.get("bias"), plain.get("squared"), plain.get("anomalies")
    shapes = {"mean": (numbers,), "scale": (numbers,), "weights": (numbers * (2 if squared else 1) + 1,)}
    fits = isinstance(bias, float) and isinstance(squared, bool) and type(count) is int and count > 0
    fits &= all(name in arrays and arrays[name].shape == shape for name, shape in shapes.items())
    kept = arrays.get("kept", np.zeros(0))
    fits &= kept.ndim == 1 and 0 < len(kept) <= 2 * MOST_KEPT and not (np.diff(kept) < 0).any()
    if not fits or not all(np.isfinite(array).all() for array in arrays.values()) or not (arrays["scale"] > 0).all():
        raise FormatError("What the model learnt from labels is damaged; learn it anew with `diabolo learn`.")
    assert isinstance(bias, float)
    assert isinstance(count, int)
    mean, scale, weights = (arrays[name].astype(np.float64) for name in shapes)
    return Confirmed(mean, scale, weights, bias, bool(squared), kept.astype(np.float32), count)
