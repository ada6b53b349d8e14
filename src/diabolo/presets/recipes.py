"""Recipes: the default one, sized to the data, and the lecture's own; each dial can be set on top."""

from dataclasses import replace

from diabolo.config.recipe import Recipe

BATCH, RATE, STEPS, EPOCHS = 256, 0.03, 900, 6


def default(samples: int, epochs: int | None) -> Recipe:
    """Muon at 0.03: 6 epochs of batches of 256; for few samples smaller ones, and as many epochs as 900 steps take."""
    del epochs
    size = max(1, min(BATCH, samples // 32))
    return Recipe(max(EPOCHS, round(STEPS * size / samples)), size, RATE)


def lecture(samples: int, epochs: int | None) -> Recipe:
    """Adam at 1e-3, 50 epochs of batches of 128, all samples trained on, no clipping, the last weights kept."""
    del samples, epochs
    return Recipe(50, 128, 1e-3, "adam", "constant", clip=0, patience=10_000, validation=0, informed_start=False)


PIXEL_STEPS, PIXEL_RATE, PIXEL_BATCH_NUMBERS = 3000, 0.02, 1 << 24


def pixels(samples: int, dimensions: int, *, effort: float = 1.0) -> Recipe:
    """The pixel network's: 3,000 steps, each on some numbers of up to 256 images; `dimensions` numbers in an image.

    effort: share of the steps to take.
    """
    size = max(1, min(256, samples // 8, PIXEL_BATCH_NUMBERS // dimensions))
    epochs = max(1, round(effort * PIXEL_STEPS * size / samples))
    return Recipe(epochs, size, PIXEL_RATE, patience=10_000, validation=0.02, informed_start=False)


def variational(samples: int, epochs: int | None) -> Recipe:
    """Adam at 2e-3, batches of 128, 30 epochs or 2,000 steps; the rate's weight rises over the first tenth.

    Muon takes two thirds of a step on layers of 400 x 400, and a slow start of the rate keeps numbers of the code
    alive (docs/generate.md).
    """
    del epochs
    size = max(1, min(128, samples // 32))
    return Recipe(max(30, round(2000 * size / samples)), size, 2e-3, "adam", patience=30, warm_up=0.1)


def residual(samples: int, epochs: int | None) -> Recipe:
    """As the variational one, by Muon at 0.015: its step costs little beside convolutions (docs/generate.md)."""
    return replace(variational(samples, epochs), optimizer="muon", learning_rate=0.015)


def codec(samples: int, epochs: int | None) -> Recipe:
    """Muon at 0.02: 25 epochs of batches of 1,024; for few samples smaller ones, for 1,400 steps."""
    del epochs
    size = max(1, min(1024, samples // 16))
    return Recipe(max(25, round(1400 * size / samples)), size, 0.02)


PHOTO_STEPS = 6000


def photo_codec(samples: int, epochs: int | None) -> Recipe:
    """Muon at 0.004, batches of 16 pieces, for 6,000 steps: a start; more of them pay (docs/compress.md)."""
    del epochs
    size = max(1, min(16, samples // 8))
    return Recipe(max(1, round(PHOTO_STEPS * size / samples)), size, 0.004, validation=0.02)


def table(samples: int, epochs: int | None) -> Recipe:
    """The default one, with a tenth of the rows held out: the detector's p-values are counted on them."""
    return replace(default(samples, epochs), validation=0.1)


DENOISER_EPOCHS = 9


def denoiser(samples: int, epochs: int | None) -> Recipe:
    """The default one, for 9 epochs at least: more than 6 still pay where noise is drawn anew (docs/denoise.md)."""
    return _longer(default(samples, epochs))


def deep_denoiser(samples: int, epochs: int | None) -> Recipe:
    """As that of deep images, for 9 epochs at least."""
    return _longer(deep_images(samples, epochs))


def _longer(recipe: Recipe) -> Recipe:
    return replace(recipe, epochs=max(DENOISER_EPOCHS, recipe.epochs))


def deep_images(samples: int, epochs: int | None) -> Recipe:
    """As the default, at a sixth of the rate and batches of 64 at most: for deep networks of images."""
    size = max(1, min(64, samples // 32))
    return Recipe(epochs or max(EPOCHS, round(STEPS * size / samples)), size, 0.005)


SURFACE_STEPS = 2500


def surface(samples: int, epochs: int | None) -> Recipe:
    """Muon at 0.01, batches of 16 pieces of images, for 2,500 steps or 6 epochs."""
    del epochs
    size = max(1, min(16, samples // 8))
    return Recipe(max(EPOCHS, round(SURFACE_STEPS * size / samples)), size, 0.01, validation=0.02)


def noisy_images(samples: int, epochs: int | None) -> Recipe:
    """Muon at 0.01, 2 epochs or 900 steps of 8 samples: chosen on noisy images alone, of train400 with 25/255."""
    size = max(1, min(8, samples // 32))
    return Recipe(epochs or max(2, round(STEPS * size / samples)), size, 0.01)
