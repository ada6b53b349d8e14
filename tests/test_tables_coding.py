"""Integer probability tables: what must hold of every one, the code length they promise, and what is refused."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from diabolo.coding.escapes import (
    escape_numbers,
    escaped_symbols,
    read_varints,
    varint_lengths,
    write_varints,
)
from diabolo.coding.tables import (
    TOTAL,
    Tables,
    normalized,
    tables_from_arrays,
    tables_from_counts,
    tables_from_probabilities,
)
from diabolo.errors import FormatError, InputError

INT32 = st.integers(-(2**31), 2**31 - 1)


@given(st.lists(st.integers(0, 2**55), min_size=2, max_size=40).filter(any))
def test_frequencies_are_the_weights_by_largest_remainder(weights: list[int]) -> None:
    found = normalized(np.array(weights, dtype=np.uint64)).tolist()
    assert sum(found) == TOTAL
    assert min(found) >= 1
    if sum(weights) < 2**40:  # beyond, the weights lose their lowest bits first
        exact = [1 + Fraction(weight * (TOTAL - len(weights)), sum(weights)) for weight in weights]
        assert all(abs(frequency - share) < 1 for frequency, share in zip(found, exact, strict=True))
        order = sorted(range(len(weights)), key=lambda place: (-(exact[place] % 1), place))
        up = [int(share) for share in exact]
        for place in order[: TOTAL - sum(up)]:
            up[place] += 1
        assert found == up


@given(st.lists(st.lists(INT32, min_size=3, max_size=3), min_size=1, max_size=30), st.integers(1, 50))
def test_tables_of_any_symbols_hold_together_and_come_back_from_their_arrays(
    rows: list[list[int]], max_symbols: int
) -> None:
    tables = tables_from_counts(np.array(rows, dtype=np.int32), max_symbols=max_symbols)
    again = tables_from_arrays(tables.to_arrays())
    for name, array in tables.to_arrays().items():
        assert array.dtype == np.int32
        assert (again.to_arrays()[name] == array).all()
    assert tables.sizes.max() <= max_symbols + 1
    assert all(table.sum() == TOTAL for table in tables.each())


def test_counts_give_the_entropy_of_the_data() -> None:
    symbols = np.repeat(np.arange(4), [800, 100, 60, 40])[:, None]
    p = np.array([0.8, 0.1, 0.06, 0.04])
    assert tables_from_counts(symbols).bits(symbols).sum() / 1000 == pytest.approx(-(p * np.log2(p)).sum(), abs=0.01)


def test_a_wide_range_is_cut_where_the_data_are() -> None:
    column = np.concatenate([np.arange(100) % 10, [10**9]])[:, None]
    tables = tables_from_counts(column, max_symbols=16)
    assert tables.lowest[0] <= 0 <= 9 < tables.lowest[0] + tables.sizes[0] - 1
    assert tables.bits(column)[-1] > 40  # the escape, and five bytes


def test_probabilities_leave_the_rest_to_the_escape() -> None:
    tables = tables_from_probabilities([-1], [np.array([0.25, 0.5])])
    assert np.allclose(tables.frequencies / TOTAL, [0.25, 0.5, 0.25], atol=1e-6)
    assert np.allclose(tables.bits(np.array([[-1], [0], [1]], dtype=np.int32)), [2, 1, 2 + 8], atol=1e-5)


@pytest.mark.parametrize("bad", [[-0.1, 0.5], [0.9, 0.9], [0.0, 0.0], [np.nan, 0.5], [np.inf], []])
def test_impossible_probabilities_are_refused(bad: list[float]) -> None:
    with pytest.raises(InputError):
        tables_from_probabilities([0], [np.array(bad)])


@pytest.mark.parametrize("bad", [np.zeros((2, 2)), np.zeros(3, dtype=int), np.zeros((0, 3), dtype=int), [[2**31]]])
def test_impossible_symbols_are_refused(bad: NDArray[np.int64]) -> None:
    with pytest.raises(InputError):
        tables_from_counts(np.asarray(bad))


def test_damaged_arrays_are_refused() -> None:
    arrays = tables_from_counts(np.arange(12).reshape(4, 3)).to_arrays()
    for name, array in arrays.items():
        for wrong in (array[:-1], array + 1, -array - 1, array.astype(np.int64), array[None], array[:0]):
            if name == "lowest" and wrong.shape == array.shape and wrong.dtype == np.int32:
                continue  # other tables, but tables
            with pytest.raises(FormatError):
                tables_from_arrays({**arrays, name: wrong})
        with pytest.raises(FormatError):
            tables_from_arrays({other: array for other, array in arrays.items() if other != name})
    with pytest.raises(FormatError, match="32 bits"):
        Tables(np.array([2**31 - 1], dtype=np.int32), np.array([3], dtype=np.int32), normalized(np.ones(3, np.uint64)))
    with pytest.raises(FormatError):
        Tables(np.zeros(1, np.int32), np.array([2**31 - 1], np.int32), np.ones(2, np.uint32))


@given(st.lists(st.integers(0, 2**35 - 1), max_size=20))
def test_varints_round_trip(values: list[int]) -> None:
    numbers = np.array(values, dtype=np.uint64)
    data = write_varints(numbers)
    assert read_varints(data).tolist() == values
    assert len(data) == varint_lengths(numbers).sum()
    for cut in (data[:-1], data + b"\x80", data + b"\x80\x00", data + b"\xff" * 5 + b"\0"):
        try:
            assert read_varints(cut).tolist() == values[:-1]
        except FormatError:
            assert cut != b""


@given(INT32, st.integers(1, 100), st.lists(INT32, max_size=20))
def test_escapes_round_trip(lowest: int, width: int, symbols: list[int]) -> None:
    outside = np.array([value for value in symbols if not lowest <= value < lowest + width], dtype=np.int32)
    numbers = escape_numbers(outside, lowest, width)
    assert escaped_symbols(numbers, lowest, width).tolist() == outside.tolist()


def test_the_first_escapes_are_the_shortest() -> None:
    assert escape_numbers(np.array([3, 4, 9, 10], dtype=np.int32), 5, 4).tolist() == [3, 1, 0, 2]


def test_an_escape_beyond_32_bits_is_refused() -> None:
    with pytest.raises(FormatError, match="out of range"):
        escaped_symbols(np.array([2**33], dtype=np.uint64), 0, 4)
