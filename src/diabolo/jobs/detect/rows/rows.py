"""The detector of rows: the score of each sample, and what each of its columns adds to it."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from diabolo.data.preprocessing import CHUNK_BYTES, bounded, chunks, sample_bytes
from diabolo.data.source import Array, Source, Subset
from diabolo.errors import FormatError, InputError
from diabolo.jobs.columns import by_column, check_shape, weights_of
from diabolo.jobs.detect.detector import JOB, T, with_rule
from diabolo.jobs.detect.rows.bounded import bound_of
from diabolo.jobs.detect.rows.confirmed import Blended
from diabolo.jobs.detect.rows.opened import SHARES, Calibrated, of, opened, prepared_block
from diabolo.jobs.detect.rows.score import Numbers, Scorer, rows_together, to_extra
from diabolo.jobs.detect.rules import FalseAlarms, Rule
from diabolo.jobs.detect.thresholds import Scores, without_outliers
from diabolo.jobs.parallel import alone, cores, one_thread_here, together
from diabolo.training.files.contents import Extra, Known

if TYPE_CHECKING:
    from diabolo.training.files.model_file import Trained

BLOCK_NUMBERS, LEAST_NUMBERS, LEAST_ROWS, FEW = 2**22, 2**18, 1024, 16
MOST_FITTED, MOST_CALIBRATED = 50_000, 20_000


def with_detector(trained: "Trained", source: Source, contamination: float = 0.0) -> "Trained":
    """Return the model with a detector: fitted on the rows it was trained on, calibrated on those it held out.

    contamination: the share of anomalies among them, which are left out as far as they can be told.
    """
    from diabolo.training.split import split_of

    split = split_of(trained.about, len(source))
    rows, held = split.rows, split.held_out
    if not len(held):  # a row is its own nearest neighbour, so it cannot calibrate what it fitted
        rows, held = rows[::2], rows[1::2]
    return _with(trained, Subset(source, rows), Subset(source, held), FalseAlarms(), contamination)


def calibrate(trained: "Trained", normal: Source, rule: Rule | None = None, contamination: float = 0.0) -> "Trained":
    """Return the model calibrated on normal samples that it never saw; half of them fit the detector if it has none.

    contamination: as `with_detector` has it.
    """
    if usable(trained):
        scores = score(trained, Subset(normal, bounded(np.arange(len(normal)), normal, MOST_CALIBRATED)))
        return with_calibration(trained, scores, rule, contamination)
    if len(normal) < 2:
        raise InputError("A detector needs 2 normal samples or more, got 1.")
    every = np.arange(len(normal))
    return _with(trained, Subset(normal, every[::2]), Subset(normal, every[1::2]), rule or FalseAlarms(), contamination)


def usable(trained: "Trained") -> bool:
    """Return whether a model has a detector, and none that an earlier version made."""
    if JOB not in trained.extras:
        return False
    try:
        of(trained)
    except FormatError:
        return False
    return True


def _with(trained: "Trained", fitted: Source, held: Source, rule: Rule, contamination: float) -> "Trained":
    from diabolo.jobs.detect.rows.contamination import fit_to_most
    from diabolo.jobs.detect.rows.fit import fit_plain

    rows = bounded(np.arange(len(fitted)), fitted, MOST_FITTED)
    prepared = prepared_rows(trained, Subset(fitted, rows))
    detector, left_out = fit_to_most(trained.forward(), prepared, contamination, weights=weights_of(trained))
    found = _kept(trained, Calibrated(detector, np.zeros(1), rule, left_out=left_out))
    kept = Subset(held, bounded(np.arange(len(held)), held, MOST_CALIBRATED))
    scores = score(found, kept)
    if not contamination:  # scores in nats would not show by how much an anomaly stands out
        plain = fit_plain(prepared, weights_of(trained), curved=trained.preprocessing.curved)
        bound = bound_of(len(prepared)) if len(trained.config.shape) == 1 else math.inf
        detector = replace(detector, plain=plain, held=np.sort(scores).astype(np.float32), bound=bound)
        found = _kept(trained, Calibrated(detector, np.zeros(1), rule, left_out=left_out))
        scores = score(found, kept)
    return with_calibration(found, scores, rule, contamination)


def _kept(trained: "Trained", found: Calibrated) -> "Trained":
    extra = to_extra(found.detector)
    plain = {**extra.plain, **found.rule.to_json()}
    plain |= {name: getattr(found, name) for name in SHARES if getattr(found, name)}
    kept = Extra(plain, {**extra.arrays, "calibration": found.calibration})
    return replace(trained, extras={**trained.extras, JOB: kept})


def with_calibration(
    trained: "Trained", scores: Scores, rule: Rule | None = None, contamination: float = 0.0
) -> "Trained":
    """Return the model calibrated by other scores of normal samples, and with a rule another one.

    contamination: the share of anomalies among them; scores that give them away are left out.
    """
    found = of(trained)
    left = without_outliers(scores, contamination)
    return _kept(trained, replace(found, calibration=left, rule=rule or found.rule, contamination=contamination))


def prepared_rows(trained: Known, source: Source) -> Numbers:
    """Return samples in prepared units and flat, (n, dimensions)."""
    check_shape(trained, source)
    return np.concatenate([prepared_block(trained, chunk) for chunk in chunks(source, np.arange(len(source)))])


def _found(
    trained: Known, source: Source, work: Callable[[Scorer | Blended, Numbers], Numbers]
) -> Iterator[tuple[slice, Numbers]]:
    """Yield rows with what `work` makes of them, a block after the other; blocks are at work side by side."""
    check_shape(trained, source)
    most = cores()

    def one(block: Array) -> Numbers:
        if most > 1 and len(source) > len(block):
            one_thread_here()  # the other cores are at work on the other blocks
        return work(scorer, prepared_block(trained, block))

    start = 0
    with alone():
        scorer = opened(trained).scorer
        if 0 < len(source) <= FEW:  # to start threads for them would take longer than they do
            yield slice(0, len(source)), one(source.take(np.arange(len(source))))
            return
        for block, found in together(one, _blocks(source, most), most=most):
            yield slice(start, start + len(block)), found
            start += len(block)


def _blocks(source: Source, most: int) -> Iterator[Array]:
    """Yield the samples in order, in blocks so large that each cell of a detector gets many of their rows.

    most: blocks at work at once; there are as many where there are rows enough for them. All are about as large.
    """
    columns = int(np.prod(source.shape))
    size = max(1, min(LEAST_ROWS, LEAST_NUMBERS // columns), min(BLOCK_NUMBERS // columns, -(-len(source) // most)))
    for rows in _even(np.arange(len(source)), max(1, CHUNK_BYTES // sample_bytes(source))):
        yield from _even(source.take(rows), size)


def _even(rows: NDArray[Any], size: int) -> list[NDArray[Any]]:
    """Return rows in parts as large as one another, of at most `size`."""
    return np.array_split(rows, -(-len(rows) // size)) if len(rows) else []


def score(trained: Known, source: Source) -> Scores:
    """Return the score of each sample, (n,): the sum of what its columns add. Higher is more suspicious."""
    scores = np.empty(len(source))
    for rows, found in _found(trained, source, lambda scorer, x: scorer.scores(x)):
        scores[rows] = found
    return scores


def explain(trained: Known, source: Source) -> NDArray[np.float32]:
    """Return what each number of each sample adds to its score, (n, *shape)."""
    parts = np.empty((len(source), int(np.prod(trained.config.shape))), np.float32)
    for rows, found in _found(trained, source, lambda scorer, x: scorer.parts(x)):
        parts[rows] = found
    return parts.reshape(len(source), *trained.config.shape)


def expected(trained: Known, source: Source, numbers: NDArray[np.bool_]) -> Array:
    """Return what the autoencoder expects in place of some numbers of each sample, in the data's own units.

    numbers: (n, dimensions), those that it is not to see; it is given their mean in training instead.
    """
    x, reconstruct = prepared_rows(trained, source), opened(trained).reconstruct
    size = rows_together(x.shape[1])
    with alone():
        for start in range(0, len(x), size):
            rows = slice(start, start + size)
            x[rows] = reconstruct(np.where(numbers[rows], np.float32(0), x[rows]).T).T
    return trained.preprocessing.restore(x.reshape(len(x), *trained.config.shape))


class Rows:
    """The detector of single rows, as `diabolo.jobs.detect.detector` asks for it."""

    name = "rows"

    def fit(self, trained: "Trained", source: Source, contamination: float = 0.0) -> "Trained":
        return with_detector(trained, source, contamination)

    def calibrate(
        self,
        trained: "Trained",
        samples: Source,
        anomalous: NDArray[np.bool_] | None = None,
        rule: Rule | None = None,
        contamination: float = 0.0,
    ) -> "Trained":
        normal = samples if anomalous is None else Subset(samples, np.flatnonzero(~anomalous))
        return calibrate(trained, normal, rule, contamination)

    def samples(self, given: Source) -> Source:
        return given

    def score(self, trained: Known, samples: Source) -> Scores:
        return score(trained, samples)

    def explain(self, trained: Known, samples: Source) -> NDArray[Any]:
        """Return what each number (of a table: column) adds to the score of each sample, (n, *shape)."""
        return by_column(trained, explain(trained, samples))

    def of(self, trained: Known) -> Calibrated:
        return of(trained)

    def with_rule(self, trained: T, rule: Rule) -> T:
        return with_rule(trained, rule)
