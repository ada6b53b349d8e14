"""VUS-PR of bench/series_data.py against the package vus 0.0.6, whose values stand here: it brings TensorFlow."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))
WANTED = {0: 0.27239451486041955, 1: 0.27239451486041955, 9: 0.29294502115446147}
"""metricor().RangeAUC_volume_opt(labels, scores, length)[5], by the longest window."""


@pytest.mark.parametrize("length", WANTED)
def test_vus_pr_is_that_of_its_authors(length: int) -> None:
    from series_data import vus_pr

    random = np.random.default_rng(0)
    labels = np.zeros(400, bool)
    labels[[*range(50, 60), *range(66, 70), *range(390, 400)]] = True
    scores = np.convolve(random.random(400), np.ones(5), "same") + labels
    assert vus_pr(labels, scores, length) == pytest.approx(WANTED[length], rel=1e-9)
