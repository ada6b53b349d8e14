"""The models that come with the package for archives: which one a promise takes, and which one an archive needs."""

from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

from diabolo.coding.archive.archive import ArchiveReader
from diabolo.coding.archive.layout import Header, Promise
from diabolo.coding.archive.salvage import Salvage
from diabolo.coding.exact.kernel import bundled as bundled_kernel
from diabolo.errors import ArgumentError, InputError
from diabolo.jobs.compress.compress import identity
from diabolo.jobs.compress.exact_photos import Codec
from diabolo.jobs.compress.packed_model import read_packed
from diabolo.training.files.model_file import Trained

BUNDLED = {Promise.LOSSY: "photo_codec.safetensors"}
"""By promise (bench/train_photo_codec.py made it)."""


@cache
def bundled_codec(promise: Promise) -> Trained:
    """Return the bundled model for a promise. Raises ArgumentError if there is none."""
    if promise not in BUNDLED:
        raise ArgumentError("No bundled model compresses exactly; give a model trained on such images with -m.")
    with as_file(files("diabolo.jobs.compress") / BUNDLED[promise]) as path:
        return read_packed(path)


def codec_of(archive: Path, *, salvage: bool = False, device: str = "cpu") -> Codec:
    """Return the bundled model that an archive was made with. Raises InputError if it was another one.

    salvage: whether the archive may be damaged. device: that computes what is no whole number.
    """
    wanted = _header(archive, salvage=salvage).model
    if bundled_kernel().identity == wanted:
        return bundled_kernel()
    for promise in BUNDLED:
        trained = bundled_codec(promise)
        if identity(trained) == wanted:
            return trained.on(device)
    raise InputError(
        f"{archive} was made with a model of SHA-256 {wanted.hex()[:12]}..., which is none of the bundled ones; "
        "give its file with -m."
    )


def _header(archive: Path, *, salvage: bool) -> Header:
    if salvage:
        return Salvage(archive).header
    with ArchiveReader(archive) as reader:
        return reader.header
