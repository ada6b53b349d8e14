"""Drawings of a detector: how its scores lie about the threshold, and precision against recall."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve

from diabolo.app.drawing.canvas import FIRST, INK, MUTED, PAPER, SECOND, draw
from diabolo.jobs.detect.ranking import Detection

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
BINS, MOST_STEPS, WIDE = 50, 300, 20.0
OTHERS = ((SECOND, "-"), (MUTED, "-"), (SECOND, ":"), (MUTED, ":"), (INK, ":"))


def score_histogram(found: Detection) -> str:
    """Return the SVG of the histogram of scores, anomalies apart where they are known, with the threshold."""
    scores = found.own.scores

    def paint(axes: "Axes") -> None:
        edges = _edges(scores, found.threshold)
        for name, colour, chosen in _kinds(found):
            share = found.weights[chosen] / max(float(found.weights[chosen].sum()), 1e-300)
            inside = np.clip(scores[chosen], edges[0], edges[-1])
            axes.hist(inside, list(edges), weights=share, color=colour, alpha=0.6, label=name)
        if edges[0] > 0 and edges[-1] > WIDE * edges[0]:
            axes.set_xscale("log")
        axes.set(xlabel="score: higher is more suspicious", ylabel="share of its kind")
        axes.grid(visible=False, axis="x")
        if found.threshold is not None:
            _mark(axes, found.threshold, edges)
        if found.anomalous is not None:
            axes.legend(loc="upper center", ncols=2, bbox_to_anchor=(0.5, 1.16))

    return draw(paint, alt=f"Histogram of {len(scores):,} scores{_alerts_words(found)}", size=(4.6, 3.8))


def _kinds(found: Detection) -> list[tuple[str, str, NDArray[np.bool_]]]:
    if found.anomalous is None:
        return [("samples", FIRST, np.ones(len(found.weights), bool))]
    kinds = [("normal", FIRST, ~found.anomalous), ("anomalies", SECOND, found.anomalous)]
    return [kind for kind in kinds if kind[2].any()]


def _edges(scores: Floats, threshold: float | None) -> Floats:
    """Return the edges of bins, of equal ratios where scores are positive and far apart; the threshold is one."""
    shown = scores if threshold is None else np.append(scores, threshold)
    low, high = float(shown.min()), float(shown.max())
    if low == high:
        return np.linspace(low - 0.5, high + 0.5, 11)
    middle = float(np.median(shown))
    low = max(low, middle / 1e3) if middle > 0 and low >= 0 else low
    ratios = low > 0 and high > WIDE * low
    edges = np.geomspace(low, high, BINS) if ratios else np.linspace(low, high, BINS)
    inside = threshold is not None and low < threshold < high
    return np.unique(np.append(edges, threshold)) if inside else edges  # type: ignore[arg-type]


def _mark(axes: "Axes", threshold: float, edges: Floats) -> None:
    axes.axvline(threshold, color=INK, linewidth=1.2)
    right = np.searchsorted(edges, threshold) > 0.6 * len(edges)
    axes.annotate(
        f"alert from {threshold:.3g}", (threshold, 1), (-4 if right else 4, -3), xycoords=("data", "axes fraction"),
        textcoords="offset points", va="top", ha="right" if right else "left", color=INK,
    )  # fmt: skip


def _alerts_words(found: Detection) -> str:
    return "" if found.threshold is None else f"; an alert from {found.threshold:.3g}"


def precision_recall(found: Detection) -> str:
    """Return the SVG of precision against recall, the model's line thick, with where its threshold stands as a ring."""
    marked = found.anomalous

    def paint(axes: "Axes") -> None:
        if marked is None:
            return
        lines = zip(found.methods, ((FIRST, "-"), *OTHERS), strict=False)
        for method, (colour, style) in reversed(list(lines)):
            precision, recall, _ = precision_recall_curve(marked, method.scores, sample_weight=found.weights)
            some = np.unique(np.linspace(0, len(recall) - 1, MOST_STEPS).astype(np.intp))
            own = method is found.own
            axes.step(
                recall[some], precision[some], style, where="post", color=colour, linewidth=2.2 if own else 1.1,
                label=f"{method.name} ({method.average_precision:.3f})", zorder=3 if own else 2,
            )  # fmt: skip
        if found.threshold is not None and (point := _at(found, found.threshold)):
            axes.plot(*point, "o", color=FIRST, markersize=8, markerfacecolor=PAPER, markeredgewidth=1.8, zorder=4)
        axes.set(xlabel="recall: share of anomalies found", ylabel="precision: share of alerts that are right")
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.04))
        handles, names = axes.get_legend_handles_labels()
        axes.legend(handles[::-1], names[::-1], loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, fontsize=8)

    own = found.own
    alt = f"Precision against recall; average precision of {own.name}: {own.average_precision:.3f}"
    return draw(paint, alt=alt, size=(4.6, 3.8))


def _at(found: Detection, threshold: float) -> tuple[float, float] | None:
    """Return recall and precision of the alerts; None where there are none."""
    raised, marked = found.own.scores >= threshold, found.anomalous
    if marked is None or not raised.any():
        return None
    hits = float(found.weights[raised & marked].sum())
    return hits / float(found.weights[marked].sum()), hits / float(found.weights[raised].sum())
