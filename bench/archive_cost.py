"""What it costs to keep damage small, and what is lost then: python bench/archive_cost.py PHOTOS.zip

Digits: the 1,797 of scikit-learn (8 x 8) under the model of tests/fixtures. The bytes are of whole archives.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from diabolo.coding.archive.archive import ArchiveReader
from diabolo.coding.archive.recovery import repaired
from diabolo.coding.exact.kernel import bundled
from diabolo.data.images.mixed import open_pictures
from diabolo.data.source import ArraySource
from diabolo.jobs.compress import chunks
from diabolo.jobs.compress.compress import Promise, compress
from diabolo.jobs.compress.decompress import salvaged
from diabolo.jobs.compress.exact_photos import Codec, compress_exactly
from diabolo.training.files.model_file import load_model

FIXTURE = Path(__file__).parents[1] / "tests" / "fixtures" / "v1.safetensors"
TRIALS = 20


@contextmanager
def one_block() -> Iterator[None]:
    """Write blocks as large as they may be."""
    known, chunks.BLOCKS = chunks.BLOCKS, 1
    yield
    chunks.BLOCKS = known


def covered(path: Path) -> int:
    """Return the bytes of an archive without its recovery record."""
    with ArchiveReader(path) as reader:
        return reader.sections[0].start


def kept(codec: Codec, path: Path, data: bytes, items: int) -> int:
    """Return how many items of a damaged archive come back."""
    if repaired(data) is not None:
        return items
    path.write_bytes(data)
    return sum(len(piece.items) for piece in salvaged(codec, path)[0])


def flipped(data: bytes, flips: int, random: np.random.Generator) -> bytes:
    hurt = bytearray(data)
    for place in random.integers(0, len(data), flips):
        hurt[place] ^= 1 << int(random.integers(8))
    return bytes(hurt)


def row(name: str, codec: Codec, write: Callable[[Path, float], object], folder: Path) -> str:
    with one_block():
        write(folder / "plain.dbo", 0.0)
    write(folder / "usual.dbo", 0.0)
    write(folder / "more.dbo", 0.05)
    plain, usual, more = covered(folder / "plain.dbo"), (folder / "usual.dbo").stat(), (folder / "more.dbo").stat()
    good = (folder / "usual.dbo").read_bytes()
    with ArchiveReader(folder / "usual.dbo") as reader:
        items = reader.items
    random = np.random.default_rng(0)
    shares = []
    for flips in (1, 3, 10):
        found = [kept(codec, folder / "hurt.dbo", flipped(good, flips, random), items) for _ in range(TRIALS)]
        shares.append(1 - float(np.mean(found)) / items)
    shares.append(1 - kept(codec, folder / "hurt.dbo", good[: len(good) // 2], items) / items)
    cells = [f"{plain:,}", f"{usual.st_size:,} (+{usual.st_size / plain - 1:.1%})"]
    cells += [f"{more.st_size:,} (+{more.st_size / plain - 1:.1%})"]
    return f"| {name} | {' | '.join(cells)} | {' | '.join(f'{share:.1%}' for share in shares)} |"


def main() -> None:
    digits = ArraySource(load_digits().images.astype(np.uint8))
    trained = load_model(FIXTURE)
    pictures = open_pictures(Path(sys.argv[1]))
    heads = (
        "data",
        "large blocks, no parity",
        "as written",
        "with `--recovery 5%`",
        "lost by 1 flipped bit",
        "by 3",
        "by 10",
    )
    print(f"| {' | '.join((*heads, 'by a cut in the middle'))} |\n|{'---|' * 8}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for what, promise in (("1,797 digits, lossy", Promise.LOSSY), ("1,797 digits, exact", Promise.LOSSLESS)):

            def digits_to(path: Path, share: float, promise: Promise = promise) -> object:
                return compress(trained, digits, path, promise=promise, recovery=share, force=True)

            print(row(what, trained, digits_to, folder), flush=True)

        def photos_to(path: Path, share: float) -> object:
            return compress_exactly(pictures, path, recovery=share, force=True)

        print(row(f"{len(pictures)} photos, exact", bundled(), photos_to, folder), flush=True)


if __name__ == "__main__":
    main()
