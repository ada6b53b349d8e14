"""What turns the samples of a block into bytes and back, for each promise of an archive."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from diabolo.coding.archive.layout import Header, Promise
from diabolo.coding.pixels import PixelCoder
from diabolo.data.source import Array, ArraySource
from diabolo.errors import FormatError, InputError
from diabolo.jobs import apply
from diabolo.jobs.compress.chunks import tiles, tiles_each, tiles_of, untiled
from diabolo.jobs.compress.levels import Level, levels_of, unrounded
from diabolo.jobs.compress.photos import Photos
from diabolo.training.files.model_file import Trained

BLOCK_BYTES = 1 << 12
"""Bytes of a block's symbols from which on its header is small beside them."""
PIXELS = "pixels"
"""The extra of a model that holds its pixel network."""


class BlockCoder(Protocol):
    """Codes items (n, *shape) of one shape; `least`: numbers that a block should have, so that its header is small."""

    @property
    def least(self) -> int: ...

    def encode(self, items: Array) -> bytes | None:
        """Return the bytes, or None for items that it does not code, or not as well as asked for."""
        ...

    def decode(self, payload: bytes, count: int, shape: tuple[int, ...]) -> Array:
        """Return the items (count, *shape). Raises FormatError for bytes that it did not write."""
        ...

    def encode_parts(self, items: Array, counts: Sequence[int]) -> list[bytes | None]:
        """Return what `encode` gives for each part of `counts` items."""
        ...

    def decode_parts(self, payloads: Sequence[bytes], counts: Sequence[int], shape: tuple[int, ...]) -> Array:
        """Return the items of all parts, one after the other."""
        ...


class SampleCoder(Protocol):
    """Codes samples (n, *shape) of the model's shape and dtype, in one part or several."""

    @property
    def least(self) -> int: ...

    def encode_parts(self, samples: Array, counts: Sequence[int]) -> Sequence[bytes]: ...
    def decode_parts(self, payloads: Sequence[bytes], counts: Sequence[int]) -> Array: ...


@dataclass(frozen=True)
class Tiled:
    """Codes items as samples of one shape, into which larger images are cut."""

    coder: SampleCoder
    shape: tuple[int, ...]

    @property
    def least(self) -> int:
        return self.coder.least

    def encode(self, items: Array) -> bytes | None:
        return self.encode_parts(items, [len(items)])[0]

    def decode(self, payload: bytes, count: int, shape: tuple[int, ...]) -> Array:
        return self.decode_parts([payload], [count], shape)

    def encode_parts(self, items: Array, counts: Sequence[int]) -> list[bytes | None]:
        if tiles_of(len(items), items.shape[1:], self.shape) is None:
            return [None] * len(counts)
        each = tiles_each(items.shape[1:], self.shape)
        return [*self.coder.encode_parts(tiles(items, self.shape), [count * each for count in counts])]

    def decode_parts(self, payloads: Sequence[bytes], counts: Sequence[int], shape: tuple[int, ...]) -> Array:
        if tiles_of(sum(counts), shape, self.shape) is None:
            raise FormatError(f"a block has items of shape {shape}, which this model does not code.")
        each = tiles_each(shape, self.shape)
        return untiled(self.coder.decode_parts(payloads, [count * each for count in counts]), shape)


@dataclass(frozen=True)
class Lossy:
    """The code's symbols at one level; the decoder makes samples of them."""

    trained: Trained
    level: Level

    @property
    def least(self) -> int:
        return int(BLOCK_BYTES / max(1e-3, self.level.size)) * math.prod(self.trained.config.shape)

    def encode_parts(self, samples: Array, counts: Sequence[int]) -> list[bytes]:
        symbols = self.level.symbols(unrounded(self.trained, ArraySource(samples)))
        return [self.level.coder.encode(part) for part in np.split(symbols, np.cumsum(counts)[:-1])]

    def decode_parts(self, payloads: Sequence[bytes], counts: Sequence[int]) -> Array:
        symbols = [self.level.coder.decode(*part) for part in zip(payloads, counts, strict=True)]
        return apply.decode(self.trained, self.level.codes(np.concatenate(symbols)))


@dataclass(frozen=True)
class Exact:
    """Every number under the pixel network, none off by more than `max_error` (0: the same bytes)."""

    coder: PixelCoder
    max_error: int

    least: ClassVar[int] = 1 << 14

    def encode_parts(self, samples: Array, counts: Sequence[int]) -> list[bytes]:
        return self.coder.encode_parts(samples.astype(np.uint8, copy=False), counts, self.max_error)

    def decode_parts(self, payloads: Sequence[bytes], counts: Sequence[int]) -> Array:
        return self.coder.decode_parts(payloads, counts, self.max_error)


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
