"""Model search: the model that an archive names, given as a file or searched in a folder, or bundled."""

from pathlib import Path

from diabolo.coding.archive.archive import ArchiveReader
from diabolo.coding.archive.salvage import Salvage
from diabolo.errors import DiaboloError, FileError, InputError
from diabolo.jobs.compress.bundled import bundled_for
from diabolo.jobs.compress.compress import identity
from diabolo.jobs.compress.exact_photos import Codec
from diabolo.training.files.model_file import Trained, load_model

ENDING = ".safetensors"


def codec_for(archive: Path, given: Path | None, *, salvage: bool = False, device: str = "cpu") -> Codec:
    """Return the model that opens an archive: the file `given`, the one of that folder which fits, or the bundled one.

    salvage: whether the archive may be damaged. device: where the model is to lie.
    Raises FileError or FormatError for a file or an archive of no use, InputError if no model fits.
    """
    if given is not None and not given.is_dir():
        return load_model(given, device)
    wanted = wanted_model(archive, salvage=salvage)
    found = bundled_for(wanted, device)
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
