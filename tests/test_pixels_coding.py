"""The exact modes: every number back, on any machine, as short as the mixture says; a second reader; damaged bytes."""

import math
import tracemalloc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from diabolo.coding.exponential import exponential, logistic
from diabolo.coding.integer_network import Layer, check_exact, quantised
from diabolo.coding.levels import BINS, FULL, Mixture, bins_for, frequencies_less_1
from diabolo.coding.pixels import PixelCoder
from diabolo.coding.stack import SEAL
from diabolo.coding.tables import TOTAL
from diabolo.errors import ArgumentError, FormatError, InputError, TrainingError
from diabolo.model.mixture import mixture_distortion
from diabolo.model.pixels import neighbours
from test_pixels import awake

Images = NDArray[np.uint8]
FIXED = (
    "fdffff23559fbfa7732f632dcfd03df1227759f3f7ffff20c2c50a95d089bd70dc7b86619ef0c94df6ffbf9cfbffffda48ffbf7cf9"
    "ffff52f7ffff5501004086f7ffff38000040309369e4a09cb767c9caffff53595b0ac6ffffff83000080000100c00ef5ffff550100"
    "4089000000fb494ffbaa00000054070b5b122cecff165546111d00004087f8ffff55010000aa010000b8ff7fdd04"
)
"""The bytes of `fixed_case` in format version 1; they must stay what they are."""


def images(shape: tuple[int, ...], count: int = 7, seed: int = 0) -> Images:
    """Return rough images with empty margins."""
    random = np.random.default_rng(seed)
    x = random.integers(0, 256, (count, *shape)) * random.integers(0, 2, (count, *shape))
    x[:, : shape[0] // 2] = 0
    return x.astype(np.uint8)


def coder_for(shape: tuple[int, ...], **sizes: int) -> PixelCoder:
    return PixelCoder.from_arrays(quantised(awake(shape, **sizes)), shape)


def farthest(one: Images, other: Images) -> int:
    return int(np.abs(one.astype(int) - other).max()) if one.size else 0


@given(
    st.sampled_from([(5, 4), (4, 5, 3), (1, 1), (1, 9, 2), (7, 1), (2, 70), (66, 1, 1)]),
    st.integers(0, 9),
    st.integers(0, 127),
    st.integers(1, 5),
    st.integers(0, 3),
)
@settings(max_examples=60)
def test_no_number_comes_back_off_by_more_than_the_bound(
    shape: tuple[int, ...], count: int, max_error: int, radius: int, seed: int
) -> None:
    x = images(shape, count, seed)
    coder = coder_for(shape, radius=radius, layers=1 + seed)
    for bound in (0, max_error):
        back = coder.decode(coder.encode(x, bound), count, bound)
        assert back.shape == x.shape
        assert back.dtype == np.uint8
        assert farthest(back, x) <= bound


@pytest.mark.parametrize("max_error", range(128))
def test_bins_cover_the_levels(max_error: int) -> None:
    bins = bins_for(max_error)
    level = np.arange(256)
    coded = (level + max_error) // bins.width
    assert np.abs(bins.centres.numpy()[coded].astype(int) - level).max() <= max_error
    first = bins.edges.numpy()[coded] / 16
    last = bins.edges.numpy()[coded + 1] / 16
    assert (first < level).all()
    assert (level < last).all()
    assert bins.beyond[coded.max() + 1]
    assert not bins.beyond[coded.max()]


def test_the_tables_are_exp_and_the_logistic_function() -> None:
    steps = np.arange(8193) / 512
    np.testing.assert_allclose(np.array(exponential(), dtype=float) / 2**60, np.exp(-steps), rtol=1e-8)
    both = np.arange(-8192, 8193) / 512
    np.testing.assert_allclose(logistic() / 2**30, 1 / (1 + np.exp(-both)), atol=2.0**-30)
    assert (np.diff(logistic()) >= 0).all()
    assert exponential()[-1] == 129_744_222_702


def outputs(draw: Any, count: int = 40, components: int = 5) -> NDArray[np.float32]:
    """Return the network's outputs, of all sizes it can have."""
    size = 2.0 ** draw.uniform(0, 24, (3 * components, count))
    return np.floor(size * draw.choice([-1, 1], size.shape)).astype(np.float32)


@pytest.mark.parametrize("max_error", [0, 1, 127])
def test_whatever_the_outputs_frequencies_are_whole_and_add_up(max_error: int) -> None:
    mixture = Mixture(torch.from_numpy(outputs(np.random.default_rng(1))))
    assert (mixture.shares.sum(0) == 2**16).all()
    assert (mixture.shares >= 0).all()
    inner = mixture.below(bins_for(max_error), torch.arange(1, BINS)[:, None])
    below = torch.cat([torch.zeros(1, 40), inner, torch.full((1, 40), FULL)])
    assert (below.diff(dim=0) >= 1).all()
    rows = frequencies_less_1(below)
    assert (rows >= 0).all()
    assert (rows == rows.floor()).all()
    assert (rows.sum(1) == TOTAL - BINS).all()


def test_division_never_reaches_the_next_whole_number() -> None:
    random = np.random.default_rng(2)
    divisor = random.integers(1, int(FULL) + 1, 200_000)
    share = (random.random(200_000) * divisor).astype(np.int64)
    for number in (share, divisor - 1, np.minimum(divisor, 1)):
        found = frequencies_less_1(torch.from_numpy(np.stack([0 * number, number, divisor]).astype(float)))[:, 0]
        assert np.array_equal(number * (TOTAL - 2) // divisor, found.numpy())


def test_the_length_is_the_mixtures_own_distortion() -> None:
    shape, count = (12, 11), 60
    model = awake(shape, radius=3, width=24, layers=2)
    x = images(shape, count)
    with torch.no_grad():
        scaled = torch.from_numpy(x).float() / 255
        bits = mixture_distortion(model(scaled).flatten(0, 3), torch.from_numpy(x).flatten()).sum() / math.log(2)
    data = PixelCoder.from_arrays(quantised(model), shape).encode(x)
    assert 8 * len(data) == pytest.approx(float(bits), rel=0.01)


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def in_float64(coder: PixelCoder) -> PixelCoder:
    """Return the coder with its matrices in float64; only their input is cast."""
    network = coder.network

    class Wide(Layer):
        def __call__(self, x: torch.Tensor, extra: torch.Tensor | float = 0.0) -> torch.Tensor:
            total = self.weight.double() @ x.double() + self.bias.double() + extra
            return (total * self.scale.double()).floor().float()

    wide = lambda layer: Wide(layer.weight, layer.bias, layer.scale)  # noqa: E731
    first, hidden = tuple(map(wide, network.first)), tuple(map(wide, network.hidden))
    whole = type(network)(first, network.rows, network.columns, hidden, wide(network.output))
    return PixelCoder(whole, coder.radius, coder.shape)


def test_threads_libraries_and_precision_change_no_byte() -> None:
    shape = (9, 8, 3)
    coder = coder_for(shape, width=40)
    x = images(shape, 700)
    data = coder.encode(x)
    assert in_float64(coder).encode(x) == data
    with threads(2):
        assert coder.encode(x) == data
        assert np.array_equal(coder.decode(data, len(x)), x)
    with torch.backends.mkldnn.flags(enabled=False):
        assert coder.encode(x) == data
        assert np.array_equal(in_float64(coder).decode(data, len(x)), x)


def test_the_order_of_summation_changes_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    for layer in coder_for((4, 4), width=40).network.hidden:
        order, x = torch.randperm(40, generator=generator), torch.randint(0, 256, (40, 50), generator=generator).float()
        assert torch.equal(Layer(layer.weight[:, order], layer.bias, layer.scale)(x[order]), layer(x))


def test_images_do_not_depend_on_their_neighbours_in_the_block() -> None:
    shape = (6, 6)
    coder = coder_for(shape)
    x = images(shape, 5)
    for count in (1, 5):
        assert np.array_equal(coder.decode(coder.encode(x[:count]), count), x[:count])
    assert coder.decode(coder.encode(x[:0]), 0).shape == (0, 6, 6)


def test_damaged_bytes_are_refused_or_decoded_to_other_images_in_little_memory() -> None:
    shape = (6, 5)
    coder = coder_for(shape)
    x = images(shape, 20)
    good = coder.encode(x)
    coder.decode(good, 20)
    random = np.random.default_rng(0)
    refused = 0
    tracemalloc.start()
    for _ in range(60):
        data = bytearray(good)
        data[random.integers(len(data))] ^= 1 << random.integers(8)
        try:
            assert coder.decode(bytes(data), 20).shape == x.shape
        except FormatError:
            refused += 1
    wrong = [good[:cut] for cut in (0, 1, len(good) // 2, len(good) - 1)] + [good + b"\0", good + good, bytes(9)]
    for data in [*wrong, random.bytes(50), random.bytes(10_000_000)]:
        with pytest.raises(FormatError):
            coder.decode(bytes(data), 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused >= 55
    assert peak < 1 << 25
    for count in (0, 19, 21):
        with pytest.raises(FormatError):
            coder.decode(good, count)


def test_wrong_arguments_are_refused() -> None:
    coder = coder_for((4, 4))
    for x in (np.zeros((2, 4, 5), np.uint8), np.zeros((2, 4, 4)), np.zeros((4, 4), np.uint8)):
        with pytest.raises(InputError):
            coder.encode(x)
    for bound in (-1, 128):
        with pytest.raises(ArgumentError):
            coder.encode(images((4, 4)), bound)
    with pytest.raises(ArgumentError):
        coder.decode(b"", -1)


def damages() -> Iterator[tuple[str, NDArray[Any] | None]]:
    """Yield the name of an array and what stands in its place (None: nothing)."""
    arrays = quantised(awake((4, 4)))
    for name, array in arrays.items():
        yield name, None
        yield name, array[:-1]
        yield name, array[None]
        yield name, array.astype(np.float32)
        if array.dtype == np.int16:
            yield name, np.full_like(array, 32767)
        if array.dtype == np.int32:
            yield name, np.full_like(array, -(2**31))
        if array.dtype == np.uint8:
            yield name, np.full_like(array, 255)


def test_damaged_arrays_are_refused() -> None:
    good = quantised(awake((4, 4)))
    for name, array in damages():
        arrays = {**good, name: array} if array is not None else {k: v for k, v in good.items() if k != name}
        if array is not None and array.dtype == np.int16 and array.max() == 32767 and name == "output.weight":
            continue  # may stay below the limit
        with pytest.raises(FormatError):
            PixelCoder.from_arrays(arrays, (4, 4))
    for shape in ((4,), (4, 4, 3), (4, 4, 4, 4), (0, 4), (5, 4)):
        with pytest.raises(FormatError):
            PixelCoder.from_arrays(good, shape)


def test_networks_that_would_take_much_memory_are_refused() -> None:
    good = quantised(awake((4, 4)))
    for many in (100, 1_000_000):
        huge = {name: good[name].repeat(many, 0) for name in ("output.weight", "output.bias", "output.shift")}
        with pytest.raises(FormatError, match="more than"):
            PixelCoder.from_arrays({**good, **huge}, (4, 4))


def test_weights_that_are_too_large_for_whole_numbers_are_refused() -> None:
    model = awake((4, 4))
    with torch.no_grad():
        model.hidden[0].weight.fill_(1e6)  # type: ignore[union-attr]
    with pytest.raises(TrainingError):
        quantised(model)


def test_a_machine_that_rounds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = coder_for((4, 4)).network.output
    check_exact(layer)
    rounded = torch.addmm
    monkeypatch.setattr(torch, "addmm", lambda b, w, x: rounded(b, w.bfloat16().float(), x))
    with pytest.raises(FormatError, match="precision"):
        check_exact(layer)


def fixed_case() -> tuple[dict[str, NDArray[Any]], Images]:
    """Return arrays made of whole numbers alone, and two images of (3, 4, 2)."""

    def numbers(*shape: int, most: int, seed: int) -> NDArray[np.int64]:
        place = np.arange(math.prod(shape)).reshape(shape) + 1000 * seed
        return (place * 2_654_435_761 >> 9) % (2 * most + 1) - most

    arrays: dict[str, NDArray[Any]] = {"first.shift": np.array([9, 10, 8], np.uint8)}
    for channel in range(2):
        inputs = len(neighbours(1)) * 2 + channel
        arrays[f"first.{channel}.weight"] = numbers(3, inputs, most=600, seed=channel).astype(np.int16)
        arrays[f"first.{channel}.bias"] = numbers(3, most=60_000, seed=3 + channel).astype(np.int32)
    arrays["rows"] = numbers(3, 3, most=9_000, seed=5).astype(np.int32)
    arrays["columns"] = numbers(4, 3, most=9_000, seed=6).astype(np.int32)
    arrays["hidden.0.weight"] = numbers(3, 3, most=900, seed=7).astype(np.int16)
    arrays["hidden.0.bias"] = numbers(3, most=90_000, seed=8).astype(np.int32)
    arrays["hidden.0.shift"] = np.array([9, 9, 9], np.uint8)
    arrays["output.weight"] = numbers(6, 3, most=2_000, seed=9).astype(np.int16)
    arrays["output.bias"] = np.array([0, 9, 1500 << 5, 9000, 60 << 9, 80 << 9], np.int32)
    arrays["output.shift"] = np.array([10, 10, 6, 6, 11, 11], np.uint8)
    x = np.arange(2 * 24).reshape(2, 3, 4, 2) * 37 % 256
    x[0, :2] = 0
    return arrays, x.astype(np.uint8)


class Reader:
    """docs/format.md in Python's whole numbers."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]], shape: tuple[int, int, int], radius: int) -> None:
        self.arrays = {name: array.tolist() for name, array in arrays.items()}
        self.shape, self.radius = shape, radius
        self.e = [1 << 60]
        for _ in range(8192):
            self.e.append(self.e[-1] * 1150671902385460292 >> 60)

    def logistic(self, i: int) -> int:
        above = 2**90 // (2**60 + self.e[abs(i)])
        return above if i >= 0 else 2**30 - above

    def layer(self, name: str, x: list[int], shift: str, extra: list[int] | None = None) -> list[int]:
        weight, bias, shifts = self.arrays[f"{name}.weight"], self.arrays[f"{name}.bias"], self.arrays[shift]
        extra = extra or [0] * len(bias)
        sums = [
            b + more + sum(w * v for w, v in zip(row, x, strict=True))
            for row, b, more in zip(weight, bias, extra, strict=True)
        ]
        return [total >> s for total, s in zip(sums, shifts, strict=True)]

    def mixture(self, image: Any, i: int, j: int, k: int) -> tuple[bool, list[tuple[int, int, int]]]:
        height, width, channels = self.shape
        context = []
        for a in range(-self.radius, 1):
            for b in range(-self.radius, self.radius + 1):
                if (a < 0 or b < 0) and a * a + b * b <= self.radius * (self.radius + 1):
                    inside = 0 <= i + a < height and 0 <= j + b < width
                    context += image[i + a][j + b] if inside else [0] * channels
        context += image[i][j][:k]
        group = lambda place, size: place * min(size, 64) // size  # noqa: E731
        rows, columns = self.arrays["rows"][group(i, height)], self.arrays["columns"][group(j, width)]
        z = self.layer(f"first.{k}", context, "first.shift", [r + c for r, c in zip(rows, columns, strict=True)])
        z = [min(max(v, 0), 255) for v in z]
        number = 0
        while f"hidden.{number}.weight" in self.arrays:
            z = [min(max(v, 0), 255) for v in self.layer(f"hidden.{number}", z, f"hidden.{number}.shift")]
            number += 1
        out = self.layer("output", z, "output.shift")
        m = len(out) // 3
        logits = [min(max(v, -512), 512) for v in out[:m]]
        taken = [self.e[8 * (max(logits) - v)] >> 44 for v in logits]
        ends = [sum(taken[: n + 1]) * 2**16 // sum(taken) for n in range(m)]
        shares = [end - start for start, end in zip([0, *ends], ends, strict=False)]
        means = [min(max(v, -4096), 8191) for v in out[m : 2 * m]]
        sharp = [65079 * self.e[32 * min(max(v, 0), 144)] >> 60 for v in out[2 * m :]]
        return not any(context), list(zip(shares, means, sharp, strict=True))

    def below(self, mixture: list[tuple[int, int, int]], number: int, max_error: int) -> int:
        edge = number * (2 * max_error + 1) - max_error
        if number == 0 or edge >= 256:
            return (2**29 if number else 0) + number
        total = 0
        for share, mean, sharp in mixture:
            total += share * self.logistic(min(max((16 * edge - 8 - mean) * sharp + 32 >> 6, -8192), 8192))
        return (total >> 17) + number

    def decode(self, data: bytes, count: int, max_error: int) -> list[Any]:
        words = [int.from_bytes(data[n : n + 4], "little") for n in range(0, len(data), 4)]
        state = 0

        def symbol(below: list[int]) -> int:
            nonlocal state
            while state < 2**32 and words:
                state = state << 32 | words.pop()
            m = len(below) - 1
            starts = [n + (b - below[0]) * (2**24 - m) // (below[-1] - below[0]) for n, b in enumerate(below)]
            low = state % 2**24
            entry = max(n for n in range(m) if starts[n] <= low)
            state = (starts[entry + 1] - starts[entry]) * (state >> 24) + low - starts[entry]
            return entry

        height, width, channels = self.shape
        found = [[[[0] * channels for _ in range(width)] for _ in range(height)] for _ in range(count)]
        for i, j, k in np.ndindex(self.shape):
            mixtures = [self.mixture(image, i, j, k) for image in found]
            bins = [0] * count
            for n, (empty, mixture) in enumerate(mixtures):
                if empty:
                    bins[n] = symbol([self.below(mixture, b, max_error) for b in range(257)])
            busy = [n for n, (empty, _) in enumerate(mixtures) if not empty]
            for span in (64, 16, 4, 1):
                for n in busy:
                    ends = [self.below(mixtures[n][1], bins[n] + b * span, max_error) for b in range(5)]
                    bins[n] += span * symbol(ends)
            for n in range(count):
                found[n][i][j][k] = min(bins[n] * (2 * max_error + 1), 255)
        while state < 2**32 and words:
            state = state << 32 | words.pop()
        assert state == SEAL
        return found


@pytest.mark.parametrize("max_error", [0, 5])
def test_a_second_reader_in_whole_numbers_reads_the_same(max_error: int) -> None:
    arrays, x = fixed_case()
    coder = PixelCoder.from_arrays(arrays, x.shape[1:])
    data = coder.encode(x, max_error)
    found = Reader(arrays, (3, 4, 2), 1).decode(data, 2, max_error)
    assert found == coder.decode(data, 2, max_error).tolist()
    assert farthest(np.array(found), x) <= max_error


def test_version_1_is_for_ever() -> None:
    arrays, x = fixed_case()
    coder = PixelCoder.from_arrays(arrays, x.shape[1:])
    assert coder.encode(x).hex() == FIXED
    assert np.array_equal(coder.decode(bytes.fromhex(FIXED), 2), x)
