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
from diabolo.jobs.compress.levels import Level, levels_of, unrounded
from diabolo.training.files.model_file import Trained

PIXELS = "pixels"
"""The extra of a model that holds its pixel network."""


class BlockCoder(Protocol):
    """Codes samples (n, *shape) of the model's shape and dtype."""

    def encode(self, samples: Array) -> bytes: ...
    def decode(self, payload: bytes, count: int) -> Array: ...


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
    return Exact(PixelCoder.from_arrays(trained.extras[PIXELS].arrays, trained.model.config.shape), header.max_error)


def lossy(trained: Trained, header: Header) -> BlockCoder:
    """Return the coder of the level that the header's settings name."""
    levels = levels_of(trained)
    try:
        number = json.loads(header.settings)["level"]
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError("the settings of the archive name no level of its model.") from error
    if type(number) is not int or not 0 <= number < len(levels):
        raise FormatError(f"the archive was made at level {number}, which its model does not have.")
    return Lossy(trained, levels[number])


def settings_of(level: int) -> bytes:
    """Return the settings of an archive of the lossy promise."""
    return json.dumps({"level": level}).encode()


CODERS: Mapping[Promise, Callable[[Trained, Header], BlockCoder]] = {
    Promise.LOSSY: lossy,
    Promise.MAX_ERROR: exact,
    Promise.LOSSLESS: exact,
}
