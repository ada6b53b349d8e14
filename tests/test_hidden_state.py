"""A library call leaves the threads, the umask and the generators of its process as it found them."""

import os
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from diabolo.data.source import ArraySource
from diabolo.errors import InputError
from diabolo.estimator import Autoencoder
from diabolo.files import written_whole
from diabolo.jobs.detect.rows import rows
from diabolo.jobs.parallel import alone

X = np.random.default_rng(0).normal(size=(4000, 6)) @ np.random.default_rng(1).normal(size=(6, 6))


def state() -> tuple[Any, ...]:
    """Return the threads of every library, and torch's for this thread and for a new one."""
    new: list[int] = []
    thread = threading.Thread(target=lambda: new.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    libraries = sorted((info["filepath"], info["num_threads"]) for info in threadpool_info())
    return libraries, torch.get_num_threads(), new


@pytest.fixture(scope="module")
def estimator() -> Iterator[Autoencoder]:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield Autoencoder("table", epochs=1).fit(X[:1000])
    torch.set_num_threads(threads)


def test_two_threads_that_score_leave_the_threads_as_they_were(estimator: Autoencoder) -> None:
    before = state()
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(estimator.score_samples, [X, X])
    assert np.array_equal(one, other)
    assert state() == before


def test_the_last_to_leave_restores_the_threads() -> None:
    before = state()
    first, second = alone(), alone()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert {info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"} == {1}
    second.__exit__(None, None, None)
    assert state() == before


def test_a_generator_that_is_dropped_half_way_leaves_the_threads(estimator: Autoencoder) -> None:
    before = state()
    found = rows._found(estimator.trained_, ArraySource(X), rows.Scorer.scores)
    next(found)
    del found
    assert state() == before


def test_an_error_in_the_middle_leaves_the_threads(estimator: Autoencoder) -> None:
    before = state()

    def fails(*_: object) -> Any:
        raise InputError("in the middle")

    with pytest.raises(InputError, match="in the middle"):
        list(rows._found(estimator.trained_, ArraySource(X), fails))
    assert state() == before


def test_a_file_gets_the_mode_of_the_umask_and_no_umask_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: int) -> int:
        raise AssertionError("the umask belongs to the process")

    old = os.umask(0o027)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(os, "umask", refused)
            with written_whole(tmp_path / "a.txt") as temporary:
                temporary.write_text("whole")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o640


def test_a_fit_that_fails_leaves_the_estimator_as_it_was() -> None:
    fresh = Autoencoder("dense", latent=2, epochs=1, noise="no-such-noise")
    with pytest.raises(InputError):
        fresh.fit(X[:50])
    assert not [name for name in vars(fresh) if name.endswith("_")]
    fitted = Autoencoder("dense", latent=2, epochs=1).fit(X[:50])
    kept = vars(fitted).copy()
    with pytest.raises(InputError):
        fitted.set_params(noise="no-such-noise").fit(X[:50, :3])
    assert fitted.trained_ is kept["trained_"]
    assert fitted.n_features_in_ == 6
