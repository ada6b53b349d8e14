"""Which detector a model has or gets: of rows, of windows of a series, or of images of any size."""

from diabolo.data.sized import Pieces
from diabolo.data.source import Source
from diabolo.data.windows import Windows
from diabolo.jobs import detect, maps, series
from diabolo.jobs.detect import Calibrated
from diabolo.jobs.maps import Mapped
from diabolo.training.model_file import Trained


def with_detector(trained: Trained, source: Source, *, rows: bool) -> Trained:
    """Return the model with the detector that fits what it learnt from; rows: whether single samples get one."""
    if isinstance(source, Windows):
        return series.with_detector(trained, source)
    if isinstance(source, Pieces):
        return maps.with_maps(trained, source)
    return detect.with_detector(trained, source) if rows else trained


def detects(trained: Trained) -> bool:
    """Return whether a model has a detector."""
    return detect.detects(trained) or maps.maps(trained)


def of(trained: Trained) -> Calibrated | Mapped:
    """Return a model's detector. Raises InputError if it has none, FormatError if it is damaged."""
    return maps.of(trained) if maps.maps(trained) else detect.of(trained)
