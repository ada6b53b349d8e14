"""Photos of any size under a hyperprior: each at the quality asked for, or at the fewest bytes that reach a PSNR."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from diabolo.coding.photo.classes import class_tables, widths
from diabolo.coding.photo.maps import MapCoder
from diabolo.coding.photo.whole import LEVELS, level_quality, whole_numbers
from diabolo.data.source import Array, Source, spaced
from diabolo.errors import FormatError, InputError
from diabolo.jobs.compress.levels import psnr_of, squared_error
from diabolo.model.bottlenecks.hyperprior import Hyperprior
from diabolo.model.networks.photo.transforms import Analysis, Synthesis
from diabolo.model.networks.sizes import CELL
from diabolo.training.files.contents import Extra
from diabolo.training.files.model_file import Trained

PHOTO = "photo"
"""The extra of a model that holds its prior in whole numbers."""
USUAL = 50
LEAST_PSNR, STEP_PSNR = 25.3, 0.17
"""Of photos at the lowest level, and what a level adds, in dB: where the search for a level starts."""
PEAK = 255.0
COUNTED, COUNTED_LEVELS = 64, (5, 25, 45, 65, 85)


@dataclass(frozen=True)
class Photos:
    """Codes 8-bit images (n, h, w) or (n, h, w, 3) of any size; grey ones as three equal colours.

    quality: PSNR in dB that each image is to reach, or None; level: the quality used then, 0 to 99.
    """

    trained: Trained
    level: int = USUAL
    quality: float | None = None
    least: ClassVar[int] = 1 << 16

    @cached_property
    def maps(self) -> MapCoder:
        if PHOTO not in self.trained.extras:
            raise InputError("This model has no prior in whole numbers to compress with; train it anew.")
        return MapCoder(self.trained.extras[PHOTO].arrays)

    def encode(self, items: Array) -> bytes | None:
        """Return the bytes of images, or None if they are no photos or the quality is out of reach."""
        if items.dtype != np.uint8 or not (items.ndim == 3 or items.shape[3:] in ((1,), (3,))) or 0 in items.shape:
            return None
        with torch.inference_mode():
            maps, side = self.analysed(items)
            levels = [self._level(items[k : k + 1], maps[k : k + 1], side[k : k + 1]) for k in range(len(items))]
            if None in levels:
                return None
            return self.maps.encode(maps, side, np.array(levels, np.int64))

    def decode(self, payload: bytes, count: int, shape: tuple[int, ...]) -> Array:
        """Return images (count, *shape). Raises FormatError if the bytes are damaged."""
        if not (len(shape) == 2 or shape[2:] in ((1,), (3,))) or 0 in shape:
            raise FormatError(f"a photo codec has no items of shape {shape}; the archive is damaged.")
        with torch.inference_mode():
            size = -(-shape[0] // CELL), -(-shape[1] // CELL)
            found = self.maps.decode(payload, count, *size)
            return self.pictures(found.maps, found.levels, shape)

    def encode_parts(self, items: Array, counts: Sequence[int]) -> list[bytes | None]:
        return [self.encode(part) for part in np.split(items, np.cumsum(counts)[:-1])]

    def decode_parts(self, payloads: Sequence[bytes], counts: Sequence[int], shape: tuple[int, ...]) -> Array:
        return np.concatenate([self.decode(*part, shape) for part in zip(payloads, counts, strict=True)])

    def analysed(self, items: Array) -> tuple[Tensor, Tensor]:
        """Return maps and side maps of images, before gains."""
        analysis, bottleneck = parts(self.trained)[:2]
        planes = items.reshape(*items.shape[:3], -1)
        channels = next(analysis.parameters()).shape[1]
        if planes.shape[3] != channels:
            planes = np.repeat(planes.mean(3, keepdims=True), channels, 3)
        x = torch.from_numpy(np.ascontiguousarray(planes, np.float32)).permute(0, 3, 1, 2) / PEAK
        maps = analysis.maps(x)
        return maps, bottleneck.side_analysis(maps)

    def pictures(self, maps: Tensor, levels: NDArray[np.int64], shape: tuple[int, ...]) -> Array:
        synthesis = parts(self.trained)[2]
        quality = torch.tensor([level_quality(int(level)) for level in levels])
        maps = maps.contiguous(memory_format=torch.channels_last)
        found = synthesis.pictures(maps, quality)[:, :, : shape[0], : shape[1]]
        whole = found.mul_(PEAK).round_().clamp_(0, PEAK).permute(0, 2, 3, 1)
        channels = shape[2] if len(shape) == 3 else 1
        if whole.shape[3] != channels:
            whole = whole.mean(3, keepdim=True).round_().expand(-1, -1, -1, channels)
        return whole.to(torch.uint8).numpy().reshape(len(maps), *shape)

    def _level(self, items: Array, maps: Tensor, side: Tensor) -> int | None:
        """Return the lowest level at which one image reaches the quality, or None; PSNR rises evenly with the level."""
        if self.quality is None:
            return self.level
        failed, reached, level = -1, LEVELS, round((self.quality - LEAST_PSNR) / STEP_PSNR)
        while reached - failed > 1:
            level = min(max(level, failed + 1), reached - 1)
            missing = self.quality - self._psnr(items, maps, side, level)
            if missing > 0:
                failed = level
            else:
                reached = level
            level += math.ceil(missing / STEP_PSNR)
        return None if reached == LEVELS else reached

    def _psnr(self, items: Array, maps: Tensor, side: Tensor, level: int) -> float:
        levels = np.array([level])
        _, known = self.maps.parts(maps, side, levels)
        return psnr_of(squared_error(items, self.pictures(known, levels, items.shape[1:])), items.size, PEAK)


def parts(trained: Trained) -> tuple[Analysis, Hyperprior, Synthesis]:
    """Return what a photo codec is made of. Raises InputError if the model is none."""
    model = trained.model
    found: tuple[Any, ...] = (model.encoder.network[-1], model.encoder.bottleneck, model.decoder.network[0])
    for part, kind in zip(found, (Analysis, Hyperprior, Synthesis), strict=True):
        if not isinstance(part, kind):
            raise InputError(f"A model of the preset {trained.config.preset} codes no photos of any size.")
    return found


def photo_settings(level: int) -> bytes:
    """Return the settings of an archive of photos: the usual level, for whoever looks at it."""
    return json.dumps({"level": level}).encode()


def fit_photos(trained: Trained, source: Source) -> Extra:
    """Return the prior in whole numbers, with tables counted on training samples."""
    arrays = whole_numbers(parts(trained)[1])
    plain = Extra({}, {**arrays, **class_tables().to_arrays()})
    coder = Photos(_with(trained, plain))
    counts = [np.zeros(2 * int(width) + 1, np.int64) for width in widths()]
    samples = source.take(spaced(len(source), COUNTED))
    if samples.dtype == np.uint8 and samples.ndim > 2:
        with torch.inference_mode():
            for level in COUNTED_LEVELS:
                for item in samples:
                    _count(coder, item[None], level, counts)
    return Extra({}, {**arrays, **class_tables(counts).to_arrays()})


def _with(trained: Trained, extra: Extra) -> Trained:
    return Trained(trained.model, trained.preprocessing, trained.history, trained.about, {PHOTO: extra})


def _count(coder: Photos, item: Array, level: int, counts: list[NDArray[np.int64]]) -> None:
    maps, side = coder.analysed(item)
    for classes, symbols in coder.maps.parts(maps, side, np.array([level]))[0]:
        for number in np.unique(classes[classes > 0]):
            width = len(counts[number - 1]) // 2
            found = symbols[classes == number]
            found = found[np.abs(found) <= width] + width
            counts[number - 1] += np.bincount(found, minlength=2 * width + 1)
