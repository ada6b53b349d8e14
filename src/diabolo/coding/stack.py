"""The stack of bytes that all coded symbols go through: constriction's ANS coder, sealed (docs/format.md)."""

from typing import Any

import constriction
import numpy as np

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
