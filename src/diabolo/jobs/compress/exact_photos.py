"""Pictures of any size coded exactly, or within an error, by the kernel and model that come with the package."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from diabolo.coding.archive.layout import Header, Promise
from diabolo.coding.archive.recovery import check_share
from diabolo.coding.exact.kernel import CHANNELS, WIDEST, Kernel, bundled
from diabolo.data.images.mixed import Pictures
from diabolo.data.source import Array
from diabolo.errors import FormatError
from diabolo.files import written_whole
from diabolo.jobs.compress.archives.carried import Carried
from diabolo.jobs.compress.coders import CODERS, BlockCoder
from diabolo.jobs.compress.compress import Compressed, Watcher, finish, header_for, identity, written
from diabolo.training.files.model_file import Trained

HIGHEST = 255
Codec = Trained | Carried | Kernel
"""What opens an archive: a trained model, what an archive carries of one, or the bundled exact coder."""


@dataclass(frozen=True)
class ExactPhotos:
    """Codes 8-bit pictures (n, h, w) or (n, h, w, 1 to 4); no number is off by more than max_error (0: none is)."""

    kernel: Kernel
    max_error: int = 0
    least: ClassVar[int] = 1 << 18

    def encode(self, items: Array) -> bytes | None:
        """Return the bytes, or None for what are no such pictures, or pictures that take no fewer bytes so."""
        if items.dtype != np.uint8 or not _coded(items.shape[1:]):
            return None
        bins = (items.astype(np.uint16) + self.max_error) // self._width
        return self.kernel.encode(bins.astype(np.uint8).reshape(_planes(len(items), items.shape[1:])), self._top)

    def decode(self, payload: bytes, count: int, shape: tuple[int, ...]) -> Array:
        """Return the items (count, *shape). Raises FormatError if the bytes are damaged."""
        if not _coded(shape):
            raise FormatError(f"the exact coder has no items of shape {shape}; the archive is damaged.")
        bins = self.kernel.decode(payload, _planes(count, shape), self._top)
        found: Array = np.minimum(bins.astype(np.uint16) * self._width, HIGHEST).astype(np.uint8)
        return found.reshape(count, *shape)

    def encode_parts(self, items: Array, counts: Sequence[int]) -> list[bytes | None]:
        return [self.encode(part) for part in np.split(items, np.cumsum(counts)[:-1])]

    def decode_parts(self, payloads: Sequence[bytes], counts: Sequence[int], shape: tuple[int, ...]) -> Array:
        return np.concatenate([self.decode(*part, shape) for part in zip(payloads, counts, strict=True)])

    @property
    def _width(self) -> int:
        return 2 * self.max_error + 1

    @property
    def _top(self) -> int:
        return (HIGHEST + self.max_error) // self._width


def compress_exactly(
    pictures: Pictures,
    path: Path,
    *,
    max_error: int = 0,
    recovery: float = 0.0,
    with_model: bool = False,
    force: bool = False,
    watch: Watcher | None = None,
) -> Compressed:
    """Write an archive of pictures of any sizes and modes, with the bundled coder.

    max_error: how far a pixel may be off, in grey levels. A picture whose file is smaller, or holds more than the
    pixels that are read, is kept as that file. recovery: as `compress` has it.
    with_model: whether the archive carries the model. watch: told how many items
    each block held.
    Raises FileError if the archive cannot be written.
    """
    check_share(recovery)
    kernel = bundled()
    promise = Promise.MAX_ERROR if max_error else Promise.LOSSLESS
    header = header_for(kernel.identity, pictures, promise, max_error)
    with written_whole(path, force=force) as temporary:
        coder = ExactPhotos(kernel, max_error)
        found = written(temporary, header, coder, float(HIGHEST), pictures, -math.inf, watch)
        finish(temporary, recovery, kernel.model if with_model else b"")
        return replace(found, size=temporary.stat().st_size)


def identity_of(codec: Codec) -> bytes:
    """Return the SHA-256, 32 bytes, by which an archive names its codec."""
    return identity(codec) if isinstance(codec, Trained) else codec.identity


def coder_of(codec: Codec, header: Header) -> BlockCoder:
    """Return the coder of an archive's blocks. Raises FormatError if the header names a promise that it cannot keep."""
    if not isinstance(codec, Kernel):
        return CODERS[header.promise](codec.trained if isinstance(codec, Carried) else codec, header)
    if header.promise == Promise.LOSSY or header.max_error >= HIGHEST:
        raise FormatError("the exact coder keeps no such promise; the archive is damaged.")
    return ExactPhotos(codec, header.max_error)


def _coded(shape: tuple[int, ...]) -> bool:
    """Say whether pictures of a shape are coded."""
    planes = len(shape) == 2 or (len(shape) == 3 and shape[2] in CHANNELS)
    return planes and 0 not in shape and shape[1] <= WIDEST


def _planes(count: int, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    return count, shape[0], shape[1], shape[2] if len(shape) > 2 else 1
