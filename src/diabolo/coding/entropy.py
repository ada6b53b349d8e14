"""Symbols to bytes and back, exactly and on every machine, by constriction's asymmetric numeral systems (ANS).

What the bytes mean is decided by the integers of the tables alone. constriction takes floats, gives every entry a
weight of 1 and shares out the remaining 2^24 - m in proportion; handed the frequencies less 1, which are whole and
add up to 2^24 - m, it scales by exactly 1.0 and all its sums are whole numbers below 2^53, so nothing is ever rounded.
tests/test_entropy.py holds it against a decoder written from docs/format.md in whole numbers.

Source: Duda 2013, arXiv:1311.2540; Bamler 2022, arXiv:2201.01741.
"""

from collections.abc import Sequence
from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

from diabolo.coding.escapes import escape_numbers, escaped_symbols, read_varints, write_varints
from diabolo.coding.stack import check_ended, new_stack, open_stack, stack_bytes
from diabolo.coding.tables import Tables, checked_symbols
from diabolo.errors import ArgumentError, FormatError


class EntropyCoder:
    """Codes arrays of symbols under fixed tables; building it takes a few microseconds a table.

    >>> from diabolo.coding.tables import tables_from_counts
    >>> symbols = np.array([[0, 5], [1, 5], [0, -7]], dtype=np.int32)
    >>> coder = EntropyCoder(tables_from_counts(symbols))
    >>> coder.decode(coder.encode(symbols), 3).tolist()
    [[0, 5], [1, 5], [0, -7]]
    """

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        categorical = constriction.stream.model.Categorical
        self._models = [categorical((table - 1).astype(np.float64), perfect=False) for table in tables.each()]

    def encode(self, symbols: NDArray[np.integer[Any]]) -> bytes:
        """Return the bytes of `symbols` (n, K), any int32. Raises InputError for another shape or kind."""
        columns = np.ascontiguousarray(checked_symbols(symbols).T)
        if len(columns) != len(self.tables):
            raise ArgumentError(f"these tables code {len(self.tables)} dimensions, got {len(columns)}.")
        return self.encode_columns(list(columns))

    def decode(self, data: bytes, count: int) -> NDArray[np.int32]:
        """Return the `count` rows (count, K) of symbols in `data`; takes memory in proportion to count * K only.

        Raises FormatError if bytes are missing or left over. A changed byte mostly shows too (the state does not come
        back to SEAL), but not in the side stream: whoever keeps the bytes must keep a checksum, as the archive does.
        """
        columns = self.decode_columns(data, [count] * len(self.tables))
        return np.ascontiguousarray(np.stack(columns).T)

    def encode_columns(self, columns: Sequence[NDArray[np.int32]]) -> bytes:
        """Return the bytes of K arrays of symbols, one for each table, that may differ in length."""
        coder = new_stack()
        entries = [self.tables.entries(dimension, column) for dimension, column in enumerate(columns)]
        for column, model in zip(reversed(entries), reversed(self._models), strict=True):
            coder.encode_reverse(column, model)  # a stack: what is decoded first is encoded last
        numbers = [np.empty(0, dtype=np.uint64)]
        for dimension, (column, coded) in enumerate(zip(columns, entries, strict=True)):
            lowest, width = self._range(dimension)
            numbers.append(escape_numbers(column[coded == width], lowest, width))
        escapes = write_varints(np.concatenate(numbers))
        return write_varints(np.array([len(escapes)], dtype=np.uint64)) + escapes + stack_bytes(coder)

    def decode_columns(self, data: bytes, counts: Sequence[int]) -> list[NDArray[np.int32]]:
        """Return the K arrays of symbols, of `counts[k]` each, in `data`. Raises FormatError as `decode` does."""
        if len(counts) != len(self.tables) or any(count < 0 for count in counts):
            raise ArgumentError(f"decoding needs {len(self.tables)} counts of at least 0, got {list(counts)[:5]}.")
        numbers, coder = side_stream(data, sum(counts))
        columns = [coder.decode(model, count) for model, count in zip(self._models, counts, strict=True)]
        check_ended(coder)
        used = 0
        for dimension, column in enumerate(columns):
            lowest, width = self._range(dimension)
            escaped = np.flatnonzero(column == width)
            column += np.int32(lowest)
            column[escaped] = escaped_symbols(taken(numbers, used, len(escaped)), lowest, width)
            used += len(escaped)
        if used != len(numbers):
            raise FormatError("the side stream holds symbols that nothing asks for; the data are damaged.")
        return columns

    def _range(self, dimension: int) -> tuple[int, int]:
        return int(self.tables.lowest[dimension]), int(self.tables.sizes[dimension]) - 1


def taken(numbers: NDArray[np.uint64], start: int, count: int) -> NDArray[np.uint64]:
    if start + count > len(numbers):
        raise FormatError("symbols are missing in the side stream; the data are damaged or cut off.")
    return numbers[start : start + count]


def side_stream(data: bytes, count: int) -> tuple[NDArray[np.uint64], Any]:
    """Return the numbers of the side stream and a coder for the words, after a look at their sizes."""
    head = next((place + 1 for place, byte in enumerate(data[:5]) if byte < 0x80), 5)
    length = int(read_varints(data[:head])[0]) if data else 0
    if length > 5 * count:
        raise FormatError(f"{length} bytes are more than {count} escapes can take; the data are damaged.")
    coder = open_stack(data[head + length :], count)
    return read_varints(data[head : head + length]), coder
