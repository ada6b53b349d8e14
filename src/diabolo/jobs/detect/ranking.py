"""A detector's ranking beside those of others, on the same samples: what a page shows of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from diabolo.data.preprocessing import HELD_BYTES, bounded, chunks
from diabolo.data.source import Source, Subset
from diabolo.data.tables.windows import Windows
from diabolo.jobs.detect import members
from diabolo.jobs.detect.baselines import baseline_scores
from diabolo.jobs.detect.days import raised
from diabolo.jobs.detect.detector import name_in, window_of
from diabolo.jobs.detect.thresholds import Scores
from diabolo.training.files.contents import Known

MOST_FITTED, MOST_JUDGED = 20_000, 50_000
DIGITS = 4
Marks = NDArray[np.bool_]
Beside = tuple[NDArray[np.int64], Scores, dict[str, Scores], str]


@dataclass(frozen=True)
class Method:
    """One way to rank the samples.

    auroc, average_precision: None where labels are lacking. caught: anomalies among as many alerts as the model
    raises, None where it raises none. shared: of the model's alerts, those that this one would raise too.
    """

    name: str
    scores: Scores
    auroc: float | None = None
    average_precision: float | None = None
    caught: int | None = None
    shared: float | None = None

    @property
    def figures(self) -> dict[str, str | float | None]:
        """What a program may want to know."""
        return {"name": self.name, "auroc": self.auroc, "average_precision": self.average_precision}


@dataclass(frozen=True)
class Detection:
    """Rankings of the same samples.

    methods: the model's first. anomalous: (n,), or None without labels. weights: (n,), how many samples each stands
    for. threshold: the least score that is an alert, None without a rule. fitted: in words, what others learnt from.
    raised: alerts that each may raise, counted by weights. left_out: share of the training rows that the model's
    detector was told are anomalies.
    """

    methods: tuple[Method, ...]
    anomalous: Marks | None
    weights: Scores
    threshold: float | None
    fitted: str = ""
    raised: float = 0
    left_out: float = 0

    @property
    def own(self) -> Method:
        return self.methods[0]

    @property
    def warnings(self) -> tuple[str, ...]:
        """A plain sentence for each method that does better than the model."""
        return tuple(text for other in self.methods[1:] if (text := _wins(other, self.own)))


def _wins(other: Method, own: Method) -> str:
    names = {"average_precision": "average precision", "auroc": "AUROC"}
    parts = [
        f"{words} {theirs:.{DIGITS}f} (the model {mine:.{DIGITS}f})"
        for name, words in names.items()
        if (theirs := getattr(other, name)) is not None
        and (mine := getattr(own, name)) is not None
        and round(theirs, DIGITS) > round(mine, DIGITS)
    ]
    return f"{other.name} does better here: {', '.join(parts)}." if parts else ""


def judged(count: int, anomalous: Marks | None, most: int) -> tuple[NDArray[np.int64], Scores]:
    """Return which of `count` samples are judged, in order, and how many each stands for.

    All, or evenly spaced ones: of anomalies and of the others apart, so that rare ones are not lost.
    """
    marked = np.zeros(count, bool) if anomalous is None else anomalous
    kinds = [np.flatnonzero(marked), np.flatnonzero(~marked)]
    few = min(len(kinds[0]), most // 2)
    chosen = [
        kind[np.linspace(0, len(kind) - 1, room).astype(np.int64)]
        for kind, room in zip(kinds, (few, min(len(kinds[1]), most - few)), strict=True)
    ]
    weights = [np.full(len(some), len(kind) / max(1, len(some))) for some, kind in zip(chosen, kinds, strict=True)]
    order = np.argsort(np.concatenate(chosen), kind="stable")
    return np.concatenate(chosen)[order], np.concatenate(weights)[order]


def ranked_beside(
    own: tuple[str, Scores],
    others: Mapping[str, Scores],
    anomalous: Marks | None,
    weights: Scores,
    *,
    least: float | None,
    raised: float = 0,
    fitted: str = "",
) -> Detection:
    """Return rankings of the same samples with their figures.

    least: the model's threshold. raised: alerts that each method may raise, counted by weights.
    """
    first = _first(own[1], weights, raised)
    methods = []
    for name, scores in (own, *others.items()):
        mine = _first(scores, weights, raised)
        caught = int(anomalous[mine].sum()) if anomalous is not None and len(first) else None
        shared = len(np.intersect1d(first, mine)) / len(first) if len(first) else None
        methods.append(Method(name, scores, *_measured(scores, anomalous, weights), caught, shared))
    return Detection(tuple(methods), anomalous, weights, least, fitted, raised)


def _first(scores: Scores, weights: Scores, raised: float) -> NDArray[np.int64]:
    """Return the samples that a method ranks first, as many as `raised` stand for."""
    order = np.argsort(-scores, kind="stable")
    return order[: int(np.searchsorted(np.cumsum(weights[order]), raised * (1 + 1e-9), side="right"))]


def _measured(scores: Scores, anomalous: Marks | None, weights: Scores) -> tuple[float | None, float | None]:
    if anomalous is None or anomalous.all() or not anomalous.any():
        return None, None
    area = roc_auc_score(anomalous, scores, sample_weight=weights)
    return float(area), float(average_precision_score(anomalous, scores, sample_weight=weights))


def normal_rows(trained: Known, learnt: Source | None) -> tuple[NDArray[np.float64], str]:
    """Return normal samples to fit baselines on, flat, and in words what they are.

    learnt: those that the model was trained on, where they are at hand; else those that its detector keeps.
    """
    if learnt is not None:
        rows = flat(learnt, bounded(np.arange(len(learnt)), learnt, MOST_FITTED))
        return rows, f"{len(rows):,} of the {len(learnt):,} normal rows to learn from"
    kept = members.of(trained).references
    restored = trained.preprocessing.restore(kept.reshape(len(kept), *trained.config.shape))
    words = f"the {len(kept):,} normal training rows that the model file keeps"
    return np.asarray(restored, np.float64).reshape(len(kept), -1), words


def flat(source: Source, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return samples as rows of numbers, (n, dimensions)."""
    return np.concatenate([chunk.reshape(len(chunk), -1).astype(np.float64) for chunk in chunks(source, rows)])


def detection_of(
    trained: Known,
    source: Source,
    scores: Scores,
    *,
    anomalous: Marks | None = None,
    learnt: Source | None = None,
    weight: float = 1.0,
) -> Detection:
    """Return a model's scores of a source's samples, or steps, beside the baselines, on at most 50,000 of them.

    learnt: what the baselines are fitted on, see `normal_rows`. weight: how many samples each normal one stands for.
    """
    found = members.of(trained)
    rows, weights, others, fitted = BESIDE[name_in(trained) or "rows"](trained, source, learnt, anomalous)
    marked = None if anomalous is None else anomalous[rows]
    weights = weights if marked is None else np.where(marked, weights, weight * weights)
    alarms = raised(scores, found.calibration, found.rule, source)
    ranked = ranked_beside(
        (trained.config.preset, scores[rows]),
        others,
        marked,
        weights,
        least=found.rule.least(scores, found.calibration),
        raised=float(weights[alarms[rows]].sum()),
        fitted=fitted,
    )
    return replace(ranked, left_out=found.shares().get("left_out", 0.0))


def _rows_beside(trained: Known, source: Source, learnt: Source | None, anomalous: Marks | None) -> Beside:
    normal, fitted = normal_rows(trained, learnt)
    rows, weights = judged(len(source), anomalous, _most(normal))
    return rows, weights, baseline_scores(normal, flat(source, rows)), fitted


def _steps_beside(trained: Known, source: Source, learnt: Source | None, anomalous: Marks | None) -> Beside:
    del anomalous
    length = window_of(trained) or 1
    normal, fitted = normal_rows(trained, None if learnt is None else Windows(learnt, length))
    rows = np.arange(min(len(source), _most(normal)))
    return rows, np.ones(len(rows)), _of_steps(normal, Subset(source, rows), length), fitted


def _most(normal: NDArray[np.float64]) -> int:
    """Return how many samples are judged at most, by the memory that their windows or rows take."""
    return min(MOST_JUDGED, int(HELD_BYTES // (8 * normal.shape[1])))


BESIDE: dict[str, Callable[[Known, Source, Source | None, Marks | None], Beside]] = {
    "rows": _rows_beside,
    "series": _steps_beside,
}
"""By detector: the rows that are judged, their weights, each baseline's scores, and what baselines were fitted on."""


def _of_steps(normal: NDArray[np.float64], source: Source, length: int) -> dict[str, Scores]:
    """Return each baseline's scores of the steps of a series: the mean over the windows that hold a step."""
    windows = Windows(source, length)
    holding = np.convolve(np.ones(len(windows)), np.ones(length))
    found = baseline_scores(normal, flat(windows, np.arange(len(windows))))
    return {name: np.convolve(scores, np.ones(length)) / holding for name, scores in found.items()}
