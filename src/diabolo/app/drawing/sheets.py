"""Pictures in one file: a sheet of them in rows, or one after the other as a moving picture."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from diabolo.app.drawing.pictures import as_bytes
from diabolo.data.source import Array
from diabolo.data.writing import check_destination, write_samples
from diabolo.errors import ArgumentError
from diabolo.files import check_free, written_whole

if TYPE_CHECKING:
    import polars as pl

SHEET, MOVING = ".png", ".gif"
GAP, PAPER = 1, 255
MOST_PIXELS = 2**26
LEAST_TILE = 48
"""Pixels that the longer side of a sheet's pictures is magnified to, at most and in whole steps."""
SHOWN = 224
"""Pixels that the longer side of a moving picture is magnified to, at most and in whole steps."""


def check_out(path: Path, shape: tuple[int, ...], *, pictures: bool, moving: bool = False, force: bool) -> None:
    """Refuse, before any work, a path that samples of `shape` cannot be written to: sheets and folders need pictures.

    Raises ArgumentError for an ending that does not fit, FileError for what is in the way.
    """
    ending = path.suffix.lower()
    if ending not in (SHEET, MOVING) or (ending == MOVING and not moving):
        check_destination(path, shape, pictures=pictures, force=force)
        return
    if not pictures:
        raise ArgumentError(f"{path} is a picture, and this model's samples are none; write .npy, .csv or .parquet.")
    check_free(path, force=force)


def write_out(
    path: Path, samples: "Array | pl.DataFrame", *, columns: int, names: Sequence[str] | None = None, force: bool
) -> None:
    """Write samples (n, *shape): a sheet in rows of `columns` (.png), a moving picture (.gif), an array or a folder.

    names: of a table's columns.
    """
    if not isinstance(samples, np.ndarray):
        write_samples(path, samples, force=force)
    elif path.suffix.lower() == SHEET:
        save_sheet(path, samples, columns=columns, force=force)
    elif path.suffix.lower() == MOVING:
        save_moving(path, samples, force=force)
    else:
        write_samples(path, samples, columns=names, force=force)


def sheet(images: Array, *, columns: int) -> NDArray[np.uint8]:
    """Return pictures (n, h, w[, c]) side by side in rows of `columns`, pixel by pixel, with a white line between.

    Raises ArgumentError if the sheet were larger than 8,192 x 8,192 pixels.
    """
    tiles = as_bytes(images)
    columns = max(1, min(columns, len(tiles)))
    rows = -(-len(tiles) // columns)
    height, width = tiles.shape[1] + GAP, tiles.shape[2] + GAP
    if rows * height * columns * width > MOST_PIXELS:
        raise ArgumentError(f"A sheet of {len(tiles):,} pictures is too large; write a folder or .npy.")
    page = np.full((rows * height - GAP, columns * width - GAP, *tiles.shape[3:]), PAPER, np.uint8)
    for number, tile in enumerate(tiles):
        top, left = number // columns * height, number % columns * width
        page[top : top + height - GAP, left : left + width - GAP] = tile
    return page[..., 0] if page.ndim == 3 and page.shape[2] == 1 else page


def save_sheet(path: Path, images: Array, *, columns: int, force: bool) -> None:
    """Write a sheet; small pictures are magnified."""
    from PIL import Image

    pixels = sheet(images, columns=columns)
    times = max(1, min(LEAST_TILE // max(images.shape[1:3]), math.isqrt(MOST_PIXELS // pixels.size)))
    page = Image.fromarray(pixels.repeat(times, 0).repeat(times, 1))
    with written_whole(path, force=force) as temporary:
        page.save(temporary, "PNG", optimize=True)


def save_moving(path: Path, images: Array, *, force: bool) -> None:
    """Write a GIF that goes through the pictures and back, for ever; small ones are magnified."""
    from PIL import Image

    tiles = as_bytes(images)
    tiles = tiles[..., 0] if tiles.ndim == 4 and tiles.shape[3] == 1 else tiles
    times = max(1, SHOWN // max(tiles.shape[1:3]))
    frames = [Image.fromarray(tile.repeat(times, 0).repeat(times, 1)) for tile in [*tiles, *tiles[-2:0:-1]]]
    with written_whole(path, force=force) as temporary:
        frames[0].save(temporary, "GIF", save_all=True, append_images=frames[1:], duration=80, loop=0)
