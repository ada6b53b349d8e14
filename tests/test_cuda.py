"""Training on a GPU, where there is one: a recorded step gives the same weights as a plain one."""

import numpy as np
import pytest
import torch

from diabolo.data.source import ArraySource
from diabolo.presets.presets import configure, recipe_for
from diabolo.training.fitting import Dials, fit
from diabolo.training.loop import Run

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


@pytest.mark.parametrize("preset", ["dense", "vae", "codec"])
def test_a_graph_gives_the_weights_of_plain_steps(preset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x = (np.random.default_rng(0).random((1000, 12, 12)) * 255).astype(np.uint8)
    recipe = recipe_for("default", len(x), preset=preset, epochs=3)  # its learning rate changes at every step
    graphed, plain = [], []
    for found, graphs in ((graphed, True), (plain, False)):
        if not graphs:
            monkeypatch.setattr(Run, "_recordable", lambda *_: False)
        trained = fit(
            ArraySource(x),
            lambda shape, unit: configure(preset, shape, unit=unit),
            lambda _: recipe,
            Dials(device="cuda"),
        )
        found += [weights.detach().cpu() for weights in trained.model.parameters()]
    assert all(torch.equal(one, other) for one, other in zip(graphed, plain, strict=True))
