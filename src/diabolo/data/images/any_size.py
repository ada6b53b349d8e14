"""Images of any sizes, and, in units of each one's own brightness and grain, random pieces of them to learn from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from diabolo.data.images.grain import in_own_units
from diabolo.data.images.mixed import Pictures, open_pictures
from diabolo.data.images.patches import mirrored
from diabolo.data.limits import is_small
from diabolo.data.preprocessing import check_finite
from diabolo.data.source import Array
from diabolo.errors import InputError

MARGIN = 16
"""Pixels by which an image is mirrored at its border, so that pieces show the border too."""
PIECE = 64
FEWEST_PIECES, MOST_PIECES, PIECES_PER_PIXEL = 256, 16384, 8
Plane = NDArray[np.float32]


class SizedImages(Protocol):
    """Images whose sizes may differ; channels: 1 or 3. names: of the files, or numbers."""

    @property
    def channels(self) -> int: ...
    @property
    def names(self) -> tuple[str, ...]: ...
    def __len__(self) -> int: ...
    def size(self, number: int) -> tuple[int, int]:
        """Return (height, width)."""
        ...

    def read(self, number: int) -> Plane:
        """Return an image (height, width, channels) as whole or other numbers, in float32."""
        ...


@dataclass(frozen=True)
class ArrayImages:
    """Images that are arrays (h, w) or (h, w, channels): an array of them, or a list of arrays of several sizes."""

    arrays: Array | Sequence[Array]
    names: tuple[str, ...]
    channels: int

    def __len__(self) -> int:
        return len(self.arrays)

    def size(self, number: int) -> tuple[int, int]:
        height, width = self.arrays[number].shape[:2]
        return height, width

    def read(self, number: int) -> Plane:
        image = np.asarray(self.arrays[number])
        check_finite(image[None])
        if image.min() < 0:
            raise InputError(
                f"Images of any size hold brightnesses from 0 up, got {image.min():g}; give them as they were taken."
            )
        return image.reshape(*image.shape[:2], -1).astype(np.float32)


@dataclass(frozen=True)
class PictureImages:
    """Images of a folder or zip, read when they are asked for; transparency is left out."""

    pictures: Pictures
    names: tuple[str, ...]
    channels: int

    def __len__(self) -> int:
        return len(self.names)

    def size(self, number: int) -> tuple[int, int]:
        header = self.pictures.headers[number]
        return header.height, header.width

    def read(self, number: int) -> Plane:
        image = self.pictures.read(number).array.astype(np.float32)
        image = image.reshape(*image.shape[:2], -1)
        image = image[..., :3] if image.shape[2] > 2 else image[..., :1]
        if self.channels == 1 and image.shape[2] == 3:
            return np.asarray(image.mean(2, keepdims=True), np.float32)
        return np.repeat(image, self.channels // image.shape[2], 2)


@dataclass(frozen=True)
class SomeImages:
    """Some of other images."""

    images: SizedImages
    rows: NDArray[np.int64]

    @property
    def channels(self) -> int:
        return self.images.channels

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.images.names[row] for row in self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def size(self, number: int) -> tuple[int, int]:
        return self.images.size(int(self.rows[number]))

    def read(self, number: int) -> Plane:
        return self.images.read(int(self.rows[number]))


def open_sized(path: Path, channels: int | None = None) -> SizedImages:
    """Open a folder or zip of images, or one; all of `channels`, else 3 if any is in colour. Small ones are held.

    Raises FileError if something cannot be read; FormatError if there is no image, or one is damaged or too large.
    """
    pictures = open_pictures(path)
    names = tuple(header.name for header in pictures.headers)
    grey = all(header.mode in ("1", "L", "LA") or header.mode.startswith("I") for header in pictures.headers)
    found = PictureImages(pictures, names, channels or (1 if grey else 3))
    numbers = sum(header.height * header.width for header in pictures.headers) * found.channels
    if not is_small(4 * numbers):
        return found
    return ArrayImages([found.read(number) for number in range(len(found))], names, found.channels)


def sized(images: Array | Sequence[Array]) -> ArrayImages:
    """Return an array (n, h, w) or (n, h, w, channels), or a list of such images, as images of any sizes.

    Raises InputError for anything else.
    """
    shapes = {np.asarray(image).shape[2:] for image in images}
    kinds = {np.asarray(image).ndim for image in images}
    if len(shapes) != 1 or not kinds <= {2, 3} or shapes.pop() not in ((), (1,), (3,)):
        raise InputError("Images must be arrays (h, w) or (h, w, 3), all grey or all in colour.")
    if any(not np.asarray(image).size for image in images):
        raise InputError("Images must have a pixel or more in height and width; leave out what is empty.")
    channels = 3 if np.asarray(images[0]).shape[2:] == (3,) else 1
    return ArrayImages(images, tuple(str(number) for number in range(len(images))), channels)


def as_images(images: Any) -> SizedImages:
    """Return images of any sizes as they are, an array (n, h, w[, 3]) or a list of images as such."""
    return images if isinstance(images, ArrayImages | PictureImages | SomeImages) else sized(images)


def in_folder(images: SizedImages, folder: str) -> NDArray[np.bool_]:
    """Return which images lie in a folder of that name. Raises InputError if none does."""
    folders = [PurePosixPath(name).parts[:-1] for name in images.names]
    inside = np.array([folder in parts for parts in folders], np.bool_)
    if not inside.any():
        there = ", ".join(sorted({part for parts in folders for part in parts})[:20]) or "none"
        raise InputError(f"No image lies in a folder named {folder}; the folders are: {there}.")
    return inside


@dataclass(frozen=True)
class Pieces:
    """Random pieces of `side` x `side` pixels of images of any sizes, in units of each image's grain; mirrored or not.

    Row i is always the same piece. Smaller images are mirrored at their border until they fill a piece.
    held: images that no piece is cut from, left to calibrate on.
    """

    cut_for: ClassVar[str] = "images"

    images: SizedImages
    held: SizedImages
    side: int = PIECE
    count: int = MOST_PIECES
    seed: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.side, self.side) if self.images.channels == 1 else (self.side, self.side, self.images.channels)

    @property
    def dtype(self) -> np.dtype[np.generic]:
        return np.dtype(np.float32)

    @property
    def block(self) -> int:
        return 1

    @property
    def in_memory(self) -> bool:
        return False

    def __len__(self) -> int:
        return self.count

    def take(self, rows: NDArray[np.int64]) -> Array:
        taken = np.empty((len(rows), *self.shape), np.float32)
        draws = [np.random.default_rng((self.seed, int(row))) for row in rows]
        chosen = np.array([draw.integers(len(self.images)) for draw in draws], np.int64)
        for number in np.unique(chosen):
            image = in_own_units(self.images.read(int(number)))
            for row in np.flatnonzero(chosen == number):
                taken[row] = self._piece(image, draws[row]).reshape(self.shape)
        return taken

    def originals(self) -> Iterator[Array]:
        """Yield the images that pieces are cut from."""
        yield from (self.images.read(number) for number in range(len(self.images)))

    def _piece(self, image: Plane, draw: np.random.Generator) -> Plane:
        ends = [max(1 - MARGIN, side + MARGIN - self.side + 1) for side in image.shape[:2]]
        top, left = (int(draw.integers(-MARGIN, end)) for end in ends)
        rows = mirrored(top, top + self.side, image.shape[0])
        columns = mirrored(left, left + self.side, image.shape[1])
        down, across = (1 - 2 * int(flip) for flip in draw.integers(0, 2, 2))
        return image[rows][:, columns][::down, ::across]


def enough(images: SizedImages, side: int = PIECE) -> int:
    """Return how many pieces an epoch takes: 8 for each place that a piece fills, 256 to 16,384."""
    pixels = sum(height * width for height, width in (images.size(number) for number in range(len(images))))
    return int(np.clip(PIECES_PER_PIXEL * pixels // side**2, FEWEST_PIECES, MOST_PIECES))
