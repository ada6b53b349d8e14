"""The one table of presets. Options, help, documentation and tests are derived from it; it needs no torch."""

from collections.abc import Callable
from dataclasses import replace
from numbers import Integral, Real

from diabolo.config.model import ModelConfig
from diabolo.config.recipe import Recipe
from diabolo.errors import ArgumentError
from diabolo.presets import codecs, denoisers, detectors, lecture, recipes, textbook, variational
from diabolo.presets.record import Facts, Preset

GROUPS = (lecture, textbook, variational, codecs, detectors, denoisers)
PRESETS: dict[str, Preset] = {preset.name: preset for group in GROUPS for preset in group.PRESETS}
RECIPES: dict[str, Callable[[int, int | None], Recipe] | None] = {"default": None, "lecture": recipes.lecture}
"""By name; the default one is the preset's own."""


def described() -> str:
    """Return every preset with its line of help, as options show them."""
    return "; ".join(f"{preset.name}: {preset.help}" for preset in PRESETS.values()) + "."


def preset_of(name: object) -> Preset:
    """Return the preset called `name`. Raises ArgumentError if there is none."""
    if not isinstance(name, str) or name not in PRESETS:
        own = "" if isinstance(name, str) else "; a network of your own goes to encoder and decoder"
        raise ArgumentError(f"preset must be one of {', '.join(PRESETS)}, got {name!r}{own}.")
    return PRESETS[name]


def configure(
    preset: str, shape: tuple[int, ...], *, latent: int | str | None = None, unit: bool = True
) -> ModelConfig:
    """Return the preset's four choices for samples of `shape`.

    unit: whether prepared values lie in [0, 1] (Bernoulli likelihood) or not (Gaussian).
    Raises InputError for an unknown preset or a latent below 1.

    Example:
        >>> configure("deep", (28, 28)).network
        DenseConfig(widths=(128, 64), code='relu', hidden='relu')
    """
    chosen = preset_of(preset)
    if latent is not None and (isinstance(latent, bool) or not isinstance(latent, Integral) or latent < 1):
        raise ArgumentError(f"latent must be an integer >= 1 or 'auto', got {latent!r}.")
    if latent is not None and not chosen.free_latent:
        raise ArgumentError(f"The code of preset {preset!r} has the size that its network gives; leave latent out.")
    return chosen.configure(Facts(shape, unit), None if latent is None else int(latent))


def recipe_for(
    name: str,
    samples: int,
    *,
    preset: str = "",
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    patience: int | None = None,
    validation: float | None = None,
    warm_up: float | None = None,
) -> Recipe:
    """Return the recipe called `name` for that many samples, with the dials that are given.

    Raises ArgumentError for an unknown name or a dial out of range.
    """
    if not isinstance(name, str) or name not in RECIPES:
        raise ArgumentError(f"recipe must be one of {', '.join(RECIPES)}, got {name!r}.")
    whole = {"epochs": epochs, "batch_size": batch_size, "patience": patience}
    for dial, value in whole.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, Integral) or value < 1):
            raise ArgumentError(f"{dial} must be a whole number >= 1, got {value!r}.")
    given = {dial: int(value) for dial, value in whole.items() if value is not None}
    shares = {"learning_rate": learning_rate, "validation": validation, "warm_up": warm_up}
    for dial, number in shares.items():
        if number is not None and (isinstance(number, bool) or not isinstance(number, Real)):
            raise ArgumentError(f"{dial} must be a number, got {number!r}.")
    given |= {dial: float(value) for dial, value in shares.items() if value is not None}  # type: ignore[misc]
    chosen = RECIPES[name] or (PRESETS[preset].recipe if preset in PRESETS else recipes.default)
    return replace(chosen(samples, epochs), **given)  # type: ignore[arg-type]
