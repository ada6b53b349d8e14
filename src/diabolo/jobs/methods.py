"""What turns the samples of a block into bytes and back, for each promise of an archive."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from diabolo.coding.layout import Header, Promise
from diabolo.data.source import Array, ArraySource
from diabolo.errors import FormatError
from diabolo.jobs import apply
from diabolo.jobs.levels import Level, levels_of, unrounded
from diabolo.training.model_file import Trained


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


CODERS: Mapping[Promise, Callable[[Trained, Header], BlockCoder]] = {Promise.LOSSY: lossy}
