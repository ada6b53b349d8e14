"""Windows of a series: N steps that follow each other, flat, as one sample; views, so that a series may be long."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from diabolo.data.preprocessing import chunks
from diabolo.data.source import Array, Source, Subset, View
from diabolo.errors import ArgumentError, InputError


@dataclass(frozen=True)
class Windows(View):
    """Window i holds the steps i to i + length - 1 of a source of flat samples, one after the other.

    held: steps that no window holds, left to calibrate on; None where there is no need.
    """

    cut_for: ClassVar[str] = "series"

    length: int
    held: Source | None = None

    def __post_init__(self) -> None:
        if isinstance(self.length, bool) or not isinstance(self.length, int) or not 2 <= self.length <= 10_000:
            raise ArgumentError(f"--window must be a whole number from 2 to 10,000, got {self.length!r}.")
        if len(self.source.shape) != 1:
            raise InputError(f"Windows are of tables (steps, columns), got samples of the shape {self.source.shape}.")
        if len(self.source) < self.length + 1:
            raise InputError(f"A window of {self.length} steps needs a longer series, got {len(self.source)} steps.")

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.length * self.source.shape[0],)

    @property
    def item_shape(self) -> tuple[int, ...]:
        """The shape of a step: what is scored."""
        return self.source.shape

    @property
    def in_memory(self) -> bool:
        """False: held whole, windows would take `length` times the memory of their series."""
        return False

    def __len__(self) -> int:
        return len(self.source) - self.length + 1

    def take(self, rows: NDArray[np.int64]) -> Array:
        steps = rows[:, None] + np.arange(self.length)
        needed, places = np.unique(steps, return_inverse=True)
        return self.source.take(needed)[places].reshape(len(rows), *self.shape)

    def originals(self) -> Iterator[Array]:
        """Yield the steps that windows are cut from."""
        return chunks(self.source, np.arange(len(self.source)))


HELD_SHARE = 0.1


def learnt_windows(source: Source, length: int) -> Windows:
    """Return the windows to learn from; the last tenth of the series is held out to calibrate on.

    No step is in both: windows that overlap would make what is held out look familiar.
    """
    count = len(source)
    held = max(length + 1, round(HELD_SHARE * count))
    if count < 2 * held:
        raise InputError(f"A window of {length} steps needs a series of {2 * held:,} steps or more, got {count:,}.")
    rows = np.arange(count)
    return Windows(Subset(source, rows[:-held]), length, Subset(source, rows[-held:]))
