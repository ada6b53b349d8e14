"""Recipes: the default one, sized to the data, and the lecture's own; each dial can be set on top."""

from collections.abc import Callable
from dataclasses import replace

from diabolo.config import Recipe
from diabolo.errors import ArgumentError

BATCH, PEAK, STEPS, EPOCHS = 128, 1e-2, 3000, 20


def default(samples: int) -> Recipe:
    """One cycle up to 1e-2: 20 epochs of batches of 128, or for few samples 3,000 steps (at most 500 epochs)."""
    size = max(1, min(BATCH, samples // 10))
    return Recipe(min(500, max(EPOCHS, -(-STEPS * size // samples))), size, PEAK)


def lecture(samples: int) -> Recipe:
    """Adam at 1e-3, 50 epochs of batches of 128, all samples trained on, no clipping, the last weights kept."""
    del samples
    return Recipe(50, 128, 1e-3, schedule="constant", clip=0, patience=10_000, validation=0)


RECIPES: dict[str, Callable[[int], Recipe]] = {"default": default, "lecture": lecture}


def recipe_for(
    name: str,
    samples: int,
    *,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    patience: int | None = None,
    validation: float | None = None,
) -> Recipe:
    """Return the recipe called `name` for that many samples, with the dials that are given.

    Raises ArgumentError for an unknown name or a dial out of range.
    """
    if name not in RECIPES:
        raise ArgumentError(f"recipe must be one of {', '.join(RECIPES)}, got {name!r}.")
    whole = {"epochs": epochs, "batch_size": batch_size, "patience": patience}
    for dial, value in whole.items():
        if value is not None and (isinstance(value, bool) or value != int(value) or value < 1):
            raise ArgumentError(f"{dial} must be a whole number >= 1, got {value!r}.")
    given = {dial: int(value) for dial, value in whole.items() if value is not None}
    shares = {"learning_rate": learning_rate, "validation": validation}
    given |= {dial: float(value) for dial, value in shares.items() if value is not None}  # type: ignore[misc]
    return replace(RECIPES[name](samples), **given)  # type: ignore[arg-type]
