"""A detector of rows that learns from confirmed anomalies: what `confirmed` needs, out of fold, and new thresholds."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from diabolo.data.preprocessing import bounded
from diabolo.data.source import Source, Subset
from diabolo.errors import InputError
from diabolo.jobs.columns import encoding_of, weights_of
from diabolo.jobs.detect.rows.confirmed import FOLDS, JOB, Scores, fit_confirmed, to_extra
from diabolo.jobs.detect.rows.fit import fit_detector, fit_plain
from diabolo.jobs.detect.rows.opened import of
from diabolo.jobs.detect.rows.rows import prepared_rows, with_calibration
from diabolo.jobs.detect.rows.score import Numbers, Scorer

if TYPE_CHECKING:
    from diabolo.training.files.model_file import Trained

MOST_NORMAL = 10_000


def learn_labels(
    trained: "Trained", anomalies: Source, normal: Source | None = None, cleared: Source | None = None
) -> "Trained":
    """Return the model with what confirmed anomalies teach, calibrated anew.

    normal: rows that it was trained on; None takes those that it keeps. cleared: rows found to be normal since.
    Raises InputError for a model without a detector in nats, and where there is no anomaly.
    """
    if not len(anomalies):
        raise InputError("Labels teach from 1 anomaly on, got none; --label and --anomaly say which rows are.")
    found = of(trained)
    if found.detector.plain is None:
        raise InputError("Labels need a detector that was trained without --contamination; train it anew with --label.")
    first = replace(trained, extras={name: extra for name, extra in trained.extras.items() if name != JOB})
    if normal is None:
        rows = found.detector.plain.references
    else:
        rows = prepared_rows(trained, Subset(normal, bounded(np.arange(len(normal)), normal, MOST_NORMAL)))
    own = scores_out_of_fold(first, rows)
    if cleared is not None and len(cleared):
        others = prepared_rows(trained, cleared)
        rows, own = np.concatenate([rows, others]), np.concatenate([own, _own(first, others)])
    given = prepared_rows(trained, anomalies)
    taught, decisions = fit_confirmed(rows, own, given, _own(first, given))
    kept = replace(trained, extras={**trained.extras, JOB: to_extra(taught)})
    return with_calibration(kept, taught.blend(own, decisions))


def _own(trained: "Trained", x: Numbers) -> Scores:
    encoding = encoding_of(trained)
    scorer = Scorer(of(trained).detector, trained.forward(), None if encoding is None else encoding.owners)
    return scorer.scores(x).astype(np.float64)


def scores_out_of_fold(trained: "Trained", x: Numbers) -> Scores:
    """Return the detector's score of prepared rows (n, numbers) that it learnt, by detectors that did not, (n,)."""
    detector, weights, forward = of(trained).detector, weights_of(trained), trained.forward()
    encoding = encoding_of(trained)
    owners = None if encoding is None else encoding.owners
    fold, found = np.arange(len(x)) % FOLDS, np.empty(len(x))
    for one in range(FOLDS):
        rest, held = x[fold != one], x[fold == one]
        fitted = fit_detector(forward, rest, weights=weights)
        plain = fit_plain(rest, weights, curved=trained.preprocessing.curved)
        raw = np.sort(Scorer(fitted, forward, owners).scores(held))
        fitted = replace(fitted, plain=plain, held=raw, bound=detector.bound)
        found[fold == one] = Scorer(fitted, forward, owners).scores(held)
    return found
