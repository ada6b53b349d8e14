"""Where `decompress` writes: a folder of images, one image or an array."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from diabolo.coding.archive.archive import ArchiveReader
from diabolo.coding.archive.names import is_pattern, shown
from diabolo.coding.archive.salvage import Damage
from diabolo.data.images.notes import with_notes
from diabolo.errors import ArgumentError, FileError, InputError
from diabolo.files import check_free, names_folder, written_whole
from diabolo.jobs.compress.archives.selecting import chosen, is_one, selected
from diabolo.jobs.compress.decompress import Restored, contents, one_item, restored_items, salvaged
from diabolo.jobs.compress.exact_photos import Codec
from diabolo.jobs.compress.output import Watcher, joined, picture, to_array, to_folder

MOST_NAMED = 5


def archive_items(archive: Path, *, salvage: bool) -> int | None:
    """Return how many items an archive holds, or None where a damaged one cannot say."""
    if salvage:
        return None
    with ArchiveReader(archive) as reader:
        return reader.items


def means_one(archive: Path, wanted: str, *, salvage: bool) -> bool:
    """Say whether `wanted` is one item's name or number, not a folder or a pattern."""
    if salvage:
        return not is_pattern(wanted) and not wanted.endswith("/")
    with ArchiveReader(archive) as reader:
        return is_one(reader, wanted)


def write_items(
    trained: Codec, archive: Path, out: Path, *, wanted: str | None = None, salvage: bool, force: bool, watch: Watcher
) -> tuple[int, list[Damage]]:
    """Write all items, or those of a folder or pattern; return how many, and what was lost.

    Raises ArgumentError or FileError for a path of no use, InputError if no item is `wanted`.
    """
    array = out.suffix.lower() == ".npy"
    if not array and not names_folder(out):
        raise ArgumentError(f"--out must end in .npy, or be the name of a folder, got {out}.")
    if array:
        check_free(out, force=force)
    else:
        check_folder(out, force=force)
    lost: list[Damage] = []
    if salvage:
        pieces, lost = salvaged(trained, archive)
        pieces = pieces if wanted is None else chosen(pieces, wanted)
    else:
        pieces = contents(trained, archive) if wanted is None else selected(trained, archive, wanted)
    if array:
        return to_array(pieces, out, force=force, watch=watch, partly=salvage), lost
    return to_folder(pieces, out, watch=watch, partly=salvage), lost


def lost_lines(lost: Sequence[Damage], *, complete: bool) -> list[str]:
    """Return lines that say which items are lost; complete: whether it is known that nothing followed them."""
    lost = [damage for damage in lost if damage.count]
    lines = []
    for damage in lost[:MOST_NAMED]:
        names = [shown(thing.name) for thing in damage.items if thing.name]
        some = ", ".join(names[:MOST_NAMED]) + (f" and {len(names) - MOST_NAMED} more" if names[MOST_NAMED:] else "")
        last = damage.first + damage.count - 1
        span = f"item {damage.first}" if damage.count == 1 else f"items {damage.first} to {last}"
        lines.append(f"Lost: {span}{': ' if some else ''}{some}.")
    hidden = sum(damage.count for damage in lost[MOST_NAMED:])
    lines += [f"Lost: {hidden} more items in other places."] if hidden else []
    return lines if complete else [*lines, "The end of the archive is lost: whether more items followed is not known."]


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
    if not (own and found.file is not None) and out.suffix.lower() not in (".png", ".npy"):
        raise ArgumentError(f"{name} was not kept as a file; --out must end in .png or .npy, got {out}.")
    if not own and found.file is not None and not found.array.size:
        raise ArgumentError(f"{name} is kept as a file that is no readable picture; --out must end as it does.")
    with written_whole(out, force=force) as temporary, temporary.open("wb") as file:
        if out.suffix.lower() == ".npy":
            np.save(file, found.array, allow_pickle=False)
        elif own and found.file is not None:
            file.write(found.file)
        else:
            buffer = io.BytesIO()
            picture(found).save(buffer, format="PNG")
            file.write(with_notes(buffer.getvalue(), found.notes))


def _named(trained: Codec, archive: Path, name: str) -> Iterator[Restored]:
    """Yield the undamaged strips of one item, by its name."""
    for piece in salvaged(trained, archive)[0]:
        if any(item.name == name for item in piece.items):
            yield from (item for item in restored_items(piece) if item.name == name)
