"""The stack of bytes that all coded symbols go through: constriction's ANS coder, sealed (docs/format.md)."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

from diabolo.coding.tables import PRECISION
from diabolo.errors import FormatError

SEAL = 0xD1AB
"""The coder's state before the first symbol; a decoder that does not come back to it has read other data."""
SEAL_BITS = 16


def new_stack() -> Any:
    """Return a coder that holds the seal alone."""
    return constriction.stream.stack.AnsCoder(np.array([SEAL], dtype=np.uint32))


def stack_bytes(coder: Any) -> bytes:
    """Return what the coder holds, without the zero bytes at its end."""
    words: bytes = coder.get_compressed().astype("<u4").tobytes()
    return words.rstrip(b"\0")


def open_stack(data: bytes, symbols: int) -> Any:
    """Return a coder that decodes `data`, at most `symbols` of them. Raises FormatError if that cannot be."""
    if 8 * len(data) > PRECISION * symbols + SEAL_BITS + 7:
        raise FormatError(f"{len(data)} bytes are more than {symbols} symbols can take; the data are damaged.")
    if not data or data[-1] == 0:
        raise FormatError("the coded symbols are cut off, or followed by zeros; the data are damaged.")
    words = np.frombuffer(data + bytes(-len(data) % 4), dtype="<u4").astype(np.uint32)
    return constriction.stream.stack.AnsCoder(words)


def check_ended(coder: Any) -> None:
    """Raise FormatError unless the coder is back at the seal."""
    if coder.num_words() != 1 or coder.get_compressed()[0] != SEAL:
        raise FormatError("the coded symbols do not end where they should; the data are damaged or cut off.")


class Stacks:
    """Stacks of several parts of the images, coded side by side: part k has the next counts[k] images."""

    def __init__(self, stacks: Sequence[Any], counts: Sequence[int]) -> None:
        self.stacks, self._ends = stacks, np.cumsum([0, *counts])

    def cuts(self, images: NDArray[np.int64]) -> list[slice]:
        """Return where among the numbers of some images, in order, those of each part are."""
        places = np.searchsorted(images, self._ends).tolist()
        return [slice(start, end) for start, end in pairwise(places)]

    def put(self, cuts: Sequence[slice], symbols: NDArray[np.int32], model: Any, *rows: NDArray[np.float64]) -> None:
        """Encode symbols, each part's on its own stack; rows: the model's parameters, if each symbol has its own."""
        for stack, cut in zip(self.stacks, cuts, strict=True):
            if cut.stop > cut.start:
                stack.encode_reverse(symbols[cut], model, *(row[cut] for row in rows))

    def take(self, cuts: Sequence[slice], model: Any, *rows: NDArray[np.float64]) -> NDArray[np.int32]:
        """Return the next symbols of all parts, one after the other."""
        found = [
            stack.decode(model, *(row[cut] for row in rows)) if rows else stack.decode(model, cut.stop - cut.start)
            for stack, cut in zip(self.stacks, cuts, strict=True)
            if cut.stop > cut.start
        ]
        return np.concatenate(found)
