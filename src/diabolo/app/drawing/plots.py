"""Drawings as inline SVG, without state: they take their colours and their font from the page around them."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from diabolo.app.drawing.canvas import FIRST, HALO, INK, MUTED, PAPER, SECOND, draw
from diabolo.app.drawing.palette import Categories, Entry, categories
from diabolo.data.source import Array
from diabolo.training.history import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

_MOST_POINTS = 5_000
_MOST_STEPS = 400


def best_record(history: Sequence[Record]) -> Record | None:
    """Return the last record that was the best so far, or None."""
    return next((record for record in reversed(history) if record.best and np.isfinite(record.validation)), None)


def loss_curves(history: Sequence[Record]) -> str:
    """Return the SVG of training and validation loss, in nats per sample, per epoch, with the best epoch marked.

    Records whose rate is not 0 get a third line, the distortion. An empty history gives an empty plot.
    """
    from matplotlib.ticker import MaxNLocator

    def paint(axes: "Axes") -> None:
        epochs = [record.epoch for record in history]
        dots = "o" if len(history) < 3 else None
        series = _series(history)
        for label, values, colour, line in series:
            axes.plot(epochs, values, line, color=colour, linewidth=1.6, marker=dots, markersize=4, label=label)
        _scale(axes, [value for _, values, _, _ in series for value in values])
        _mark_best(axes, history)
        axes.xaxis.set_major_locator(MaxNLocator(7, integer=True, min_n_ticks=1))
        axes.set(xlabel="epoch", ylabel="nats per sample")
        if len(history) == 1:
            axes.set_xlim(history[0].epoch - 1, history[0].epoch + 1)
        if history:
            axes.legend(loc="upper right" if len(history) > 2 else "best")

    return draw(paint, alt=_loss_alt(history))


def latent_plane(codes: Array, labels: Array | None = None) -> str:
    """Return the SVG of codes (m, latent) in the plane, coloured by labels (m,).

    Two numbers are shown as they are, more by their first two principal components, one as a strip (with no
    labels, a histogram). At most 5,000 points, taken evenly, are drawn; codes that are not finite are left out.
    """
    flat = np.asarray(codes, dtype=np.float64).reshape(len(codes), math.prod(codes.shape[1:]))
    rows = np.flatnonzero(np.isfinite(flat).all(axis=1))
    rows = rows[:: max(1, -(-len(rows) // _MOST_POINTS))]
    marks = None if labels is None else np.asarray(labels).reshape(-1)[rows]
    groups = None if labels is None else categories(labels)
    groups = groups and groups.take(rows)

    def paint(axes: "Axes") -> None:
        if flat.shape[1] == 1 and marks is None:
            _histogram(axes, flat[rows, 0], xlabel="code")
            return
        points = _strip(axes, flat[rows], groups) if flat.shape[1] == 1 else _plane(axes, flat[rows])
        points = _in_view(axes, points)
        if groups is not None:
            _scatter_groups(axes, points, groups)
        else:
            _scatter_values(axes, points, marks)

    return draw(paint, alt=f"{len(rows):,} codes of {flat.shape[1]:,} numbers in the plane")


def histogram(values: Array, *, xlabel: str, alt: str) -> str:
    """Return the SVG of the histogram of values (m,), with the median marked; what is not finite is left out."""
    numbers = np.asarray(values, dtype=np.float64).reshape(-1)
    return draw(lambda axes: _histogram(axes, numbers, xlabel=xlabel), alt=alt, size=(4.6, 2.2))


def quality_curve(
    sizes: Sequence[float],
    psnrs: Sequence[float],
    *,
    at: int,
    xlabel: str,
    goal: float | None = None,
    beside: Sequence[tuple[float, float]] = (),
) -> str:
    """Return the SVG of PSNR in dB against the size of a code, one point ringed.

    goal: PSNR to draw a line at. beside: (size, PSNR) of other models, as squares.
    """

    def paint(axes: "Axes") -> None:
        axes.plot(sizes, psnrs, "-", color=FIRST, linewidth=1.6, marker="o", markersize=2.5)
        if goal is not None:
            axes.axhline(goal, color=SECOND, linewidth=1.0, linestyle=":")
        axes.plot(
            sizes[at], psnrs[at], "o", color=SECOND, markersize=8, markerfacecolor=PAPER, markeredgewidth=1.8
        )  # fmt: skip
        axes.annotate(
            f"{sizes[at]:,.4g}", (sizes[at], psnrs[at]), (7, -13), textcoords="offset points",
            color=SECOND, fontweight="bold", gid=HALO,
        )  # fmt: skip
        axes.plot([size for size, _ in beside], [psnr for _, psnr in beside], "s", color=SECOND, markersize=5)
        axes.set(xlabel=xlabel, ylabel="PSNR, dB")

    return draw(paint, alt=f"PSNR against {xlabel}: {psnrs[at]:.2f} dB at {sizes[at]:,.4g}, which was chosen")


def profile(original: Array, reconstruction: Array, *, alt: str) -> str:
    """Return a small SVG of one long vector (d,) and its reconstruction, as two lines over the position."""

    def paint(axes: "Axes") -> None:
        steps = np.unique(np.linspace(0, len(original) - 1, _MOST_STEPS).astype(np.intp))
        axes.plot(steps, np.asarray(original, dtype=np.float64)[steps], color=MUTED, linewidth=1.0)
        axes.plot(steps, np.asarray(reconstruction, dtype=np.float64)[steps], color=SECOND, linewidth=1.0)
        axes.margins(x=0)
        axes.tick_params(length=0, labelsize=7)
        axes.locator_params(nbins=4)

    return draw(paint, alt=alt, size=(2.9, 1.25))


def _series(history: Sequence[Record]) -> list[tuple[str, list[float], str, str]]:
    series = [
        ("training", [record.loss for record in history], SECOND, "-"),
        ("validation", [record.validation for record in history], FIRST, "-"),
    ]
    if any(record.rate != 0 for record in history):
        series.append(("distortion in validation", [record.distortion for record in history], FIRST, ":"))
    return series


def _scale(axes: "Axes", values: list[float]) -> None:
    finite = [value for value in values if np.isfinite(value)]
    if finite and min(finite) > 0 and max(finite) > 20 * min(finite):
        axes.set_yscale("log")


def _mark_best(axes: "Axes", history: Sequence[Record]) -> None:
    best = best_record(history)
    if best is None:
        return
    axes.plot(best.epoch, best.validation, "o", color=FIRST, markersize=7, markerfacecolor=PAPER, markeredgewidth=1.6)
    axes.annotate(
        f"{best.validation:,.4g}", (best.epoch, best.validation), (0, 8), textcoords="offset points",
        ha="center", color=FIRST, fontweight="bold",
    )  # fmt: skip


def _loss_alt(history: Sequence[Record]) -> str:
    best = best_record(history)
    if best is None:
        return f"Loss over {len(history)} epochs"
    found = f"{best.validation:,.4g} nats per sample, epoch {best.epoch}"
    return f"Loss over {len(history)} epochs; best validation loss {found}"


def _histogram(axes: "Axes", values: Floats, *, xlabel: str) -> None:
    values = values[np.isfinite(values)]
    axes.set(xlabel=xlabel, ylabel="samples")
    axes.grid(visible=False, axis="x")
    if not len(values):
        return
    low, high = float(values.min()), float(values.max())
    room = 0.5 * max(1.0, abs(low)) if low == high else 0.0
    bins = min(60, max(5, int(len(values) ** 0.5)))
    axes.hist(values, bins=bins, range=(low - room, high + room), color=FIRST, alpha=0.75)
    middle = float(np.median(values))
    axes.axvline(middle, color=INK, linewidth=1)
    axes.annotate(
        f"median {middle:,.4g}", (middle, 1), (4, -2), xycoords=("data", "axes fraction"),
        textcoords="offset points", va="top", color=INK,
    )  # fmt: skip


def _plane(axes: "Axes", codes: Floats) -> Floats:
    axes.set(xlabel="first number of the code", ylabel="second number of the code")
    if codes.shape[1] == 2 or len(codes) < 3 or not np.ptp(codes, axis=0).any():
        return codes[:, :2]
    from sklearn.decomposition import PCA

    pca = PCA(2, svd_solver="full").fit(codes)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = pca.explained_variance_ / max(float(codes.var(axis=0, ddof=1).sum()), 1e-300)
    axes.set(xlabel=f"component 1 ({shares[0]:.0%} of the variance)", ylabel=f"component 2 ({shares[1]:.0%})")
    plane: Floats = pca.transform(codes)
    return plane


def _strip(axes: "Axes", codes: Floats, groups: Categories | None) -> Floats:
    """Spread codes (m, 1) over the height: a row for each group, and in it the golden ratio instead of chance."""
    spread = np.arange(len(codes)) * 0.6180339887 % 1.0 - 0.5
    height = 0.8 * spread - (0.0 if groups is None else groups.index)
    axes.set(xlabel="code", yticks=[])
    return np.column_stack([codes[:, 0], height])


def _in_view(axes: "Axes", points: Floats) -> Floats:
    """Move points far outside of where 99 of 100 lie to the border, and say so, lest a few decide the scale."""
    if len(points) < 100:
        return points
    low, high = np.quantile(points, (0.005, 0.995), axis=0)
    room = np.maximum(high - low, 1e-12)
    inside = np.clip(points, low - room, high + room)
    moved = int((inside != points).any(axis=1).sum())
    if moved:
        axes.set_title(f"far outside, drawn at the border: {moved:,}", fontsize=7.5, color=MUTED, loc="right")
    return inside


def _scatter_groups(axes: "Axes", points: Floats, groups: Categories) -> None:
    size = _dot(len(points))
    for marker in dict.fromkeys(entry.marker for entry in groups.entries):
        mine = np.array([entry.marker == marker for entry in groups.entries])[groups.index]
        colours = [groups.entries[index].colour for index in groups.index[mine]]
        x, y = points[mine].T
        axes.scatter(x, y, size, colours, marker=marker, alpha=0.75, linewidths=0, rasterized=True)
    for entry, place in _places(points, groups):
        # Other scripts are left to the legend: matplotlib's own font would miss their glyphs.
        if entry.name.isascii() and len(entry.name) <= 12:
            axes.annotate(entry.name, (place[0], place[1]), ha="center", va="center", fontweight="bold", fontsize=10,
                          gid=HALO, parse_math=False)  # fmt: skip


def _places(points: Floats, groups: Categories) -> list[tuple[Entry, Floats]]:
    """Return where each group's name stands: at its median, and a little further where two would overlap."""
    present = [number for number in range(len(groups.entries)) if (groups.index == number).any()]
    if not present:
        return []
    span = np.maximum(np.ptp(points, axis=0), 1e-9) * (0.045, 0.07)
    places = np.array([np.median(points[groups.index == number], axis=0) for number in present]) / span
    for _ in range(50):
        apart = places[:, None] - places[None] + 1e-3 * np.subtract.outer(present, present)[..., None]
        distance = np.linalg.norm(apart, axis=2, keepdims=True)
        push = np.where((distance > 0) & (distance < 1), apart * (1 - distance) / np.maximum(distance, 1e-9), 0.0)
        places = places + 0.5 * push.sum(axis=1)
    return [(groups.entries[number], place) for number, place in zip(present, places * span, strict=True)]


def _scatter_values(axes: "Axes", points: Floats, values: Array | None) -> None:
    (x, y), size = points.T, _dot(len(points))
    if values is None or values.dtype.kind not in "biuf" or not np.isfinite(values.astype(np.float64)).any():
        axes.scatter(x, y, size, "#3f90da", alpha=0.6, linewidths=0, rasterized=True)
        return
    from matplotlib import colormaps
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("shades", colormaps["viridis"](np.linspace(0.2, 0.92, 64)))
    numbers = values.astype(np.float64)
    drawn = axes.scatter(x, y, size, numbers, cmap=shades, alpha=0.8, linewidths=0, rasterized=True)
    bar = axes.figure.colorbar(drawn, ax=axes, label="label", aspect=30)
    bar.outline.set_visible(False)


def _dot(count: int) -> float:
    return float(np.clip(16_000 / max(count, 1), 2.5, 24.0))
