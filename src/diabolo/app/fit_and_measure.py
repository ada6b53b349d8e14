"""Train and measure: what the commands `train`, `demo` and `reproduce` have in common."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from diabolo.app.model_data import as_seen
from diabolo.data.source import Array, Dataset, Subset, spaced
from diabolo.data.tables.files import others_than_numbers
from diabolo.data.tables.frames import FrameSource
from diabolo.data.tables.periods import window_of_series
from diabolo.data.tables.windows import Windows, learnt_windows
from diabolo.errors import ArgumentError, InputError
from diabolo.estimator import Autoencoder
from diabolo.jobs.detect.labels import anomalous, marks
from diabolo.jobs.detect.members import BOTH
from diabolo.jobs.evaluate.measure import Unseen, evaluate, figures, held_out, paired_figures
from diabolo.jobs.evaluate.record import Evaluation, Figures
from diabolo.presets.presets import PRESETS
from diabolo.training.files.model_file import Trained
from diabolo.training.loop import Callback
from diabolo.training.memory import keep_freed
from diabolo.training.split import is_given

MOST_PAIRS, FEWEST_LEARNT = 256, 3


def fitted(
    estimator: Autoencoder,
    data: Dataset,
    callbacks: Sequence[Callback] = (),
    checkpoint: Path | None = None,
    *,
    resume: bool = False,
    labels: Array | None = None,
) -> tuple[Trained, tuple[Figures, ...]]:
    """Train on a data set and measure on what training did not see; the figures go into the model's facts.

    labels: one for each training sample, for a conditional model.
    """
    keep_freed()
    estimator.fit(data.train, labels, callbacks=callbacks, checkpoint=checkpoint, resume=resume)
    found, where = _measured(estimator.trained_, as_seen(data, estimator.trained_))
    about = {
        **estimator.trained_.about,
        "data": data.name,
        "columns": list(data.columns) if data.columns else estimator.trained_.about["columns"],
        "split": where,
        "figures": [asdict(figure) for figure in found],
    }
    estimator.trained_ = replace(estimator.trained_, about=about)
    return estimator.trained_, found


def _measured(trained: Trained, data: Dataset) -> tuple[tuple[Figures, ...], str]:
    """Return the figures of a model on what it did not see, and in words what that is."""
    if hasattr(data.train, "sample_shape"):
        rows = held_out(trained, data.train)
        words = "held-out" if len(rows) else "training"
        rows = rows if len(rows) else spaced(len(data.train), MOST_PAIRS)
        return paired_figures(trained, data.train, rows[:MOST_PAIRS]), f"{words} pairs, {len(rows[:MOST_PAIRS]):,}"
    unseen = unseen_of(trained, data, np.arange(len(data.train)))
    return figures(trained, unseen.samples, data.train), unseen.split


def learnt_from(data: Dataset, preset: str, contamination: float = 0.0) -> Dataset:
    """Return what a preset learns from: of a labelled table the normal rows only, for presets that detect.

    contamination: the share of anomalies that is to be left out of rows without labels.
    Raises InputError for labels that are not 0 and 1, or where every row is an anomaly; ArgumentError for both.
    """
    if PRESETS[preset].detector is None or data.labels is None:
        return data
    if contamination:
        raise ArgumentError(BOTH)
    return normal_of(data)


def normal_of(data: Dataset) -> Dataset:
    """Return the normal rows of a labelled table. Raises InputError as `learnt_from` does."""
    normal = np.flatnonzero(~anomalous(data.labels))
    note = f"{len(normal):,} normal rows are learnt from; {len(data.train) - len(normal):,} anomalies are left out"
    labels = np.zeros(len(normal), np.int64)
    return replace(data, train=Subset(data.train, normal), labels=labels, notes=(*data.notes, note))


def with_labels(trained: Trained, data: Dataset) -> Trained:
    """Return a model of a table's normal rows with what its labelled anomalies teach. Raises InputError without any."""
    from diabolo.jobs.detect.confirmed.teaching import learn_labels

    marked, seen = anomalous(data.labels), as_seen(data, trained).train
    return learn_labels(trained, Subset(seen, np.flatnonzero(marked)), Subset(seen, np.flatnonzero(~marked)))


def windowed(data: Dataset, length: int | str, label: str | None) -> Dataset:
    """Return the windows of a series to learn from; its last tenth is held out to calibrate on.

    length: of a window, in steps; 'auto' takes the period of the series.
    Raises ArgumentError for a label: windows need all steps of a normal series.
    """
    if label is not None:
        raise ArgumentError("--window learns from a normal series: cut anomalies off, and give --label to detect only.")
    if isinstance(data.train, FrameSource):
        others = ", ".join(others_than_numbers(data.train)[:20])
        raise InputError(
            f"--window takes numbers without gaps, and these columns of {data.name} are not: {others}; "
            "fill gaps in, and leave words and dates out (--ignore COLUMN)."
        )
    learnt = learnt_windows(data.train, length if isinstance(length, int) else window_of_series(data.train))
    note = (
        f"{len(learnt):,} windows of {learnt.length} steps are learnt from, "
        f"the last {len(learnt.held or ()):,} steps are held out"
    )
    return replace(data, train=learnt, test=None, labels=None, notes=(*data.notes, note))


def unseen_of(trained: Trained, data: Dataset, rows: NDArray[np.int64] | None) -> Unseen:
    """Return the test set of the data, or what the run did not learn from, or (where there are neither) all.

    rows: those of the data that the run was given; None where it was given others. What it was not given are the
    anomalies of a labelled table.
    """
    if data.test is not None:
        return Unseen(data.test, data.test_labels, f"test set, {len(data.test):,} samples", data.weight)
    if rows is None:
        return Unseen(data.train, data.labels, f"samples given, {len(data.train):,}", data.weight)
    held = rows[held_out(trained, Subset(data.train, rows))]
    others = np.setdiff1d(np.arange(len(data.train)), rows)
    if not len(held):
        return Unseen(data.train, data.labels, f"training samples themselves, {len(data.train):,}", data.weight)
    chosen = np.union1d(held, others)
    labels = None if data.labels is None else data.labels[chosen]
    words = f"held-out samples, {len(held):,}" + (f", and {len(others):,} anomalies" if len(others) else "")
    return Unseen(Subset(data.train, chosen), labels, words, data.weight)


def rows_given(trained: Trained, data: Dataset) -> NDArray[np.int64] | None:
    """Return the rows of the data that a model's run was given: all, the normal ones, or None for other data."""
    every = np.arange(len(data.train))
    marked = marks(data.labels)
    normal = [] if marked is None else [np.flatnonzero(~marked)]
    return next((rows for rows in (every, *normal) if is_given(trained.about, Subset(data.train, rows))), None)


def evaluation_of(trained: Trained, data: Dataset) -> Evaluation:
    """Return what a report shows of a model on a data set; baselines are fitted on the model's own training samples.

    Where the data are others, there is no PCA: fitted on what it is measured on, it would be no fair baseline.
    """
    data = _with_held(trained, data)
    rows = rows_given(trained, data)
    training = None if rows is None else Subset(data.train, rows)
    return evaluate(trained, unseen_of(trained, data, rows), training, data=data.name, columns=data.columns)


def _with_held(trained: Trained, data: Dataset) -> Dataset:
    """Return the windows of a model's own series as it learnt them, with those it held out as the test set."""
    if isinstance(data.train, Windows) and len(data.train) >= FEWEST_LEARNT * data.train.length:
        learnt = learnt_windows(data.train.source, data.train.length)
        if learnt.held is not None and is_given(trained.about, learnt):
            return replace(data, train=learnt, test=Windows(learnt.held, learnt.length))
    return data


def shape_text(shape: Sequence[int]) -> str:
    """Return '28x28' for (28, 28), '30 columns' for (30,)."""
    return "x".join(str(size) for size in shape) if len(shape) > 1 else f"{shape[0]} columns"


def factor_text(dimensions: int, latent: int) -> str:
    return f"{np.round(dimensions / latent, 1):g}"
