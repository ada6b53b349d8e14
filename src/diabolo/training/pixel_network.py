"""Training of the pixel network that the exact modes code under: the one loop, with a recipe of its own."""

import math
from collections.abc import Sequence

import numpy as np

from diabolo.config.pixels import PixelConfig
from diabolo.data.preprocessing import fit_preprocessing
from diabolo.data.source import Source
from diabolo.errors import InputError
from diabolo.model.pixels import PixelModel
from diabolo.presets.recipes import pixels
from diabolo.training.devices import choose_device
from diabolo.training.loop import Callback, Run, Task, generator_for
from diabolo.training.split import draw_split, fingerprint


def fit_pixels(source: Source, *, seed: int = 0, effort: float = 1.0, callbacks: Sequence[Callback] = ()) -> PixelModel:
    """Train a pixel network on 8-bit images, (n, h, w) or (n, h, w, c), on the CPU.

    effort: share of the recipe's steps to take.
    Raises InputError for other samples.
    """
    if source.dtype != np.uint8 or len(source.shape) not in (2, 3) or not len(source):
        raise InputError(f"the exact modes need 8-bit images, got {source.dtype} of shape {source.shape}.")
    recipe = pixels(len(source), math.prod(source.shape), effort=effort)
    split = draw_split(len(source), recipe.validation, seed)
    task = Task(source, fit_preprocessing(source, split.rows), split.rows, split.held_out, fingerprint(source))
    model = PixelModel(PixelConfig(source.shape), generator_for("cpu", seed, 0))
    Run(model, task, recipe, seed=seed, device=choose_device("cpu"), callbacks=callbacks).train()
    return model.eval()
