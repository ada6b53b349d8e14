"""Damaged archives by the ten thousand: every one is refused, salvaged, or read right; prints counts and peak memory.

python bench/archive_damage.py [--trials 20000] [--seconds 600] [--out docs/archive-damage.md]
"""

import argparse
import resource
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from diabolo.app.output.tables import markdown
from diabolo.errors import DiaboloError
from diabolo.estimator import load
from diabolo.jobs.compress.chunks import Piece
from diabolo.jobs.compress.decompress import salvaged, unpacked
from diabolo.training.files.model_file import Trained

FIXTURES = Path(__file__).parent.parent / "tests" / "fixtures"
NAMES = ("lossy", "bounded", "lossless")
KINDS = ("flip", "cut", "splice", "random bytes")
Bytes = NDArray[np.uint8]


def damaged(kind: str, data: Bytes, other: Bytes, rng: np.random.Generator) -> Bytes:
    """Return `data` with one to four bits flipped, cut off, joined to another archive, or partly overwritten."""
    changed = data.copy()
    place = int(rng.integers(len(data)))
    if kind == "flip":
        for bit in rng.integers(8, size=int(rng.integers(1, 5))):
            changed[rng.integers(len(data))] ^= 1 << bit
        return changed
    if kind == "cut":
        return changed[:place] if rng.random() < 0.7 else np.delete(changed, slice(place, place + 50))
    if kind == "splice":
        return np.concatenate([changed[:place], other[int(rng.integers(len(other))) :]])
    length = int(rng.integers(1, 200))
    changed[place : place + length] = rng.integers(0, 256, len(changed[place : place + length]))
    return changed


def outcome(trained: Trained, path: Path, right: Bytes, *, salvage: bool) -> str:
    """Return 'refused', 'right', 'salvaged' (a right part), or 'wrong'."""
    try:
        pieces = salvaged(trained, path)[0] if salvage else unpacked(trained, path)
        for piece in pieces:
            assert isinstance(piece, Piece)
            if not any(np.array_equal(piece.array, whole[: len(piece.array)]) for whole in _starts(right, piece)):
                return "wrong"
            if len(piece.array) == len(right):
                return "right"
        return "salvaged" if salvage else "refused"
    except DiaboloError:
        return "refused"


def _starts(right: Bytes, piece: Piece) -> Iterator[Bytes]:
    yield from (right[start:] for start in range(len(right) - len(piece.array) + 1))


def main() -> None:
    """Damage, read, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rng, counts, started = np.random.default_rng(options.seed), Counter[tuple[str, str]](), time.perf_counter()
    trained = load(FIXTURES / "v1.safetensors").trained_
    archives = {name: np.fromfile(FIXTURES / f"v1-{name}.dbo", np.uint8) for name in NAMES}
    whole = {
        name: np.concatenate([piece.array for piece in unpacked(trained, FIXTURES / f"v1-{name}.dbo")])
        for name in NAMES
    }
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    done = 0
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.dbo"
        while done < options.trials and time.perf_counter() - started < options.seconds:
            kind, name = KINDS[done % 4], NAMES[done // 4 % 3]
            other = archives[NAMES[int(rng.integers(3))]]
            changed = damaged(kind, archives[name], other, rng)
            path.write_bytes(changed.tobytes())
            done += 1
            for way, salvage in (("read", False), ("salvage", True)):
                found = outcome(trained, path, whole[name], salvage=salvage)
                if found == "wrong" and any(np.array_equal(changed, same) for same in archives.values()):
                    found = "right"  # a splice that is the other archive, whole
                counts[way, found] += 1
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    heads = ("way", "refused", "block reported lost", "right", "wrong")
    rows = [
        (way, *(f"{counts[way, found]:,}" for found in ("refused", "salvaged", "right", "wrong")))
        for way in ("read", "salvage")
    ]
    text = f"{done:,} damaged archives (flips, cuts, splices, random bytes; seed {options.seed}); peak memory " + (
        f"{peak / 1024:.0f} MB, {before / 1024:.0f} MB after reading them whole.\n\n{markdown((heads, *rows))}\n"
    )
    print(text)
    if options.out:
        options.out.write_text(f"<!-- written by python bench/archive_damage.py -->\n{text}")
    assert not counts["read", "wrong"] + counts["salvage", "wrong"]


if __name__ == "__main__":
    main()
