"""The prior at work: means and classes of a map's numbers in four passes, each knowing the numbers of those before.

A map (n, latent, h, w) is kept by the place in a cell of 2 x 2: (n, 4, h / 2, w / 2, latent / 4), halves rounded up,
with the quarter of the numbers that pass s codes at place p, which is s XOR p.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from diabolo.coding.photo.whole import TOP, Arrays, Sums, layer_of
from diabolo.errors import FormatError
from diabolo.model.networks.photo.prior import PASSES

TABLES = ("gain", "back", "class", "side.back", "side.mean", "side.class")


@dataclass(frozen=True, eq=False)
class Layer:
    """weight: (inputs, out); bias: (out,) or (levels, out); scale: (out,). Whole numbers in float32."""

    weight: Tensor
    bias: Tensor
    scale: Tensor

    def __call__(self, x: Tensor, levels: Tensor, added: Tensor | None = None) -> Tensor:
        """Return floor((x weight + bias + added) / 2^shift), (n, ..., out), of numbers x (n, ..., inputs)."""
        sums = x.reshape(-1, x.shape[-1]) @ self.weight
        sums = sums.view(*x.shape[:-1], -1)
        bias = self.bias if self.bias.dim() == 1 else self.bias[levels].view(len(x), *[1] * (x.dim() - 2), -1)
        sums += bias
        if added is not None:
            sums += added
        return sums.mul_(self.scale).floor_()

    def part(self, columns: slice) -> "Layer":
        """Return the layer of some outputs alone."""
        return Layer(self.weight[:, columns].contiguous(), self.bias[..., columns], self.scale[columns])


def _layer(sums: Sums) -> Layer:
    return Layer(*(torch.from_numpy(part) for part in (sums.weight, sums.bias, sums.scale)))


class WholePrior:
    """The networks of `whole_numbers`. Raises FormatError if arrays are missing, or of wrong shapes or types."""

    def __init__(self, arrays: Arrays) -> None:
        try:
            self._read(arrays)
        except (KeyError, IndexError) as error:
            raise FormatError(f"the photo codec lacks the array {error}, or it is empty.") from error

    def _read(self, arrays: Arrays) -> None:
        for name in TABLES:
            if arrays[name].dtype != np.int32 or arrays[name].ndim != 2:
                raise FormatError(f"the photo codec's array {name} must be int32 with two axes.")
        self.tables = {name: torch.from_numpy(arrays[name].astype(np.int64)) for name in TABLES}
        self.latent, self.side = self.tables["gain"].shape[1], self.tables["side.back"].shape[1]
        context = arrays["context.weight"]
        if context.dtype != np.int16 or context.ndim != 4 or self.latent % PASSES:
            raise FormatError("the photo codec's context has a wrong shape or type.")
        added = np.abs(context.astype(np.int64)).sum((1, 2, 3)) * TOP
        self.enter, self.expand = (_layer(layer_of(arrays, name)) for name in ("enter", "expand"))
        self.mix, self.deep, self.leave = [], [], []
        for number in range(PASSES):
            named = {**arrays, f"mix.{number}.shift": arrays["context.shift"]}
            self.mix.append(_layer(layer_of(named, f"mix.{number}", added=added)))
            self.deep.append(_layer(layer_of(arrays, f"deep.{number}")))
            leave = _layer(layer_of(arrays, f"leave.{number}"))
            both = [
                (leave.part(slice(k, self.latent, PASSES)), leave.part(slice(self.latent + k, None, PASSES)))
                for k in range(PASSES)
            ]
            self.leave.append(both)
        taps = torch.from_numpy(context.astype(np.float32)).permute(2, 3, 1, 0)  # (3, 3, latent, hidden)
        self.context = [[self._taps(taps, number, place) for place in range(4)] for number in range(PASSES)]

    def _taps(self, taps: Tensor, number: int, place: int) -> Tensor:
        """Return the context's weights for the numbers of a pass near a place, (9 x latent / 4, hidden)."""
        parts = [taps[i, j, number ^ near(place, i - 1, j - 1)[0] :: PASSES] for i in range(3) for j in range(3)]
        return torch.cat(parts).contiguous()

    def features(self, side: Tensor, levels: Tensor, height: int, width: int) -> Tensor:
        """Return what a side map (n, h / 4, w / 4, side), as seen, says: (n, 4, h / 2, w / 2, features)."""
        x = _shuffled(self.enter(_around(side), levels).clamp_(0, TOP))
        x = _shuffled(self.expand(_around(x), levels).clamp_(0, TOP))
        return by_place(x[:, :height, :width])

    def hidden(self, number: int, features: Tensor, known: Tensor, levels: Tensor) -> Tensor:
        """Return the activations before the last layer of a pass; known: what the context sums to so far."""
        x = self.mix[number](features, levels, known if number else None).clamp_(0, TOP)
        return self.deep[number](x, levels).clamp_(0, TOP)

    def outputs(self, number: int, hidden: Tensor, levels: Tensor) -> tuple[Tensor, Tensor]:
        """Return means and classes (n, 4, h / 2, w / 2, latent / 4) in whole steps, for the numbers of a pass."""
        means, classes = zip(
            *([layer(hidden[:, place], levels) for layer in self.leave[number][number ^ place]] for place in range(4)),
            strict=True,
        )
        return torch.stack(means, 1), torch.stack(classes, 1)

    def add_context(self, number: int, known: Tensor, seen: Tensor) -> None:
        """Add to `known` what a pass's numbers (n, 4, h / 2, w / 2, latent / 4), as seen, say of their neighbours."""
        padded = torch.nn.functional.pad(seen, (0, 0, 1, 1, 1, 1))
        count, _, rows, columns, _ = seen.shape
        for place in range(4):
            found = [near(place, i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
            parts = [padded[:, p, 1 + i : 1 + i + rows, 1 + j : 1 + j + columns] for p, i, j in found]
            joined = torch.cat(parts, -1).view(count * rows * columns, -1)
            known[:, place] += (joined @ self.context[number][place]).view(count, rows, columns, -1)


def near(place: int, down: int, right: int) -> tuple[int, int, int]:
    """Return the place of the neighbour, and the step between the cells of both."""
    row, column = (place >> 1) + down, (place & 1) + right
    return 2 * (row & 1) + (column & 1), row >> 1, column >> 1


def by_place(x: Tensor) -> Tensor:
    """Return (n, h, w, c) as (n, 4, h / 2, w / 2, c), zeros where a half is rounded up."""
    count, height, width, channels = x.shape
    x = torch.nn.functional.pad(x, (0, 0, 0, width % 2, 0, height % 2))
    x = x.view(count, (height + 1) // 2, 2, (width + 1) // 2, 2, channels)
    return x.permute(0, 2, 4, 1, 3, 5).reshape(count, 4, (height + 1) // 2, (width + 1) // 2, channels)


def in_rows(x: Tensor, height: int, width: int) -> Tensor:
    """Return what `by_place` was given."""
    count, _, rows, columns, channels = x.shape
    whole = x.view(count, 2, 2, rows, columns, channels).permute(0, 3, 1, 4, 2, 5)
    return whole.reshape(count, 2 * rows, 2 * columns, channels)[:, :height, :width]


def _around(x: Tensor) -> Tensor:
    """Return the 3 x 3 places around each, (n, h, w, 9 c), zeros outside."""
    _, height, width, _ = x.shape
    padded = torch.nn.functional.pad(x, (0, 0, 1, 1, 1, 1))
    return torch.cat([padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)], -1)


def _shuffled(x: Tensor) -> Tensor:
    """Return (n, h, w, 4 c) as (n, 2 h, 2 w, c)."""
    count, height, width, channels = x.shape
    parts = x.view(count, height, width, channels // 4, 2, 2).permute(0, 1, 4, 2, 5, 3)
    return parts.reshape(count, 2 * height, 2 * width, channels // 4)
