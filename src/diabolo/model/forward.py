"""A dense autoencoder at work without torch: the same layers in NumPy, for jobs that have to start at once."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from math import prod

import numpy as np
from numpy.typing import NDArray

from diabolo.config.model import ModelConfig
from diabolo.errors import FormatError

WIDTH = 16
Numbers = NDArray[np.float32]
Reconstruct = Callable[[Numbers], Numbers]
"""Prepared samples in columns, (dimensions, n) -> what the autoencoder makes of them, (dimensions, n)."""
Activation = Callable[[Numbers], object]
"""What follows a layer, in place."""


def is_dense(config: ModelConfig) -> bool:
    """Return whether a model is made of what `dense` knows: dense layers, a plain code, a mean that is not bounded."""
    plain = config.network.perceptron is not None and config.bottleneck.is_latent
    return plain and config.likelihood.mean_is_output and not config.classes


def _silu(x: Numbers) -> None:
    divisor = np.negative(x)
    np.exp(divisor, out=divisor)
    divisor += 1
    x /= divisor


def _relu(x: Numbers) -> None:
    np.maximum(x, 0, out=x)


def _sigmoid(x: Numbers) -> None:
    np.negative(x, out=x)
    np.exp(x, out=x)
    x += 1
    np.reciprocal(x, out=x)


def _tanh(x: Numbers) -> None:
    np.tanh(x, out=x)


ACTIVATIONS: dict[str, Activation] = {
    "relu": _relu,
    "linear": lambda _: None,
    "silu": _silu,
    "sigmoid": _sigmoid,
    "tanh": _tanh,
}


def layers(config: ModelConfig, weights: Mapping[str, NDArray[np.floating]]) -> list[tuple[Numbers, str]]:
    """Return the weights of each layer and its biases beside them, (outputs, inputs + 1), and what follows it.

    Raises FormatError if they do not fit the configuration.
    """
    network = config.network.perceptron
    assert network is not None
    sizes = [prod(config.shape), *network.widths, config.latent]
    between = [network.hidden] * len(network.widths)
    factors = _factors("encoder", sizes, weights) + _factors("decoder", sizes[::-1], weights)
    return list(zip(factors, (*between, network.code, *between, "linear"), strict=True))


def dense(
    config: ModelConfig,
    weights: Mapping[str, NDArray[np.floating]],
    activations: Mapping[str, Activation] = ACTIVATIONS,
) -> Reconstruct:
    """Return the autoencoder of weights as the model file names them. Raises FormatError if they do not fit."""
    found = layers(config, weights)
    factors, after = [factor for factor, _ in found], [activations[name] for _, name in found]

    def reconstruct(x: Numbers) -> Numbers:
        filled = with_ones(x.shape)
        filled[:-1, : x.shape[1]] = x
        with np.errstate(over="ignore"):  # exp of a far value is infinite, and what is divided by it 0
            for factor, activation in zip(factors, after, strict=True):
                found = with_ones((len(factor), filled.shape[1]))
                activation(np.matmul(factor, filled, out=found[:-1]))
                filled = found
        return filled[:-1, : x.shape[1]]

    return reconstruct


def wide(count: int) -> int:
    """Return how many columns a product is to have for `count` of them: a multiple of 16.

    BLAS adds up the numbers of a single column, or of the last few, in another order than those of many. In products
    of a multiple of 16 columns a column has the same bits, whatever stands beside it.
    """
    return -(-count // WIDTH) * WIDTH


def with_ones(shape: tuple[int, ...]) -> Numbers:
    """Return room for values (m, wide(n)) and a last row of ones, which what is added in a product is multiplied by.

    The columns beyond n are 0.
    """
    found = np.empty((shape[0] + 1, wide(shape[1])), np.float32)
    found[:-1, shape[1] :] = 0
    found[-1] = 1
    return found


def _factors(part: str, sizes: list[int], weights: Mapping[str, NDArray[np.floating]]) -> list[Numbers]:
    """Return the weights of each layer and its biases beside them, (outputs, inputs + 1)."""
    start = f"{part}.network."
    numbers = sorted({int(name.split(".")[2]) for name in weights if name.startswith(start)})
    shapes = list(pairwise(sizes))
    pairs = [tuple(weights.get(f"{start}{i}.{kind}", np.zeros(0)) for kind in ("weight", "bias")) for i in numbers]
    if [(weight.shape, bias.shape) for weight, bias in pairs] != [((out, into), (out,)) for into, out in shapes]:
        raise FormatError("its weights do not fit its configuration.")
    with np.errstate(over="ignore"):
        found = [np.column_stack([weight, bias]).astype(np.float32) for weight, bias in pairs]
    if not all(np.isfinite(factor).all() for factor in found):
        raise FormatError("its weights are not finite numbers.")
    return found
