"""The models that come with the package for archives: which one a promise takes, and which one an archive needs."""

from functools import cache
from importlib.resources import as_file, files

from diabolo.coding.archive.layout import Promise
from diabolo.coding.exact.kernel import bundled as bundled_kernel
from diabolo.errors import ArgumentError
from diabolo.jobs.compress.exact_photos import Codec
from diabolo.jobs.compress.packed_model import read_packed
from diabolo.training.files.model_file import Trained

BUNDLED = {Promise.LOSSY: "photo_codec.safetensors"}
"""By promise (bench/train_photo_codec.py made it)."""
PHOTO_CODEC = "1103a60cc3917a5d7ab4c2fafd65344a14638294bac2c993d44d4ed2f03520d0"
"""What archives call the photo codec: `identity` of it, so that its name is known without loading it."""


@cache
def bundled_codec(promise: Promise) -> Trained:
    """Return the bundled model for a promise. Raises ArgumentError if there is none."""
    if promise not in BUNDLED:
        raise ArgumentError("No bundled model compresses exactly; give a model trained on such images with -m.")
    with as_file(files("diabolo.jobs.compress") / BUNDLED[promise]) as path:
        return read_packed(path)


def bundled_for(wanted: bytes, device: str = "cpu") -> Codec | None:
    """Return the bundled model of that SHA-256, or None; device: that computes what is no whole number."""
    if bundled_kernel().identity == wanted:
        return bundled_kernel()
    return bundled_codec(Promise.LOSSY).on(device) if wanted.hex() == PHOTO_CODEC else None


def bundled_name(wanted: bytes) -> str:
    """Return what the bundled model of that SHA-256 is, or "" if none has it."""
    names = {bundled_kernel().identity.hex(): "exact coder", PHOTO_CODEC: "photo codec"}
    return names.get(wanted.hex(), "")
