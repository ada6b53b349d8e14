"""The photo codec's prior in whole numbers: the same means and classes in any order of summation, on any machine.

Weights are 16-bit, activations 8-bit; both are carried in float32, and `checked` holds every sum, whole or in part,
below 2^24, up to where float32 has every whole number. What follows is a power of two, a floor and a clamp.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from diabolo.errors import FormatError, TrainingError
from diabolo.model.bottlenecks.hyperprior import Hyperprior
from diabolo.model.networks.photo.prior import INPUT_STEP, LEAST_SCALE, MOST_SCALE, PASSES, STEP
from diabolo.model.networks.photo.transforms import ANCHORS, Gains

Arrays = Mapping[str, NDArray[Any]]
LEVELS = 100
"""Qualities that an archive can name, from 0 on."""
CLASSES = 64
"""Spreads that have a table, evenly apart in their logarithm."""
APART = math.log(MOST_SCALE / LEAST_SCALE) / (CLASSES - 1)
TOP, LIMIT, MOST_SHIFT = 255, 1 << 24, 20
LARGEST = 511
"""The largest weight: more bits made no archive smaller by 0.1 %."""
MEAN_BITS, CLASS_BITS, GAIN_BITS = 8, 4, 12
"""Bits after the point: of means, of classes, and of gains."""
BACK_BITS = 16
MOST_CHANNELS = 1024


def interpolated(anchors: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Return numbers (100, n) for every level from those (8, n) of the anchors, in whole numbers."""
    place = np.arange(LEVELS) * (ANCHORS - 1)
    low = np.minimum(place // (LEVELS - 1), ANCHORS - 2)
    part = (place - low * (LEVELS - 1))[:, None]
    wide = anchors.astype(np.int64)
    found: NDArray[np.int64] = (wide[low] * (LEVELS - 1 - part) + wide[low + 1] * part + LEVELS // 2) // (LEVELS - 1)
    return found


def level_quality(level: int) -> float:
    """Return the quality, 0 to 1, that a level stands for."""
    return level / (LEVELS - 1)


@dataclass(frozen=True, eq=False)
class Sums:
    """A layer of whole numbers in float32. weight: (inputs, out); bias: (out,) or (levels, out); scale: 2^-shift."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    scale: NDArray[np.float32]


class Shifts:
    """The shifts of a layer's rows, as large as the limit on sums allows; `parts` add up in one sum."""

    def __init__(self, parts: list[tuple[Tensor, float]], bias: Tensor, units: float | Tensor) -> None:
        wide = [(weight.detach().double().flatten(1) * factor * units, weight[0].numel()) for weight, factor in parts]
        most = torch.stack([weight.abs().amax(1) for weight, _ in wide]).amax(0)
        room = sum(weight.abs().sum(1) for weight, _ in wide) * TOP + bias.double() + 0.5
        limit = LIMIT - sum(count for _, count in wide) * TOP / 2 - 3
        shift = torch.minimum((limit / room).log2(), (LARGEST / most.clamp_min(1e-9)).log2()).floor()
        if not bool((shift >= 0).all()):
            raise TrainingError("the prior's weights grew too large for whole numbers; train with a lower rate.")
        self.shift = shift.clamp(max=MOST_SHIFT)


def _whole(weight: Tensor, factor: float | Tensor, shift: Tensor) -> NDArray[np.int16]:
    scaled = weight.detach().double().flatten(1) * factor * torch.exp2(shift)[:, None]
    return scaled.round().to(torch.int16).view(weight.shape).numpy()


def _sums(bias: Tensor, factor: float | Tensor, shift: Tensor) -> NDArray[np.int32]:
    """Return biases (n,) or (anchors, n) in the units of a layer's sums."""
    return (bias.detach().double() * factor * torch.exp2(shift)).round().to(torch.int32).numpy()


@torch.no_grad()
def whole_numbers(model: Hyperprior) -> dict[str, NDArray[Any]]:
    """Return the prior's networks in whole numbers, as arrays for the model file."""
    prior, arrays = model.prior, dict[str, NDArray[Any]]()
    enter = STEP / INPUT_STEP

    def put(name: str, layer: nn.Conv2d, factor: float, units: float | Tensor, told: Gains | None = None) -> None:
        both = _of(layer) + told.table if told else _of(layer)
        most = both.detach().abs().reshape(-1, len(layer.weight)).amax(0)
        rows = units if isinstance(units, Tensor) else torch.full((len(layer.weight),), units, dtype=torch.float64)
        shift = Shifts([(layer.weight, factor / STEP)], most * rows, rows[:, None]).shift
        arrays[f"{name}.weight"] = _whole(layer.weight, rows[:, None] * factor / STEP, shift)
        arrays[f"{name}.bias"] = _sums(both, rows, shift)
        arrays[f"{name}.shift"] = shift.to(torch.uint8).numpy()

    put("enter", prior.enter, enter, STEP, prior.told)
    put("expand", prior.expand, 1.0, STEP)
    hidden = torch.full((len(prior.context.weight),), STEP, dtype=torch.float64)
    mixes, deeps, leaves = (prior.convolutions(name) for name in ("mix", "deep", "leave"))
    told = [prior.told_in(number) for number in range(PASSES)]
    biases = [_of(mix) + table for mix, table in zip(mixes, told, strict=True)]
    parts = [
        Shifts(
            [(mix.weight, 1.0 / STEP), (prior.context.weight, enter / STEP)],
            bias.abs().amax(0) * hidden,
            hidden[:, None],
        ).shift
        for mix, bias in zip(mixes, biases, strict=True)
    ]
    shift = torch.stack(parts).amin(0)
    arrays["context.weight"] = _whole(prior.context.weight, hidden[:, None] * enter / STEP, shift)
    arrays["context.shift"] = shift.to(torch.uint8).numpy()
    latent = model.shape[0]
    units = torch.cat([torch.full((latent,), 2.0**MEAN_BITS), torch.full((latent,), 2.0**CLASS_BITS / APART)]).double()
    for number in range(PASSES):
        arrays[f"mix.{number}.weight"] = _whole(mixes[number].weight, hidden[:, None] / STEP, shift)
        arrays[f"mix.{number}.bias"] = _sums(biases[number], hidden, shift)
        put(f"deep.{number}", deeps[number], 1.0, STEP)
        put(f"leave.{number}", leaves[number], 1.0, units)
    return arrays | _gain_arrays(model)


@torch.no_grad()
def _gain_arrays(model: Hyperprior) -> dict[str, NDArray[Any]]:
    """Return gains and scales for every level: of the map, and of the side map."""
    quality = torch.tensor([level_quality(level) for level in range(LEVELS)])
    log_gain, side_gain, side_mean, side_scale = (
        gains(quality.to(gains.table.device))[:, :, 0, 0].cpu().double().numpy()
        for gains in (model.map_gain, model.side_gain, model.side_mean, model.side_scale)
    )
    gain = np.exp(log_gain)
    lowest = math.log(LEAST_SCALE)
    return {
        "gain": np.rint(gain * 2**GAIN_BITS).astype(np.int32),
        "back": np.rint(INPUT_STEP / 2**MEAN_BITS / gain * 2 ** (MEAN_BITS + BACK_BITS)).astype(np.int32),
        "class": np.rint((log_gain - lowest) / APART * 2**CLASS_BITS).astype(np.int32),
        "side.back": np.rint(INPUT_STEP / np.exp(side_gain) * 2**BACK_BITS).astype(np.int32),
        "side.mean": np.rint(side_mean).astype(np.int32),
        "side.class": np.clip(np.rint((side_scale - lowest) / APART), 0, CLASSES - 1).astype(np.int32),
    }


def _of(layer: nn.Conv2d) -> Tensor:
    assert layer.bias is not None
    return layer.bias


def layer_of(arrays: Arrays, name: str, *, added: int = 0) -> Sums:
    """Return a layer of arrays of a file, weights as (height x width x inputs, out).

    added: inputs of another part of its sums. Raises FormatError if a sum could leave the whole numbers of float32.
    """
    weight, bias, shift = (arrays[f"{name}.{part}"] for part in ("weight", "bias", "shift"))
    fits = weight.ndim == 4 and bias.shape[-1:] == shift.shape == weight.shape[:1] and bias.ndim <= 2
    if (
        not fits
        or [part.dtype.name for part in (weight, bias, shift)] != ["int16", "int32", "uint8"]
        or max(weight.shape) > MOST_CHANNELS
    ):
        raise FormatError(f"the layer {name} of the photo codec has arrays of a wrong shape or type.")
    if (shift > MOST_SHIFT).any() or (bias.ndim == 2 and len(bias) != ANCHORS):
        raise FormatError(f"the layer {name} of the photo codec has a wrong number of shifts or qualities.")
    sums = np.abs(weight.astype(np.int64)).sum((1, 2, 3)) * TOP + added
    sums = sums + np.abs(bias.astype(np.int64)).reshape(-1, len(shift)).max(0) + (1 << shift.astype(np.int64) >> 1)
    if (sums >= LIMIT).any():
        raise FormatError(f"a layer of the photo codec could sum to {int(sums.max())}; the limit is {LIMIT}.")
    return Sums(as_columns(weight), _biases(bias, shift), np.ldexp(1.0, -shift.astype(np.int64)).astype(np.float32))


def _biases(bias: NDArray[np.int32], shift: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return biases for every level, with half a step added, so that the floor rounds."""
    half = (1 << shift.astype(np.int64)) >> 1
    return ((interpolated(bias) if bias.ndim == 2 else bias.astype(np.int64)) + half).astype(np.float32)


def as_columns(weight: NDArray[np.int16]) -> NDArray[np.float32]:
    """Return weights (out, in, h, w) as (h x w x in, out)."""
    return np.ascontiguousarray(weight.transpose(2, 3, 1, 0).reshape(-1, len(weight)).astype(np.float32))


def prior_weights(arrays: Arrays, latent: int) -> dict[str, NDArray[np.float32]]:
    """Return the weights of `Prior` that `whole_numbers` turns into these arrays, by the names in its state."""
    step = np.float64(STEP)
    units = np.repeat([2.0**MEAN_BITS, 2.0**CLASS_BITS / APART], latent)
    found: dict[str, NDArray[Any]] = {}

    def put(name: str, rows: Any, factor: float, shift: NDArray[np.uint8]) -> NDArray[np.float64]:
        scale = np.broadcast_to(np.exp2(shift.astype(np.float64)) * rows, shift.shape)
        found[f"{name}.weight"] = arrays[f"{name}.weight"] / scale[:, None, None, None] * (STEP / factor)
        return scale

    enter = STEP / INPUT_STEP
    context = arrays["context.shift"]
    put("context", step, enter, context)
    layers: list[tuple[str, Any, float, NDArray[np.uint8]]] = [
        ("enter", step, enter, arrays["enter.shift"]),
        ("expand", step, 1.0, arrays["expand.shift"]),
    ]
    for number in range(PASSES):
        layers.append((f"mix.{number}", step, 1.0, context))
        layers.append((f"deep.{number}", step, 1.0, arrays[f"deep.{number}.shift"]))
        layers.append((f"leave.{number}", units, 1.0, arrays[f"leave.{number}.shift"]))
    for name, rows, factor, shift in layers:
        bias = arrays[f"{name}.bias"] / put(name, rows, factor, shift)
        told = {"enter": "told.table"}.get(name, name.replace("mix", "pass_told") + ".table")
        found[f"{name}.bias"] = bias if bias.ndim == 1 else np.zeros(bias.shape[1])
        if bias.ndim == 2:
            found[told] = bias
    return {name: array.astype(np.float32) for name, array in found.items()}
