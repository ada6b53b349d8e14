"""Verifying: whether every checksum of an archive is right, without the model that decodes it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from diabolo.coding.archive.archive import ArchiveReader, Block
from diabolo.coding.archive.layout import Method
from diabolo.coding.archive.recovery import repaired
from diabolo.coding.archive.salvage import Damage, Salvage
from diabolo.errors import FormatError, MissingExtraError
from diabolo.jobs.compress.archives.repairing import LARGEST
from diabolo.jobs.compress.blocks import check_files, read_files

Watcher = Callable[[int], None]


@dataclass(frozen=True)
class Verified:
    """problem: the reason why the archive is refused, or "" if it is whole; lost: what --salvage cannot bring back.

    items: how many are undamaged, strips counted each; complete: whether the index says what should be there;
    repairable: whether the parity behind the archive brings all of it back. lacking: what must be installed to tell.
    """

    problem: str
    items: int
    blocks: int
    lost: tuple[Damage, ...] = ()
    complete: bool = True
    repairable: bool = False
    lacking: str = ""

    @property
    def whole(self) -> bool:
        return not self.problem


def verify(archive: Path, *, watch: Watcher | None = None) -> Verified:
    """Read all of an archive and check every checksum; kept files are unpacked, pictures are not decoded.

    Raises FileError if it cannot be read, FormatError if it is no archive, newer, or both its headers are damaged.
    """
    try:
        with ArchiveReader(archive) as reader:
            blocks = reader.blocks
            for block in reader:
                _check(block)
                if watch:
                    watch(len(block.items))
            for section in reader.sections:
                reader.section(section)
            return Verified("", reader.items, blocks)
    except FormatError as error:
        problem = str(error)
    salvage = Salvage(archive)
    items = blocks = 0
    lost = []
    for block in salvage:
        try:
            _check(block)
        except FormatError:
            lost.append(Damage(block.first, len(block.items), block.items))
            continue
        items, blocks = items + len(block.items), blocks + 1
    all_lost = (*lost, *salvage.damaged)
    return Verified(problem, items, blocks, all_lost, salvage.complete, *_repairable(archive))


def _check(block: Block) -> None:
    if block.method == Method.FILES:
        check_files(block.items)
        read_files(block.payload, len(block.items))


def _repairable(archive: Path) -> tuple[bool, str]:
    """Say whether parity brings an archive back, and what must be installed to tell."""
    try:
        return archive.stat().st_size <= LARGEST and repaired(archive.read_bytes()) is not None, ""
    except MissingExtraError as error:
        return False, str(error)
