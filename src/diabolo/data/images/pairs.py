"""Pairs: a noisy and a clean picture of the same, found by their names; and neighbouring halves of a noisy one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from diabolo.data.images.patches import Patches
from diabolo.data.images.photos import Photo, Shelf
from diabolo.data.source import Array, Source, View
from diabolo.errors import FormatError, InputError

ROLES = frozenset(
    ["noisy", "noise", "noised", "real", "raw", "input", "clean", "mean", "gt", "truth", "target", "reference", "ref"]
)
"""Words in names that say which of a pair a picture is."""
FEW_NAMED = 3


def _stems(shelf: Shelf) -> dict[str, str]:
    """Return each picture's name without its ending -> its name."""
    return {_stem(name): name for name in shelf.names}


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))


def check_names(noisy: Shelf, clean: Shelf) -> None:
    """Raise FormatError that names each picture that has no partner of the same name (whatever its ending)."""
    if len(noisy.names) == len(clean.names) == 1:
        return
    first, second = _stems(noisy), _stems(clean)
    alone = [noisy.label(first[stem]) for stem in sorted(first.keys() - second.keys())]
    alone += [clean.label(second[stem]) for stem in sorted(second.keys() - first.keys())]
    if alone:
        raise FormatError(f"pictures without a partner of the same name: {_few(alone)}; add or remove them.")


def _few(names: list[str]) -> str:
    """Return the first three names, and how many more there are."""
    more = len(names) - FEW_NAMED
    return ", ".join(names[:FEW_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def matched(noisy: Shelf, clean: Shelf) -> dict[str, str]:
    """Return the clean partner of each noisy picture.

    Two single pictures belong together, and names that are the same but for their endings or for words that say which
    is which (scene1_real and scene1_mean, noisy-3 and clean-3). Raises FormatError that names pictures without one.
    """
    if len(noisy.names) == len(clean.names) == 1:
        return {noisy.names[0]: clean.names[0]}
    for key in (_stem, _without_role):
        ours, theirs = ({key(name): name for name in shelf.names} for shelf in (noisy, clean))
        if ours.keys() == theirs.keys() and len(ours) == len(noisy.names) and len(theirs) == len(clean.names):
            return {ours[stem]: theirs[stem] for stem in ours}
    check_names(noisy, clean)
    return {name: partner(clean, name) for name in noisy.names}


def _without_role(name: str) -> str:
    """Return a name's stem without the words that say noisy or clean, and without its folder."""
    words = re.split(r"[\W_]+", PurePosixPath(name).stem.lower())
    return " ".join(word for word in words if word not in ROLES)


def check_same_sizes(noisy: Mapping[str, tuple[int, int]], clean: Mapping[str, tuple[int, int]]) -> None:
    """Raise FormatError that names each pair of pictures, of the same names but for the ending, that differ in size.

    noisy, clean: the (height, width) of each picture by its name.
    """
    others = {_stem(name): size for name, size in clean.items()}
    apart = [
        f"{name} is {size[1]}x{size[0]}, its clean partner {others[_stem(name)][1]}x{others[_stem(name)][0]}"
        for name, size in noisy.items()
        if others.get(_stem(name), size) != size
    ]
    if apart:
        more = f" (and {len(apart) - FEW_NAMED:,} more)" if len(apart) > FEW_NAMED else ""
        listed = "; ".join(apart[:FEW_NAMED]) + more
        raise FormatError(f"pairs of different sizes: {listed}; crop each to the size of its partner.")


def partner(shelf: Shelf, name: str) -> str:
    """Return the name of the picture that belongs to `name` of another folder."""
    return shelf.names[0] if len(shelf.names) == 1 else _stems(shelf)[_stem(name)]


def check_sizes(label: str, noisy: Photo, clean: Photo) -> None:
    """Raise FormatError if two pictures differ in size, or in being grey or colour, or in depth."""
    one, other = (f"{p.pixels.shape} of {p.pixels.dtype}" for p in (noisy, clean))
    if one != other:
        raise FormatError(f"{label} is {one}, and its clean partner {other}; bring them to one size and depth.")


@dataclass(frozen=True)
class Pairs:
    """Two sources as one of pairs (2, *sample_shape): what is seen, and (`samples`) what is to be given back."""

    noisy: Source
    samples: Source

    def __post_init__(self) -> None:
        here, there = ((len(s), s.shape, s.dtype.str) for s in (self.noisy, self.samples))
        if here != there:
            raise InputError(f"Noisy and clean images must be as many, of one size and type; got {here} and {there}.")

    @property
    def sample_shape(self) -> tuple[int, ...]:
        return self.samples.shape

    @property
    def shape(self) -> tuple[int, ...]:
        return (2, *self.samples.shape)

    @property
    def dtype(self) -> np.dtype[np.generic]:
        return self.samples.dtype

    @property
    def block(self) -> int:
        return max(self.noisy.block, self.samples.block)

    @property
    def in_memory(self) -> bool:
        return self.noisy.in_memory and self.samples.in_memory

    def __len__(self) -> int:
        return len(self.samples)

    def take(self, rows: NDArray[np.int64]) -> Array:
        return np.stack([self.noisy.take(rows), self.samples.take(rows)], 1)


SIDE, TIMES, LEAST, MOST = 64, 40, 4096, 20480
HALVES = ((0, 1), (1, 0), (0, 2), (2, 0), (1, 3), (3, 1), (2, 3), (3, 2))
"""Ordered pairs of neighbours in a cell of 2 x 2 pixels, numbered row by row."""


@dataclass(frozen=True)
class Neighbours(View):
    """Pairs from noisy images alone: from each cell of 2 x 2 pixels one gives what is seen, a neighbour what is wanted.

    The two halves show nearly the same, with noise that is independent (Huang et al. 2021, Neighbor2Neighbor). Odd
    rows and columns at the end are left out.
    """

    seed: int = 0

    @classmethod
    def of(cls, sources: tuple[Source, ...], *, side: int | None = None, seed: int = 0) -> "Neighbours":
        """Return pairs from random pieces of images, 40 times as many pixels as there are, or 4,096 to 20,480 pieces.

        side: of a piece, 64 if not given, or what fits.
        """
        side = side or min(SIDE, *(side for source in sources for side in source.shape[:2]))
        pixels = sum(len(source) * source.shape[0] * source.shape[1] for source in sources)
        return cls(Patches(sources, side // 2 * 2, min(MOST, max(LEAST, TIMES * pixels // side**2)), seed), seed)

    @property
    def sample_shape(self) -> tuple[int, ...]:
        height, width, *rest = self.source.shape
        return (height // 2, width // 2, *rest)

    @property
    def shape(self) -> tuple[int, ...]:
        return (2, *self.sample_shape)

    @property
    def in_memory(self) -> bool:
        return False

    def __len__(self) -> int:
        return len(self.source)

    def take(self, rows: NDArray[np.int64]) -> Array:
        height, width, *rest = self.sample_shape
        images = self.source.take(rows)[:, : 2 * height, : 2 * width]
        cells = images.reshape(-1, height, 2, width, 2, *rest).swapaxes(2, 3).reshape(-1, height, width, 4, *rest)
        drawn = [np.random.default_rng((self.seed, int(row))).integers(0, 8, (height, width)) for row in rows]
        chosen = np.array(HALVES)[np.array(drawn, np.int64).reshape(-1, height, width)]
        chosen = chosen.reshape(*chosen.shape, *[1] * len(rest))
        picked = np.take_along_axis(cells, np.broadcast_to(chosen, (*cells.shape[:3], 2, *rest)), 3)
        return np.moveaxis(picked, 3, 1)
