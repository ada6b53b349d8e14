"""The folder of real data sets, for tests that skip by name where it is missing."""

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("DIABOLO_DATA") or Path(__file__).parents[2] / "shared" / "data").absolute()


def needs_set(path: str) -> pytest.MarkDecorator:
    """Skip the test where `path` is not in the folder of real data."""
    return pytest.mark.skipif(not (DATA / path).exists(), reason=f"{path} is not in {DATA}")
