"""One thread a worker, so that two workers do not fight over two cores; the same generated cases in every run."""

import os
import sys

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is imported; programs that tests start inherit it
settings.register_profile("diabolo", deadline=None, derandomize=True)
settings.load_profile("diabolo")


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Hold torch to one thread, without importing it for tests that do not need it."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
