"""The commands `detect` and `calibrate` for models of images of any size."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diabolo.app.common import say, write_text
from diabolo.app.output.alert_summary import Facts, measured, print_alerts, promise
from diabolo.errors import ArgumentError

if TYPE_CHECKING:
    from diabolo.data.images.any_size import SizedImages
    from diabolo.jobs.detect.rules import Rule
    from diabolo.training.files.model_file import Trained


def detect_images(
    trained: "Trained",
    data: str,
    out: Path,
    rule: "Rule | None",
    good: str | None,
    folder: Path | None,
    report: Path | None,
    title: str,
    *,
    force: bool,
    as_json: bool,
) -> None:
    """Rank the images of a folder or zip, write the alerts and, where they are asked for, the maps and the page."""
    from diabolo.app.pages.detection import detect_page
    from diabolo.app.pages.image_alerts import look, page_of_images, ranked_images
    from diabolo.data.lists import write_list
    from diabolo.jobs.detect import anomaly_maps

    trained = anomaly_maps.with_rule(trained, rule) if rule else trained
    images = opened(trained, data)
    looked = look(trained, images, folder, good, force=force)
    table = ranked_images(trained, images, looked)
    write_list(out, lambda: iter([table]), force=force)
    facts: dict[str, Any] = {"out": str(out), "samples": len(table), "alerts": int(table["alert"].sum())}
    found = anomaly_maps.of(trained)
    facts |= promise(found.calibration, found.rule)
    facts |= {} if looked.anomalous is None else measured(looked.anomalous, looked.scores)
    facts |= {} if folder is None else {"maps": str(folder)}
    if report is not None:
        page = page_of_images(trained, images, looked, table, facts, title=title)
        write_text(report, detect_page(page), force=force)
        say(f"The report: {report.absolute()}")
    if as_json:
        print(json.dumps(facts, allow_nan=False))
    else:
        print_alerts(facts, table)


def calibrate_images(trained: "Trained", data: str, rule: "Rule | None", good: str | None) -> "tuple[Trained, Facts]":
    """Return the model calibrated on good images, and what that promises."""
    import numpy as np

    from diabolo.data.images.any_size import SomeImages, in_folder
    from diabolo.jobs.detect import anomaly_maps

    images = opened(trained, data)
    normal = images if good is None else SomeImages(images, np.flatnonzero(in_folder(images, good)))
    trained = anomaly_maps.calibrate(trained, normal, rule)
    found = anomaly_maps.of(trained)
    return trained, promise(found.calibration, found.rule)


def opened(trained: "Trained", data: str) -> "SizedImages":
    """Open images of any size for a model. Raises ArgumentError for data that are none."""
    from diabolo.app.learning_data import is_pictures
    from diabolo.data.images.any_size import open_sized

    if not is_pictures(data) and Path(data).exists():
        raise ArgumentError(f"The model is for images of any size: give a folder or zip of images, got {data}.")
    return open_sized(Path(data), (*trained.model.config.shape, 1)[2])
