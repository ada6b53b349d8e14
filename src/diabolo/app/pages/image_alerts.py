"""A table of alerts for images of any size, and their heat maps."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from diabolo.app.drawing.heat import overlay, place, write_map
from diabolo.app.output.alert_summary import Facts
from diabolo.app.pages.detection import MOST_MAPS, MOST_SHOWN, Page
from diabolo.data.images.any_size import SizedImages, in_folder
from diabolo.data.writing import unformulated
from diabolo.errors import FileError
from diabolo.jobs.detect import anomaly_maps
from diabolo.jobs.detect.ranking import ranked_beside
from diabolo.jobs.detect.thresholds import Scores, p_values
from diabolo.training.files.model_file import Trained

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Looked:
    """What was found in images, in their order: scores, places in words, and the anomalous ones where it is known."""

    scores: Scores
    places: tuple[str, ...]
    anomalous: NDArray[np.bool_] | None


def look(trained: Trained, images: SizedImages, folder: Path | None, good: str | None, *, force: bool) -> Looked:
    """Score images one at a time, and write their maps into `folder` if there is one.

    good: the folder that holds the good ones; images elsewhere are anomalies.
    """
    anomalous = None if good is None else ~in_folder(images, good)
    if folder is not None:
        _check_distinct(images)
    found = anomaly_maps.of(trained)
    hot = found.rule.threshold(found.calibration)
    scores, places = np.empty(len(images)), []
    for number, heat in enumerate(anomaly_maps.mapped(trained, images)):
        scores[number] = heat.sum(dtype=np.float64)
        places.append(place(heat))
        if folder is not None:
            write_map(folder, images.names[number], images.read(number), heat, hot, force=force)
    return Looked(scores, tuple(places), anomalous)


def _check_distinct(images: SizedImages) -> None:
    """Raise FileError if two images would have one map: a.png and a.jpg."""
    bases = [str(Path(name).with_suffix("")) for name in images.names]
    twice = next((base for base in bases if bases.count(base) > 1), None) if len(set(bases)) < len(bases) else None
    if twice is not None:
        raise FileError(f"Two images are named {twice}, with two endings; rename one, so that each has its own map.")


def ranked_images(trained: Trained, images: SizedImages, looked: Looked) -> "pl.DataFrame":
    """Return a row for each image, most suspicious first: row, item, score, p_value, alert, reasons."""
    import polars as pl

    found = anomaly_maps.of(trained)
    order = np.argsort(-looked.scores, kind="stable")
    return pl.DataFrame(
        {
            "row": order,
            "item": [unformulated(images.names[row]) for row in order],
            "score": looked.scores[order],
            "p_value": p_values(looked.scores, found.calibration)[order],
            "alert": found.rule.raised(looked.scores, found.calibration)[order],
            "reasons": [unformulated(looked.places[row]) for row in order],
        }
    )


def page_of_images(
    trained: Trained, images: SizedImages, looked: Looked, table: "pl.DataFrame", facts: Facts, *, title: str
) -> Page:
    """Return the page about images that were ranked, with the maps of the first twelve."""
    found = anomaly_maps.of(trained)
    hot = found.rule.threshold(found.calibration)
    raised = found.rule.raised(looked.scores, found.calibration)
    own = (trained.model.config.preset, looked.scores)
    least = found.rule.least(looked.scores, found.calibration)
    ranked = ranked_beside(own, {}, looked.anomalous, np.ones(len(images)), least=least, raised=float(raised.sum()))
    drawn = []
    for row in table["row"].head(MOST_MAPS).to_list():
        image = images.read(row)
        drawn.append((images.names[row], overlay(image, anomaly_maps.map_of(trained, image), hot)))
    return Page(title, f"{len(images):,} images", table.head(MOST_SHOWN), facts, ranked, looked.anomalous, maps=drawn)
