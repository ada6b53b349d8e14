"""Constructor parameters of the estimator: as JSON values, and the seed."""

from typing import Any

import numpy as np

from diabolo.errors import ArgumentError
from diabolo.model.networks.own import MODULES


def plain(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return constructor parameters as JSON values: NumPy's numbers as Python's, without modules of the user's own."""
    known = {name: value for name, value in parameters.items() if name not in MODULES}
    return {name: _plain(value) for name, value in known.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def seed_of(random_state: object) -> int:
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    if isinstance(random_state, (int, np.integer)) and not isinstance(random_state, bool) and random_state >= 0:
        return int(random_state)
    raise ArgumentError(f"The seed (random_state) must be a whole number >= 0, got {random_state!r}.")
