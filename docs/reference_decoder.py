"""A reader of every kind of archive with NumPy alone, slow but right, written from docs/format.md.

    python docs/reference_decoder.py ARCHIVE OUT_FOLDER [MODEL]

MODEL: the model file (.safetensors) that the archive names; `photos.model` for photos coded exactly; not needed where
the archive carries it. Arrays are written as .npy, files that were kept as they are.
"""

import bisect
import hashlib
import json
import lzma
import math
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]
Arrays = dict[str, Array]
DTYPES = ("|b1", "|u1", "|i1", "<u2", "<u4", "<u8", "<i2", "<i4", "<i8", "<f2", "<f4", "<f8")
LOSSY, MAX_ERROR, LOSSLESS = range(3)
CODED, STORED, FILES = range(3)
SEAL = 0xD1AB


class DamagedError(ValueError):
    """The archive is not what a writer wrote."""


class Item(NamedTuple):
    name: str
    shape: tuple[int, ...]
    mode: str
    notes: bytes
    date: int


class Header(NamedTuple):
    promise: int
    dtype: str
    max_error: int
    model: bytes
    settings: bytes


def need(condition: object, what: str) -> None:
    if not condition:
        raise DamagedError(what)


def blake(data: bytes, key: bytes = b"", size: int = 8) -> bytes:
    return hashlib.blake2b(data, digest_size=size, key=key).digest()


def read(data: bytes) -> Iterator[tuple[Header, int, list[Item], bytes]]:
    """Yield the header, method, items and payload of every block."""
    magic, version, length, promise, kind, axes, mode, error, settings, _, _, model = struct.unpack_from(
        "<8sHHBBBBIHH8s32s", data
    )
    need(magic == b"\x89DBO\r\n\x1a\n" and version in (1, 2), "no archive, or a newer one")
    need(blake(data[: length - 8]) == data[length - 8 : length], "header")
    key = blake(data[:length], size=32)
    at = 64 + 4 * axes
    usual = Item("", struct.unpack_from(f"<{axes}I", data, 64), data[at : at + mode].decode(), b"", 0)
    header = Header(promise, DTYPES[kind], error, model, data[at + mode : at + mode + settings])
    place = length
    while data[place : place + 8] == b"DBOblock":
        head = data[place : place + 64]
        _, _, count, _, packed, _, size, method, one, two = struct.unpack("<8sIIQIIQB7x8s8s", head)
        table, payload = data[place + 64 :][:packed], data[place + 64 + packed :][:size]
        need(blake(payload, key) == one and blake(head[:56] + table, key) == two, "block")
        yield header, method, items_of(zlib.decompress(table), count) if packed else [usual] * count, payload
        place += 64 + packed + size
    need(data[place : place + 8] == b"DBOindex", "index")


def items_of(table: bytes, count: int) -> list[Item]:
    ranks = list(table[:count])
    sizes = iter(struct.unpack_from(f"<{sum(ranks)}I", table, count))
    *texts, more = table[count + 4 * sum(ranks) :].split(b"\0", 2 * count)
    dates, notes = [0] * count, [b""] * count
    if more:
        dates = [sum(more[count * k + i] << 8 * k for k in range(8)) for i in range(count)]
        ends = np.cumsum([12 * count, *struct.unpack_from(f"<{count}I", more, 8 * count)]).tolist()
        notes = [more[start:end] for start, end in pairwise(ends)]
    return [
        Item(
            texts[count + i].decode(),
            tuple(next(sizes) for _ in range(ranks[i])),
            texts[i].decode(),
            notes[i],
            dates[i],
        )
        for i in range(count)
    ]


def unstored(payload: bytes) -> bytes:
    way, packed = payload[0], payload[1:]
    if way == 0:
        return packed
    if way == 1:
        return zlib.decompress(packed)
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": 1 << 23}]
    return lzma.decompress(packed, format=lzma.FORMAT_RAW, filters=filters)


def files_of(payload: bytes, count: int) -> list[bytes]:
    ends = np.cumsum(struct.unpack_from(f"<{count}I", payload)).tolist()
    data = unstored(payload[4 * count :])
    return [data[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]


# --- the model file: safetensors, with JSON in its metadata


def model_arrays(data: bytes) -> tuple[dict[str, Any], Arrays]:
    """Return the JSON and the arrays of a model file; coded arrays are decoded, int8 weights multiplied by steps."""
    (length,) = struct.unpack_from("<Q", data)
    described = json.loads(data[8 : 8 + length])
    ((_, text),) = described.pop("__metadata__").items()
    plain, arrays = json.loads(text), dict[str, Array]()
    kinds = {"F": "f", "I": "i", "U": "u", "B": "b"}
    for name, one in described.items():
        start, end = (8 + length + offset for offset in one["data_offsets"])
        dtype = "|b1" if one["dtype"] == "BOOL" else f"<{kinds[one['dtype'][0]]}{int(one['dtype'][1:]) // 8}"
        arrays[name] = np.frombuffer(data[start:end], dtype).reshape(one["shape"])
    for name, shape in plain.get("packed", {}).items():
        tables = {part: arrays.pop(f"{name}:{part}") for part in ("lowest", "sizes", "frequencies")}
        whole = decode_rows(arrays.pop(f"{name}:data").tobytes(), tables, math.prod(shape)).reshape(shape)
        scale = arrays.pop(f"{name}:scale", None)
        rows = None if scale is None else scale.reshape(-1, *[1] * (whole.ndim - 1))
        arrays[name] = whole if rows is None else whole.astype(np.float32) * rows
    for name in [name for name in arrays if name.endswith(".steps")]:
        steps, whole = arrays.pop(name).astype(np.float32), arrays[name[:-6]].astype(np.float32)
        arrays[name[:-6]] = whole * steps.reshape(-1, *[1] * (whole.ndim - 1))
    return plain, arrays


def part(arrays: Arrays, start: str) -> Arrays:
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}


# --- symbols: an ANS coder's stack, tables, escapes


class Stack:
    """The words of coded symbols, as "Coded symbols" has them."""

    def __init__(self, data: bytes) -> None:
        need(data and data[-1], "words")
        self.words = list(struct.unpack(f"<{-(-len(data) // 4)}I", data + bytes(-len(data) % 4)))
        self.state = 0

    def refill(self) -> None:
        while self.state < 1 << 32 and self.words:
            self.state = self.state << 32 | self.words.pop()

    def take(self, starts: list[int]) -> int:
        """Return the entry; starts: of every entry, then 2^24."""
        self.refill()
        q = self.state & 0xFFFFFF
        i = bisect.bisect_right(starts, q) - 1
        self.state = (starts[i + 1] - starts[i]) * (self.state >> 24) + q - starts[i]
        return i

    def end(self) -> None:
        self.refill()
        need(self.state == SEAL and not self.words, "the end of the symbols")


def varints(data: bytes) -> list[int]:
    found, number, shift = [], 0, 0
    for byte in data:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            found.append(number)
            number = shift = 0
    return found


class Symbols:
    """Symbols under tables, with the escapes in a side stream."""

    def __init__(self, data: bytes, tables: Arrays) -> None:
        end = next(place + 1 for place, byte in enumerate(data) if byte < 128)
        (length,) = varints(data[:end])
        self.escapes = iter(varints(data[end : end + length]))
        self.stack = Stack(data[end + length :])
        ends = np.cumsum(tables["sizes"])[:-1]
        each = np.split(tables["frequencies"].astype(np.int64), ends)
        self.starts = [np.concatenate([[0], np.cumsum(one)]).tolist() for one in each]
        self.lowest = tables["lowest"].tolist()

    def take(self, table: int, count: int) -> list[int]:
        lowest, starts = self.lowest[table], self.starts[table]
        width = len(starts) - 2
        found = [self.stack.take(starts) for _ in range(count)]
        return [lowest + entry if entry < width else self.escaped(lowest, width) for entry in found]

    def escaped(self, lowest: int, width: int) -> int:
        number = next(self.escapes)
        return lowest - 1 - (number >> 1) if number & 1 else lowest + width + (number >> 1)

    def end(self) -> None:
        self.stack.end()
        need(next(self.escapes, None) is None, "escapes")


def decode_rows(data: bytes, tables: Arrays, count: int) -> Array:
    symbols = Symbols(data, tables)
    columns = [symbols.take(k, count) for k in range(len(tables["sizes"]))]
    symbols.end()
    return np.array(columns, np.int64).T


# --- lossy, by the code of a dense decoder


def lossy(plain: dict[str, Any], arrays: Arrays, header: Header) -> Callable[[bytes, int], Array]:
    """Return what decodes samples at the level of the settings."""
    level, config = json.loads(header.settings)["level"], plain["config"]
    step, latent = plain["extras"]["compress"]["steps"][level], config["latent"]
    tables = part(arrays, "extras.compress.")
    ends = np.concatenate([[0], np.cumsum(tables["sizes"])])
    rows = slice(level * latent, (level + 1) * latent)
    own = {"lowest": tables["lowest"][rows], "sizes": tables["sizes"][rows]}
    own["frequencies"] = tables["frequencies"][ends[rows.start] : ends[rows.stop]]
    layers = part(arrays, "model.decoder.network.")
    numbers = sorted({int(name.split(".")[0]) for name in layers})
    hidden = config["network"]["hidden"]

    def decode(payload: bytes, count: int) -> Array:
        x = (decode_rows(payload, own, count) * np.float32(step)).astype(np.float32)
        for number in numbers:
            x = x @ layers[f"{number}.weight"].astype(np.float32).T + layers[f"{number}.bias"].astype(np.float32)
            if number != numbers[-1]:
                x = np.maximum(x, 0) if hidden == "relu" else x / (1 + np.exp(-x)) if hidden == "silu" else x
        if config["likelihood"]["bounded"]:
            x = 1 / (1 + np.exp(-x))
        x = x.astype(np.float64) * arrays["preprocessing.scale"] + arrays["preprocessing.offset"]
        dtype = np.dtype(plain["preprocessing"]["dtype"])
        x = np.clip(np.rint(x), np.iinfo(dtype).min, np.iinfo(dtype).max) if dtype.kind in "iu" else x
        return x.astype(dtype).reshape(count, *config["shape"])

    return decode


# --- images coded exactly


X = [1 << 60]
for _ in range(8192):
    X.append(X[-1] * 1150671902385460292 >> 60)


def logistic(t: int) -> int:
    return (1 << 90) // ((1 << 60) + X[t]) if t >= 0 else (1 << 30) - logistic(-t)


def clamp(x: int, low: int, high: int) -> int:
    return min(max(x, low), high)


class Pixels:
    """The pixel network and its mixtures."""

    def __init__(self, arrays: Arrays, shape: tuple[int, ...], error: int) -> None:
        self.a = {name: array.astype(np.int64) for name, array in arrays.items()}
        self.shape, self.error = shape, error
        self.height, self.width, self.channels = (*shape, 1)[:3]
        self.hidden = sum(name.startswith("hidden.") and name.endswith("weight") for name in arrays)
        for radius in range(17):
            steps = [(a, b) for a in range(-radius, 1) for b in range(-radius, radius + 1)]
            self.steps = [(a, b) for a, b in steps if (a < 0 or b < 0) and a * a + b * b <= radius * (radius + 1)]
            if len(self.steps) * self.channels == arrays["first.0.weight"].shape[1]:
                break

    def decode(self, payload: bytes, count: int) -> Array:
        stack, out = Stack(payload), np.zeros((count, self.height, self.width, self.channels), np.int64)
        wide = 2 * self.error + 1
        for i in range(self.height):
            for j in range(self.width):
                for k in range(self.channels):
                    contexts = [self.context(image, i, j, k) for image in out]
                    bins = [0] * count
                    for n in [n for n in range(count) if not any(contexts[n])]:
                        below = self.mass(contexts[n], i, j, k)
                        bins[n] = stack.take(self.starts(below, range(257)))
                    busy = [n for n in range(count) if any(contexts[n])]
                    masses = {n: self.mass(contexts[n], i, j, k) for n in busy}
                    for span in (64, 16, 4, 1):
                        for n in busy:
                            edges = [bins[n] + span * t for t in range(5)]
                            bins[n] += span * stack.take(self.starts(masses[n], edges))
                    out[:, i, j, k] = [min(b * wide, 255) for b in bins]
        stack.end()
        return out.astype(np.uint8).reshape(count, *self.shape)

    def context(self, image: Array, i: int, j: int, k: int) -> list[int]:
        found: list[int] = []
        for a, b in self.steps:
            inside = i + a >= 0 and 0 <= j + b < self.width
            found += image[i + a, j + b].tolist() if inside else [0] * self.channels
        return found + image[i, j, :k].tolist()

    def mass(self, context: list[int], i: int, j: int, k: int) -> Callable[[int], int]:
        a = self.a
        rows, columns = a["rows"], a["columns"]
        z = a[f"first.{k}.weight"] @ np.array(context, np.int64) + a[f"first.{k}.bias"]
        z = z + rows[i * len(rows) // self.height] + columns[j * len(columns) // self.width]
        z = np.clip(z >> a["first.shift"], 0, 255)
        for layer in range(self.hidden):
            z = a[f"hidden.{layer}.weight"] @ z + a[f"hidden.{layer}.bias"]
            z = np.clip(z >> a[f"hidden.{layer}.shift"], 0, 255)
        o = ((a["output.weight"] @ z + a["output.bias"]) >> a["output.shift"]).tolist()
        m = len(o) // 3
        logits = [clamp(value, -512, 512) for value in o[:m]]
        sums = np.cumsum([X[8 * (max(logits) - value)] >> 44 for value in logits]).tolist()
        shares = np.diff([0, *((total << 16) // sums[-1] for total in sums)]).tolist()
        means = [clamp(value, -4096, 8191) for value in o[m : 2 * m]]
        sharp = [65079 * X[32 * clamp(value, 0, 144)] >> 60 for value in o[2 * m :]]

        def below(b: int) -> int:
            edge = b * (2 * self.error + 1) - self.error
            if b == 0 or edge >= 256:
                return b + (1 << 29 if b else 0)
            each = zip(shares, means, sharp, strict=True)
            places = ((share, clamp(((16 * edge - 8 - mean) * s + 32) >> 6, -8192, 8192)) for share, mean, s in each)
            return b + (sum(share * logistic(place) for share, place in places) >> 17)

        return below

    @staticmethod
    def starts(below: Callable[[int], int], edges: Any) -> list[int]:
        masses = [below(b) for b in edges]
        q = len(masses) - 1
        scale = (1 << 24) - q
        return [t + (a - masses[0]) * scale // (masses[-1] - masses[0]) for t, a in enumerate(masses)]


# --- photos, lossy: a side map and four passes in whole numbers, then the picture in float


def convolved(x: Array, weight: Array) -> Array:
    """Return a convolution of (channels, h, w) with zeros outside: (out, h, w)."""
    size = weight.shape[2] // 2
    padded = np.pad(x, ((0, 0), (size, size), (size, size)))
    _, height, width = x.shape
    total = np.zeros((len(weight), height, width), np.result_type(x, weight))
    for a in range(weight.shape[2]):
        for b in range(weight.shape[3]):
            total += np.tensordot(weight[:, :, a, b], padded[:, a : a + height, b : b + width], 1)
    return total


def shuffled(x: Array, by: int = 2) -> Array:
    channels, height, width = len(x) // by**2, *x.shape[1:]
    parts = x.reshape(channels, by, by, height, width).transpose(0, 3, 1, 4, 2)
    return parts.reshape(channels, by * height, by * width)


class Photos:
    """The photo codec of a packed model file."""

    def __init__(self, arrays: Arrays) -> None:
        photo = part(arrays, "extras.photo.")
        self.tables = {name: photo.pop(name) for name in ("lowest", "sizes", "frequencies")}
        self.a = {name: array.astype(np.int64) for name, array in photo.items()}
        self.float = part(arrays, "model.decoder.network.0.")
        self.latent = self.a["gain"].shape[1]

    def decode(self, payload: bytes, count: int, shape: tuple[int, ...]) -> Array:
        a, levels = self.a, list(payload[:count])
        height, width = -(-shape[0] // 8), -(-shape[1] // 8)
        down, across = -(-height // 4), -(-width // 4)
        symbols = Symbols(payload[count:], self.tables)
        classes = np.stack(
            [np.broadcast_to(a["side.class"][one], (down, across, len(a["side.class"][0]))) for one in levels]
        )
        side = self.taken(symbols, classes) + a["side.mean"][levels][:, None, None]
        features = [self.features(side[n], levels[n])[:, :height, :width] for n in range(count)]
        number = np.zeros((count, self.latent, height, width), np.int64)
        known = np.zeros_like(number)
        parity = 2 * (np.arange(height) % 2)[:, None] + np.arange(width) % 2
        for k in range(4):
            outs = [self.outputs(k, features[n], known[n], levels[n]) for n in range(count)]
            even = (count, 4, -(-height // 2), -(-width // 2), self.latent // 4)
            means, kinds = np.zeros(even, np.int64), np.zeros(even, np.int64)
            for n, (mean, kind) in enumerate(outs):
                for p in range(4):
                    for whole, given in ((means, mean), (kinds, kind)):
                        cut = given[k ^ p :: 4][:, p >> 1 :: 2, p & 1 :: 2].transpose(1, 2, 0)
                        whole[n, p, : cut.shape[0], : cut.shape[1]] = cut
            found = 256 * self.taken(symbols, kinds) + means
            for n in range(count):
                for p in range(4):
                    view = number[n, k ^ p :: 4][:, p >> 1 :: 2, p & 1 :: 2]
                    view[:] = found[n, p].transpose(2, 0, 1)[:, : view.shape[1], : view.shape[2]]
                back = a["back"][levels[n]][:, None, None]
                chosen = (np.arange(self.latent) % 4)[:, None, None] == k ^ parity
                known[n] = np.where(chosen, np.clip((number[n] * back + (1 << 23)) >> 24, -255, 255), known[n])
        symbols.end()
        return np.stack([self.picture(number[n], levels[n], shape) for n in range(count)])

    @staticmethod
    def taken(symbols: Symbols, classes: Array) -> Array:
        flat = classes.reshape(-1)
        found = np.zeros(len(flat), np.int64)
        for kind in range(1, 64):
            places = np.flatnonzero(flat == kind)
            found[places] = symbols.take(kind - 1, len(places))
        return found.reshape(classes.shape)

    def layer(self, name: str, x: Array, level: int, added: Array | int = 0, shift: str = "") -> Array:
        bias, by = self.a[f"{name}.bias"], self.a[f"{shift or name}.shift"]
        if bias.ndim == 2:
            i = min(7 * level // 99, 6)
            rest = 7 * level - 99 * i
            bias = (bias[i] * (99 - rest) + bias[i + 1] * rest + 50) // 99
        total = convolved(x, self.a[f"{name}.weight"]) + added + (bias + (1 << by >> 1))[:, None, None]
        return total >> by[:, None, None]

    def features(self, side: Array, level: int) -> Array:
        seen = np.clip((side * self.a["side.back"][level] + (1 << 15)) >> 16, -255, 255).transpose(2, 0, 1)
        x = shuffled(np.clip(self.layer("enter", seen, level), 0, 255))
        return shuffled(np.clip(self.layer("expand", x, level), 0, 255))

    def outputs(self, k: int, features: Array, known: Array, level: int) -> tuple[Array, Array]:
        added = convolved(known, self.a["context.weight"]) if k else 0
        u = np.clip(self.layer(f"mix.{k}", features, level, added, "context"), 0, 255)
        u = np.clip(self.layer(f"deep.{k}", u, level), 0, 255)
        o = self.layer(f"leave.{k}", u, level)
        gain, kind = (self.a[name][level][:, None, None] for name in ("gain", "class"))
        mean = (o[: self.latent] * gain + (1 << 11)) >> 12
        return mean, np.clip((o[self.latent :] + kind + 8) >> 4, 0, 63)

    def picture(self, number: Array, level: int, shape: tuple[int, ...]) -> Array:
        f, quality = self.float, level / 99

        def gains(name: str) -> Array:
            place = quality * 7
            weights = np.maximum(0, 1 - np.abs(place - np.arange(8))).astype(np.float32)
            return (weights @ f[name].astype(np.float32))[:, None, None]

        def conv(name: str, x: Array) -> Array:
            return (
                convolved(x, f[f"{name}.weight"].astype(np.float32))
                + f[f"{name}.bias"].astype(np.float32)[:, None, None]
            )

        def told(name: str, x: Array) -> Array:
            return x + conv(f"{name}.second", np.maximum(0, conv(f"{name}.first", x) + gains(f"{name}.told.table")))

        x = (number / 256 / (self.a["gain"][level] / 4096)[:, None, None]).astype(np.float32)
        x = told("layers.1", told("layers.0", x * np.exp(gains("regain.table"))))
        x = shuffled(conv("layers.5", told("layers.4", shuffled(conv("layers.2", x)))), 4)
        whole = np.clip(np.rint(x * 255), 0, 255).transpose(1, 2, 0)[: shape[0], : shape[1]]
        channels = shape[2] if len(shape) > 2 else 1
        if channels != whole.shape[2]:
            whole = np.rint(whole.mean(2, keepdims=True))
        return whole.astype(np.uint8).reshape(shape)


# --- photos, exact: what kernel.c does, value by value

SOURCE = ((), (0,), (0, 1), (1, 0, 2), (1, 0, 2, 3))
MODEL = np.dtype(
    "(2,4096)<u4, (512,)<i2, (256,)<i4, (256,)<i4, (512,)<i4, (4096,)<i2, (4096,)<u2, (8192,)<i2, (3,16)<i4, (3,2)<i4, "
    "(3,24,16,2)<i2, (3,2,16)<i2"
)
MODEL.names = (
    *("tail", "blend", "inverse", "scale", "rate", "stretch", "squash", "log", "bias1", "bias2"),
    *("first", "second"),
)


def sloped(a: int, b: int, c: int) -> int:
    return min(a, b) if c >= max(a, b) else max(a, b) if c <= min(a, b) else a + b - c


def toward0(a: int, b: int) -> int:
    return a // b if a >= 0 else -(-a // b)


class Exact:
    """The exact coder's state over one block."""

    def __init__(self, model: bytes, payload: bytes) -> None:
        one = np.frombuffer(model, MODEL)[0]
        self.m = {name: one[name].tolist() for name in MODEL.names or ()}
        self.first = one["first"].transpose(0, 1, 3, 2).reshape(3, 48, 16).astype(np.int64)
        self.second = one["second"].astype(np.int64)
        self.adaptive: dict[Any, int] = {}
        self.mix: dict[Any, list[int]] = {}
        self.spread: dict[Any, tuple[int, int]] = {}
        self.bias: dict[Any, tuple[int, int]] = {}
        self.data, self.place, self.low, self.high = payload, 4, 0, 0xFFFFFFFF
        self.code = int.from_bytes(payload[:4], "big")

    def lg(self, x: int) -> int:
        return int(self.m["log"][min(x, 8191)])

    def decide(self, p: int) -> int:
        middle = self.low + ((self.high - self.low) * p >> 16)
        bit = int(self.code <= middle)
        self.low, self.high = (self.low, middle) if bit else (middle + 1, self.high)
        while not (self.low ^ self.high) >> 24:
            byte = self.data[self.place] if self.place < len(self.data) else 0
            self.code, self.place = (self.code << 8 | byte) & 0xFFFFFFFF, self.place + 1
            self.low, self.high = self.low << 8 & 0xFFFFFFFF, (self.high << 8 | 255) & 0xFFFFFFFF
        return bit

    def mixed(self, p: int, slot: int, place: int, contexts: list[int], a: int, b: int) -> int:
        keys = [(p, i, context, slot) for i, context in enumerate(contexts)]
        cells = [self.adaptive.get(key, 1 << 30) for key in keys]
        inputs = [*(self.m["stretch"][x] for x in (a, b)), 256, *(self.m["stretch"][cell >> 19] for cell in cells)]
        weights = self.mix.setdefault((p, slot, place), [20000, 20000, 0, 5000, 5000, 5000])
        total = sum(x * w >> 4 for x, w in zip(inputs, weights, strict=True)) >> 12
        chance = clamp(self.m["squash"][clamp(total, -2047, 2047) + 2048], 24, 65512)
        bit = self.decide(chance)
        error = ((bit << 16) - chance) >> 3
        for i, x in enumerate(inputs):
            weights[i] = clamp(weights[i] + ((x * error + 2048) >> 12), -500000, 500000)
        for key, cell in zip(keys, cells, strict=True):
            count, value = cell & 511, cell >> 9
            value += toward0((bit << 22) - bit - value, 16) * (self.m["rate"][count] >> 4) >> 8
            self.adaptive[key] = value << 9 | min(count + 1, 255)
        return bit

    def signed11(self, e: int) -> int:
        size = min(5, self.lg(abs(e) >> 2) >> 4)
        return 5 if abs(e) < 8 else 5 + size if e > 0 else 5 - size

    def beyond(self, kind: int, z: int, inverse: int) -> int:
        return int(self.m["tail"][kind][min(4095, (max(z, 0) * inverse + 2048) >> 12)])

    @staticmethod
    def share(some: int, whole: int) -> int:
        return 2048 if whole < 16 else min(4095, (some << 4) // (whole >> 8 or 1))

    def decode(self, count: int, shape: tuple[int, ...], top: int) -> Array:
        h, w, c = (*shape, 1)[:3]
        out = np.zeros((count, h, w, c), np.int64)
        for n in range(count):
            rows = [[[(top + 1) >> 1] * (w + 8)] * 4 for _ in range(c)], [[[0] * (w + 8)] * 4 for _ in range(c)]
            past = [[[[0] * 24] * (w + 8)] * 2 for _ in range(c)]
            for y in range(h):
                for p in range(c):
                    for kind in rows:
                        kind[p] = [[kind[p][0][4]] * 4 + [0] * (w + 4), *kind[p][:3]]
                    past[p] = [[past[p][0][4]] * 4 + [[0] * 24] * (w + 4), past[p][0]]
                for x in range(w):
                    for p in range(c):
                        out[n, y, x, SOURCE[c][p]] = self.value(rows[0], rows[1], past, x + 4, p, c, top)
                for p in range(c):
                    for row in (rows[0][p][0], rows[1][p][0], past[p][0]):
                        row[w + 4 :] = [row[w + 3]] * 4  # type: ignore[index]
        need(self.code == self.high and self.place == len(self.data), "the end of the photos")
        return out

    def value(self, B: Any, E: Any, P: Any, x: int, p: int, c: int, top: int) -> int:
        lg, net, highest = self.lg, 0 if p == 3 or c == 2 else p, top << 4
        (r0, r1, r2, _), (e0, e1, e2, _) = B[p], E[p]
        W, N, NW, NE, WW, NN, NNE = r0[x - 1], r1[x], r1[x - 1], r1[x + 1], r0[x - 2], r2[x], r2[x + 1]
        med = sloped(W, N, NW)
        pr = [W << 4, N << 4, (W + N - NW) << 4, med << 4, (W + NE - N) << 4, (N + NE - NNE) << 4, (2 * W - WW) << 4]
        pr += [(2 * N - NN) << 4, (W + N) << 3, (2 * (W + N) + NE - NW) << 2, (W + NE) << 3, (W + N + NW + NE) << 2]
        if net:
            a0, a1, a2 = B[0][:3]
            A, dW, dN, dNW, dNE = a0[x], W - a0[x - 1], N - a1[x], NW - a1[x - 1], NE - a1[x + 1]
            pr += [(dW + A) << 4, (dN + A) << 4, (dW + dN - dNW + A) << 4, (sloped(dW, dN, dNW) + A) << 4]
            pr += [(dW + dN + 2 * A) << 3, (2 * (dW + dN) + dNE - dNW + 4 * A) << 2, (dW + dN + dNE + dNW + 4 * A) << 2]
            if net == 2:
                c0, c1 = B[1][:2]
                C, gW, gN, gNW, gNE = c0[x], W - c0[x - 1], N - c1[x], NW - c1[x - 1], NE - c1[x + 1]
                pr += [(gW + gN + 2 * C) << 3, (sloped(gW, gN, gNW) + C) << 4, (gW + gN + gNE + gNW + 4 * C) << 2]
                pr += [(gW + C) << 4, (gN + C) << 4]
            else:
                pr += [(dW + dNE + 2 * A) << 3, (2 * dW - (WW - a0[x - 2]) + A) << 4, (2 * dN - (NN - a2[x]) + A) << 4]
                pr += [
                    ((2 * (dW + dN) + dNE - dNW + 4 * A) << 1) + (med << 3),
                    ((3 * (dW + dN) - 2 * dNW) << 2) + (A << 4),
                ]
        else:
            pr += [
                (3 * (W + N) - 2 * NW) << 2,
                (NW + 2 * (W + N) - WW - NN + NE) << 2,
                (2 * NE - r2[x + 2]) << 4,
                NE << 4,
            ]
            pr += [NW << 4, (2 * W + N - NW) << 3, (2 * N + W - NW) << 3, (N + NE) << 3, (2 * W + NE - NW) << 3]
            pr += [(4 * N + 2 * NE - 2 * NN - NNE + W) << 2, (2 * W + 2 * N + 2 * NE - WW - NN) * 4]
            pr += [(3 * W - 3 * WW + r0[x - 3]) << 4]
        p0, p1 = P[p]
        near = zip(p0[x - 1], p1[x], p1[x - 1], p1[x + 1], p0[x - 2], p1[x + 2], strict=True)
        pen = [2 * (a + b) + d + e + f + g + 4 for a, b, d, e, f, g in near]
        bits = min(pen).bit_length() - 1
        bound = min(32767, (511 << bits) >> 4)
        at = [min(e, bound) >> (bits - 4) if bits > 4 else min(e, bound) << (4 - bits) for e in pen]
        weights = [self.m["blend"][k] for k in at]
        off = [clamp(one - (med << 4), -8191, 8191) for one in pr]
        total = sum(a * b for a, b in zip(weights, off, strict=True))
        blend = clamp((med << 4) + toward0(total, sum(weights)), 0, highest)
        far, third = (17, 15) if net else (12, 3)
        least = min(pen[far], pen[third], pen[9])
        sW, sN = e0[x - 1], e1[x]
        eW, eN, eNW, eNE, eWW, eNN = (abs(e) for e in (sW, sN, e1[x - 1], e1[x + 1], e0[x - 2], e2[x]))
        v = (2 * eW + 2 * eN + eNW + eNE + eWW + eNN) >> 3
        other = E[net - 1][0][x] if net else 0
        ep = abs(other) if net == 1 else (abs(E[0][0][x]) + 3 * abs(other)) >> 2 if net == 2 else v
        if c > 2 and p == 0:
            ep = (abs(E[1][0][x - 1]) + abs(E[1][1][x])) >> 1
        lv, lep, lpen = lg(v + 2), lg(ep + 2), lg(least >> 2)
        lgr = lg(abs(W - NW) + abs(N - NW) + abs(N - NE) + 1)
        d1, d2 = pr[far] - blend, pr[third] - blend
        ldis, level = lg(abs(d1) + abs(d2) + abs(pr[9] - blend) + 2), blend >> 4
        over = (W, N, NW, NE, WW, NN, 2 * N - NN, 2 * W - WW)
        texture = sum((one > level) << i for i, one in enumerate(over))
        q1, q2, s11 = self.signed11(d1 * 2), self.signed11(d2), self.signed11
        k1 = (s11(other) * 11 + s11(sW)) * 11 + s11(sN)
        kk = [texture * 8 + min(7, lv >> 4), k1]
        kk += [((q1 * 11 + q2) * 4 + clamp((lv - 32) >> 4, 0, 3)) * 4 + clamp((lep - 32) >> 4, 0, 3)]
        mu = clamp(
            blend + ((sum(self.bias.get((p, i, k), (0, 0))[0] for i, k in enumerate(kk)) + 256) >> 9), 0, highest
        )
        before = mu
        spots = [clamp((lv - 8) >> 1, 0, 63) * 32 + clamp((lep - 8) >> 2, 0, 31)]
        spots += [
            clamp(lgr >> 2, 0, 31) * 64 + clamp(lpen >> 1, 0, 63),
            clamp(ldis >> 2, 0, 31) * 64 + clamp((lv - 8) >> 1, 0, 63),
        ]
        spots += [(min(15, lg(eW + 2) >> 3) * 16 + min(15, lg(eN + 2) >> 3)) * 16 + min(15, lep >> 3)]
        ls = [lg(self.spread.get((p, i, k), (4096, 0))[0] >> 6) - 32 for i, k in enumerate(spots)]
        L = clamp((sum(ls) + 2) >> 2, 18, 190)
        narrow = self.m["inverse"][L] >> 3
        scaled = [one - mu for one in pr] + [sW, sN, e1[x - 1], e1[x + 1], e0[x - 2], e2[x]]
        if net:
            scaled += [E[0][0][x], E[0][0][x - 1], E[0][1][x], other]
        else:
            scaled += [E[1][0][x - 1], E[1][1][x], E[1][1][x + 1]] if c > 2 and p == 0 else [0, 0, 0]
            scaled += [e1[x + 2]]
        f = [d * narrow >> 7 for d in scaled] + [(one - L) * 16 for one in ls]
        f += [(lpen - L) * 16 - 512, (lgr - L) * 16 + 768, (lep - L) * 16, (ldis - L) * 16]
        f = [clamp(one, -1536, 1536) for one in f] + [(L - 80) * 8]
        f += [clamp(d * narrow >> 7, -1536, 1536) for d in (eNE, eW, eN, eNW, ep)]
        hidden = np.clip((np.array(f) @ self.first[net] + self.m["bias1"][net]) >> 9, 0, 32767)
        shift, wider = (clamp(int(o) >> 10, -12288, 12288) for o in self.second[net] @ hidden + self.m["bias2"][net])
        mu = clamp(mu + ((shift * self.m["scale"][L] + 32768) >> 16), 0, highest)
        L = clamp(L + ((wider * 370 + 32768) >> 16), 18, 190)
        contexts = [min(87, (L - 16) >> 1), (q1 * 11 + q2) * 8 + clamp((L - 32) >> 3, 0, 7), k1]
        value = self.coded(p, mu, L, contexts, top) if top else 0
        exact = value << 4
        r0[x], e0[x] = value, exact - before
        p0[x] = [min(abs(exact - one), 4080) for one in pr]
        for i, k in enumerate(spots):
            s, met = self.spread.get((p, i, k), (4096, 0))
            self.spread[p, i, k] = s + (((abs(exact - before) << 8) - s) * self.m["rate"][met] >> 16), min(met + 1, 200)
        for i, k in enumerate(kk):
            s, met = self.bias.get((p, i, k), (0, 0))
            step = ((clamp(exact - blend, -640, 640) << 8) - s) * self.m["rate"][met + 3] >> 16
            self.bias[p, i, k] = s + step, min(met + 1, 250)
        return int(value)

    def coded(self, p: int, mu: int, L: int, contexts: list[int], top: int) -> int:
        inverse, floor = self.m["inverse"][L], min(mu >> 4, top - 1)
        place, sign = min(31, (L - 16) >> 2), (floor << 4) + 8 - mu
        opinions = []
        for kind in range(2):
            far = self.beyond(kind, abs(sign), inverse) >> 15
            opinions.append(clamp(4096 - far if sign < 0 else far, 0, 4095))
        up = self.mixed(p, 0, place, contexts, *opinions)
        most, start = (top - floor - 1, sign) if up else (floor, -sign)
        low, step, slot = 0, 1 << ((L - 56) >> 4) if L > 64 else 1, 1

        def tail(kind: int, size: int) -> int:
            return self.beyond(kind, start + (size << 4), inverse)

        while low + step <= most:
            a, b = (self.share(tail(kind, low + step), tail(kind, low)) for kind in range(2))
            if not self.mixed(p, min(slot, 7) * 2 + up, place, contexts, a, b):
                break
            low, step, slot = low + step, step * 2 if slot > 4 else step, slot + 1
        high = min(low + step - 1, most)
        while high > low:
            middle = (low + high + 1) >> 1
            a, b, z = tail(0, low), tail(0, middle), tail(0, high + 1)
            even = ((high + 1 - middle) << 12) // (high + 1 - low)
            chance = even if a - z < 4096 else (31 * self.share(b - z, a - z) + even) >> 5
            low, high = (middle, high) if self.decide(clamp(chance << 4, 64, 65472)) else (low, middle - 1)
        return floor + 1 + low if up else floor - low


# --- the archive as a whole


def decoder(header: Header, model: bytes) -> Callable[[bytes, int, tuple[int, ...]], Array]:
    """Return what makes the array (count, *shape) of a coded payload."""
    if len(model) == MODEL.itemsize:
        wide = 2 * header.max_error + 1
        top = (255 + header.max_error) // wide

        def photos(payload: bytes, count: int, shape: tuple[int, ...]) -> Array:
            bins = Exact(model, payload).decode(count, shape, top)
            return np.minimum(bins * wide, 255).astype(np.uint8).reshape(count, *shape)

        return photos
    plain, arrays = model_arrays(model)
    if "extras.photo.gain" in arrays:
        return Photos(arrays).decode
    own = tuple(plain["config"]["shape"])
    if header.promise == LOSSY:
        samples = lossy(plain, arrays, header)
    else:
        samples = Pixels(part(arrays, "extras.pixels."), own, header.max_error).decode

    def tiled(payload: bytes, count: int, shape: tuple[int, ...]) -> Array:
        if shape == own:
            return samples(payload, count)
        down, across = -(-shape[0] // own[0]), -(-shape[1] // own[1])
        cut = samples(payload, count * down * across).reshape(count, down, across, *own).swapaxes(2, 3)
        return cut.reshape(count, down * own[0], across * own[1], *own[2:])[:, : shape[0], : shape[1]]

    return tiled


def carried(data: bytes) -> bytes:
    """Return the model file that an archive carries, or nothing."""
    end, found = len(data), b""
    while data[end - 8 : end] == b"DBO.sec\n":
        length, kind, check = struct.unpack_from("<QI4x8s", data, end - 40)
        body, end = data[end - 40 - length : end - 40], end - 40 - length
        need(blake(body) == check, "section")
        found = unstored(body) if kind == 2 else found
    return found


def contents(data: bytes, model: bytes) -> Iterator[tuple[Item, Array | bytes]]:
    """Yield every item with its numbers, or its file; strips are put together."""
    model = model or carried(data)
    decode, strips = None, list[Array]()
    for header, method, items, payload in read(data):
        if method == FILES:
            yield from zip(items, files_of(payload, len(items)), strict=True)
            continue
        shape = items[0].shape
        if method == STORED:
            array = np.frombuffer(unstored(payload), header.dtype).reshape(len(items), *shape)
        else:
            decode = decode or decoder(header, model)
            array = decode(payload, len(items), shape)
        for item, one in zip(items, array, strict=True):
            mode, mark, where = item.mode.partition("@")
            strips.append(one.view("<u2")[..., 0] if mode.startswith("I") else one)
            if not mark or int(where.split("/")[0]) + shape[0] >= int(where.split("/")[1]):
                whole = np.concatenate(strips) if mark else strips[0]
                yield item._replace(mode=mode), whole
                strips = []


def main() -> None:
    archive, out, *models = (Path(word) for word in sys.argv[1:])
    for number, (item, content) in enumerate(contents(archive.read_bytes(), models[0].read_bytes() if models else b"")):
        name = item.name or f"{number:06}"
        need(not {"", ".", ".."} & set(name.split("/")) and not set("\\:\0") & set(name), "name")
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            np.save(path.with_name(f"{path.name}.npy"), content)


if __name__ == "__main__":
    main()
