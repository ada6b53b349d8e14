"""Learning rates as a function of the step alone, so that a resumed run needs no state of theirs."""

from diabolo.config.recipe import Recipe

WARM_UP = 0.05


def learning_rate(recipe: Recipe, step: int, steps: int) -> float:
    """Return the rate at `step` of `steps` (0-based).

    linear: up to the recipe's rate over the first 5 %, then down to 0, both along a line. constant: the recipe's rate.
    """
    if recipe.schedule == "constant":
        return recipe.learning_rate
    share = min(1.0, step / steps)
    if share < WARM_UP:
        return recipe.learning_rate * (step + 1) / (WARM_UP * steps + 1)
    return recipe.learning_rate * (1 - share) / (1 - WARM_UP)


def warmth(recipe: Recipe, step: int, steps: int) -> float:
    """Return the share of beta that the rate is weighed by at `step` of `steps`: along a line from 0 to 1, then 1."""
    return min(1.0, (step + 1) / (recipe.warm_up * steps)) if recipe.warm_up else 1.0
