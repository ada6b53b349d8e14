"""Denoise: a trained model at work on noisy images of any size."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from diabolo.config.corruption import GaussianNoiseConfig
from diabolo.config.model import ModelConfig
from diabolo.data.preprocessing import PIXEL_LIMITS, check_finite
from diabolo.data.source import Array
from diabolo.errors import InputError
from diabolo.jobs.denoise.noise_level import noise_level
from diabolo.jobs.denoise.tiles import Side, Window, windows
from diabolo.model.autoencoder import AutoencoderModel
from diabolo.model.networks.resizing import can_resize, reach, resized
from diabolo.training.files.model_file import Trained

Pixels = NDArray[np.float32]
"""(h, w, c) of values in [0, 1]."""
TILE = 512
FEW = 0.001
UNTOUCHED, FULL = 3 / 255, 6 / 255
"""Below the first noise level a blind model leaves an image as it is, above the second it does all it can."""
OPPONENT = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]], np.float32)
OPPONENT /= np.sqrt(np.square(OPPONENT).sum(1, keepdims=True))
"""Red, green, blue -> lightness and two colours, by a rotation: white noise stays white, and as strong."""


@dataclass(frozen=True)
class Denoised:
    """image: of the same shape and dtype as what was given. noise: its estimated spread, as a share of white.

    share: of the model's correction that was taken, from 0 (left as it was) to 1. white: what was taken for it.
    """

    image: Array
    noise: float
    share: float = 1.0
    white: float = 1.0


def denoise(
    trained: Trained,
    image: Array,
    *,
    white: float | None = None,
    tile: int = TILE,
    watch: Callable[[float], None] = lambda _: None,
) -> Denoised:
    """Clean one image (h, w) or (h, w, 3) of 8 or 16 bits, or of floats in [0, 1].

    The image is worked on in tiles of `tile` pixels that overlap as far as the network looks, so that no seam can be
    seen and the memory stays bounded. A grey model cleans lightness and colours of a colour image one by one. A model
    for all noise levels leaves an image alone that is clean already. white: as `white_of` finds it, if not given.
    watch: told the share that is done.
    Raises InputError for an image that the model is not for.
    """
    _check(image)
    _check_model(trained, image)
    planes = image if image.ndim == 3 else image[..., None]
    top = white or white_of(trained, image)
    levels = [noise_level(_unit(planes[..., number], top)) for number in range(planes.shape[2])]
    noise = float(np.sqrt(np.mean(np.square(levels))))
    share, cleaned = np.float32(_share(trained.model.config, noise)), planes.copy()
    todo = _windows(trained.model.config, planes, tile) if share else []
    sized: dict[tuple[int, int], AutoencoderModel] = {}
    for number, window in enumerate(todo, 1):
        if window.size not in sized:
            sized[window.size] = _at_size(trained.model, window.size)
        given = _unit(window.of(planes), top)
        found = _cleaned(sized[window.size], given)
        mixed = given + share * (found - given) if share < 1 else found
        cleaned[window.tile] = _stored(mixed[window.inner], image.dtype, top)
        watch(number / len(todo))
    return Denoised(cleaned.reshape(image.shape), noise, float(share), top)


def is_blind(config: ModelConfig) -> bool:
    """Return whether a model is for Gaussian noise of any level from 0."""
    return isinstance(config.corruption, GaussianNoiseConfig) and config.corruption.least == 0


def _share(config: ModelConfig, noise: float) -> float:
    """Return how much of the network's correction is taken, from 0 to 1."""
    return float(np.clip((noise - UNTOUCHED) / (FULL - UNTOUCHED), 0, 1)) if is_blind(config) else 1.0


def _check(image: Array) -> None:
    if image.ndim not in (2, 3) or 0 in image.shape or (image.ndim == 3 and image.shape[2] not in (1, 3)):
        raise InputError(f"An image must be (height, width) or (height, width, 3), got {image.shape}.")
    if image.dtype.kind == "f":
        check_finite(image[None])
        if image.min() < -1 or image.max() > 2:
            raise InputError(f"A float image must lie in [0, 1], got {image.min():g} to {image.max():g}; scale it.")
    elif image.dtype not in PIXEL_LIMITS and image.dtype != np.bool_:
        raise InputError(f"An image must be of 8 or 16 bits or floats in [0, 1], got {image.dtype}.")


def _check_model(trained: Trained, image: Array) -> None:
    config = trained.model.config
    if not trained.preprocessing.unit:
        raise InputError("The model was trained on numbers that are no pixels; images need a model of images.")
    if not _is_own(config, image.shape) and not can_resize(config):
        raise InputError(
            f"The model has fully connected layers and takes images of {config.shape[:2]} only, "
            f"got {image.shape[:2]}; train a preset such as denoise."
        )


def _is_own(config: ModelConfig, shape: tuple[int, ...]) -> bool:
    """Return whether images are of the size that the model was trained on."""
    return len(config.shape) > 1 and shape[:2] == config.shape[:2]


def white_of(trained: Trained, images: Array) -> float:
    """Return the value that stands for white in one image or several.

    16 bits of which the top ones are empty, as a camera's 12, are taken for what they hold, where no more than one
    pixel in a thousand goes beyond (noise does); unless the model learnt from 16 bits.
    """
    if images.dtype != np.uint16 or not images.size or trained.preprocessing.dtype == np.uint16:
        return PIXEL_LIMITS.get(images.dtype, 1.0)
    bits = max(8, int(images.max()).bit_length())
    if bits > 8 and np.count_nonzero(images >= np.uint16(2 ** (bits - 1))) <= FEW * images.size:
        bits -= 1
    return 2.0**bits - 1


def _unit(values: Array, top: float) -> Pixels:
    """Return pixels as float32, whole numbers from 0 to `top` in [0, 1]."""
    if values.dtype.kind == "f":
        return values.astype(np.float32, copy=False)
    return np.multiply(values, np.float32(1 / top), dtype=np.float32)


def _stored(values: Pixels, dtype: np.dtype[np.generic], top: float) -> Array:
    """Return values in [0, 1] as pixels of a type."""
    if dtype.kind == "f":
        return values.astype(dtype, copy=False)
    if dtype == np.bool_:
        return np.asarray(values >= 0.5)
    return np.asarray(np.clip(np.rint(values * np.float32(top)), 0, PIXEL_LIMITS[dtype]).astype(dtype))


def _windows(config: ModelConfig, planes: Array, tile: int) -> list[Window]:
    if _is_own(config, planes.shape):
        height, width = planes.shape[:2]
        return [Window(Side(0, height, 0, height), Side(0, width, 0, width))]
    look, unit = reach(config)
    return windows(planes.shape[:2], tile, look=look, unit=unit)


def _at_size(model: AutoencoderModel, size: tuple[int, int]) -> AutoencoderModel:
    """Return the model itself for its own size: one with fully connected layers has no other."""
    return model if _is_own(model.config, size) else resized(model, *size)


def _cleaned(model: AutoencoderModel, given: Pixels) -> Pixels:
    """Return the model's mean for pixels (h, w, c); a grey model sees colours one by one, the other grey thrice."""
    own = model.config.shape[2] if len(model.config.shape) == 3 else 1
    seen = given.shape[2]
    if own == 1 and seen == 3:
        planes = np.moveaxis(given @ OPPONENT.T, 2, 0)
        return np.moveaxis(applied(model, planes), 0, 2) @ OPPONENT
    if own == 3 and seen == 1:
        return applied(model, np.repeat(given, 3, 2)[None])[0].mean(2, keepdims=True)  # type: ignore[no-any-return]
    return applied(model, given[None])[0]  # type: ignore[no-any-return]


def applied(model: AutoencoderModel, batch: Pixels) -> Pixels:
    """Return the model's mean for a batch (n, h, w) or (n, h, w, c) of its own size."""
    device = next(model.parameters()).device
    with torch.inference_mode():
        samples = torch.from_numpy(np.ascontiguousarray(batch, np.float32)).to(device)
        return model(samples.reshape(-1, *model.config.shape)).reshape(batch.shape).cpu().numpy()  # type: ignore[no-any-return]
