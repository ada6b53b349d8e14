"""Model search: the model that an archive names, given as a file or searched in a folder, or bundled."""

import hashlib
import tempfile
from pathlib import Path

from diabolo.coding.archive.archive import ArchiveReader
from diabolo.coding.archive.general_coder import unpacked
from diabolo.coding.archive.salvage import Salvage
from diabolo.coding.archive.sections import Kind, sections
from diabolo.coding.exact.kernel import Kernel
from diabolo.errors import DiaboloError, FileError, FormatError, InputError
from diabolo.jobs.compress.archives.carried import Carried, read_carried
from diabolo.jobs.compress.bundled import bundled_for
from diabolo.jobs.compress.compress import identity
from diabolo.jobs.compress.exact_photos import Codec
from diabolo.jobs.compress.packed_model import read_packed
from diabolo.training.files.model_file import Trained, load_model

ENDING = ".safetensors"
LARGEST_MODEL = 1 << 30
"""Bytes of a model that an archive may carry."""


def codec_for(archive: Path, given: Path | None, *, salvage: bool = False, device: str = "cpu") -> Codec:
    """Return the model that opens an archive: the file `given`, the one of that folder which fits, or the bundled one;
    or the one that the archive carries.

    salvage: whether the archive may be damaged. device: where the model is to lie.
    Raises FileError or FormatError for a file or an archive of no use, InputError if no model fits.
    """
    if given is not None and not given.is_dir():
        return load_model(given, device)
    wanted = wanted_model(archive, salvage=salvage)
    found = bundled_for(wanted, device)
    if found is None:
        found = carried_model(archive, wanted)
    if found is None and given is not None:
        found = _in_folder(given, wanted, device)
    if found is None:
        where = f"none of the models in {given}" if given else "none of the bundled ones"
        raise InputError(
            f"{archive} was made with the model {wanted.hex()[:16]}..., which is {where}; give its file, or a folder "
            "that holds it, with -m (`diabolo info MODEL` shows what archives call a model)."
        )
    return found


def wanted_model(archive: Path, *, salvage: bool = False) -> bytes:
    """Return the SHA-256 by which an archive names its model. Raises as reading it does."""
    if salvage:
        return Salvage(archive).header.model
    with ArchiveReader(archive) as reader:
        return reader.header.model


def carried_model(archive: Path, wanted: bytes) -> Codec | None:
    """Return the model that an archive carries, or None. Raises FormatError if it is damaged, or another one."""
    with archive.open("rb") as file:
        _, there = sections(file, file.seek(0, 2))
        bodies = [section.read(file) for section in there if section.kind == Kind.MODEL]
    if not bodies:
        return None
    content = unpacked(bodies[-1], LARGEST_MODEL)
    if hashlib.sha256(content).digest() == wanted:
        return Kernel(content)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"carried{ENDING}"
        path.write_bytes(content)
        try:
            carried = read_carried(path)
        except FormatError:
            trained = _either(path)
            carried = Carried(trained, identity(trained))
    if carried.identity != wanted:
        raise FormatError(f"{archive} carries another model than the one it names; give that with -m.")
    return carried


def _either(path: Path) -> Trained:
    """Return the model of a packed model file, or of another one."""
    try:
        return read_packed(path)
    except FormatError:
        return load_model(path)


def _in_folder(folder: Path, wanted: bytes, device: str) -> Trained | None:
    """Return the model of a folder that an archive names; files that are no models are passed over."""
    files = sorted(file for file in folder.iterdir() if file.suffix == ENDING and file.is_file())
    if not files:
        raise FileError(f"The folder {folder} holds no model files ({ENDING}); give another.")
    for file in files:
        try:
            trained = load_model(file)
        except DiaboloError:
            continue
        if identity(trained) == wanted:
            return trained.on(device)
    return None
