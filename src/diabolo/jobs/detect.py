"""Detect: the score of each sample, its p-value, what made it suspicious, and whether the data have drifted."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import chi2_contingency, ks_2samp
from torch import Tensor

from diabolo.data.preprocessing import chunks
from diabolo.data.source import Array, Source, Subset, spaced
from diabolo.errors import FormatError, InputError
from diabolo.jobs.apply import batches, check_shape
from diabolo.jobs.detector import Detector, Scorer, fit_detector, from_extra, rows_together, to_extra
from diabolo.jobs.tabular import encoding_of, weights_of
from diabolo.jobs.thresholds import Rule, Scores, calibration_of, rule_of
from diabolo.jobs.together import together
from diabolo.training.batches import bounded, compact, expanded
from diabolo.training.loop import split
from diabolo.training.model_file import Extra, Trained

JOB = "detect"
BLOCK_NUMBERS = 2**21
MOST_FITTED, MOST_CALIBRATED, MOST_COMPARED = 50_000, 20_000, 10_000
DRIFT_LEVEL, DRIFT_DISTANCE, LEAST_WEIGHT = 0.001, 0.05, 0.01
CALIBRATE = "`diabolo calibrate NORMAL_DATA -m MODEL` gives it one"


@dataclass(frozen=True)
class Calibrated:
    """detector: what scores. calibration: sorted scores of held-out normal samples. rule: what an alert is."""

    detector: Detector
    calibration: Scores
    rule: Rule


@dataclass(frozen=True)
class Drift:
    """One column whose values no longer look like the training data's.

    column: its number. distance: between the two distribution functions (Kolmogorov and Smirnov), or of words in total
    variation. p: of no drift.
    """

    column: int
    distance: float
    p: float


def detects(trained: Trained) -> bool:
    """Return whether a model has a detector."""
    return JOB in trained.extras


def with_detector(trained: Trained, source: Source, rule: Rule | None = None) -> Trained:
    """Return the model with a detector: fitted on the rows it was trained on, calibrated on those it held out."""
    about = trained.about
    rows, held = split(len(source), about["recipe"]["validation"], about["seed"])
    if not len(held):  # a row is its own nearest neighbour, so it cannot calibrate what it fitted
        rows, held = rows[::2], rows[1::2]
    return _with(trained, Subset(source, rows), Subset(source, held), rule)


def calibrate(trained: Trained, normal: Source, rule: Rule | None = None) -> Trained:
    """Return the model calibrated on normal samples that it never saw; half of them fit the detector if it has none."""
    if usable(trained):
        scores = np.sort(score(trained, Subset(normal, bounded(np.arange(len(normal)), normal, MOST_CALIBRATED))))
        return with_calibration(trained, scores, rule)
    if len(normal) < 2:
        raise InputError("A detector needs 2 normal samples or more, got 1.")
    every = np.arange(len(normal))
    return _with(trained, Subset(normal, every[::2]), Subset(normal, every[1::2]), rule)


def usable(trained: Trained) -> bool:
    """Return whether a model has a detector, and none that an earlier version made."""
    if not detects(trained):
        return False
    try:
        of(trained)
    except FormatError:
        return False
    return True


def _with(trained: Trained, fitted: Source, held: Source, rule: Rule | None) -> Trained:
    rows = bounded(np.arange(len(fitted)), fitted, MOST_FITTED)
    prepared = np.concatenate([batch.cpu().numpy() for batch in batches(trained, Subset(fitted, rows))])
    detector = fit_detector(trained.model.cpu(), prepared, weights=weights_of(trained))
    found = _kept(trained, detector, np.zeros(1), rule or Rule())
    scores = score(found, Subset(held, bounded(np.arange(len(held)), held, MOST_CALIBRATED)))
    return _kept(found, detector, np.sort(scores), rule or Rule())


def _kept(trained: Trained, detector: Detector, calibration: Scores, rule: Rule) -> Trained:
    extra = to_extra(detector)
    plain = {**extra.plain, "rule": rule.name, "value": float(rule.value)}
    kept = Extra(plain, {**extra.arrays, "calibration": calibration})
    return replace(trained, extras={**trained.extras, JOB: kept})


def with_calibration(trained: Trained, calibration: Scores, rule: Rule | None = None) -> Trained:
    """Return the model with other sorted scores of normal samples, and with a rule another one."""
    found = of(trained)
    return _kept(trained, found.detector, calibration, rule or found.rule)


def with_rule(trained: Trained, rule: Rule) -> Trained:
    """Return the model with another rule of what an alert is."""
    kept = trained.extras[JOB]
    plain = {**kept.plain, "rule": rule.name, "value": float(rule.value)}
    return replace(trained, extras={**trained.extras, JOB: replace(kept, plain=plain)})


def of(trained: Trained) -> Calibrated:
    """Return the detector of a model. Raises InputError if it has none, FormatError if it is damaged."""
    if not detects(trained):
        raise InputError(f"This model has no detector; {CALIBRATE}.")
    kept = trained.extras[JOB]
    calibration = calibration_of(kept.arrays)
    arrays = {name: array for name, array in kept.arrays.items() if name != "calibration"}
    detector = from_extra(Extra(kept.plain, arrays), trained.model.dimensions)
    return Calibrated(detector, calibration, rule_of(kept.plain))


def _found(trained: Trained, source: Source, work: Callable[[Scorer, Tensor], Tensor]) -> Iterator[tuple[slice, Array]]:
    """Yield rows with what `work` makes of them, a block after the other; blocks are at work side by side."""
    check_shape(trained, source)
    scorer, threads = Scorer(of(trained).detector, trained.model.cpu()), torch.get_num_threads()

    def one(block: Array) -> Array:
        torch.set_num_threads(1 if threads > 1 and len(source) > len(block) else threads)
        with torch.inference_mode():
            return work(scorer, _seen(trained, scorer, block)).numpy()

    start = 0
    for block, found in together(one, _blocks(source), most=threads):
        yield slice(start, start + len(block)), found
        start += len(block)


def _blocks(source: Source) -> Iterator[Array]:
    """Yield the samples in order, in blocks so large that each cell of a detector gets many of their rows."""
    size = max(1, BLOCK_NUMBERS // int(np.prod(source.shape)))
    for chunk in chunks(source, np.arange(len(source))):
        yield from (chunk[start : start + size] for start in range(0, len(chunk), size))


def _seen(trained: Trained, scorer: Scorer, block: Array) -> Tensor:
    """Return samples as the detector sees them; they are prepared a few rows at a time."""
    size = rows_together(scorer.columns)
    pieces = (block[start : start + size] for start in range(0, len(block), size))
    return scorer.seen((expanded(compact(piece, trained.preprocessing)) for piece in pieces), len(block))


def score(trained: Trained, source: Source) -> Scores:
    """Return the score of each sample, (n,): the sum of what its columns add. Higher is more suspicious."""
    scores = np.empty(len(source))
    for rows, found in _found(trained, source, Scorer.scores):
        scores[rows] = found
    return scores


def explain(trained: Trained, source: Source) -> NDArray[np.float32]:
    """Return what each number of each sample adds to its score, (n, *shape)."""
    parts = np.empty((len(source), trained.model.dimensions), np.float32)
    for rows, found in _found(trained, source, Scorer.parts):
        parts[rows] = found
    return parts.reshape(len(source), *trained.model.config.shape)


def expected(trained: Trained, source: Source, numbers: NDArray[np.bool_]) -> Array:
    """Return what the autoencoder expects in place of some numbers of each sample, in the data's own units.

    numbers: (n, dimensions), those that it is not to see; it is given their mean in training instead.
    """
    found = np.empty((len(source), *trained.model.config.shape), trained.preprocessing.dtype)
    start = 0
    with torch.inference_mode():
        for batch in batches(trained, source):
            rows = slice(start, start + len(batch))
            hidden = torch.from_numpy(numbers[rows]).view(batch.shape).to(batch.device)
            back = trained.model(torch.where(hidden, torch.zeros_like(batch), batch))
            found[rows] = trained.preprocessing.restore(back.cpu().numpy())
            start += len(batch)
    return found


def drift(trained: Trained, source: Source) -> list[Drift]:
    """Return the columns of flat samples that look unlike the training data, farthest first.

    A two-sample Kolmogorov-Smirnov test for each number, a chi-square test of homogeneity for each column of words, at
    0.001 over the number of tests, on at most 10,000 rows; a distance below 0.05 is let be, however sure.
    The day of a column in order of time always moves on, and is not tested.
    """
    rows = spaced(len(source), MOST_COMPARED)
    now = np.concatenate([batch.cpu().numpy() for batch in batches(trained, Subset(source, rows))])
    now, before = now.reshape(len(now), -1), of(trained).detector.references.numpy()
    encoding = encoding_of(trained)
    owners = np.arange(now.shape[1]) if encoding is None else encoding.owners
    tested = np.ones(len(owners), bool) if encoding is None else encoding.weights >= LEAST_WEIGHT
    worded = set() if encoding is None else {i for i, column in enumerate(encoding.columns) if column.counted}
    found: dict[int, Drift] = {}
    for number in np.flatnonzero(tested):
        owner = int(owners[number])
        if owner in worded:
            continue
        test = ks_2samp(before[:, number], now[:, number], method="asymp")
        _note(found, Drift(owner, float(test.statistic), float(test.pvalue)), len(owners))
    for owner in worded:
        _note(found, _shifted(owner, before[:, owners == owner], now[:, owners == owner]), len(owners))
    return sorted(found.values(), key=lambda one: -one.distance)


def _note(found: dict[int, Drift], one: Drift, tests: int) -> None:
    """Keep a column's largest distance, where it is sure and large enough to matter."""
    matters = one.p < DRIFT_LEVEL / tests and one.distance > DRIFT_DISTANCE
    if matters and (one.column not in found or found[one.column].distance < one.distance):
        found[one.column] = one


def _shifted(column: int, before: NDArray[np.float32], now: NDArray[np.float32]) -> Drift:
    """Return the drift of words: half the summed difference of their shares, and p by a chi-square test."""
    words, index = np.unique(np.concatenate([before, now]), axis=0, return_inverse=True)
    counts = np.stack([np.bincount(part, minlength=len(words)) for part in np.split(index.ravel(), [len(before)])])
    shares = counts / counts.sum(1, keepdims=True)
    p = float(chi2_contingency(counts).pvalue) if len(words) > 1 else 1.0
    return Drift(column, float(np.abs(shares[0] - shares[1]).sum() / 2), p)


def marks(labels: Array | None) -> NDArray[np.bool_] | None:
    """Return which samples are labelled as anomalies; None where labels say nothing of that, being none or others."""
    known = labels is not None and set(np.unique(labels).tolist()) <= {0, 1}
    return np.asarray(labels == 1) if known else None


def anomalous(labels: Array | None) -> NDArray[np.bool_]:
    """Return which samples are labelled as anomalies: of two whole labels, the larger.

    Raises InputError for labels that are not just 0 and 1 (or False and True), or that call every row anomalous.
    """
    if labels is None:
        raise InputError("These data have no labels; name their column with --label.")
    values = np.unique(labels)
    if not set(values.tolist()) <= {0, 1}:
        shown = ", ".join(str(value) for value in values[:5])
        raise InputError(f"A label must be 0 (normal) or 1 (anomaly), got {len(values)} values: {shown}.")
    marked: NDArray[np.bool_] = labels == 1
    if marked.all():
        raise InputError("Every row is labelled as an anomaly; training needs normal rows (label 0).")
    return marked
