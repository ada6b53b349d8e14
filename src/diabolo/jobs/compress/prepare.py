"""Prepare: what a model with whole codes gets after training, so that it can compress under every promise."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from diabolo.coding.integer_network import quantised
from diabolo.data.source import Source
from diabolo.jobs.compress.coders import PIXELS
from diabolo.jobs.compress.levels import NAME, check_whole, fit_levels
from diabolo.jobs.compress.photos import PHOTO, fit_photos
from diabolo.presets.recipes import codec
from diabolo.training.files.contents import Extra
from diabolo.training.files.model_file import Trained, from_steps, stepped
from diabolo.training.loop import Callback
from diabolo.training.pixel_network import fit_pixels


def prepared(trained: Trained, source: Source, *, callbacks: Sequence[Callback] = ()) -> Trained:
    """Return a model that can compress: rounded weights, tables, and a pixel network for 8-bit images.

    Weights become 8 bits times a step of each output (those of a photo codec and biases as float16 holds them), which
    makes the file a quarter as large. It is done before the tables are made, so nothing differs.
    The pixel network is trained for the share of its steps that the model's epochs are of the default recipe's.
    Raises InputError if the model's codes are no whole numbers.
    """
    if not trained.model.encoder.bottleneck.has_maps:
        check_whole(trained)
    with torch.no_grad():
        for weights in trained.model.parameters():
            whole = weights.dim() > 1 and not trained.model.encoder.bottleneck.has_maps
            weights.copy_(from_steps(*stepped(weights)) if whole else weights.half().float())
    if trained.model.encoder.bottleneck.has_maps:
        return replace(trained, extras={**trained.extras, PHOTO: fit_photos(trained, source)})
    extras = {**trained.extras, NAME: fit_levels(trained, source)}
    if source.dtype == np.uint8 and len(source.shape) > 1:
        effort = trained.about["recipe"]["epochs"] / codec(len(source), None).epochs
        network = fit_pixels(source, seed=trained.about["seed"], effort=min(1.0, effort), callbacks=callbacks)
        extras[PIXELS] = Extra({}, quantised(network))
    return replace(trained, extras=extras)
