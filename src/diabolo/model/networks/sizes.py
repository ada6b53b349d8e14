"""Sizes of maps and codes, by arithmetic alone: what a preset needs to know before any layer is built."""

import math

from diabolo.config.networks import ConvolutionalConfig, PhotoConfig, ResidualConfig

Size = tuple[int, int, int]


def grid(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return (channels, height, width) of a sample; a flat vector is an image one pixel high."""
    if len(shape) == 1:
        return 1, 1, shape[0]
    return (shape[2] if len(shape) == 3 else 1), shape[0], shape[1]


def stages(network: ConvolutionalConfig | ResidualConfig, shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return (height, width) before the first stage and after each: half, rounded up."""
    sizes = [grid(shape)[1:]]
    for _ in network.channels:
        height, width = sizes[-1]
        sizes.append((math.ceil(height / 2), math.ceil(width / 2)))
    return sizes


def map_size(network: ConvolutionalConfig | ResidualConfig, shape: tuple[int, ...]) -> int:
    """Return the numbers in the last stage's map: the latent size of a network without a dense layer."""
    return network.channels[-1] * math.prod(stages(network, shape)[-1])


def map_sizes(channels: tuple[int, ...], inputs: Size) -> list[Size]:
    """Return (channels, height, width) of the padded input and of each stage's map; the first stage is at half size."""
    multiple = 2 ** len(channels)
    height, width = (math.ceil(size / multiple) * multiple for size in inputs[1:])
    sizes = [(inputs[0], height, width)]
    return sizes + [(outputs, height >> stage, width >> stage) for stage, outputs in enumerate(channels, 1)]


def code_size(channels: tuple[int, ...], inputs: Size) -> int:
    """Return the numbers in all maps together."""
    return sum(math.prod(size) for size in map_sizes(channels, inputs))


CELL = 8
"""Pixels of a place of a photo network's map, along a side."""


def photo_map(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return (height, width) of the map of a photo network."""
    _, height, width = grid(shape)
    return -(-height // CELL), -(-width // CELL)


def photo_code_size(network: PhotoConfig, shape: tuple[int, ...]) -> int:
    """Return the numbers of its map and the quality, the last number of a code."""
    return network.places * math.prod(photo_map(shape)) + 1
