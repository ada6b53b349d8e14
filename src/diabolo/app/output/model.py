"""What `diabolo info` says of a model."""

import math
from dataclasses import asdict
from typing import Any

from diabolo.app.fit_and_measure import factor_text, shape_text
from diabolo.app.output.detector import detector_text, facts_of
from diabolo.app.output.latent_curve import curve_text
from diabolo.app.output.likelihood import code_text
from diabolo.app.output.tables import columns_text, figure_rows
from diabolo.config.json import to_json
from diabolo.data.tables.reading.record import reading_from_json
from diabolo.data.tables.reading.words import reading_text
from diabolo.jobs.compress.coders import PIXELS
from diabolo.jobs.compress.compress import identity
from diabolo.jobs.compress.levels import NAME
from diabolo.jobs.compress.photos import PHOTO
from diabolo.jobs.detect.members import detects, usable
from diabolo.jobs.evaluate.record import Figures
from diabolo.jobs.table_input import READING
from diabolo.model.summary import summarise
from diabolo.training.files.array_file import FORMAT
from diabolo.training.files.model_file import Trained
from diabolo.training.split import WHOLE


def about_json(trained: Trained) -> dict[str, Any]:
    """Return all facts of a model as JSON values."""
    totals = summarise(trained.model).totals
    history = [asdict(record) for record in trained.history]
    config = to_json(trained.model.config)
    facts = {"format": FORMAT, "config": config, "parameters": totals, **trained.about, "history": history}
    facts |= {"archives_sha256": identity(trained).hex()}
    return facts | ({"detector": facts_of(trained)} if usable(trained) else {})


def about_text(trained: Trained) -> str:
    """Return what a person wants to know of a model."""
    config, about = trained.model.config, trained.about
    dimensions = math.prod(config.shape)
    recipe = about["recipe"]
    lines = [
        f"preset        {config.preset}: {shape_text(config.shape)} -> {config.latent} numbers "
        f"({factor_text(dimensions, config.latent)} times fewer)",
        f"trained on    {about.get('data', 'an array')}: {about['samples']:,} samples, "
        f"data {about['fingerprint'].removeprefix(WHOLE)[:12]}",
        f"recipe        {recipe['schedule']}, peak {recipe['learning_rate']:g}, batches of {recipe['batch_size']}, "
        f"{len(trained.history)} of {recipe['epochs']} epochs, seed {about['seed']}",
        f"trained in    {about['seconds']:.1f} s on {about['device']} ({about['stopped']})",
        f"made by       diabolo {about['diabolo']}, file format {FORMAT}",
    ]
    if READING in about:
        lines.append(reading_text(reading_from_json(about[READING])))
    if NAME in trained.extras or PIXELS in trained.extras or PHOTO in trained.extras:
        lines.append(f"archives      name it by SHA-256 {identity(trained).hex()}")
    if usable(trained):
        lines.append(f"detector      {detector_text(facts_of(trained))}")
    elif detects(trained):
        lines.append("detector      of an earlier version, or damaged; `diabolo calibrate` fits it anew, or train anew")
    if "figures" in about:
        lines += [
            "",
            f"Measured on the {about['split']}:",
            columns_text(figure_rows([Figures(**item) for item in about["figures"]])),
        ]
    lines += code_text(trained)
    curve = curve_text(about)
    lines += ["", curve] if curve else []
    return "\n".join([*lines, "", str(summarise(trained.model))])
