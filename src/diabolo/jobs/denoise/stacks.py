"""Stacks cleaned image by image, with one scale for all of them, in bounded memory."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from diabolo.data.images.stacks import Stack, Writer, evenly
from diabolo.data.source import Array
from diabolo.errors import InputError
from diabolo.jobs.denoise.denoise import AS_IT_IS, Denoised, denoise, model_scale
from diabolo.jobs.denoise.scale import Scale
from diabolo.jobs.denoise.strength import Dial
from diabolo.training.files.model_file import Trained

LOOKED, THINNED = 16, 1 << 20
"""Images that the scale is found from, and numbers of each."""


@dataclass(frozen=True)
class StackDenoised:
    """noise: its mean spread, as a share of the scale's span. shares: of the correction, image by image."""

    noise: float
    scale: Scale
    shares: tuple[float, ...]


def stack_scale(trained: Trained, stack: Stack) -> Scale:
    """Return one scale for all images of a stack, from some of them."""
    looked = [stack.read(number).reshape(-1) for number in evenly(stack.layout.count, LOOKED)]
    return model_scale(trained, np.concatenate([values[:: max(1, values.size // THINNED)] for values in looked]))


def denoise_stack(
    trained: Trained,
    stack: Stack,
    write: Writer,
    *,
    dial: Dial = AS_IT_IS,
    scale: Scale | None = None,
    watch: Callable[[float], None] = lambda _: None,
) -> StackDenoised:
    """Clean a stack and give each image to `write`. watch: told the share that is done.

    Colours are cleaned together, transparency is kept, other channels are cleaned one by one.
    """
    scale, count = scale or stack_scale(trained, stack), stack.layout.count
    levels, shares = list[float](), list[float]()
    for number in range(count):
        image, found = _cleaned(trained, stack.read(number), dial, scale)
        write(image)
        levels.append(float(np.mean([item.noise for item in found])))
        shares.append(float(np.mean([item.share for item in found])))
        watch((number + 1) / count)
    return StackDenoised(float(np.mean(levels)), scale, tuple(shares))


def _cleaned(trained: Trained, image: Array, dial: Dial, scale: Scale) -> tuple[Array, list[Denoised]]:
    if image.ndim == 2 or image.shape[2] == 3:
        found = denoise(trained, image, dial=dial, scale=scale)
        return found.image, [found]
    channels = image.shape[2]
    parts = [slice(0, 3)] if channels == 4 else [slice(number, number + 1) for number in range(channels)]
    done = [denoise(trained, np.ascontiguousarray(image[..., part]), dial=dial, scale=scale) for part in parts]
    kept = [image[..., 3:]] if channels == 4 else []
    return np.concatenate([item.image.reshape(*image.shape[:2], -1) for item in done] + kept, 2), done


def denoise_images(trained: Trained, images: Array, dial: Dial, *, clip: bool) -> Array:
    """Return images (n, h, w) or (n, h, w, 3) cleaned, with one scale; `clip` keeps floats from 0 to 1 there.

    Raises InputError for an array of another shape.
    """
    if images.ndim not in (3, 4):
        raise InputError(f"Images must be an array (n, h, w) or (n, h, w, 3), got {images.shape}.")
    scale = model_scale(trained, images)
    cleaned: Array = np.stack([denoise(trained, image, dial=dial, scale=scale).image for image in images])
    return np.clip(cleaned, 0, 1) if clip and cleaned.dtype.kind == "f" and scale == Scale() else cleaned
