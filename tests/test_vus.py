"""VUS-PR of bench/series_data.py against the package vus."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))


def test_vus_pr_is_that_of_its_authors() -> None:
    metrics = pytest.importorskip("vus.utils.metrics")
    from series_data import vus_pr

    random = np.random.default_rng(0)
    labels = np.zeros(400, bool)
    labels[[*range(50, 60), *range(66, 70), *range(390, 400)]] = True
    scores = np.convolve(random.random(400), np.ones(5), "same") + labels
    for length in (0, 1, 9):
        wanted = metrics.metricor().RangeAUC_volume_opt(labels.astype(int), scores, length)[5]
        assert vus_pr(labels, scores, length) == pytest.approx(wanted, rel=1e-9)
