"""Scores in nats: -log p by kept scores, and the plain view that is added to the learnt one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diabolo.jobs.detect.rows.fit import fit_plain
from diabolo.jobs.detect.rows.plain import PlainScorer
from diabolo.jobs.detect.rows.tails import Tail


def kept(count: int) -> np.ndarray:
    return np.sort(np.random.default_rng(0).exponential(size=count)).astype(np.float32)


def test_a_surprise_is_minus_log_p() -> None:
    scores = kept(999)
    found = Tail(scores).surprise(scores)
    wanted = np.log(1000) - np.log(1000 - np.arange(999))
    assert np.abs(found - wanted).max() < 0.2  # scores that are nearly alike are one
    assert Tail(scores).surprise(np.array([1e9]))[0] == pytest.approx(np.log(1000))
    assert Tail(scores).surprise(np.array([-1.0]))[0] == pytest.approx(0, abs=0.01)


def test_an_exponential_tail_goes_on_as_a_line_where_many_scores_tell_it() -> None:
    tail = Tail(kept(20_000), grows=True)
    np.testing.assert_allclose(tail.surprise(np.array([4.0, 8.0, 12.0])), [4, 8, 12], rtol=0.06)
    np.testing.assert_allclose(tail.score_at(np.exp(-np.array([4.0, 8.0]))), [4, 8], rtol=0.06)
    few = Tail(kept(20), grows=True)
    assert few.surprise(np.array([1000.0]))[0] < 20 < tail.surprise(np.array([1000.0]))[0]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1e6, width=32), min_size=1, max_size=40), st.booleans())
def test_a_surprise_never_falls(scores: list[float], grows: bool) -> None:
    tail = Tail(np.sort(np.array(scores, np.float32)), grows=grows)
    found = tail.surprise(np.linspace(0, 2e6, 300))
    assert np.isfinite(found).all()
    assert (np.diff(found) >= -1e-9).all()
    assert found[-1] >= found[0]


def test_the_plain_view_is_the_distance_in_standardised_columns() -> None:
    rows = np.random.default_rng(1).standard_normal((300, 3)).astype(np.float32) * np.float32([1, 10, 0])
    plain = fit_plain(np.arcsinh(rows), None, curved=True)
    scorer, new = PlainScorer(plain), rows[:20] + np.float32(0.3)
    units = np.where(rows.std(0) > 1e-6, rows.std(0), 1)
    far = np.sort(np.square((new[:, None] - rows) / units).sum(2), 1)[:, :3]
    np.testing.assert_allclose(scorer.distances(np.arcsinh(new), 7), np.sqrt(far.mean(1)), rtol=1e-3)
    np.testing.assert_allclose(scorer.explained(np.arcsinh(new), 7)[1].sum(1), 1, rtol=1e-5)
    assert len(plain.kept) == 99
