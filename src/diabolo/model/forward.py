"""A dense autoencoder at work without torch: the same layers in NumPy, for jobs that have to start at once."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from math import prod

import numpy as np
from numpy.typing import NDArray

from diabolo.config import DenseConfig, GaussianConfig, ModelConfig, PlainConfig
from diabolo.errors import FormatError

Numbers = NDArray[np.float32]
Reconstruct = Callable[[Numbers], Numbers]
"""Prepared samples (n, dimensions) -> what the autoencoder makes of them, (n, dimensions)."""
Layer = tuple[Numbers, Numbers, str]
"""Weights (inputs, outputs), biases and the name of the activation that follows."""


def is_dense(config: ModelConfig) -> bool:
    """Return whether a model is made of what `dense` knows: dense layers, a plain code, a mean that is not bounded."""
    gaussian = isinstance(config.likelihood, GaussianConfig) and not config.likelihood.bounded
    plain = isinstance(config.network, DenseConfig) and isinstance(config.bottleneck, PlainConfig)
    return plain and gaussian and not config.classes


def dense(config: ModelConfig, weights: Mapping[str, NDArray[np.floating]]) -> Reconstruct:
    """Return the autoencoder of weights as the model file names them. Raises FormatError if they do not fit."""
    network = config.network
    assert isinstance(network, DenseConfig)
    sizes = [prod(config.shape), *network.widths, config.latent]
    between = [network.hidden] * len(network.widths)
    encoder = _layers("encoder", sizes, [*between, network.code], weights)
    decoder = _layers("decoder", sizes[::-1], [*between, "linear"], weights)

    def reconstruct(x: Numbers) -> Numbers:
        with np.errstate(over="ignore"):  # exp of a far value is infinite, and what is divided by it 0
            for factor, shift, activation in (*encoder, *decoder):
                x = np.matmul(x, factor)
                x += shift
                ACTIVATIONS[activation](x)
        return x

    return reconstruct


def _layers(part: str, sizes: list[int], after: list[str], weights: Mapping[str, NDArray[np.floating]]) -> list[Layer]:
    start = f"{part}.network."
    numbers = sorted({int(name.split(".")[2]) for name in weights if name.startswith(start)})
    shapes = list(pairwise(sizes))
    pairs = [tuple(weights.get(f"{start}{i}.{kind}", np.zeros(0)) for kind in ("weight", "bias")) for i in numbers]
    if [(weight.shape, bias.shape) for weight, bias in pairs] != [((out, into), (out,)) for into, out in shapes]:
        raise FormatError("its weights do not fit its configuration.")
    both = [(np.ascontiguousarray(weight.T, np.float32), bias.astype(np.float32)) for weight, bias in pairs]
    return [(factor, shift, name) for (factor, shift), name in zip(both, after, strict=True)]


def _silu(x: Numbers) -> None:
    divisor = np.negative(x)
    np.exp(divisor, out=divisor)
    divisor += 1
    x /= divisor


def _relu(x: Numbers) -> None:
    np.maximum(x, 0, out=x)


ACTIVATIONS: dict[str, Callable[[Numbers], None]] = {"relu": _relu, "linear": lambda _: None, "silu": _silu}
