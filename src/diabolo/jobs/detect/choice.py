"""Which detector a model has or gets: of rows, of windows of a series, or of images of any size."""

import numpy as np
from numpy.typing import NDArray

from diabolo.data.images.any_size import Pieces
from diabolo.data.source import Source, Subset
from diabolo.data.tables.windows import Windows
from diabolo.errors import ArgumentError, FormatError, InputError
from diabolo.jobs.detect import anomaly_maps, detect, series
from diabolo.jobs.detect.anomaly_maps import Mapped
from diabolo.jobs.detect.detect import Calibrated
from diabolo.jobs.detect.thresholds import Rule, Scores, check_contamination
from diabolo.training.files.model_file import Trained

BOTH = "The labels leave the anomalies out already, and none are left for --contamination; give one of the two."


def checked(contamination: object, source: Source, *, rows: bool) -> float:
    """Return the share of anomalies to leave out. Raises ArgumentError for one that cannot be, or nothing to leave."""
    share = check_contamination(contamination)
    if share and (not rows or isinstance(source, Windows | Pieces)):
        raise ArgumentError("contamination is for the preset 'table', of single rows; leave it out, or at 0.")
    return share


def with_detector(trained: Trained, source: Source, *, rows: bool, contamination: float = 0.0) -> Trained:
    """Return the model with the detector that fits what it learnt from; rows: whether single samples get one."""
    if isinstance(source, Windows):
        return series.with_detector(trained, source)
    if isinstance(source, Pieces):
        return anomaly_maps.with_maps(trained, source)
    return detect.with_detector(trained, source, contamination) if rows else trained


def detects(trained: Trained) -> bool:
    """Return whether a model has a detector."""
    return detect.detects(trained) or anomaly_maps.maps(trained)


def usable(trained: Trained) -> bool:
    """Return whether a model has a detector, and none that is damaged or that an earlier version made."""
    try:
        of(trained)
    except (FormatError, InputError):
        return False
    return True


def of(trained: Trained) -> Calibrated | Mapped:
    """Return a model's detector. Raises InputError if it has none, FormatError if it is damaged."""
    return anomaly_maps.of(trained) if anomaly_maps.maps(trained) else detect.of(trained)


def score(trained: Trained, source: Source) -> Scores:
    """Return the score of each row of a source, or of each step for a model of windows."""
    return (detect.score if series.window_of(trained) is None else series.score)(trained, source)


def calibrate(
    trained: Trained,
    source: Source,
    anomalous: NDArray[np.bool_] | None,
    rule: Rule | None = None,
    contamination: float = 0.0,
) -> Trained:
    """Return the model calibrated on the normal rows, or steps, of a source that it never saw; None: all are normal.

    contamination: the share of anomalies among the rows. Raises ArgumentError for one of steps, or of labelled rows.
    """
    share = checked(contamination, source, rows=series.window_of(trained) is None)
    if share and anomalous is not None:
        raise ArgumentError(BOTH)
    marked = np.zeros(len(source), bool) if anomalous is None else anomalous
    if series.window_of(trained) is not None:
        return series.calibrate(trained, source, marked, rule)
    normal = Subset(source, np.flatnonzero(~marked)) if marked.any() else source
    return detect.calibrate(trained, normal, rule, share)
