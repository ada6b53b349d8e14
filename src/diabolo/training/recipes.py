"""Recipes: the default one, sized to the data, and the lecture's own."""

from diabolo.config import Recipe
from diabolo.errors import InputError

BATCH, PEAK = 128, 1e-2
STEPS, EPOCHS = 3000, 20
LECTURE_EPOCHS = {"dense": 50, "deep": 100, "conv": 10}


def recipe_for(
    samples: int,
    *,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    schedule: str = "one-cycle",
    patience: int = 10,
    validation: float = 0.05,
) -> Recipe:
    """Return the default recipe with the dials that are given.

    Without `epochs` it makes 20, or for few samples as many as 3,000 steps take, at most 500. Without `batch_size` it takes 128, or fewer so that
    an epoch has 10 steps. Raises InputError for a dial out of range.
    """
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        if value is not None and (isinstance(value, bool) or value != int(value) or value < 1):
            raise InputError(f"{name} must be a whole number >= 1, got {value!r}.")
    size = batch_size or max(1, min(BATCH, samples // 10))
    steps = max(1, -(-samples // size))
    return Recipe(
        epochs=int(epochs or min(500, max(EPOCHS, -(-STEPS // steps)))),
        batch_size=int(size),
        learning_rate=float(learning_rate or PEAK),
        schedule=schedule,
        patience=patience,
        validation=validation,
    )


def lecture_recipe(preset: str, *, epochs: int | None = None) -> Recipe:
    """Return the lecture's own recipe: Adam at 1e-3, batches of 128, no clipping; every epoch is run."""
    count = epochs or LECTURE_EPOCHS[preset]
    return Recipe(count, 128, 1e-3, schedule="constant", clip=0, patience=count)
