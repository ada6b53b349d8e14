"""An opened detector is built once for a model, anew when the model changes, and goes with it."""

import gc
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from diabolo import Autoencoder
from diabolo.data.source import ArraySource
from diabolo.jobs.detect.detector import JOB, with_rule
from diabolo.jobs.detect.rows import opened as room
from diabolo.jobs.detect.rows import rows
from diabolo.jobs.detect.rows.neighbours import smallest
from diabolo.jobs.detect.rows.opened import opened
from diabolo.jobs.detect.rules import Threshold
from diabolo.training.files.model_file import Trained


@pytest.fixture(scope="module")
def table() -> np.ndarray:
    generator = np.random.default_rng(0)
    return generator.normal(size=(300, 2)) @ generator.normal(size=(2, 5)) + 0.1 * generator.normal(size=(300, 5))


@pytest.fixture
def trained(table: np.ndarray) -> Trained:
    return Autoencoder("table", latent=2, epochs=2).fit(table).trained_


def test_a_detector_is_built_once_for_a_model(trained: Trained, table: np.ndarray) -> None:
    first = opened(trained)
    rows.score(trained, ArraySource(table[:3]))
    assert opened(trained) is first


@pytest.mark.parametrize(
    "change",
    [
        lambda trained: torch.nn.init.zeros_(next(trained.model.parameters())),
        lambda trained: trained.model.load_state_dict({k: v + 1 for k, v in trained.model.state_dict().items()}),
        lambda trained: trained.extras.update({JOB: replace(trained.extras[JOB])}),
    ],
    ids=["in place", "loaded", "extras"],
)
def test_a_changed_model_is_opened_anew(trained: Trained, change: Callable[[Trained], object]) -> None:
    first = opened(trained)
    change(trained)
    assert opened(trained) is not first


def test_another_rule_is_another_model(trained: Trained, table: np.ndarray) -> None:
    low = with_rule(trained, Threshold(-1.0))
    assert opened(low).found.rule == Threshold(-1.0) != opened(trained).found.rule
    np.testing.assert_array_equal(*(rows.score(model, ArraySource(table[:4])) for model in (low, trained)))


def test_nothing_is_kept_of_a_model_that_is_gone(table: np.ndarray) -> None:
    estimator = Autoencoder("table", latent=2, epochs=1).fit(table)
    estimator.score_samples(table[:1])
    key = id(estimator.trained_)
    assert key in room._OPENED
    del estimator
    gc.collect()
    assert key not in room._OPENED


def test_scores_come_with_their_parts(trained: Trained, table: np.ndarray) -> None:
    """In one pass: the same bits as alone, and the parts add up to them."""
    x = room.prepared_block(trained, table[:40])
    scores, parts = opened(trained).scorer.explained(x)
    np.testing.assert_array_equal(scores, opened(trained).scorer.scores(x))
    np.testing.assert_allclose(parts.sum(1), scores, rtol=1e-5)


@pytest.mark.parametrize("count", [1, 2, 7, 17, 100])
def test_a_row_has_the_bits_of_its_batch(trained: Trained, table: np.ndarray, count: int) -> None:
    """Score and parts, in whatever company a row is scored."""
    x, scorer = room.prepared_block(trained, table), opened(trained).scorer
    whole = scorer.explained(x)
    for start in range(0, 250 - count, 1 + count // 2):
        rows_of = slice(start, start + count)
        some = scorer.explained(x[rows_of])
        assert all(np.array_equal(few, many[rows_of]) for few, many in zip(some, whole, strict=True))


@pytest.mark.parametrize("columns", [1, 8])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 50])
def test_the_smallest_of_a_few_columns_are_those_of_many(columns: int, count: int) -> None:
    x = np.random.default_rng(count).normal(size=(count, columns)).astype(np.float32)
    wide = np.tile(x, (1, 9))
    np.testing.assert_array_equal(np.stack(smallest(x.copy())), np.stack(smallest(wide))[:, :columns])


def test_no_rows_have_no_scores(trained: Trained) -> None:
    assert rows.score(trained, ArraySource(np.zeros((0, 5)))).shape == (0,)
