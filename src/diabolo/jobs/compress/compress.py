"""Compress: samples into an archive, block by block, in bounded memory; badly served blocks by a general coder."""

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from diabolo.coding.archive.archive import ArchiveWriter
from diabolo.coding.archive.general_coder import store
from diabolo.coding.archive.items import Item
from diabolo.coding.archive.layout import DTYPES, Header, Method, Promise
from diabolo.coding.archive.recovery import add_recovery, check_share
from diabolo.coding.archive.sections import Kind, add_section
from diabolo.coding.pixels import MOST_ERROR
from diabolo.data.images.mixed import UNREADABLE, Pictures
from diabolo.data.source import Array, ArraySource, Source, spaced
from diabolo.errors import ArgumentError, InputError
from diabolo.files import written_whole
from diabolo.jobs import apply
from diabolo.jobs.columns import check_shape
from diabolo.jobs.compress.archives.carried import carried_file
from diabolo.jobs.compress.blocks import blocks_of
from diabolo.jobs.compress.chunks import (
    Piece,
    can_be_cut,
    pieces_of_pictures,
    pieces_of_source,
    tiles,
)
from diabolo.jobs.compress.code_pieces import coded_pieces
from diabolo.jobs.compress.coders import CODERS, PIXELS, BlockCoder, settings_of
from diabolo.jobs.compress.levels import NAME, Level, levels_of, peak_of, psnr_of, squared_error, unrounded
from diabolo.jobs.compress.packed_model import packed_file
from diabolo.jobs.compress.photos import PHOTO, Photos, photo_settings
from diabolo.jobs.parallel import together
from diabolo.training.files.model_file import Trained, decoding_tensors
from diabolo.training.files.tensor_file import digest

TRIED = 2000
"""Samples on which `quality` chooses the level."""
FAR = 6.0
"""dB below what the model reaches on its training data from which on a block counts as badly served."""
Watcher = Callable[[int], None]


@dataclass(frozen=True)
class Compressed:
    """items, blocks: how many, and `stored` how many blocks a general coder took. size, raw: bytes of archive and data.

    raw counts the files' bytes for pictures. psnr: in dB over all numbers, from the total squared error (120 where
    nothing differs). kept: picture files that were kept as they are, since they take fewer bytes or hold more than
    pixels; unreadable: the names of those that cannot be read, or are animated.
    """

    items: int
    blocks: int
    stored: int
    size: int
    raw: int
    psnr: float
    kept: int = 0
    unreadable: tuple[str, ...] = ()


def compress(
    trained: Trained,
    data: Source | Pictures,
    path: Path,
    *,
    promise: Promise = Promise.LOSSY,
    quality: float | None = None,
    max_error: int = 0,
    recovery: float = 0.0,
    with_model: bool = False,
    force: bool = False,
    watch: Watcher | None = None,
) -> Compressed:
    """Write an archive of samples, or of images of any sizes.

    with_model: whether the archive carries what decodes it.
    recovery: the share of bytes of parity behind it, 0.05 for 5 %; 0 is the usual single part.
    quality: PSNR in dB to reach, for the lossy promise; the model's natural rate if None.
    max_error: for Promise.MAX_ERROR, how far a number may be off, in the data's units.
    watch: told how many items each block held.
    Raises InputError for samples or a model that cannot be used, FileError if the archive cannot be written.
    """
    _check(trained, data, promise, quality)
    check_share(recovery)
    if promise == Promise.LOSSY and trained.model.encoder.bottleneck.has_maps:
        return _photos(trained, data, path, quality, recovery=recovery, with_model=with_model, force=force, watch=watch)
    header = _header(trained, data, promise, max_error)
    with written_whole(path, force=force) as temporary:
        for level, floor in _levels(trained, data, quality) if promise == Promise.LOSSY else [(0, -math.inf)]:
            settings = settings_of(level) if promise == Promise.LOSSY else b""
            header = replace(header, settings=settings)
            coder = CODERS[promise](trained, header)
            found = written(temporary, header, coder, peak_of(trained), data, floor, watch)
            watch = None
            if quality is None or found.psnr >= quality:
                break
        else:
            warnings.warn(
                f"quality asked for {quality:g} dB, and the model's finest step reaches {found.psnr:.2f} dB; "
                "train it with a smaller beta, or use max_error or lossless.",
                stacklevel=2,
            )
        if quality is not None and found.stored:
            cheaper = _within_error(trained, data, header, temporary, quality)
            found, promise = cheaper or (found, promise)
        own = level if promise == Promise.LOSSY else None
        carried = carried_file(trained, header.model, promise, own) if with_model else b""
        finish(temporary, recovery, carried)
        return replace(found, size=temporary.stat().st_size)


def _within_error(
    trained: Trained, data: Source | Pictures, header: Header, path: Path, quality: float
) -> tuple[Compressed, Promise] | None:
    """Write the archive at `path` anew with every number within an error, if that reaches the quality in fewer bytes.

    So it is where the model does not reach the quality, and a general coder took blocks. The errors tried are that
    which reaches the quality if all are equally likely, and twice that, for many numbers may be right.
    """
    if PIXELS not in trained.extras or trained.preprocessing.dtype != np.uint8:
        return None
    even = int((math.sqrt(1 + 12 * peak_of(trained) ** 2 * 10 ** (-quality / 10)) - 1) / 2)
    other = path.with_name(f"{path.name}.error")
    try:
        for error in sorted({min(2 * even, MOST_ERROR), min(even, MOST_ERROR)}, reverse=True):
            promise = Promise.MAX_ERROR if error else Promise.LOSSLESS
            head = replace(header, promise=promise, max_error=error, settings=b"")
            coder = CODERS[promise](trained, head)
            found = written(other, head, coder, peak_of(trained), data, -math.inf, None)
            if found.psnr >= quality:
                if other.stat().st_size >= path.stat().st_size:
                    return None
                other.replace(path)
                return found, promise
    finally:
        other.unlink(missing_ok=True)
    return None


def _photos(
    trained: Trained,
    data: Source | Pictures,
    path: Path,
    quality: float | None,
    *,
    recovery: float,
    with_model: bool,
    force: bool,
    watch: Watcher | None,
) -> Compressed:
    """Write an archive of photos, each of which reaches the quality; those that cannot are kept exactly."""
    coder = Photos(trained, quality=quality)
    header = replace(_header(trained, data, Promise.LOSSY, 0), settings=photo_settings(coder.level))
    floor = -math.inf if quality is None else quality
    with written_whole(path, force=force) as temporary:
        found = written(temporary, header, coder, peak_of(trained), data, floor, watch)
        finish(temporary, recovery, packed_file(trained) if with_model else b"")
        return replace(found, size=temporary.stat().st_size)


def finish(path: Path, recovery: float, carried: bytes) -> None:
    """Append to an archive the model's file that it carries, packed, and parity over both."""
    if carried:
        add_section(path, Kind.MODEL, store(carried))
    add_recovery(path, recovery)


def _header(trained: Trained, data: Source | Pictures, promise: Promise, max_error: int) -> Header:
    return header_for(identity(trained), data, promise, max_error)


def header_for(model: bytes, data: Source | Pictures, promise: Promise, max_error: int) -> Header:
    """Return the header of an archive of data, coded by a model of this identity."""
    dtype = np.dtype(np.uint8) if isinstance(data, Pictures) else data.dtype.newbyteorder("<")
    usual = Item(() if isinstance(data, Pictures) else data.shape)
    return Header(model, promise, usual, dtype.str, max_error)


def promised(quality: float | None, max_error: int | None, *, lossless: bool) -> tuple[Promise, int]:
    """Return the promise that the options of a door mean, and its largest error. Raises ArgumentError if they clash."""
    if (quality is not None) + (max_error is not None) + lossless > 1:
        raise ArgumentError("quality, max_error and lossless exclude each other; give one of them.")
    if max_error is not None and not 0 <= max_error <= MOST_ERROR:
        raise ArgumentError(f"max_error must be 0 to {MOST_ERROR} grey levels, got {max_error}.")
    if lossless or max_error == 0:
        return Promise.LOSSLESS, 0
    return (Promise.MAX_ERROR, max_error) if max_error else (Promise.LOSSY, 0)


def pieces_of(data: Source | Pictures, *, exact: bool) -> Iterator[Piece]:
    """Yield the pieces of samples or images in order; exact: as `pieces_of_pictures` has it."""
    return pieces_of_pictures(data, exact=exact) if isinstance(data, Pictures) else pieces_of_source(data)


def identity(trained: Trained) -> bytes:
    """Return the SHA-256, 32 bytes, over the weights, the preprocessing and the tables, but nothing that may be added.

    Thresholds, figures, or a new field of a later version's configuration leave old archives as they are.
    """
    parts = [name for name in (NAME, PIXELS, PHOTO) if name in trained.extras]
    tensors = decoding_tensors(trained, *parts)
    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    steps = trained.extras[NAME].plain.get("steps") if NAME in parts else None
    facts = {"shape": list(trained.model.config.shape), "dtype": trained.preprocessing.dtype.str, "steps": steps}
    return bytes.fromhex(digest(kept, facts))


def _check(trained: Trained, data: Source | Pictures, promise: Promise, quality: float | None) -> None:
    if not len(data):
        raise InputError("There is nothing to compress: no samples were given.")
    if not isinstance(data, Pictures) and data.dtype.newbyteorder("<").str not in DTYPES:
        raise InputError(f"numbers of the type {data.dtype} cannot be kept; use one of {', '.join(DTYPES)}.")
    if quality is not None and not (promise == Promise.LOSSY and 0 < quality <= 100):
        raise ArgumentError(f"quality is a PSNR above 0 and up to 100 dB, of the lossy promise; got {quality:g}.")
    if isinstance(data, Pictures):
        if trained.preprocessing.dtype != np.uint8:
            raise InputError(f"The model was trained on {trained.preprocessing.dtype}, and images have 8 bits.")
        return
    if not (trained.model.encoder.bottleneck.has_maps or can_be_cut(data.shape, trained.model.config.shape)):
        check_shape(trained, data)
    if data.dtype.newbyteorder("=") != trained.preprocessing.dtype:
        raise InputError(
            f"The numbers must be of the type {trained.preprocessing.dtype} of the training data, got {data.dtype}."
        )


def _levels(trained: Trained, data: Source | Pictures, quality: float | None) -> Iterator[tuple[int, float]]:
    """Yield levels to try, each with the PSNR below which a block is stored: the natural one, or those for a quality.

    The coarsest level that reaches the quality on a sample is found by bisection, as a finer one reaches more; where
    the whole falls short of it, finer ones follow, twice as far each time, down to the finest.
    """
    levels = levels_of(trained)
    natural = min(range(len(levels)), key=lambda number: abs(math.log(levels[number].step)))
    tried = [] if quality is None else list(_tried(trained, data))
    if quality is None:
        yield natural, levels[natural].psnr - FAR
        return
    if not tried:
        yield natural, quality
        return
    finest, coarsest = 0, len(levels) - 1
    while finest < coarsest:
        middle = (finest + coarsest + 1) // 2
        if _psnr_at(trained, levels[middle], tried) >= quality:
            finest = middle
        else:
            coarsest = middle - 1
    level, further = finest, 1
    while level > 0:
        yield level, quality - FAR
        level, further = level - further, 2 * further
    yield 0, quality


def _tried(trained: Trained, data: Source | Pictures) -> Iterator[Array]:
    """Yield samples of the model's shape from all over the data, at most 2,000 items."""
    shape, left = trained.model.config.shape, TRIED
    if not isinstance(data, Pictures) and data.shape == shape:
        yield data.take(spaced(len(data), TRIED))
        return
    for piece in pieces_of(data, exact=False):
        if not piece.kept and can_be_cut(piece.array.shape[1:], shape):
            samples = tiles(piece.array, shape)[:left]
            left -= len(samples)
            yield samples
        if left <= 0:
            return


def _psnr_at(trained: Trained, level: Level, tried: list[Array]) -> float:
    error = numbers = 0.0
    for samples in tried:
        symbols = level.symbols(unrounded(trained, ArraySource(samples)))
        error += squared_error(samples, apply.decode(trained, level.codes(symbols)))
        numbers += samples.size
    return psnr_of(error, int(numbers), peak_of(trained))


def written(
    path: Path,
    header: Header,
    coder: BlockCoder,
    peak: float,
    data: Source | Pictures,
    floor: float,
    watch: Watcher | None,
) -> Compressed:
    """Write the whole archive; its size is left to the caller. peak: the value that PSNR refers to."""
    with path.open("wb") as file:
        return _write(file, header, coder, peak, data, floor, watch)


def _write(
    file: BinaryIO,
    header: Header,
    coder: BlockCoder,
    peak: float,
    data: Source | Pictures,
    floor: float,
    watch: Watcher | None,
) -> Compressed:
    writer = ArchiveWriter(file, header)
    total = Compressed(0, 0, 0, 0, 0, 0.0)
    numbers, error = 0, 0.0
    unreadable: list[str] = []

    def pieces() -> Iterator[Piece]:
        for piece in pieces_of(data, exact=header.promise != Promise.LOSSY):
            if piece.kept == UNREADABLE:
                unreadable.append(piece.items[0].name)
            yield piece

    made = together(lambda piece: coded_pieces(piece, len(data), coder, peak, header, floor), pieces())
    pictures = data if isinstance(data, Pictures) else None
    for out in blocks_of((coded for _, many in made for coded in many), pictures):
        writer.add_block(out.content, out.items, method=out.method)
        total = replace(
            total,
            items=total.items + out.count,
            blocks=total.blocks + 1,
            stored=total.stored + (out.method == Method.STORED),
            raw=total.raw + out.raw,
            kept=total.kept + out.count * (out.method == Method.FILES),
        )
        numbers, error = numbers + out.numbers, error + out.wrong
        if watch:
            watch(out.count)
    writer.finish()
    return replace(total, psnr=psnr_of(error, numbers, peak), unreadable=tuple(unreadable))
