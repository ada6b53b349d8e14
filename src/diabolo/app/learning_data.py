"""What `diabolo train` learns from: samples, pieces of images, pairs of folders, or noisy images alone."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from diabolo.data.images.any_size import PIECE, SomeImages, in_folder, open_sized
from diabolo.data.images.one_size import ENDINGS, image_sizes, open_by_size
from diabolo.data.images.pairs import Neighbours, Pairs, check_names, check_same_sizes
from diabolo.data.images.patches import Patches
from diabolo.data.images.photos import open_shelf
from diabolo.data.named import SETS
from diabolo.data.opening import check_no_table, open_data
from diabolo.data.source import Dataset, Source
from diabolo.data.tables.reading.record import Asked
from diabolo.errors import ArgumentError, InputError
from diabolo.jobs.detect.anomaly_maps import pieces_of

PIECES, LEAST_PIECES, MEASURED_PIECES = 16, 4096, 1024


@dataclass(frozen=True)
class Wanted:
    """What a user asked for; each as the option of its name. pieced: whether the preset takes images of any sizes.

    usual_patch: side of the pieces of images that the preset learns from if `patch` is None; None: whole samples.
    """

    data: str | None
    label: str | None
    ignore: tuple[str, ...]
    noisy: str | None
    clean: str | None
    self_supervised: bool
    patch: int | None
    noise: str | None
    seed: int
    pieced: bool = False
    usual_patch: int | None = None
    asked: Asked | None = None


def material(wanted: Wanted) -> tuple[Dataset, str | None]:
    """Return the data to learn from and the noise to lay over them.

    Raises ArgumentError for options that do not go together, FormatError for pairs that do not match.
    """
    _check(wanted)
    if wanted.usual_patch and wanted.patch is None and is_pictures(str(wanted.data)):
        return _photos(str(wanted.data), wanted), wanted.noise
    if wanted.patch is None and not (wanted.self_supervised or wanted.noisy) and not _surfaced(wanted):
        return open_data(str(wanted.data), label=wanted.label, ignore=wanted.ignore, asked=wanted.asked), wanted.noise
    check_no_table(str(wanted.data or wanted.noisy), wanted.asked)
    if wanted.ignore:
        raise ArgumentError("--ignore names columns of a table, and images have none; leave it out.")
    if wanted.noisy is not None and wanted.clean is not None:
        return _pairs(wanted.noisy, wanted.clean, wanted), "pairs"
    if _surfaced(wanted):
        return _surfaces(str(wanted.data), wanted), wanted.noise
    opened, sources = _images(str(wanted.data))
    if not wanted.self_supervised:
        return replace(opened, train=_pieces(sources, wanted)), wanted.noise
    _check_patch(sources, wanted.patch)
    return replace(opened, train=Neighbours.of(sources, side=wanted.patch, seed=wanted.seed)), "pairs"


def _surfaced(wanted: Wanted) -> bool:
    return wanted.pieced and is_pictures(str(wanted.data))


def _pairs(noisy: str, clean: str, wanted: Wanted) -> Dataset:
    """Return pairs, or pairs of pieces cut at the same places. Raises FormatError that names what does not match."""
    if _is_gallery(noisy) and _is_gallery(clean):
        check_names(open_shelf(Path(noisy)), open_shelf(Path(clean)))
        check_same_sizes(image_sizes(Path(noisy)), image_sizes(Path(clean)))
    opener = _whole if wanted.patch is None else _images
    (opened, some), (_, others) = opener(noisy), opener(clean)
    return replace(opened, train=Pairs(_pieces(some, wanted), _pieces(others, wanted)))


def _whole(data: str) -> tuple[Dataset, tuple[Source, ...]]:
    """Return a data set of images, without its test set and labels, and its samples."""
    opened = open_data(data)
    return Dataset(opened.name, opened.train, origin=opened.origin, notes=opened.notes), (opened.train,)


def _is_gallery(data: str) -> bool:
    """Say whether data is a folder or zip of images, and not the name of a data set."""
    return data not in SETS and (Path(data).is_dir() or Path(data).suffix.lower() == ".zip")


def _images(data: str) -> tuple[Dataset, tuple[Source, ...]]:
    """Return what images to cut pieces from, as a data set without samples of its own, and by their sizes."""
    if _is_gallery(data):
        sources = open_by_size(Path(data))
        return Dataset(Path(data).absolute().name, sources[0], origin=data), sources
    return _whole(data)


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


def _photos(data: str, wanted: Wanted) -> Dataset:
    """Return pieces of photos of any sizes: of the usual size, or as large as the smallest photo allows."""
    opened, sources = _images(data)
    least = min(side for source in sources for side in source.shape[:2])
    return replace(opened, train=_pieces(sources, replace(wanted, patch=min(wanted.usual_patch or least, least))))


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


def _check_patch(sources: tuple[Source, ...], patch: int | None) -> None:
    """Raise InputError if samples are no images, ArgumentError if pieces would not fit the smallest."""
    for source in sources:
        if len(source.shape) < 2:
            raise InputError(f"pieces can be cut from images only, got samples of the shape {source.shape}.")
    least = min(side for source in sources for side in source.shape[:2])
    if least < 4:
        raise InputError(f"pieces of 4 x 4 pixels or more are cut, and the smallest image has a side of {least}.")
    if patch is not None and not 4 <= patch <= least:
        raise ArgumentError(f"--patch must be from 4 to {least}, the images' shorter side, got {patch}.")


def _pieces(sources: tuple[Source, ...], wanted: Wanted) -> Source:
    """Return random pieces of images, 16 times as many pixels as there are; the images whole without `patch`."""
    if wanted.patch is None:
        return sources[0]
    _check_patch(sources, wanted.patch)
    pixels = sum(len(source) * source.shape[0] * source.shape[1] for source in sources)
    return Patches(sources, wanted.patch, max(LEAST_PIECES, PIECES * pixels // wanted.patch**2), wanted.seed)
