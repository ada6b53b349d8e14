"""The page of `diabolo detect`: the most suspicious samples with reasons, the promise, drift, baselines beside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from diabolo.app.drawing import markup, pictures
from diabolo.app.output.alert_summary import DRIFT_NOTE, Facts, promise_words
from diabolo.app.pages.detection_section import detection_part
from diabolo.data.source import Dataset, Source
from diabolo.jobs.detect.drift import Drift
from diabolo.jobs.detect.labels import marks
from diabolo.jobs.detect.listing.alerts import Ranking
from diabolo.jobs.detect.listing.reasons import split
from diabolo.jobs.detect.ranking import Detection, detection_of
from diabolo.training.files.contents import Known

if TYPE_CHECKING:
    import polars as pl

MOST_SHOWN, MOST_MAPS = 20, 12
RULES = {
    "false-alarms": "of normal samples raise an alert, at most",
    "alerts": "highest scores are alerts",
    "threshold": "or more is an alert",
}


@dataclass(frozen=True)
class Page:
    """What a page of alerts shows.

    first: the rows with the highest scores, as `detect` writes them. facts: what `detect` says: the rule and its
    promise, samples and alerts. drifted: columns by name. maps: (name, RGB picture) of the most suspicious images.
    """

    title: str
    subtitle: str
    first: "pl.DataFrame"
    facts: Facts
    detection: Detection
    anomalous: NDArray[np.bool_] | None = None
    drifted: Sequence[tuple[str, Drift]] = ()
    maps: Sequence[tuple[str, NDArray[np.uint8]]] = ()


def page_of(
    trained: Known,
    opened: Dataset,
    ranking: Ranking,
    facts: Facts,
    *,
    title: str,
    drifted: Sequence[tuple[str, Drift]],
    normal: Source | None,
) -> Page:
    """Return the page about rows or steps that were ranked. normal: what the baselines are fitted on."""
    anomalous = marks(opened.labels)
    found = detection_of(
        trained, opened.train, ranking.scores, anomalous=anomalous, learnt=normal, weight=opened.weight
    )
    first = ranking.highest(MOST_SHOWN)
    return Page(title, opened.origin or opened.name, first, facts, found, anomalous, drifted)


def detect_page(page: Page) -> str:
    """Return one self-contained HTML page about alerts; everything is escaped."""
    template = Template(files("diabolo.app.pages").joinpath("detect.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=escape(page.title),
        subtitle=escape(page.subtitle),
        style=markup.style(),
        tiles=markup.tiles(_tiles(page)),
        promise=escape(promise_words(page.facts)),
        warnings=_drift_warning(page.drifted),
        drift=_drift(page.drifted),
        alerts=_alerts(page) + _maps(page.maps),
        detection=detection_part(page.detection),
    )


def _drift_warning(drifted: Sequence[tuple[str, Drift]]) -> str:
    many = "1 column no longer looks" if len(drifted) == 1 else f"{len(drifted):,} columns no longer look"
    words = f"{many} like the training data, so the promise may not hold: calibrate or train anew. {DRIFT_NOTE}"
    return markup.warnings([words] if drifted else [])


def _drift(drifted: Sequence[tuple[str, Drift]]) -> str:
    """Return the section of the columns that no longer look like the training data."""
    if not drifted:
        return ""
    rows = [
        [escape(name), f"{one.distance:.2f}", f"{one.p:.1g}" if one.p > 0 else "&lt; 1e-300"] for name, one in drifted
    ]
    head, numeric = ["column", "distance", "p of no drift"], [False, True, True]
    table = markup.table(head, rows[:MOST_SHOWN], numeric=numeric, caption="Drift", kind="quiet")
    more = f'<p class="key">and {len(rows) - MOST_SHOWN:,} more</p>' if len(rows) > MOST_SHOWN else ""
    return f'<section id="drift"><h2>Drift</h2><div class="drift">{table}{more}</div></section>\n'


def _tiles(page: Page) -> list[tuple[str, str, str]]:
    count, raised = int(str(page.facts["samples"])), int(str(page.facts["alerts"]))
    own = page.detection.own
    found = [
        ("Samples", f"{count:,}", _labelled_words(page.anomalous)),
        ("Alerts", f"{raised:,}", f"{raised / max(count, 1):.2%} of the samples"),
        ("Rule", f"{page.facts['value']:.4g}", RULES[str(page.facts["rule"])]),
    ]
    if own.average_precision is not None:
        best = page.detection.methods[1:]
        found += [
            ("Average precision", markup.decimals(own.average_precision, 3), _best_words(best, "average_precision")),
            ("AUROC", markup.decimals(own.auroc, 3), _best_words(best, "auroc")),
        ]
    return found


def _labelled_words(anomalous: NDArray[np.bool_] | None) -> str:
    return "" if anomalous is None else f"{int(anomalous.sum()):,} labelled as anomalies"


def _best_words(others: Sequence[object], name: str) -> str:
    """Return the best of the baselines' figures, in words."""
    best = max(others, key=lambda one: float(getattr(one, name)), default=None)
    return "" if best is None else f"best baseline: {markup.decimals(getattr(best, name), 3)}"


def _alerts(page: Page) -> str:
    named, count = "item" in page.first.columns, int(str(page.facts["samples"]))
    rows = [_alert(row, page.anomalous, named=named) for row in page.first.iter_rows(named=True)]
    labels = [] if page.anomalous is None else ["label"]
    head = ["image" if named else "row", "score", "p", "alert", *labels, "what made it suspicious"]
    numeric = [False, True, True, *([False] * (len(head) - 3))]
    caption = "The highest score" if len(rows) == 1 else f"The {len(rows)} highest scores"
    caption += f" of {count:,}" if count > len(rows) else ""
    return markup.table(head, rows, numeric=numeric, caption=caption, kind="alerts")


def _alert(row: Mapping[str, object], anomalous: NDArray[np.bool_] | None, *, named: bool) -> list[str]:
    number, p = int(str(row["row"])), float(str(row["p_value"]))
    cells = [
        escape(str(row["item"])) if named else f"{number:,}",
        markup.brief(float(str(row["score"]))),
        f"{p:.2g}",
        "alert" if row["alert"] else markup.NONE,
    ]
    if anomalous is not None:
        cells.append('<span class="anomaly">anomaly</span>' if anomalous[number] else "normal")
    lines = "".join(f"<li>{escape(line)}</li>" for line in split(str(row["reasons"])))
    return [*cells, f"<ul>{lines}</ul>"]


def _maps(maps: Sequence[tuple[str, NDArray[np.uint8]]]) -> str:
    if not maps:
        return ""
    shown = "".join(
        markup.figure(
            f'<img src="{pictures.data_uri(pictures.webp(image))}" alt="Heat map of {escape(name)}">', escape(name)
        )
        for name, image in maps
    )
    return f'<h3>Where they are suspicious</h3>\n<div class="maps">{shown}</div>\n'
