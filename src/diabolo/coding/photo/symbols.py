"""Symbols grouped by class: each class has one table, and what a class stands for is decided as the symbols come."""

from collections.abc import Sequence
from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

from diabolo.coding.entropy import side_stream, taken
from diabolo.coding.escapes import escape_numbers, escaped_symbols, write_varints
from diabolo.coding.stack import check_ended, new_stack, stack_bytes
from diabolo.coding.tables import Tables
from diabolo.errors import FormatError

Whole = NDArray[np.int32]


class ClassTables:
    """A table for each class from 1 on; the symbols of class 0 are 0 and take no bits."""

    def __init__(self, tables: Tables) -> None:
        categorical = constriction.stream.model.Categorical
        self.tables = tables
        self.models = [categorical((table - 1).astype(np.float64), perfect=False) for table in tables.each()]

    def range_of(self, number: int) -> tuple[int, int]:
        """Return the lowest symbol of class `number`, and how many it has beside the escape."""
        return int(self.tables.lowest[number - 1]), int(self.tables.sizes[number - 1]) - 1


def groups(classes: NDArray[np.uint8]) -> list[tuple[int, NDArray[np.int64]]]:
    """Return each class from 1 on that is there, and where it is, in order."""
    places = np.flatnonzero(classes)
    order = places[np.argsort(classes[places], kind="stable")]
    counts = np.bincount(classes[places])
    ends = np.cumsum(counts)
    return [(int(k), order[ends[k] - counts[k] : ends[k]]) for k in np.flatnonzero(counts)]


def encoded(tables: ClassTables, parts: Sequence[tuple[NDArray[np.uint8], Whole]]) -> bytes:
    """Return the bytes of parts (classes, symbols), each (n,), decoded in this order."""
    coder, columns = new_stack(), []
    numbers = [np.empty(0, dtype=np.uint64)]
    for classes, symbols in parts:
        for number, places in groups(classes):
            column = symbols[places]
            entries = tables.tables.entries(number - 1, column)
            lowest, width = tables.range_of(number)
            numbers.append(escape_numbers(column[entries == width], lowest, width))
            columns.append((entries, tables.models[number - 1]))
    for entries, model in reversed(columns):
        coder.encode_reverse(entries, model)
    escapes = write_varints(np.concatenate(numbers))
    return write_varints(np.array([len(escapes)], dtype=np.uint64)) + escapes + stack_bytes(coder)


class Decoder:
    """Gives the symbols of parts in order; `count` is the most that data may hold. Raises FormatError if damaged."""

    def __init__(self, tables: ClassTables, data: bytes, count: int) -> None:
        self.tables, self.used = tables, 0
        self.numbers, self.coder = side_stream(data, count)

    def take(self, classes: NDArray[np.uint8]) -> Whole:
        """Return the symbols (n,) of the next part."""
        symbols = np.zeros(len(classes), np.int32)
        for number, places in groups(classes):
            column: Any = self.coder.decode(self.tables.models[number - 1], len(places))
            lowest, width = self.tables.range_of(number)
            escaped = np.flatnonzero(column == width)
            column += np.int32(lowest)
            column[escaped] = escaped_symbols(taken(self.numbers, self.used, len(escaped)), lowest, width)
            self.used += len(escaped)
            symbols[places] = column
        return symbols

    def finish(self) -> None:
        """Raise FormatError unless all has been read."""
        check_ended(self.coder)
        if self.used != len(self.numbers):
            raise FormatError("the side stream holds symbols that nothing asks for; the data are damaged.")
