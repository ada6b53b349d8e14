"""Denoise: a trained model at work on noisy images of any size and range."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from diabolo.config.model import ModelConfig
from diabolo.data.preprocessing import check_finite
from diabolo.data.source import Array
from diabolo.errors import ArgumentError, InputError
from diabolo.jobs.denoise.bundled import fitting
from diabolo.jobs.denoise.found_noise import Noise, Removed
from diabolo.jobs.denoise.noise_level import noise_level
from diabolo.jobs.denoise.scale import Pixels, Scale, scale_of
from diabolo.jobs.denoise.strength import Dial
from diabolo.jobs.denoise.tiles import Side, Window, windows
from diabolo.model.autoencoder import AutoencoderModel
from diabolo.model.networks.resizing import can_resize, predicted, reach, resized
from diabolo.training.devices import device_of
from diabolo.training.files.model_file import Trained

TILE = 768
UNTOUCHED, FULL = 3 / 255, 6 / 255
"""Below the first noise level a model for white noise leaves an image as it is, above the second it does all it can."""
FAINT, PLAIN = 0.7 / 255, 1.4 / 255
"""The same of a model that gives its expected error, whose estimate sees all noise."""
TEXTURE = 0.4
"""Share of the noise that the estimate from quiet blocks has to find where neighbours are not alike."""
OPPONENT = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]], np.float32)
OPPONENT /= np.sqrt(np.square(OPPONENT).sum(1, keepdims=True))
"""Red, green, blue -> lightness and two colours, by a rotation: white noise stays white, and as strong."""
AS_IT_IS, UNIT_SCALE = Dial(), Scale()


@dataclass(frozen=True)
class Denoised:
    """image: of the same shape and dtype as what was given. noise: its estimated spread, as a share of white.

    share: of the model's correction that was taken, from 0 (left as it was) to 1; of which the dial takes its own.
    scale: of the image's numbers. error: the expected error of each pixel, (h, w), in the image's own units, where it
    was asked for. found: more about the noise, where the model tells it. reason: for a share below 1: "faint" noise, or
    "texture" that looks like it.
    """

    image: Array
    noise: float
    share: float = 1.0
    scale: Scale = UNIT_SCALE
    error: NDArray[np.float32] | None = None
    found: Noise | None = None
    reason: str = ""

    @property
    def white(self) -> float:
        """The span of values that was taken for black to white."""
        return self.scale.span


def denoise(
    trained: Trained,
    image: Array,
    *,
    dial: Dial = AS_IT_IS,
    scale: Scale | None = None,
    uncertainty: bool = False,
    tile: int = TILE,
    watch: Callable[[float], None] = lambda _: None,
) -> Denoised:
    """Clean one image (h, w) or (h, w, 3) of numbers of any range.

    The image is worked on in tiles of `tile` pixels that overlap as far as the network looks, so that no seam can be
    seen and the memory stays bounded. A grey model cleans lightness and colours of a colour image one by one. A model
    for all noise levels leaves an image alone that is clean already. scale: as `model_scale` finds it, if not given.
    uncertainty: whether the expected error is kept. watch: told the share that is done.
    Raises InputError for an image that the model is not for, ArgumentError for a dial that it does not have.
    """
    _check(image)
    _check_model(trained, image)
    planes = image if image.ndim == 3 else image[..., None]
    scale = scale or model_scale(trained, image)
    if dial.noise is None and dial.strength <= 1 and not uncertainty:
        trained = fitting(trained, image, scale)
    work = Work(trained, scale, dial, tile)
    _check_dial(work, uncertainty)
    if dial.strength == 0:
        return Denoised(image.copy(), work.estimated(planes), 1.0, work.scale)
    found = work.cleaned(planes, watch, uncertainty=uncertainty)
    return found if image.ndim == 3 else _flat(found)


def _flat(found: Denoised) -> Denoised:
    return replace(found, image=found.image[..., 0])


class Work:
    """One image's way through a network: pass by pass, tile by tile."""

    def __init__(self, trained: Trained, scale: Scale, dial: Dial, tile: int) -> None:
        self.model, self.scale, self.dial, self.tile = trained.model, scale, dial, tile
        self.config = trained.model.config
        self.sized: dict[tuple[int, int], AutoencoderModel] = {}

    @property
    def tells(self) -> bool:
        """Whether the network gives its expected error, and with it the noise."""
        return self.config.likelihood.more_outputs > 0

    @property
    def told(self) -> bool:
        """Whether the network can be told the noise."""
        return self.config.network.told

    def estimated(self, planes: Array) -> float:
        """Return the spread of white noise, from the image alone."""
        levels = [noise_level(self.scale.unit(planes[..., number])) for number in range(planes.shape[2])]
        return float(np.sqrt(np.mean(np.square(levels))))

    def cleaned(self, planes: Array, watch: Callable[[float], None], *, uncertainty: bool) -> Denoised:
        share, noise, removed, reason = 1.0, self.dial.noise, Removed(), ""
        if not self.tells:
            noise = self.estimated(planes) if noise is None else noise
            share = _share(self.config, noise)
            reason = "faint" if share < 1 else ""
        todo = _windows(self.config, planes, self.tile) if share else []
        image, error = planes.copy(), np.zeros(planes.shape[:2], np.float32) if uncertainty else None
        passes = 2 if self.dial.strength > 1 and self.told else 1
        for number, window in enumerate(todo, 1):
            given = self.scale.unit(window.of(planes))
            clean, expected = self.network(given, self.dial.noise)
            inner = None if expected is None else expected[window.inner]
            removed.add(given[window.inner], clean[window.inner], inner)
            image[window.tile] = self.scale.stored(clean[window.inner], planes.dtype)
            if error is not None and inner is not None:
                error[window.tile] = inner * self.scale.span
            watch(number / len(todo) / passes)
        found = removed.noise() if self.tells else None
        if found is not None:
            noise = found.level if self.dial.noise is None else self.dial.noise
            share, reason = self.trusted(planes, noise, found) if self.dial.plain else (1.0, "")
        if share < 1 or not self.dial.plain:
            self.turned(planes, image, todo, share, found, watch)
        return Denoised(image, float(noise or 0.0), share, self.scale, error, found, reason)

    def trusted(self, planes: Array, noise: float, found: Noise) -> tuple[float, str]:
        """Return the share of the correction that the estimate stands for, and the reason for less than all.

        What is removed from a texture changes its sign from pixel to pixel, as white noise would; white noise is also
        seen by the estimate from quiet blocks, which texture escapes.
        """
        if found.lags[1] < 0 and self.estimated(planes) < TEXTURE * noise:
            return 0.0, "texture"
        share = float(np.clip((noise - FAINT) / (PLAIN - FAINT), 0, 1))
        return share, "faint" if share < 1 else ""

    def turned(
        self,
        planes: Array,
        image: Array,
        todo: list[Window],
        share: float,
        found: Noise | None,
        watch: Callable[[float], None],
    ) -> None:
        """Turn the cleaned image, in place, as the dial says."""
        for number, window in enumerate(todo, 1):
            given, clean = self.scale.unit(planes[window.tile]), self.scale.unit(image[window.tile])
            stronger = None
            if self.dial.strength > 1 and self.told:
                stronger = self.stronger(window, planes, found)
                watch(0.5 + number / len(todo) / 2)
            image[window.tile] = self.scale.stored(self.dial.mixed(given, clean, stronger, share), planes.dtype)

    def stronger(self, window: Window, planes: Array, found: Noise | None) -> Pixels:
        """Return a tile cleaned as if its noise were twice as strong."""
        given = self.scale.unit(window.of(planes))
        if self.dial.noise is not None or found is None:
            level: Pixels | float = 2 * (self.dial.noise or 0.0)
        else:
            level = 2 * found.at(self.network(given, None)[0].mean(2))
        return self.network(given, level)[0][window.inner]

    def network(self, given: Pixels, level: Pixels | float | None) -> tuple[Pixels, Pixels | None]:
        """Return the network's clean pixels (h, w, c) and its expected error (h, w), where it gives one."""
        size = given.shape[:2]
        if size not in self.sized:
            self.sized[size] = self.model if _is_own(self.config, size) else resized(self.model, *size)
        model = self.sized[size]
        if not self.tells:
            return _cleaned(model, given), None
        return _with_error(model, given, level if self.told else None)


def is_blind(config: ModelConfig) -> bool:
    """Return whether a model is for Gaussian noise of any level from 0."""
    return config.corruption.any_level


def _share(config: ModelConfig, noise: float) -> float:
    """Return how much of the network's correction is taken, from 0 to 1."""
    return float(np.clip((noise - UNTOUCHED) / (FULL - UNTOUCHED), 0, 1)) if is_blind(config) else 1.0


def _check(image: Array) -> None:
    if image.ndim not in (2, 3) or 0 in image.shape or (image.ndim == 3 and image.shape[2] not in (1, 3)):
        raise InputError(f"An image must be (height, width) or (height, width, 3), got {image.shape}.")
    if image.dtype.kind not in "buif":
        raise InputError(f"An image must hold numbers, got {image.dtype}.")
    if image.dtype.kind == "f":
        check_finite(image[None])


def _check_dial(work: Work, uncertainty: bool) -> None:
    if work.dial.strength > 1 and not work.told:
        raise ArgumentError(
            f"strength must be from 0 to 1 with this model, which cannot be told the noise, got {work.dial.strength:g}."
        )
    if uncertainty and not work.tells:
        raise ArgumentError("uncertainty needs a model that gives its expected error; use the bundled one.")


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


def model_scale(trained: Trained, images: Array) -> Scale:
    """Return the scale of one image or several: a model that learnt from 16 bits sees all of them."""
    return scale_of(images, whole=trained.preprocessing.dtype == np.uint16)


def _windows(config: ModelConfig, planes: Array, tile: int) -> list[Window]:
    if _is_own(config, planes.shape):
        height, width = planes.shape[:2]
        return [Window(Side(0, height, 0, height), Side(0, width, 0, width))]
    look, unit = reach(config)
    return windows(planes.shape[:2], tile, look=look, unit=unit)


def _with_error(model: AutoencoderModel, given: Pixels, level: Pixels | float | None) -> tuple[Pixels, Pixels | None]:
    """Return the mean for pixels (h, w, c), and the expected error if the model gives it; grey is seen thrice."""
    likelihood, seen = model.decoder.likelihood, given.shape[2]
    own = model.config.shape[2] if len(model.config.shape) == 3 else 1
    given = np.repeat(given, own, 2) if seen == 1 else given
    if level is not None:
        told = np.broadcast_to(np.asarray(level, np.float32), given.shape[:2])
        given = np.dstack([given, told, np.ones_like(told)])
    device = device_of(model)
    with torch.inference_mode():
        sample = torch.from_numpy(np.ascontiguousarray(given[None])).to(device)
        parameters = predicted(model, sample)
        mean, error = likelihood(parameters)[0].cpu().numpy(), likelihood.expected_error(parameters)
        found = None if error is None else error[0].cpu().numpy()
    mean = mean if mean.ndim == 3 else mean[..., None]
    return (mean.mean(2, keepdims=True) if seen < own else mean), found


def _cleaned(model: AutoencoderModel, given: Pixels) -> Pixels:
    """Return the model's mean for pixels (h, w, c); a grey model sees colours one by one, the other grey thrice."""
    own = model.config.shape[2] if len(model.config.shape) == 3 else 1
    seen = given.shape[2]
    if own == 1 and seen == 3:
        planes = np.moveaxis(given @ OPPONENT.T, 2, 0)
        return np.moveaxis(applied(model, planes), 0, 2) @ OPPONENT
    if own == 3 and seen == 1:
        three: Pixels = applied(model, np.repeat(given, 3, 2)[None])[0]
        return np.asarray(three.mean(2, keepdims=True), np.float32)
    cleaned: Pixels = applied(model, given[None])[0]
    return cleaned


def applied(model: AutoencoderModel, batch: Pixels) -> Pixels:
    """Return the model's mean for a batch (n, h, w) or (n, h, w, c) of its own size."""
    device = device_of(model)
    with torch.inference_mode():
        samples = torch.from_numpy(np.ascontiguousarray(batch, np.float32)).to(device)
        found: Pixels = model(samples.reshape(-1, *model.config.shape)).reshape(batch.shape).cpu().numpy()
        return found
