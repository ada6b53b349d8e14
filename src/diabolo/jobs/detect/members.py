"""The one table of detectors, and the detector that a model has or gets. None is imported before it is asked for."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from diabolo.data.source import Source
from diabolo.errors import ArgumentError, FormatError, InputError
from diabolo.jobs.detect.detector import Detector, Fitted, name_in, traits_named
from diabolo.jobs.detect.rules import Rule
from diabolo.jobs.detect.thresholds import Scores, check_contamination
from diabolo.training.files.contents import Known

if TYPE_CHECKING:
    from diabolo.training.files.model_file import Trained

BOTH = "The labels leave the anomalies out already, and none are left for --contamination; give one of the two."
NONE = "This model has no detector; `diabolo calibrate NORMAL_DATA -m MODEL` fits one."


def _rows() -> Detector:
    from diabolo.jobs.detect.rows.rows import Rows

    return Rows()


def _series() -> Detector:
    from diabolo.jobs.detect.series import Series

    return Series()


def _images() -> Detector:
    from diabolo.jobs.detect.anomaly_maps import Images

    return Images()


DETECTORS: dict[str, Callable[[], Detector]] = {"rows": _rows, "series": _series, "images": _images}


def name_for(source: Source, wanted: str | None) -> str | None:
    """Return the detector that samples get. wanted: the preset's; one that needs cut samples is not for others.

    A source that is cut for a detector names it in `cut_for`.
    """
    return getattr(source, "cut_for", None) or (None if traits_named(wanted).cut else wanted)


def detects(trained: Known) -> bool:
    """Return whether a model has a detector."""
    return name_in(trained) is not None


def detector_of(trained: Known) -> Detector:
    """Return the detector that a model has. Raises InputError if it has none."""
    name = name_in(trained)
    if name is None:
        raise InputError(NONE)
    return DETECTORS[name]()


def of(trained: Known) -> Fitted:
    """Return what a model file holds of its detector. Raises InputError if it has none, FormatError if damaged."""
    return detector_of(trained).of(trained)


def usable(trained: Known) -> bool:
    """Return whether a model has a detector, and none that is damaged or that an earlier version made."""
    try:
        of(trained)
    except (FormatError, InputError):
        return False
    return True


def checked(contamination: object, source: Source, wanted: str | None) -> float:
    """Return the share of anomalies to leave out. Raises ArgumentError if the detector `wanted` cannot leave any."""
    share, name = check_contamination(contamination), name_for(source, wanted)
    if share and not traits_named(name).contaminated:
        raise ArgumentError("contamination is for the preset 'table', of single rows; leave it out, or at 0.")
    return share


def with_detector(trained: "Trained", source: Source, wanted: str | None, contamination: float = 0.0) -> "Trained":
    """Return the model with the detector that fits what it learnt from. wanted: the preset's, or None."""
    name = name_for(source, wanted)
    return trained if name is None else DETECTORS[name]().fit(trained, source, contamination)


def calibrate(
    trained: "Trained",
    samples: Any,
    anomalous: NDArray[np.bool_] | None,
    rule: Rule | None = None,
    contamination: float = 0.0,
) -> "Trained":
    """Return the model calibrated on the normal samples among those given; None: all are normal.

    A model without a detector gets one of rows. contamination: the share of anomalies among the rows.
    Raises ArgumentError for a share where the detector cannot leave any out, or where labels do.
    """
    name = name_in(trained) or "rows"
    share = checked(contamination, samples, name)
    if share and anomalous is not None:
        raise ArgumentError(BOTH)
    return DETECTORS[name]().calibrate(trained, samples, anomalous, rule, share)


def score(trained: Known, samples: Any) -> Scores:
    """Return the score of each row, step or image, (n,)."""
    return detector_of(trained).score(trained, samples)
