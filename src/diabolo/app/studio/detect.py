"""The tab Detect: samples ranked by how suspicious they are, with reasons, and a dial of what an alert is."""

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np
import polars as pl

from diabolo.app.drawing import markup
from diabolo.app.drawing.canvas import FIRST, MUTED, SECOND, draw
from diabolo.app.model_data import open_for
from diabolo.app.studio import figures
from diabolo.app.studio.atlas import is_picture
from diabolo.app.studio.shelf import Shelf
from diabolo.app.studio.tab import dropped, message, on, on_shown, told
from diabolo.data.source import Array, Dataset
from diabolo.jobs.detect import members as job
from diabolo.jobs.detect.listing.alerts import ranked
from diabolo.jobs.detect.listing.reasons import split
from diabolo.jobs.detect.rules import FalseAlarms
from diabolo.jobs.detect.thresholds import Scores, rate_interval, worst_rate
from diabolo.training.files.model_file import Trained

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_LISTED, MOST_PICTURES = 50, 16


@dataclass(frozen=True)
class Ranking:
    """table: as `ranked` gives it. calibration: scores of held-out normal samples. first: the foremost pictures.

    contamination: the share of anomalies among those samples that left on trust.
    """

    table: pl.DataFrame
    calibration: Scores
    first: Array | None
    contamination: float = 0.0


def ranking(trained: Trained, data: Dataset) -> Ranking:
    """Return the samples of the data, most suspicious first. Raises InputError if the model has no detector."""
    known = job.of(trained)
    table = ranked(trained, data.train, data.columns, data.items).frame()
    first = data.train.take(table["row"].to_numpy()[:MOST_PICTURES]) if is_picture(trained) else None
    return Ranking(table, known.calibration, first, known.shares().get("contamination", 0.0))


def alerts_page(found: Ranking, rate: float) -> str:
    """Return the ranking as HTML, with what is an alert at a promised rate of false alarms."""
    table = found.table
    scores = table["score"].to_numpy()
    raised = FalseAlarms(rate).raised(scores, found.calibration)
    known = [
        ("samples", f"{len(table):,}"),
        ("alerts", f"{int(raised.sum()):,}"),
        ("calibrated on", f"{len(found.calibration):,}"),
        _kept_to(found, rate),
    ]
    plot = f'<figure class="bars">{_scores(scores, found.calibration, raised)}<figcaption>{WORDS}</figcaption></figure>'
    first = "" if found.first is None else figures.row([figures.rows_of(found.first, FOREMOST, columns=8)])
    return f"{figures.facts(known)}{plot}{first}{_listed(table, raised)}"


def _kept_to(found: Ranking, rate: float) -> tuple[str, str]:
    """Return what a promise is worth: within what the rate lies, or how high it may be where scores left on trust."""
    if found.contamination:
        return "rate of false alarms, at worst", f"{worst_rate(rate, found.contamination):.3g}"
    low, high = rate_interval(len(found.calibration), rate)
    return "rate of false alarms, 95 %", f"{low:.3g} to {high:.3g}"


WORDS = "Scores: held-out normal samples in grey, these samples in blue; the line is where alerts begin."
FOREMOST = "the most suspicious, in their order"


def _listed(table: pl.DataFrame, raised: Any) -> str:
    """Return the first rows as a table, with the items' names and the reasons where there are any."""
    first = table.head(MOST_LISTED)
    signs = ['<span class="sign">alert</span>' if alert else "" for alert in raised[: len(first)]]
    columns: dict[str, list[str]] = {"row": [f"{row:,}" for row in first["row"]]}
    if "item" in table.columns:
        columns["item"] = [escape(item) for item in first["item"]]
    columns["score"] = [markup.brief(score) for score in first["score"]]
    columns["p"] = [f"{p:.3g}" for p in first["p_value"]]
    columns[""] = signs
    if (first["reasons"] != "").any():
        columns["reasons"] = ["<br>".join(map(escape, split(reasons))) for reasons in first["reasons"]]
    numeric = [name in ("row", "score", "p") for name in columns]
    caption = f"The first {len(first)} of {len(table):,}"
    return markup.table(list(columns), list(zip(*columns.values(), strict=True)), numeric=numeric, caption=caption)


def _scores(scores: Scores, calibration: Scores, raised: Any) -> str:
    both = np.concatenate([scores, calibration])
    positive = bool((both > 0).all())

    def paint(axes: "Axes") -> None:
        low, high = both.min(), max(both.max(), both.min() + 1e-9)
        bins = np.geomspace(low, high, 60) if positive else np.linspace(low, high, 60)
        for values, colour in ((calibration, MUTED), (scores, FIRST)):
            axes.hist(values, bins, color=colour, alpha=0.55, weights=np.full(len(values), 1 / len(values)))  # type: ignore[arg-type]
        if raised.any():
            axes.axvline(float(scores[raised].min()), color=SECOND, linewidth=1.6)
        axes.set(xlabel="score", ylabel="share", xscale="log" if positive else "linear")

    return draw(paint, alt="How the scores are spread", size=(6.4, 1.9))


def detect_tab(shelf: Shelf, model: gr.Dropdown, tab: gr.Tab, place: gr.State) -> None:
    """Build the tab."""

    def work(name: str, file: str | None, rate: float) -> tuple[Any, ...]:
        trained = shelf.opened(name).trained
        job.of(trained)
        data = shelf.data_for(trained) if file is None else open_for(trained, file)
        if data is None:
            return None, '<p class="lead">Drop a file of rows or pictures, to rank what is in it.</p>'
        found = ranking(trained, data)
        return found, alerts_page(found, rate)

    def again(found: Ranking | None, rate: float) -> tuple[Any, ...]:
        return (gr.skip() if found is None else alerts_page(found, rate),)

    told_here, kept = message(), gr.State(None)
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            file = dropped("a table, an array or a zip of pictures", "at most 20 MB")
            rate = gr.Slider(0.001, 0.2, 0.01, step=0.001, label="False alarms promised",
                             elem_id="rate", buttons=[])  # fmt: skip
        with gr.Column(scale=3, min_width=320):
            shown = gr.HTML(elem_id="detected")
    inputs, outputs = [model, file, rate], [told_here, kept, shown]
    run = told(work, None, "")
    on_shown(tab, place, model, run, inputs, outputs)
    for event in (file.upload, file.clear):
        on(event, run, inputs, outputs)
    on(rate.release, told(again, ""), [kept, rate], [told_here, shown])
