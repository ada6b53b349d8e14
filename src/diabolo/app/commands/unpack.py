"""Where `decompress` writes: a folder of images, one image or an array."""

from collections.abc import Iterator
from pathlib import Path

from diabolo.coding.archive.archive import ArchiveReader
from diabolo.coding.archive.salvage import Damage
from diabolo.errors import ArgumentError, FileError, InputError
from diabolo.files import check_free, written_whole
from diabolo.jobs.compress.decompress import Restored, contents, one_item, restored_items, salvaged
from diabolo.jobs.compress.exact_photos import Codec
from diabolo.jobs.compress.output import Watcher, joined, picture, to_array, to_folder


def archive_items(archive: Path, *, salvage: bool) -> int | None:
    """Return how many items an archive holds, or None where a damaged one cannot say."""
    if salvage:
        return None
    with ArchiveReader(archive) as reader:
        return reader.items


def write_items(
    trained: Codec, archive: Path, out: Path, *, salvage: bool, force: bool, watch: Watcher
) -> tuple[int, list[Damage]]:
    """Write all items; return how many, and what was lost. Raises ArgumentError or FileError for a path of no use."""
    array = out.suffix.lower() == ".npy"
    if not array and out.suffix:
        raise ArgumentError(f"--out must end in .npy, or be the name of a folder, got {out}.")
    if array:
        check_free(out, force=force)
    else:
        check_folder(out, force=force)
    pieces, lost = salvaged(trained, archive) if salvage else (contents(trained, archive), [])
    if array:
        return to_array(pieces, out, force=force, watch=watch, partly=salvage), lost
    return to_folder(pieces, out, watch=watch, partly=salvage), lost


def check_folder(out: Path, *, force: bool) -> None:
    """Raise FileError if a folder cannot be written at `out`."""
    if not out.name or out.name == "..":
        raise FileError(f"{out} is in use; give the name of a new folder.")
    if out.is_dir() and any(out.iterdir()) and not force:
        raise FileError(f"The folder {out} is not empty; choose another name or pass --force.")
    if out.exists() and not out.is_dir():
        raise FileError(f"{out} is no folder; images are written to a folder.")
    check_free(out.with_name(f"{out.name}.new"), force=True)


def write_item(trained: Codec, archive: Path, name: str, out: Path, *, salvage: bool, force: bool) -> None:
    """Write one item as an image (.png), an array (.npy), or the file that was kept.

    Raises InputError if there is none of that name.
    """
    import numpy as np

    own = out.suffix.lower() == Path(name).suffix.lower()
    if not own and out.suffix.lower() not in (".png", ".npy"):
        raise ArgumentError(f"--out must end in .png or .npy for one item, got {out}.")
    check_free(out, force=force)
    pieces = _named(trained, archive, name) if salvage else one_item(trained, archive, name)
    found = next(joined(pieces, partly=salvage), None)
    if found is None:
        raise InputError(f"{archive} holds no undamaged item named {name!r}.")
    if not (own and found.file) and out.suffix.lower() not in (".png", ".npy"):
        raise ArgumentError(f"{name} was not kept as a file; --out must end in .png or .npy, got {out}.")
    with written_whole(out, force=force) as temporary, temporary.open("wb") as file:
        if out.suffix.lower() == ".npy":
            np.save(file, found.array, allow_pickle=False)
        elif own and found.file:
            file.write(found.file)
        else:
            picture(found).save(file, format="PNG")


def _named(trained: Codec, archive: Path, name: str) -> Iterator[Restored]:
    """Yield the undamaged strips of one item, by its name."""
    for piece in salvaged(trained, archive)[0]:
        if any(item.name == name for item in piece.items):
            yield from (item for item in restored_items(piece) if item.name == name)
