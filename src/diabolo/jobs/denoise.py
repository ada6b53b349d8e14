"""Denoise: a trained model at work on noisy images of any size."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from diabolo.config import GaussianNoiseConfig, ModelConfig
from diabolo.data.patches import mirrored
from diabolo.data.preprocessing import PIXEL_LIMITS, check_finite
from diabolo.data.source import Array
from diabolo.errors import InputError
from diabolo.jobs.noise_level import noise_level
from diabolo.model.autoencoder import AutoencoderModel
from diabolo.model.resizing import can_resize, reach, resized
from diabolo.training.model_file import Trained

Plane = NDArray[np.float32]
TILE, BORDER = 512, 16
UNTOUCHED, FULL = 3 / 255, 6 / 255
"""Below the first noise level a blind model leaves an image as it is, above the second it does all it can."""
OPPONENT = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]], np.float32)
OPPONENT /= np.sqrt(np.square(OPPONENT).sum(1, keepdims=True))
"""Red, green, blue -> lightness and two colours, by a rotation: white noise stays white, and as strong."""


@dataclass(frozen=True)
class Denoised:
    """image: of the same shape and dtype as what was given. noise: its estimated spread, of values in [0, 1]."""

    image: Array
    noise: float


def denoise(
    trained: Trained, image: Array, *, tile: int = TILE, watch: Callable[[float], None] = lambda _: None
) -> Denoised:
    """Clean one image (h, w) or (h, w, 3) of 8 or 16 bits, or of floats in [0, 1].

    The image is worked on in tiles of `tile` pixels that overlap as far as the network looks, so that no seam can be
    seen and the memory stays bounded. A grey model cleans lightness and colours of a colour image one by one. A model
    for all noise levels leaves an image alone that is clean already. watch: told the share that is done.
    Raises InputError for an image that the model is not for.
    """
    values = _values(image)
    levels = [noise_level(values[..., channel]) for channel in range(values.shape[2])]
    noise = float(np.sqrt(np.mean(np.square(levels))))
    share = _share(trained.model.config, noise)
    if share == 0:
        watch(1.0)
        return Denoised(image.copy(), noise)
    cleaned = _cleaned(trained, values, tile, watch)
    if share < 1:
        cleaned = values + np.float32(share) * (cleaned - values)
    return Denoised(_restored(cleaned, image), noise)


def is_blind(config: ModelConfig) -> bool:
    """Return whether a model is for Gaussian noise of any level from 0."""
    return isinstance(config.corruption, GaussianNoiseConfig) and config.corruption.least == 0


def _share(config: ModelConfig, noise: float) -> float:
    """Return how much of the network's correction is taken, from 0 to 1."""
    return float(np.clip((noise - UNTOUCHED) / (FULL - UNTOUCHED), 0, 1)) if is_blind(config) else 1.0


def _values(image: Array) -> Plane:
    """Return the image as (h, w, channels) of float32 in [0, 1], after checking it."""
    if image.ndim not in (2, 3) or 0 in image.shape or (image.ndim == 3 and image.shape[2] not in (1, 3)):
        raise InputError(f"An image must be (height, width) or (height, width, 3), got {image.shape}.")
    if image.dtype.kind == "f":
        check_finite(image[None])
        if image.min() < -1 or image.max() > 2:
            raise InputError(f"A float image must lie in [0, 1], got {image.min():g} to {image.max():g}; scale it.")
        values: Plane = image.astype(np.float32)
    elif image.dtype in PIXEL_LIMITS or image.dtype == np.bool_:
        values = np.multiply(image, np.float32(1 / PIXEL_LIMITS.get(image.dtype, 1.0)), dtype=np.float32)
    else:
        raise InputError(f"An image must be of 8 or 16 bits or floats in [0, 1], got {image.dtype}.")
    return values.reshape(*image.shape[:2], -1)


def _restored(values: Plane, image: Array) -> Array:
    """Return values as an image of the given one's shape and dtype."""
    values = values.reshape(image.shape)
    if image.dtype.kind == "f":
        return values.astype(image.dtype)
    if image.dtype == np.bool_:
        return np.asarray(values >= 0.5)
    limit = PIXEL_LIMITS[image.dtype]
    return np.asarray(np.clip(np.rint(values * np.float32(limit)), 0, limit).astype(image.dtype))


def _cleaned(trained: Trained, values: Plane, tile: int, watch: Callable[[float], None]) -> Plane:
    config = trained.model.config
    if not trained.preprocessing.unit:
        raise InputError("The model was trained on numbers that are no pixels; images need a model of images.")
    channels = config.shape[2] if len(config.shape) == 3 else 1
    own = (*values.shape[:2], channels) == (*config.shape[:2], channels) and len(config.shape) > 1
    if not own and not can_resize(config):
        raise InputError(
            f"The model has fully connected layers and takes images of {config.shape[:2]} only, "
            f"got {values.shape[:2]}; train a preset such as denoise."
        )
    if channels == 1 and values.shape[2] == 3:
        planes = (values @ OPPONENT.T).astype(np.float32)
        for number in range(3):
            part = planes[..., number : number + 1]
            planes[..., number : number + 1] = tiled(trained.model, part, tile, _third(watch, number), own=own)
        return (planes @ OPPONENT).astype(np.float32)
    if channels == 3 and values.shape[2] == 1:
        wide = tiled(trained.model, np.repeat(values, 3, 2), tile, watch, own=own)
        return np.asarray(wide.mean(2, keepdims=True), np.float32)
    return tiled(trained.model, values, tile, watch, own=own)


def _third(watch: Callable[[float], None], number: int) -> Callable[[float], None]:
    return lambda share: watch((number + share) / 3)


def tiled(model: AutoencoderModel, values: Plane, tile: int, watch: Callable[[float], None], *, own: bool) -> Plane:
    """Return the model's mean for values (h, w, c), worked on tile by tile."""
    if own:
        done = _applied(model, values)
        watch(1.0)
        return done
    cleaned = np.empty_like(values)
    look, unit = reach(model.config)
    tiles = list(_tiles(values.shape[:2], max(unit, tile // unit * unit), math.ceil(look / unit) * unit, unit))
    sized: dict[tuple[int, int], AutoencoderModel] = {}
    for number, (core, window) in enumerate(tiles, 1):
        size = (window[1] - window[0], window[3] - window[2])
        if size not in sized:
            sized[size] = resized(model, *size)
        rows = mirrored(window[0], window[1], values.shape[0])
        columns = mirrored(window[2], window[3], values.shape[1])
        done = _applied(sized[size], values[rows][:, columns])
        top, bottom, left, right = core
        inner = done[top - window[0] : bottom - window[0], left - window[2] : right - window[2]]
        cleaned[top:bottom, left:right] = inner
        watch(number / len(tiles))
    return cleaned


Box = tuple[int, int, int, int]


def _tiles(size: tuple[int, ...], tile: int, look: int, unit: int) -> Iterator[tuple[Box, Box]]:
    """Yield (core, window) boxes (top, bottom, left, right): the cores cover the image, the windows what they look at.

    Every window begins and ends on the same grid of `unit` pixels, so that two tilings see the same; beyond the image
    it ends BORDER pixels or a little more.
    """
    for top, bottom, first, last in _pieces(size[0], tile, look, unit):
        for left, right, begin, end in _pieces(size[1], tile, look, unit):
            yield (top, bottom, left, right), (first, last, begin, end)


def _pieces(size: int, tile: int, look: int, unit: int) -> Iterator[Box]:
    """Yield (start, end, window's start, window's end) along one side."""
    border = math.ceil(BORDER / unit) * unit
    final = math.ceil(size / unit) * unit + border
    for start in range(0, size, tile):
        end = min(size, start + tile)
        aligned = math.ceil(end / unit) * unit
        yield start, end, max(-border, start - look), min(final, aligned + look)


def _applied(model: AutoencoderModel, values: Plane) -> Plane:
    device = next(model.parameters()).device
    with torch.inference_mode():
        batch = torch.from_numpy(np.ascontiguousarray(values)).to(device)
        mean = model(batch.reshape(1, *model.config.shape))
        return mean.reshape(values.shape).cpu().numpy()  # type: ignore[no-any-return]
