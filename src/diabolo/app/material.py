"""What `diabolo train` learns from: samples, pieces of images, pairs of folders, or noisy images alone."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from diabolo.data.images import ENDINGS
from diabolo.data.named import SETS
from diabolo.data.opening import open_data
from diabolo.data.pairs import Neighbours, Pairs, check_names
from diabolo.data.patches import Patches
from diabolo.data.photos import open_shelf
from diabolo.data.sized import PIECE, SomeImages, in_folder, open_sized
from diabolo.data.source import Dataset, Source
from diabolo.errors import ArgumentError, InputError
from diabolo.jobs.maps import pieces_of

SELF_PATCH, PIECES, LEAST_PIECES, MEASURED_PIECES = 64, 16, 4096, 1024


@dataclass(frozen=True)
class Wanted:
    """What a user asked for; each as the option of its name. pieced: whether the preset takes images of any sizes."""

    data: str | None
    label: str | None
    noisy: str | None
    clean: str | None
    self_supervised: bool
    patch: int | None
    noise: str | None
    seed: int
    pieced: bool = False


def material(wanted: Wanted) -> tuple[Dataset, str | None]:
    """Return the data to learn from and the noise to lay over them.

    Raises ArgumentError for options that do not go together, FormatError for pairs that do not match.
    """
    _check(wanted)
    if wanted.noisy is not None and wanted.clean is not None:
        noisy, clean = (open_data(path) for path in (wanted.noisy, wanted.clean))
        if Path(wanted.noisy).is_dir() and Path(wanted.clean).is_dir():
            check_names(open_shelf(Path(wanted.noisy)), open_shelf(Path(wanted.clean)))
        pairs = Pairs(_pieces(noisy.train, wanted), _pieces(clean.train, wanted))
        return Dataset(noisy.name, pairs, origin=noisy.origin, notes=(*noisy.notes, *clean.notes)), "pairs"
    if wanted.pieced and is_pictures(str(wanted.data)):
        return _surfaces(str(wanted.data), wanted), wanted.noise
    opened = open_data(str(wanted.data), label=wanted.label)
    if wanted.self_supervised:
        size = wanted.patch or min(SELF_PATCH, *_sides(opened.train))
        halves = Neighbours(_pieces(opened.train, replace(wanted, patch=2 * (size // 2))), wanted.seed)
        return Dataset(opened.name, halves, origin=opened.origin, notes=opened.notes), "pairs"
    if wanted.patch is None:
        return opened, wanted.noise
    return replace(opened, train=_pieces(opened.train, wanted), test=None, labels=None, test_labels=None), wanted.noise


def is_pictures(data: str) -> bool:
    """Return whether DATA is a folder or zip of images, or an image."""
    path = Path(data)
    return data not in SETS and (path.is_dir() or (path.is_file() and data.lower().endswith((".zip", *ENDINGS))))


def _surfaces(data: str, wanted: Wanted) -> Dataset:
    """Return pieces of images of any sizes to learn from, and of those held out to measure on.

    With a label, of the images in the folder of that name.
    """
    images = open_sized(Path(data))
    if wanted.label is not None:
        images = SomeImages(images, np.flatnonzero(in_folder(images, wanted.label)))
    if wanted.patch is not None and not 16 <= wanted.patch <= 512:
        raise ArgumentError(f"--patch must be from 16 to 512, got {wanted.patch}.")
    pieces = pieces_of(images, wanted.seed, side=wanted.patch or PIECE)
    unseen = replace(pieces, images=pieces.held, count=MEASURED_PIECES, seed=wanted.seed + 1)
    note = f"{len(pieces.images):,} images are learnt from, {len(pieces.held):,} are held out to calibrate on"
    return Dataset(Path(data).name.removesuffix(".zip"), pieces, unseen, origin=data, notes=(note,))


def _check(wanted: Wanted) -> None:
    paired = wanted.noisy is not None or wanted.clean is not None
    if paired and (wanted.noisy is None or wanted.clean is None):
        raise ArgumentError("--noisy and --clean go together: two folders with images of the same names.")
    if paired == (wanted.data is not None):
        raise ArgumentError("give DATA, or --noisy and --clean in its place.")
    if wanted.noise is not None and (paired or wanted.self_supervised):
        raise ArgumentError("--noise is for clean images; with noisy ones at hand leave it out.")
    if paired and wanted.self_supervised:
        raise ArgumentError("--self-supervised is for noisy images alone; with --clean leave it out.")


def _sides(source: Source) -> tuple[int, int]:
    if len(source.shape) < 2:
        raise InputError(f"pieces can be cut from images only, got samples of the shape {source.shape}.")
    return source.shape[0], source.shape[1]


def _pieces(source: Source, wanted: Wanted) -> Source:
    """Return random pieces of images, 16 times as many pixels as there are; the images whole without `patch`."""
    if wanted.patch is None:
        return source
    least = min(_sides(source))
    if not 4 <= wanted.patch <= least:
        raise ArgumentError(f"--patch must be from 4 to {least}, the images' shorter side, got {wanted.patch}.")
    fitting = source.shape[0] * source.shape[1] // wanted.patch**2
    return Patches(source, wanted.patch, max(LEAST_PIECES, PIECES * len(source) * fitting), wanted.seed)
