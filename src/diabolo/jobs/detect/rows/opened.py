"""An opened detector: what a model file holds of it, read once, and at work for as long as its model is in memory.

To build it takes 30 to 80 ms, to score one row with it less than 1 ms. It needs NumPy alone.
"""

import weakref
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np

from diabolo.data.source import Array
from diabolo.errors import FormatError, InputError
from diabolo.jobs.columns import encoding_of
from diabolo.jobs.detect.detector import JOB
from diabolo.jobs.detect.rows.confirmed import JOB as CONFIRMED
from diabolo.jobs.detect.rows.confirmed import Blended
from diabolo.jobs.detect.rows.confirmed import from_extra as from_labels
from diabolo.jobs.detect.rows.score import Detector, Numbers, Scorer, from_extra, rows_together
from diabolo.jobs.detect.rules import Rule, rule_of
from diabolo.jobs.detect.thresholds import Scores, calibration_of
from diabolo.model.forward import Reconstruct
from diabolo.training.files.contents import Extra, Known

SHARES = ("contamination", "left_out")
CALIBRATE = "`diabolo calibrate NORMAL_DATA -m MODEL` gives it one"


@dataclass(frozen=True)
class Calibrated:
    """detector: what scores. calibration: sorted scores of held-out normal samples. rule: what an alert is.

    contamination: the share of anomalies among those samples that calibration was told of.
    left_out: the share of the rows that the detector was fitted to that left as anomalies.
    """

    detector: Detector
    calibration: Scores
    rule: Rule
    contamination: float = 0.0
    left_out: float = 0.0

    @property
    def references(self) -> Numbers:
        """Some normal samples, prepared, (r, columns)."""
        return self.detector.references

    def shares(self) -> dict[str, float]:
        """Return the shares of anomalies that were left out, by name."""
        return {name: getattr(self, name) for name in SHARES}


@dataclass(frozen=True)
class Opened:
    """A detector of rows beside its autoencoder."""

    found: Calibrated
    scorer: Scorer | Blended

    @property
    def reconstruct(self) -> Reconstruct:
        return self.scorer.reconstruct


@dataclass(frozen=True)
class _Entry:
    """model: the model that was opened. extra, version: its state then."""

    model: "weakref.ref[Known]"
    extra: Extra
    version: Hashable
    opened: Opened


_OPENED: dict[int, _Entry] = {}
"""By the identity of a model; an entry goes with its model."""


def of(trained: Known) -> Calibrated:
    """Return the detector of a model. Raises InputError if it has none, FormatError if it is damaged."""
    if JOB not in trained.extras:
        raise InputError(f"This model has no detector; {CALIBRATE}.")
    kept = trained.extras[JOB]
    calibration = calibration_of(kept.arrays)
    arrays = {name: array for name, array in kept.arrays.items() if name != "calibration"}
    detector = from_extra(Extra(kept.plain, arrays), int(np.prod(trained.config.shape)))
    shares = [kept.plain.get(name, 0.0) for name in SHARES]
    if not all(isinstance(share, float) and 0 <= share < 1 for share in shares):
        raise FormatError("The model's share of anomalies is damaged; calibrate it anew.")
    return Calibrated(detector, calibration, rule_of(kept.plain), *shares)


def opened(trained: Known) -> Opened:
    """Return the detector of a model at work, built when it is first asked for, and anew if the model changed.

    Raises what `of` raises.
    """
    key, extra, version = id(trained), trained.extras.get(JOB), trained.version()
    entry = _OPENED.get(key)
    if entry and entry.model() is trained and entry.extra is extra and entry.version == version:
        return entry.opened
    found = of(trained)
    encoding = encoding_of(trained)
    owners = None if encoding is None else encoding.owners
    scorer = Scorer(found.detector, trained.forward(), owners)
    taught = trained.extras.get(CONFIRMED)
    made = Opened(found, scorer if taught is None else Blended(scorer, from_labels(taught, scorer.columns)))
    gone = weakref.ref(trained, lambda reference: _drop(key, reference))
    _OPENED[key] = _Entry(gone, trained.extras[JOB], version, made)
    return made


def _drop(key: int, model: "weakref.ref[Known]") -> None:
    entry = _OPENED.get(key)
    if entry is not None and entry.model is model:
        del _OPENED[key]


def prepared_block(trained: Known, block: Array) -> Numbers:
    """Return samples in prepared units and flat, (n, dimensions); a few at a time, which then stay in the cache."""
    prepared = np.empty((len(block), int(np.prod(block.shape[1:]))), np.float32)
    size = rows_together(2 * prepared.shape[1])
    for start in range(0, len(block), size):
        piece = slice(start, start + size)
        prepared[piece] = trained.preprocessing.prepare(block[piece]).reshape(-1, prepared.shape[1])
    return prepared
