"""Networks: an encoder and a decoder built as a matching pair for samples of any shape."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from torch import nn

from diabolo.config.model import ModelConfig
from diabolo.config.networks import (
    ConvolutionalConfig,
    DenseConfig,
    OwnConfig,
    PhotoConfig,
    ResidualConfig,
    TiedConfig,
    UShapedConfig,
)
from diabolo.errors import InputError
from diabolo.model.networks.layers import AsStored, ChannelsFirst, convolution, linear
from diabolo.model.networks.own import made
from diabolo.model.networks.pair import Pair
from diabolo.model.networks.photo.transforms import Analysis, Synthesis
from diabolo.model.networks.residual import downward, upward
from diabolo.model.networks.sizes import code_size, grid, map_size, photo_code_size, photo_map, stages
from diabolo.model.networks.tied import Transposed
from diabolo.model.networks.unet import Downward, Upward

ACTIVATION_LAYERS: dict[str, Callable[[], list[nn.Module]]] = {
    "relu": lambda: [nn.ReLU(inplace=True)],
    "linear": lambda: [],
    "silu": lambda: [nn.SiLU(inplace=True)],
    "sigmoid": lambda: [nn.Sigmoid()],
    "tanh": lambda: [nn.Tanh()],
}


def activation(name: str) -> list[nn.Module]:
    """Return a new layer for an activation's name; none for 'linear'."""
    return ACTIVATION_LAYERS[name]()


def dense(network: DenseConfig, config: ModelConfig, per_latent: int, per_code: int = 1) -> Pair:
    """Fully connected layers with ReLU between them; no activation on the decoder's output."""
    sizes = [math.prod(config.shape), *network.widths]
    encoder: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in pairwise(sizes):
        encoder += [linear(inputs, outputs), *activation(network.hidden)]
    encoder += [linear(sizes[-1], per_latent * config.latent), *activation(network.code)]
    decoder: list[nn.Module] = []
    mirrored = [per_code * config.latent + len(config.classes), *reversed(sizes)]
    for inputs, outputs in pairwise(mirrored):
        decoder += [linear(inputs, outputs), *activation(network.hidden)]
    decoder = [*decoder[: -1 if network.hidden != "linear" else None], nn.Unflatten(1, config.shape)]
    return Pair(nn.Sequential(*encoder), nn.Sequential(*decoder))


def tied(network: TiedConfig, config: ModelConfig, per_latent: int, per_code: int = 1) -> Pair:
    """As `dense`, with the encoder's weights transposed in the decoder."""
    if per_latent != 1 or per_code != 1 or config.classes:
        raise InputError("Tied weights need a code of as many numbers on both sides, and a decoder without labels.")
    encoder = dense(DenseConfig(network.widths, network.code, network.hidden), config, 1).encoder
    layers = [layer for layer in encoder if isinstance(layer, nn.Linear)]
    decoder: list[nn.Module] = []
    for layer in reversed(layers):
        decoder += [Transposed(layer), *activation(network.hidden)]
    decoder = [*decoder[: -1 if network.hidden != "linear" else None], nn.Unflatten(1, config.shape)]
    return Pair(encoder, nn.Sequential(*decoder))


def convolutional(network: ConvolutionalConfig, config: ModelConfig, per_latent: int, per_code: int = 1) -> Pair:
    """Convolution, ReLU and pooling per stage; the decoder mirrors it with upsampling.

    Upsampling an odd size's half gives a surplus. A convolution leaves its padding out where the surplus is
    2 or more (the lecture's 16 -> 14); what is left in the end is cut off.
    """
    size = map_size(network, config.shape)
    if not network.dense and config.classes:
        raise InputError("A network whose code is a map cannot be told labels; choose one with a dense layer.")
    if not network.dense and per_code * config.latent != size:
        wanted = size // per_code
        raise InputError(f"latent must be {wanted} for a network without a dense layer, got {config.latent}.")
    code_map = (network.channels[-1], *stages(network, config.shape)[-1])
    encoder = [*_unfolded(config.shape), ChannelsFirst(), *_downward(network, config.shape)]
    decoder: list[nn.Module] = []
    if network.dense:
        encoder += [nn.Flatten(), linear(size, per_latent * config.latent)]
        decoder += [linear(per_code * config.latent + len(config.classes), size), *activation(network.hidden)]
    else:
        encoder += [*_map_parameters(network, per_latent // per_code), nn.Flatten()]
    decoder += [nn.Unflatten(1, code_map), *_upward(network, config.shape), AsStored(config.shape)]
    return Pair(nn.Sequential(*encoder), nn.Sequential(*decoder))


def _unfolded(shape: tuple[int, ...]) -> list[nn.Module]:
    return [nn.Unflatten(1, (1, shape[0]))] if len(shape) == 1 else []


def _map_parameters(network: ConvolutionalConfig, per_number: int) -> list[nn.Module]:
    last = network.channels[-1]
    return [convolution(last, per_number * last)] if per_number > 1 else []


def _downward(network: ConvolutionalConfig, shape: tuple[int, ...]) -> list[nn.Module]:
    """ReLU comes after pooling: the same numbers as before it, of a quarter of the values (others nearly so)."""
    layers: list[nn.Module] = []
    inputs = grid(shape)[0]
    for outputs in network.channels:
        layers += [convolution(inputs, outputs), nn.MaxPool2d(2, ceil_mode=True), *activation(network.hidden)]
        inputs = outputs
    return layers


def _upward(network: ConvolutionalConfig, shape: tuple[int, ...]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    sizes = stages(network, shape)[::-1]
    inputs, now = network.channels[-1], sizes[0]
    for wanted, following, outputs in zip(sizes, sizes[1:], reversed(network.channels), strict=False):
        spare = _spare(now, wanted)
        layers += [
            convolution(inputs, outputs, padding=spare),
            *activation(network.hidden),
            nn.Upsample(scale_factor=2),
        ]
        now = (2 * (now[0] - 2 + 2 * spare[0]), 2 * (now[1] - 2 + 2 * spare[1]))
        assert now >= following
        inputs = outputs
    layers.append(convolution(inputs, grid(shape)[0], padding=_spare(now, sizes[-1])))
    return layers


def _spare(now: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int]:
    """Return the padding (height, width): 0 where the map is 2 or more too large, else 1."""
    return int(now[0] - wanted[0] < 2), int(now[1] - wanted[1] < 2)


def residual(network: ResidualConfig, config: ModelConfig, per_latent: int, per_code: int = 1) -> Pair:
    """Strided stages and residual blocks to a fully connected layer; the decoder mirrors them."""
    inputs, size = grid(config.shape)[0], map_size(network, config.shape)
    code_map = (network.channels[-1], *stages(network, config.shape)[-1])
    encoder = [*_unfolded(config.shape), ChannelsFirst(), *downward(network.channels, network.blocks, inputs)]
    encoder += [nn.Flatten(), linear(size, per_latent * config.latent)]
    decoder = [linear(per_code * config.latent + len(config.classes), size), nn.Unflatten(1, code_map)]
    decoder += [*upward(network.channels, network.blocks, inputs), AsStored(config.shape)]
    return Pair(nn.Sequential(*encoder), nn.Sequential(*decoder))


def u_shaped(network: UShapedConfig, config: ModelConfig, per_latent: int, per_code: int = 1) -> Pair:
    """Stages of residual blocks with each stage's map handed across; the code is all these maps together."""
    size = code_size(network.channels, grid(config.shape))
    if config.latent != size or per_latent != 1 or per_code != 1:
        raise InputError(f"latent must be {size} for a U-shaped network, and plain, got {config.latent}.")
    inputs, more = grid(config.shape), config.likelihood.more_outputs
    encoder = nn.Sequential(*_unfolded(config.shape), ChannelsFirst(), Downward(network, inputs))
    stored = (*inputs[1:], inputs[0] + more) if more else config.shape
    return Pair(encoder, nn.Sequential(Upward(network, inputs, more=more), AsStored(stored)))


def photo(network: PhotoConfig, config: ModelConfig, per_latent: int, per_code: int = 1) -> Pair:
    """A deep analysis to a map at 1/8 of the size, and a shallow synthesis; a code is the map and a quality."""
    size = photo_code_size(network, config.shape)
    if config.latent != size or per_latent != 1 or per_code != 1 or config.classes:
        raise InputError(f"latent must be {size} for a photo network, without labels, got {config.latent}.")
    channels = grid(config.shape)[0]
    encoder = nn.Sequential(*_unfolded(config.shape), ChannelsFirst(), Analysis(network, channels))
    decoder = nn.Sequential(Synthesis(network, channels, photo_map(config.shape)), AsStored(config.shape))
    return Pair(encoder, decoder)


def _conv_reach(network: ConvolutionalConfig) -> tuple[int, int]:
    """Return (how far an output pixel looks, the pixels of one step of the last map)."""
    unit = 2 ** len(network.channels)
    return 4 * unit + 2, unit


def _u_reach(network: UShapedConfig) -> tuple[int, int]:
    """As above. A stage's convolutions reach `scale` pixels each: two a block, on both sides but the last."""
    scales = [2**stage for stage in range(1, len(network.channels) + 1)]
    sides = [2] * (len(scales) - 1) + [1]
    blocks = sum(2 * depth * scale * both for depth, scale, both in zip(network.blocks_of, scales, sides, strict=True))
    return blocks + 2 * scales[0] + scales[-1], scales[-1]


RESIZED: dict[type, Callable[[Any, tuple[int, ...]], int]] = {
    ConvolutionalConfig: map_size,
    UShapedConfig: lambda network, shape: code_size(network.channels, grid(shape)),
}
"""The latent sizes of networks that do without fully connected layers, for samples of any size."""

REACH: dict[type, Callable[[Any], tuple[int, int]]] = {ConvolutionalConfig: _conv_reach, UShapedConfig: _u_reach}


NETWORKS: dict[type, Callable[[Any, ModelConfig, int, int], Pair]] = {
    DenseConfig: dense,
    TiedConfig: tied,
    ConvolutionalConfig: convolutional,
    ResidualConfig: residual,
    UShapedConfig: u_shaped,
    PhotoConfig: photo,
    OwnConfig: made,
}
