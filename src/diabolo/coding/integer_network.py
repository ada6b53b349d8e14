"""The pixel network in whole numbers: the same outputs in any order of summation, by any library, on any machine.

Weights are 16-bit, activations 8-bit; both are carried in float32, and `checked_layer` holds every sum, whole or in
part, below 2^24, up to where float32 has every whole number. What follows is a power of two, a floor and a clamp.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from diabolo.errors import FormatError, TrainingError
from diabolo.model.mixture import LEAST_LOG_SCALE
from diabolo.model.pixels import CAP, PixelModel

Arrays = Mapping[str, NDArray[Any]]
TOP = 255
"""The largest activation, and the largest number of an image."""
PARTS = ("weight", "bias", "shift")
MOST_LAYERS, MOST_UNITS, MOST_COMPONENTS = 10, 4096, 32
"""Bounds on what a file may ask for; memory is in proportion to units and distributions times images."""
LIMIT = 1 << 24
LARGEST_WEIGHT = (1 << 15) - 1
MOST_SHIFT = 20
UNITS = (64.0, 16.0 * 255, 16.0)
"""Whole steps of a mixture's logits (a nat), means (255 levels) and log-scales (a nat)."""


@dataclass(frozen=True, eq=False)
class Layer:
    """Whole numbers in float32. weight: (out, in); bias: (out, 1); scale: (out, 1), 2^-shift."""

    weight: Tensor
    bias: Tensor
    scale: Tensor

    def __call__(self, x: Tensor, extra: Tensor | float = 0.0) -> Tensor:
        """Return floor((weight x + bias + extra) / 2^shift), (out, n), of columns x (in, n)."""
        return torch.addmm(self.bias + extra, self.weight, x).mul_(self.scale).floor_()


def quantised_layer(
    weight: Tensor, bias: Tensor, extra: Tensor
) -> tuple[NDArray[np.int16], NDArray[np.int32], NDArray[np.uint8]]:
    """Return whole weights, biases and shifts such that (W x + b) / 2^shift is nearly `weight` x + `bias`.

    extra: (out,), the most that will be added to the bias. Half a step is added to the bias, so that the floor
    rounds. Raises TrainingError if a row's weights are too large for any shift.
    """
    weight, bias = weight.detach().double(), bias.detach().double()
    room = weight.abs().sum(1) * TOP + bias.abs() + extra.detach().double() + 0.5
    limit = LIMIT - weight.shape[1] * TOP / 2 - 3  # what rounding may add
    most = weight.abs().amax(1) if weight.shape[1] else torch.zeros_like(bias)
    shift = torch.minimum((limit / room).log2(), (LARGEST_WEIGHT / most.clamp_min(1e-9)).log2())
    shift = shift.floor().clamp(max=MOST_SHIFT)
    if not bool((shift >= 0).all()):
        raise TrainingError("the pixel network's weights grew too large for whole numbers; train with a lower rate.")
    scale = torch.exp2(shift)
    whole = (weight * scale[:, None]).round().to(torch.int16).numpy()
    return whole, (bias * scale + scale / 2).floor().to(torch.int32).numpy(), shift.to(torch.uint8).numpy()


def quantised(model: PixelModel) -> dict[str, NDArray[Any]]:
    """Return the model's network in whole numbers, as arrays for the model file."""
    step = TOP / CAP
    hidden = model.config.width
    places = {name: getattr(model, name).detach().view(-1, hidden) for name in ("rows", "columns")}
    extra = (places["rows"].abs().amax(0) + places["columns"].abs().amax(0)) * step
    arrays: dict[str, NDArray[Any]] = {}
    firsts = [(layer.weight / CAP, layer.bias * step) for layer in linears(model.first)]
    joined = [quantised_layer(weight, bias, extra)[2] for weight, bias in firsts]
    shift = np.min(joined, axis=0)
    scale = torch.exp2(torch.from_numpy(shift).double())
    for channel, (weight, bias) in enumerate(firsts):
        arrays[f"first.{channel}.weight"] = (weight.detach() * scale[:, None]).round().to(torch.int16).numpy()
        arrays[f"first.{channel}.bias"] = (bias.detach() * scale + scale / 2).floor().to(torch.int32).numpy()
    arrays["first.shift"] = shift
    for name, table in places.items():
        arrays[name] = (table * step * scale).round().to(torch.int32).numpy()
    for number, layer in enumerate(linears(model.hidden)):
        whole = quantised_layer(layer.weight, layer.bias * step, torch.zeros(hidden))
        arrays |= _named(f"hidden.{number}", whole)
    unit = torch.tensor(UNITS, dtype=torch.float64).repeat_interleave(model.config.components)
    bias = model.output.bias.detach().double().view(3, -1).clone()
    bias[2] -= LEAST_LOG_SCALE
    weight = model.output.weight.detach() * unit[:, None] / step
    return arrays | _named("output", quantised_layer(weight, bias.flatten() * unit, torch.zeros(len(unit))))


def linears(layers: nn.ModuleList) -> list[nn.Linear]:
    """Return the layers, as what they are."""
    return [layer for layer in layers if isinstance(layer, nn.Linear)]


def _named(name: str, parts: tuple[NDArray[Any], ...]) -> dict[str, NDArray[Any]]:
    return {f"{name}.{part}": array for part, array in zip(PARTS, parts, strict=True)}


def checked_layer(
    weight: NDArray[Any], bias: NDArray[Any], shift: NDArray[Any], extra: NDArray[np.int64] | int = 0
) -> Layer:
    """Return the layer of arrays of a file. Raises FormatError if a sum could leave the whole numbers of float32."""
    fits = weight.ndim == 2 and bias.shape == shift.shape == (len(weight),)
    kinds = weight.dtype == np.int16 and bias.dtype == np.int32 and shift.dtype == np.uint8
    if not fits or not kinds or (shift > MOST_SHIFT).any():
        raise FormatError("a layer of the pixel network has arrays of a wrong shape or type.")
    sums = np.abs(weight.astype(np.int64)).sum(1) * TOP + np.abs(bias.astype(np.int64)) + extra
    if (sums >= LIMIT).any():
        raise FormatError(f"a layer of the pixel network could sum to {int(sums.max())}; the limit is {LIMIT}.")
    scale = np.ldexp(1.0, -shift.astype(np.int64))
    return Layer(_tensor(weight), _tensor(bias)[:, None], _tensor(scale)[:, None])


def _tensor(array: NDArray[Any]) -> Tensor:
    return torch.from_numpy(array.astype(np.float32))


@dataclass(frozen=True, eq=False)
class IntegerNetwork:
    """The layers. first: one a channel. rows, columns: (groups, hidden), added to the first layer's sums."""

    first: tuple[Layer, ...]
    rows: Tensor
    columns: Tensor
    hidden: tuple[Layer, ...]
    output: Layer

    def __call__(self, x: Tensor, channel: int, place: Tensor) -> Tensor:
        """Return the whole outputs (3 M, n) for contexts x (in, n); place: (hidden, n or 1), rows + columns there."""
        z = self.first[channel](x, place).clamp_(0, TOP)
        for layer in self.hidden:
            z = layer(z).clamp_(0, TOP)
        return self.output(z)


def network_from_arrays(arrays: Arrays, channels: int, places: tuple[int, int]) -> IntegerNetwork:
    """Return the network of `quantised`, for so many channels and (groups of rows, of columns).

    Raises FormatError if an array is missing, or of a wrong shape or type, or a sum could be rounded.
    """
    try:
        tables = [arrays[name] for name in ("rows", "columns")]
        first = [arrays[f"first.{channel}.weight"] for channel in range(channels)]
        hidden = first[0].shape[0]
        for table, count in zip(tables, places, strict=True):
            if table.dtype != np.int32 or table.shape != (count, hidden):
                raise FormatError("the places of the pixel network have a wrong shape or type.")
        extra = sum((np.abs(table.astype(np.int64)).max(0) for table in tables), np.zeros(hidden, np.int64))
        shift = arrays["first.shift"]
        biases = [arrays[f"first.{channel}.bias"] for channel in range(channels)]
        layers = [checked_layer(weight, bias, shift, extra) for weight, bias in zip(first, biases, strict=True)]
        after = [
            name.removesuffix(".shift") for name in sorted(arrays) if name.endswith(".shift") and name != "first.shift"
        ]
        rest = [checked_layer(*(arrays[f"{name}.{part}"] for part in PARTS)) for name in after]
    except (KeyError, IndexError) as error:
        raise FormatError(f"the pixel network lacks the array {error}, or it is empty.") from error
    depth = len(rest) - 1
    if after != [*(f"hidden.{number}" for number in range(depth)), "output"]:
        raise FormatError(f"the layers of the pixel network after the first are {after}; one is missing.")
    if depth > MOST_LAYERS or len(arrays) != 3 + 2 * channels + 3 * (depth + 1):
        raise FormatError(f"the pixel network has {len(arrays)} arrays: too many, or of no layer.")
    _check_chain(rest[:-1], rest[-1], hidden)
    return IntegerNetwork(tuple(layers), _tensor(tables[0]), _tensor(tables[1]), tuple(rest[:-1]), rest[-1])


def _check_chain(hidden: list[Layer], output: Layer, width: int) -> None:
    square = all(layer.weight.shape == (width, width) for layer in hidden)
    if width > MOST_UNITS or len(output.weight) > 3 * MOST_COMPONENTS:
        raise FormatError(f"the pixel network has more than {MOST_UNITS} units or {MOST_COMPONENTS} distributions.")
    if not square or output.weight.shape[1] != width or output.weight.shape[0] % 3 or not len(output.weight):
        raise FormatError("the layers of the pixel network do not fit together.")


def check_exact(layer: Layer) -> None:
    """Raise FormatError if this machine's matrix product rounds (as with reduced precision switched on)."""
    inputs = layer.weight.shape[1]
    x = (torch.arange(inputs * 64, dtype=torch.int64).view(inputs, 64) * 2_654_435_761 >> 7) % (TOP + 1)
    expected = layer.weight.long() @ x + layer.bias.long()
    if not torch.equal(torch.addmm(layer.bias, layer.weight, x.float()).long(), expected):
        raise FormatError("this machine multiplies matrices in reduced precision; switch that off to use exact modes.")
