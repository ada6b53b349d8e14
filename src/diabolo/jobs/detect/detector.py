"""One protocol for every detector, whether it scores rows, steps of a series, or images of any size."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from diabolo.jobs.detect.rules import Rule
from diabolo.jobs.detect.thresholds import Scores
from diabolo.training.files.contents import Known

if TYPE_CHECKING:
    from diabolo.training.files.model_file import Trained

JOB, MAPS, WINDOW = "detect", "maps", "window"
"""Where a model file holds a detector of rows or steps, one of images, and the length of a window."""
T = TypeVar("T", bound=Known)


@dataclass(frozen=True)
class Traits:
    """What a detector works on.

    item: what is scored, in a word. contaminated: whether a share of anomalies can be left out of what it is fitted to.
    tabular: whether its samples are rows of columns, each with reasons. in_events: whether alerts join to events.
    cut: whether its samples are cut for it. any_size: whether they are images of any size.
    """

    item: str
    contaminated: bool = False
    tabular: bool = False
    in_events: bool = False
    cut: bool = False
    any_size: bool = False


TRAITS = {
    "rows": Traits("row", contaminated=True, tabular=True),
    "series": Traits("step", in_events=True, cut=True),
    "images": Traits("image", cut=True, any_size=True),
}
"""By the name of a detector; its class is in `diabolo.jobs.detect.members`."""
NO_TRAITS = Traits("sample")


class Fitted(Protocol):
    """What a model file holds of a detector.

    calibration: sorted scores of held-out normal samples. references: some normal samples (r, numbers), prepared.
    """

    @property
    def calibration(self) -> Scores: ...

    @property
    def references(self) -> NDArray[np.float32]: ...

    @property
    def rule(self) -> Rule: ...

    def shares(self) -> dict[str, float]:
        """Return the shares of anomalies that were left out, by name; empty where the detector knows none."""


class Detector(Protocol):
    """What a detector can do; a model is an argument, and a changed one is returned.

    name: in the tables TRAITS and `diabolo.jobs.detect.members`.
    """

    name: str

    def fit(self, trained: "Trained", source: Any, contamination: float = 0.0) -> "Trained":
        """Return the model with a detector: fitted on samples it was trained on, calibrated on those it held out."""

    def calibrate(
        self,
        trained: "Trained",
        samples: Any,
        anomalous: NDArray[np.bool_] | None = None,
        rule: Rule | None = None,
        contamination: float = 0.0,
    ) -> "Trained":
        """Return the model calibrated on the normal samples among those given; None: all are normal."""

    def samples(self, given: Any) -> Any:
        """Return what a user gave as what the detector scores. Raises InputError for other data."""

    def score(self, trained: Known, samples: Any) -> Scores:
        """Return the score of each item, (n,): the sum of its parts. Higher is more suspicious."""

    def explain(self, trained: Known, samples: Any) -> NDArray[Any]:
        """Return what each part of each item adds to its score."""

    def of(self, trained: Known) -> Fitted:
        """Return what the model file holds. Raises FormatError if it is damaged or of an earlier version."""

    def with_rule(self, trained: T, rule: Rule) -> T:
        """Return the model with another rule of what an alert is."""


def name_in(trained: Known) -> str | None:
    """Return the name of the detector that a model has, None if it has none."""
    if MAPS in trained.extras:
        return "images"
    if JOB not in trained.extras:
        return None
    return "rows" if window_of(trained) is None else "series"


def traits_of(trained: Known) -> Traits:
    """Return what a model's detector works on; for a model without one nothing is true."""
    return traits_named(name_in(trained))


def traits_named(name: str | None) -> Traits:
    """Return what the detector of that name works on; of None nothing is true."""
    return NO_TRAITS if name is None else TRAITS[name]


def with_rule(trained: T, rule: Rule) -> T:
    """Return a model of rows or steps with another rule of what an alert is."""
    kept = trained.extras[JOB]
    plain = {name: value for name, value in kept.plain.items() if name != "per_day"} | rule.to_json()
    return replace(trained, extras={**trained.extras, JOB: replace(kept, plain=plain)})  # type: ignore[type-var]


def window_of(trained: Known) -> int | None:
    """Return the steps of a window of the model's, None for a model of single samples."""
    length = trained.about.get(WINDOW)
    return length if isinstance(length, int) and 2 <= length <= 10_000 else None
