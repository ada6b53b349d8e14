"""What a fitted estimator says of suspicious samples: scores, p-values, alerts, reasons, and the alert list."""

from collections.abc import Callable, Sequence
from typing import Any, Self, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from diabolo.data.source import Array, Source, Subset
from diabolo.data.tables.other_libraries import as_library, as_polars, is_frame
from diabolo.errors import ArgumentError, InputError
from diabolo.jobs.detect import members as detectors
from diabolo.jobs.detect.confirmed.teaching import learn_labels
from diabolo.jobs.detect.days import days_of
from diabolo.jobs.detect.detector import traits_of
from diabolo.jobs.detect.events import Merging
from diabolo.jobs.detect.labels import anomalous, told
from diabolo.jobs.detect.listing.alerts import ranked
from diabolo.jobs.detect.rules import FalseAlarms, MostSuspicious, Rule
from diabolo.jobs.detect.stream import Stream
from diabolo.jobs.detect.thresholds import Scores, p_values
from diabolo.presets.presets import preset_of
from diabolo.samples import Samples, source_of
from diabolo.training.files.model_file import Trained

F = TypeVar("F", bound=Callable[..., Any])


def _detects(estimator: "Detecting") -> bool:
    """Return whether an estimator has a detector, or will have one once it is fitted."""
    trained = getattr(estimator, "trained_", None)
    return preset_of(estimator.preset).detector is not None if trained is None else detectors.detects(trained)


def _if_detecting(method: F) -> F:
    """Return a method that is there for estimators that detect only."""
    return cast("F", available_if(_detects)(method))


class Detecting:
    """The part of the estimator that detects."""

    preset: str
    trained_: Trained

    @_if_detecting
    def predict(self, X: Samples) -> NDArray[np.int64]:
        """Return -1 for each sample that raises an alert by the model's rule, 1 for the others."""
        check_is_fitted(self)
        found = detectors.of(self.trained_)
        days = days_of(source_of(self, X), found.rule.per_day) if found.rule.per_day else None
        raised = found.rule.raised(self._suspicion(X), found.calibration, days)
        return np.where(raised, -1, 1)

    @_if_detecting
    def decision_function(self, X: Samples) -> Scores:
        """Return the detector's score of each sample, (n,): higher is more suspicious, minus `score_samples`.

        So scorers of scikit-learn take it for labels of 1 for an anomaly, as in `scoring="average_precision"`.
        """
        check_is_fitted(self)
        return self._suspicion(X)

    @_if_detecting
    def p_values(self, X: Samples) -> Scores:
        """Return the p-value of each sample, (n,): the share of held-out normal samples that score as high."""
        check_is_fitted(self)
        return p_values(self._suspicion(X), detectors.of(self.trained_).calibration)

    @_if_detecting
    def explain(self, X: Samples) -> Any:
        """Return what each number (of a table: column) of each sample adds to the detector's score, (n, *shape).

        Of a data frame: a frame of the same library, with the columns' names. Of images of several sizes (preset
        'surface'): an array of maps, each of its image's size.
        """
        check_is_fitted(self)
        known = self._known(X)
        parts = detectors.detector_of(self.trained_).explain(self.trained_, self._detected(known))
        names = getattr(self, "feature_names_in_", None)
        if not is_frame(X) or names is None or parts.ndim != 2 or parts.shape[1] != len(names):
            return parts
        import polars as pl

        return _like(X, pl.DataFrame(parts, [str(name) for name in names], orient="row"))

    @_if_detecting
    def detect(self, X: Samples) -> Any:
        """Return a frame with a row for each sample, in their order, of the library that X came in (else polars).

        Columns: those of X that the model does not know, score, p_value, rarity, alert, reasons and nearest (preset
        'table': of alerts, and of the 1,000 highest scores).
        """
        check_is_fitted(self)
        traits = traits_of(self.trained_)
        if not traits.tabular:
            raise InputError(f"detect lists rows, and this model scores {traits.item}s; use score_samples and explain.")
        source = source_of(self, self._known(X))
        names = [str(name) for name in getattr(self, "feature_names_in_", ())]
        ranking = ranked(self.trained_, source, names or None)
        listed = ranking.frame()[np.argsort(ranking.order, kind="stable")].drop("row")
        if not is_frame(X):
            return listed
        beside = as_polars(X)[0].drop(names, strict=False)
        beside = beside.rename({name: f"{name} (given)" for name in beside.columns if name in listed.columns})
        return _like(X, beside.hstack(listed))

    def calibrate(
        self, X: Samples, y: object = None, *, false_alarms: float | None = None, alerts: int | None = None
    ) -> Self:
        """Choose the threshold anew on samples that training never saw, and return the estimator.

        y: labels, of which the normal samples calibrate; None: all are normal. false_alarms, alerts: the rule, see
        `FalseAlarms` and `MostSuspicious`; None leaves it as it is.
        """
        check_is_fitted(self)
        if false_alarms is not None and alerts is not None:
            raise ArgumentError("false_alarms and alerts are two rules; give one.")
        rule: Rule | None = None if false_alarms is None else FalseAlarms(false_alarms)
        rule = rule if alerts is None else MostSuspicious(float(alerts))
        marked = None if y is None else anomalous(np.asarray(y))
        self.trained_ = detectors.calibrate(self.trained_, self._detected(self._known(X)), marked, rule)
        return self

    def learn_labels(self, X: Samples, y: object) -> Self:
        """Learn from confirmed anomalies and cleared samples (preset 'table'), calibrate anew, return the estimator.

        y: labels, 0 and 1, -1 and 1, or words. See `diabolo.jobs.detect.rows.confirmed`.
        """
        check_is_fitted(self)
        marked, source = told(np.asarray(y)), source_of(self, self._known(X))
        cases = Subset(source, np.flatnonzero(marked)), Subset(source, np.flatnonzero(~marked))
        self.trained_ = learn_labels(self.trained_, cases[0], cleared=cases[1])
        return self

    def stream(self, *, gap: int | None = None, adapt: bool = False) -> Stream:
        """Return a stream to feed with steps (preset 'series'): `update(step)` returns events that begin or end.

        gap: most steps without an alert inside an event, half a window if not given. adapt: see `Adaptive`.
        Raises InputError for a model of single rows.
        """
        check_is_fitted(self)
        return Stream(self.trained_, None if gap is None else Merging(gap=gap), adapt=adapt)

    def _suspicion(self, X: Samples) -> Scores:
        """Return the detector's score of each sample, (n,): higher is more suspicious."""
        return detectors.score(self.trained_, self._detected(X))

    def _detected(self, X: Samples) -> Any:
        """Return samples as the model's detector takes them; a model of another preset may have one of rows."""
        detector = detectors.detector_of(self.trained_) if detectors.detects(self.trained_) else None
        given = X if preset_of(self.preset).pieces else source_of(self, X)
        return given if detector is None else detector.samples(given)

    def _known(self, X: Any) -> Any:
        """Return a data frame without the columns that the model does not know; other samples as they are."""
        names = getattr(self, "feature_names_in_", None)
        if names is None or not is_frame(X):
            return X
        import narwhals as nw

        frame = nw.from_native(X, eager_only=True)
        lacking = [str(name) for name in names if name not in frame.columns]
        if lacking:
            raise InputError(
                f"The data frame lacks the columns {', '.join(lacking[:20])} that the model was trained on."
            )
        return frame.select(list(names)).to_native()


def normal_samples(X: Any, y: object) -> Any:
    """Return the normal samples among labelled ones, in the form that they came in.

    y: (n,), 0 and 1, -1 and 1, or words. Raises InputError for labels that do not say which are anomalies.
    """
    marked = anomalous(np.asarray(y))
    count: Sequence[int] | int = len(X)
    if len(marked) != count:
        raise InputError(f"There must be one label for each of {count:,} samples, got {len(marked):,}.")
    rows = np.flatnonzero(~marked)
    if not marked.any():
        return X
    if is_frame(X):
        import narwhals as nw

        return nw.from_native(X, eager_only=True)[rows].to_native()
    if isinstance(X, list):
        return [X[row] for row in rows]
    source: Source | Array = X if hasattr(X, "in_memory") else np.asarray(X)
    return Subset(source, rows) if not isinstance(source, np.ndarray) else source[rows]


def _like(X: Any, frame: Any) -> Any:
    """Return a frame of polars as one of the library of another frame; of pandas with its index."""
    found = as_library(frame, as_polars(X)[1])
    if hasattr(X, "index") and hasattr(found, "set_axis"):
        return found.set_axis(X.index)
    return found
