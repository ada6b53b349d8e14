"""Maps of pictures to bytes and back: quality levels, the side map, then four passes under the prior."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from diabolo.coding.photo.prior import WholePrior, by_place, in_rows
from diabolo.coding.photo.symbols import ClassTables, Decoder, encoded
from diabolo.coding.photo.whole import BACK_BITS, CLASS_BITS, CLASSES, GAIN_BITS, LEVELS, MEAN_BITS, TOP, Arrays
from diabolo.coding.tables import tables_from_arrays
from diabolo.errors import FormatError
from diabolo.model.networks.photo.prior import INPUT_STEP, INPUT_TOP, PASSES
from diabolo.model.networks.photo.transforms import FURTHER

FURTHEST = 1 << 20
"""A symbol beyond is damage: a map's numbers, times gains, stay far below."""


Part = tuple[NDArray[np.uint8], NDArray[np.int32]]
"""Classes and symbols, (n,)."""


class Decoded(NamedTuple):
    """levels: (n,); maps: (n, latent, h, w) float32, before gains."""

    levels: NDArray[np.int64]
    maps: Tensor


class Passes:
    """The state of coding n maps of one size: the context so far, and what is known in steps of 1/256, with gains."""

    def __init__(self, prior: WholePrior, side: Tensor, levels: Tensor, height: int, width: int) -> None:
        self.prior, self.levels = prior, levels
        scaled = side.long() * prior.tables["side.back"][levels][:, None, None]
        seen = ((scaled + (1 << BACK_BITS >> 1)) >> BACK_BITS).clamp(-INPUT_TOP, INPUT_TOP).float()
        self.features = prior.features(seen, levels, height, width)
        self.inside = by_place(torch.ones(1, height, width, 1))
        hidden = prior.context[0][0].shape[1]
        self.context = self.features.new_zeros(*self.features.shape[:-1], hidden)
        self.tables = {name: prior.tables[name][levels] for name in ("gain", "back", "class")}

    def table(self, name: str, number: int) -> Tensor:
        """Return a table's numbers for the quarter of the latent of each place, (n, 4, 1, 1, latent / 4)."""
        parts = [self.tables[name][:, number ^ place :: PASSES] for place in range(4)]
        return torch.stack(parts, 1)[:, :, None, None]

    def predict(self, number: int) -> tuple[Tensor, Tensor]:
        """Return means in steps of 1/256, and classes, (n, 4, h / 2, w / 2, latent / 4), of a pass."""
        hidden = self.prior.hidden(number, self.features, self.context, self.levels)
        means, classes = self.prior.outputs(number, hidden, self.levels)
        mean = (means.long() * self.table("gain", number) + (1 << GAIN_BITS >> 1)) >> GAIN_BITS
        place = (classes.long() + self.table("class", number) + (1 << CLASS_BITS >> 1)) >> CLASS_BITS
        return mean, place.clamp(0, CLASSES - 1) * self.inside.long()

    def learn(self, number: int, mean: Tensor, symbols: Tensor) -> Tensor:
        """Take in the symbols of a pass; return the numbers they stand for, in steps of 1/256."""
        known = ((symbols << MEAN_BITS) + mean) * self.inside.long()
        if number < PASSES - 1:
            scaled = known * self.table("back", number)
            bits = MEAN_BITS + BACK_BITS
            seen = ((scaled + (1 << bits >> 1)) >> bits).clamp(-TOP, TOP).float()
            self.prior.add_context(number, self.context, seen)
        return known


class MapCoder:
    """Codes maps under the whole numbers of a model file. Raises FormatError if they are damaged."""

    def __init__(self, arrays: Arrays) -> None:
        self.prior = WholePrior(arrays)
        self.tables = ClassTables(tables_from_arrays(arrays))
        if len(self.tables.models) != CLASSES - 1:
            raise FormatError(f"the photo codec has {len(self.tables.models)} tables; it needs {CLASSES - 1}.")
        self.gains = self.prior.tables["gain"].double() / (1 << GAIN_BITS)

    def encode(self, maps: Tensor, side: Tensor, levels: NDArray[np.int64]) -> bytes:
        """Return the bytes of maps (n, latent, h, w) and side maps (n, side, h / 4, w / 4), both before gains."""
        data, _ = self.coded(maps, side, levels)
        return data

    def coded(self, maps: Tensor, side: Tensor, levels: NDArray[np.int64]) -> tuple[bytes, Tensor]:
        """Return the bytes, and the maps that they decode to."""
        parts, known = self.parts(maps, side, levels)
        return levels.astype(np.uint8).tobytes() + encoded(self.tables, parts), known

    def parts(self, maps: Tensor, side: Tensor, levels: NDArray[np.int64]) -> tuple[list[Part], Tensor]:
        """Return classes and symbols in the order of coding, and the maps that they stand for."""
        height, width = maps.shape[2:]
        chosen = torch.from_numpy(levels)
        back = self.prior.tables["side.back"][chosen][:, :, None, None]
        whole = (side * (INPUT_STEP * 2.0**BACK_BITS / back)).round().long().permute(0, 2, 3, 1)
        whole = whole.clamp(-FURTHEST, FURTHEST)
        classes, means = self._side(chosen, whole.shape)
        symbols = (whole - means).masked_fill(classes == 0, 0)
        parts = [(_bytes(classes), _flat(symbols))]
        passes = Passes(self.prior, symbols + means, chosen, height, width)
        scaled = by_place((maps * self.gains[chosen][:, :, None, None] * 2**MEAN_BITS).permute(0, 2, 3, 1))
        known = torch.zeros_like(scaled, dtype=torch.int64)
        for number in range(PASSES):
            mean, classes = passes.predict(number)
            wanted = torch.stack([scaled[:, p, ..., number ^ p :: PASSES] for p in range(4)], 1)
            symbols = ((wanted - mean) / 2**MEAN_BITS).round().long().clamp(-FURTHEST, FURTHEST)
            symbols = symbols.masked_fill(classes == 0, 0)
            parts.append((_bytes(classes), _flat(symbols)))
            _put(known, number, passes.learn(number, mean, symbols))
        return parts, self._maps(known, chosen, height, width)

    def decode(self, data: bytes, count: int, height: int, width: int) -> Decoded:
        """Return the maps in `data`. Raises FormatError if it is damaged; memory is in proportion to the maps."""
        levels = np.frombuffer(data[:count], np.uint8).astype(np.int64)
        if len(levels) < count or (levels >= LEVELS).any():
            raise FormatError("the qualities of the pictures are cut off or unknown; the data are damaged.")
        chosen = torch.from_numpy(levels)
        shape = torch.Size((count, -(-height // FURTHER), -(-width // FURTHER), self.prior.side))
        numbers = shape.numel() + count * height * width * self.prior.latent
        decoder = Decoder(self.tables, data[count:], numbers)
        classes, means = self._side(chosen, shape)
        side = _shaped(decoder.take(_bytes(classes)), shape) + means
        passes = Passes(self.prior, side, chosen, height, width)
        known = torch.zeros(*passes.features.shape[:-1], self.prior.latent, dtype=torch.int64)
        for number in range(PASSES):
            mean, classes = passes.predict(number)
            symbols = _shaped(decoder.take(_bytes(classes)), classes.shape)
            _put(known, number, passes.learn(number, mean, symbols))
        decoder.finish()
        return Decoded(levels, self._maps(known, chosen, height, width))

    def _side(self, levels: Tensor, shape: torch.Size) -> tuple[Tensor, Tensor]:
        """Return the classes and the means (n, h / 4, w / 4, side) of a side map."""
        classes, means = (self.prior.tables[name][levels][:, None, None] for name in ("side.class", "side.mean"))
        return classes.expand(shape), means

    def _maps(self, known: Tensor, levels: Tensor, height: int, width: int) -> Tensor:
        rows = in_rows(known, height, width).permute(0, 3, 1, 2)
        maps: Tensor = (rows / (self.gains[levels][:, :, None, None] * 2**MEAN_BITS)).float()
        return maps


def _put(known: Tensor, number: int, found: Tensor) -> None:
    for place in range(4):
        known[:, place, ..., number ^ place :: PASSES] = found[:, place]


def _bytes(classes: Tensor) -> NDArray[np.uint8]:
    return classes.to(torch.uint8).reshape(-1).numpy()


def _flat(symbols: Tensor) -> NDArray[np.int32]:
    return symbols.to(torch.int32).reshape(-1).numpy()


def _shaped(symbols: NDArray[np.int32], shape: torch.Size) -> Tensor:
    limited = np.clip(symbols, -FURTHEST, FURTHEST)
    return torch.from_numpy(limited.astype(np.int64)).view(shape)
