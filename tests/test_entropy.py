"""The entropy coder: exact, as short as promised, the same as a second decoder in whole numbers, safe on any bytes."""

import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from diabolo.coding.entropy import EntropyCoder
from diabolo.coding.stack import SEAL
from diabolo.coding.tables import Tables, normalized, tables_from_counts, tables_from_probabilities
from diabolo.errors import ArgumentError, FormatError, InputError

FIXED = bytes.fromhex("010c6b05549e")
"""The six bytes of `fixed_case` in format version 1; they must stay what they are."""


def reference_decode(data: bytes, tables: Tables, count: int) -> list[list[int]]:
    """Decode as docs/format.md says, in Python's whole numbers and from the integers of the tables alone."""
    place = 0

    def varint() -> int:
        nonlocal place
        number = shift = 0
        while True:
            byte = data[place]
            place += 1
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number

    length = varint()
    end = place + length
    escapes = []
    while place < end:
        escapes.append(varint())
    rest = data[place:] + bytes(-len(data[place:]) % 4)
    words = [int.from_bytes(rest[i : i + 4], "little") for i in range(0, len(rest), 4)]
    state = 0
    columns = []
    escape = iter(escapes)
    for lowest, table in zip(tables.lowest.tolist(), tables.each(), strict=True):
        column = []
        for _ in range(count):
            while state < 2**32 and words:
                state = state << 32 | words.pop()
            low = state % 2**24
            entry = start = 0
            while start + int(table[entry]) <= low:
                start += int(table[entry])
                entry += 1
            state = int(table[entry]) * (state >> 24) + low - start
            width = len(table) - 1
            if entry < width:
                column.append(lowest + entry)
            else:
                steps, below = divmod(next(escape), 2)
                column.append(lowest - 1 - steps if below else lowest + width + steps)
        columns.append(column)
    while state < 2**32 and words:
        state = state << 32 | words.pop()
    assert state == SEAL
    assert next(escape, None) is None
    return [list(row) for row in zip(*columns, strict=True)] if count else []


def fixed_case() -> tuple[Tables, NDArray[np.int32]]:
    tables = tables_from_probabilities([-1, 0], [np.array([0.25, 0.5, 0.125]), np.array([0.9])])
    return tables, np.array([[0, 0], [-1, 0], [1, 0], [0, 7]], dtype=np.int32)


def laplace(count: int, dimensions: int, seed: int = 0) -> NDArray[np.int32]:
    noise = np.random.default_rng(seed).laplace(size=(count, dimensions)) * np.linspace(0.3, 8, dimensions)
    return np.rint(noise).astype(np.int32)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Tables, NDArray[np.int32]]:
    """Tables of all shapes, among them entries of 1 in 2^24 and almost certain ones; symbols in and out of them."""
    dimensions = draw(st.integers(1, 4))
    weights = [draw(st.lists(st.sampled_from([0, 1, 7, 2**38]), min_size=2, max_size=9)) for _ in range(dimensions)]
    tables = Tables(
        np.array(draw(st.lists(st.integers(-9, 9), min_size=dimensions, max_size=dimensions)), dtype=np.int32),
        np.array([len(table) for table in weights], dtype=np.int32),
        np.concatenate([normalized(np.array([*table[:-1], table[-1] + 1], dtype=np.uint64)) for table in weights]),
    )
    symbol = st.one_of(st.integers(-9, 18), st.integers(-(2**31), 2**31 - 1))
    rows = draw(st.lists(st.lists(symbol, min_size=dimensions, max_size=dimensions), max_size=40))
    return tables, np.array(rows, dtype=np.int32).reshape(len(rows), dimensions)


@given(cases())
def test_symbols_come_back_by_both_decoders_and_are_as_short_as_promised(
    case: tuple[Tables, NDArray[np.int32]],
) -> None:
    tables, symbols = case
    coder = EntropyCoder(tables)
    data = coder.encode(symbols)
    assert np.array_equal(coder.decode(data, len(symbols)), symbols)
    assert reference_decode(data, tables, len(symbols)) == symbols.tolist()
    assert len(data) <= tables.bits(symbols).sum() / 8 * 1.0002 + 8


def test_a_long_message_conforms_and_wastes_no_more_than_8_bytes() -> None:
    symbols = laplace(600, 8)
    symbols[::200] *= 1000
    for tables in (tables_from_counts(symbols[:100]), tables_from_counts(symbols, max_symbols=2)):
        data = EntropyCoder(tables).encode(symbols)
        assert reference_decode(data, tables, len(symbols)) == symbols.tolist()
        assert -1 < len(data) - tables.bits(symbols).sum() / 8 < 8


def test_a_table_of_65536_entries_conforms() -> None:
    rng = np.random.default_rng(5)
    weights = rng.integers(0, 2**20, 2**16, dtype=np.uint64)
    tables = Tables(np.array([-5], np.int32), np.array([2**16], np.int32), normalized(weights))
    symbols = rng.integers(-5, 2**16 - 6, (20, 1), dtype=np.int32)
    assert reference_decode(EntropyCoder(tables).encode(symbols), tables, 20) == symbols.tolist()


def test_version_1_is_for_ever() -> None:
    tables, symbols = fixed_case()
    assert EntropyCoder(tables).encode(symbols).hex() == FIXED.hex()
    assert np.array_equal(EntropyCoder(tables).decode(FIXED, 4), symbols)
    assert reference_decode(FIXED, tables, 4) == symbols.tolist()


def test_columns_may_differ_in_length() -> None:
    coder = EntropyCoder(tables_from_counts(laplace(100, 3)))
    columns = [np.arange(count, dtype=np.int32) for count in (0, 1, 50)]
    found = coder.decode_columns(coder.encode_columns(columns), [0, 1, 50])
    assert all(np.array_equal(*pair) for pair in zip(found, columns, strict=True))


def test_cut_and_lengthened_data_are_refused() -> None:
    symbols = laplace(50, 4)
    coder = EntropyCoder(tables_from_counts(symbols[:20]))
    data = coder.encode(symbols)
    for wrong in [data[:cut] for cut in range(len(data))] + [data + b"\0", data + b"\1", data + data, b"\0" + data]:
        with pytest.raises(FormatError):
            coder.decode(wrong, 50)
    for count in (0, 49, 51):
        with pytest.raises(FormatError):
            coder.decode(data, count)


def test_any_bytes_are_decoded_or_refused_in_little_memory() -> None:
    rng = np.random.default_rng(1)
    symbols = laplace(50, 4)
    coder = EntropyCoder(tables_from_counts(symbols[:20]))
    good = np.frombuffer(coder.encode(symbols), dtype=np.uint8)
    refused = 0
    tracemalloc.start()
    for _ in range(2000):
        data = rng.integers(0, 256, rng.integers(0, 200), dtype=np.uint8)
        if rng.integers(2):
            data = good.copy()
            data[rng.integers(len(data))] ^= np.uint8(1 << rng.integers(8))
        try:
            assert coder.decode(data.tobytes(), 50).shape == (50, 4)
        except FormatError:
            refused += 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20
    assert refused >= 1900  # a changed escape is a symbol like any other: the archive's digests are there for it


@pytest.mark.parametrize("data", [b"\xff" * 5, b"\xff\xff\xff\xff\x7f", b"\xff\xff\x03" + bytes(9), bytes(1000)])
def test_huge_claims_are_refused(data: bytes) -> None:
    coder = EntropyCoder(fixed_case()[0])
    for count in (0, 1, 4):
        with pytest.raises(FormatError):
            coder.decode(data, count)


def test_wrong_arguments_are_refused() -> None:
    coder = EntropyCoder(fixed_case()[0])
    for symbols in (np.zeros((2, 3), dtype=int), np.zeros((2, 2)), np.zeros(2, dtype=int)):
        with pytest.raises(InputError):
            coder.encode(symbols)
    with pytest.raises(ArgumentError):
        coder.decode(FIXED, -1)


def test_it_codes_millions_of_symbols_a_second() -> None:
    symbols = laplace(10_000, 32)
    coder = EntropyCoder(tables_from_counts(symbols))
    data = coder.encode(symbols)
    for call in (lambda: coder.encode(symbols), lambda: coder.decode(data, 10_000)):
        seconds = []
        for _ in range(8):
            start = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - start)
        assert symbols.size / min(seconds) > 5e6  # five times as many on an idle core
