"""What turns the samples of a block into bytes and back, for each promise of an archive."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from diabolo.coding.archive.layout import Header, Promise
from diabolo.coding.pixels import PixelCoder
from diabolo.data.source import Array, ArraySource
from diabolo.errors import FormatError, InputError
from diabolo.jobs import apply
from diabolo.jobs.compress.chunks import tiles, tiles_of, untiled
from diabolo.jobs.compress.levels import Level, levels_of, unrounded
from diabolo.jobs.compress.photos import Photos
from diabolo.training.files.model_file import Trained

PIXELS = "pixels"
"""The extra of a model that holds its pixel network."""


class BlockCoder(Protocol):
    """Codes items (n, *shape) of one shape."""

    def encode(self, items: Array) -> bytes | None:
        """Return the bytes, or None for items that it does not code, or not as well as asked for."""
        ...

    def decode(self, payload: bytes, count: int, shape: tuple[int, ...]) -> Array:
        """Return the items (count, *shape). Raises FormatError for bytes that it did not write."""
        ...


class SampleCoder(Protocol):
    """Codes samples (n, *shape) of the model's shape and dtype."""

    def encode(self, samples: Array) -> bytes: ...
    def decode(self, payload: bytes, count: int) -> Array: ...


@dataclass(frozen=True)
class Tiled:
    """Codes items as samples of one shape, into which larger images are cut."""

    coder: SampleCoder
    shape: tuple[int, ...]

    def encode(self, items: Array) -> bytes | None:
        if tiles_of(len(items), items.shape[1:], self.shape) is None:
            return None
        return self.coder.encode(tiles(items, self.shape))

    def decode(self, payload: bytes, count: int, shape: tuple[int, ...]) -> Array:
        samples = tiles_of(count, shape, self.shape)
        if samples is None:
            raise FormatError(f"a block has items of shape {shape}, which this model does not code.")
        return untiled(self.coder.decode(payload, samples), shape)


@dataclass(frozen=True)
class Lossy:
    """The code's symbols at one level; the decoder makes samples of them."""

    trained: Trained
    level: Level

    def encode(self, samples: Array) -> bytes:
        return self.level.coder.encode(self.level.symbols(unrounded(self.trained, ArraySource(samples))))

    def decode(self, payload: bytes, count: int) -> Array:
        return apply.decode(self.trained, self.level.codes(self.level.coder.decode(payload, count)))


@dataclass(frozen=True)
class Exact:
    """Every number under the pixel network, none off by more than `max_error` (0: the same bytes)."""

    coder: PixelCoder
    max_error: int

    def encode(self, samples: Array) -> bytes:
        return self.coder.encode(samples.astype(np.uint8, copy=False), self.max_error)

    def decode(self, payload: bytes, count: int) -> Array:
        return self.coder.decode(payload, count, self.max_error)


def exact(trained: Trained, header: Header) -> BlockCoder:
    """Return the coder under the model's pixel network. Raises InputError if it has none, FormatError if damaged."""
    if PIXELS not in trained.extras:
        raise InputError(
            "This model has no pixel network, so that it cannot compress exactly; train one on 8-bit images with "
            "--preset codec, or leave --lossless and --max-error out."
        )
    shape = trained.model.config.shape
    return Tiled(Exact(PixelCoder.from_arrays(trained.extras[PIXELS].arrays, shape), header.max_error), shape)


def lossy(trained: Trained, header: Header) -> BlockCoder:
    """Return the coder of photos, or of the level that the header's settings name."""
    if trained.model.encoder.bottleneck.has_maps:
        return Photos(trained)
    levels = levels_of(trained)
    try:
        number = json.loads(header.settings)["level"]
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError("the settings of the archive name no level of its model.") from error
    if type(number) is not int or not 0 <= number < len(levels):
        raise FormatError(f"the archive was made at level {number}, which its model does not have.")
    return Tiled(Lossy(trained, levels[number]), trained.model.config.shape)


def settings_of(level: int) -> bytes:
    """Return the settings of an archive of the lossy promise."""
    return json.dumps({"level": level}).encode()


CODERS: Mapping[Promise, Callable[[Trained, Header], BlockCoder]] = {
    Promise.LOSSY: lossy,
    Promise.MAX_ERROR: exact,
    Promise.LOSSLESS: exact,
}
