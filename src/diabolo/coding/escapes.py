"""Symbols outside the tables, written exactly: variable-length integers in a side stream."""

import numpy as np
from numpy.typing import NDArray

from diabolo.errors import FormatError

MAX_GROUPS = 5
"""Bytes of the longest number: 35 bits, and the furthest escape of an int32 needs 34."""


def varint_lengths(numbers: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the bytes that each of `numbers` (n,), below 2^35, takes: one for each 7 bits begun, at least 1."""
    limits = np.uint64(1) << np.arange(7, 7 * MAX_GROUPS, 7, dtype=np.uint64)
    return 1 + np.searchsorted(limits, numbers, side="right")


def write_varints(numbers: NDArray[np.uint64]) -> bytes:
    """Return `numbers` (n,), each below 2^35, as LEB128: 7 bits a byte, lowest first, top bit set on all but the last.

    >>> write_varints(np.array([5, 300], dtype=np.uint64)).hex()
    '05ac02'
    """
    groups = np.arange(MAX_GROUPS)
    lengths = varint_lengths(numbers)[:, None]
    digits = (numbers[:, None] >> (7 * groups).astype(np.uint64)) & np.uint64(0x7F)
    digits |= np.where(groups < lengths - 1, np.uint64(0x80), np.uint64(0))
    return digits[groups < lengths].astype(np.uint8).tobytes()


def read_varints(data: bytes) -> NDArray[np.uint64]:
    """Return the numbers that `write_varints` put into `data`.

    Raises FormatError if the last is cut off, or one is longer than it must be or than 5 bytes.
    """
    raw = np.frombuffer(data, dtype=np.uint8)
    ends = np.flatnonzero(raw < 0x80)
    if len(raw) and (not len(ends) or ends[-1] != len(raw) - 1):
        raise FormatError("a number is cut off in the side stream; the data are damaged.")
    starts = np.concatenate([[0], ends[:-1] + 1])[: len(ends)].astype(np.int64)
    lengths = ends - starts + 1
    if (lengths > MAX_GROUPS).any() or ((raw[ends] == 0) & (lengths > 1)).any():
        raise FormatError("a number of the side stream is longer than any is written; the data are damaged.")
    place = (np.arange(len(raw)) - np.repeat(starts, lengths)).astype(np.uint64)
    parts = (raw & 0x7F).astype(np.uint64) << (np.uint64(7) * place)
    return np.add.reduceat(parts, starts) if len(starts) else parts


def escape_numbers(symbols: NDArray[np.int32], lowest: int, width: int) -> NDArray[np.uint64]:
    """Return the number that stands for each of `symbols` (n,), all outside [lowest, lowest + width).

    Steps above the range, from 0, are doubled; steps below it are doubled, plus 1.
    """
    above = symbols.astype(np.int64) - (lowest + width)
    return np.where(above >= 0, 2 * above, 2 * (-above - width) - 1).astype(np.uint64)


def escaped_symbols(numbers: NDArray[np.uint64], lowest: int, width: int) -> NDArray[np.int32]:
    """Return the symbols (n,) that `escape_numbers` wrote. Raises FormatError if one does not fit in an int32."""
    steps = (numbers >> np.uint64(1)).astype(np.int64)
    symbols = np.where(numbers % np.uint64(2) == 0, lowest + width + steps, lowest - 1 - steps)
    if ((symbols < -(2**31)) | (symbols >= 2**31)).any():
        raise FormatError("a symbol of the side stream is out of range; the data are damaged.")
    return symbols.astype(np.int32)
