"""A trained model as the playground opens it: a dense one to train further, a convolutional one to look at."""

import base64
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from diabolo.app.fit_and_measure import shape_text
from diabolo.config.bottlenecks import PlainConfig, VariationalConfig
from diabolo.config.corruption import CleanConfig, GaussianNoiseConfig, MaskingConfig, SaltPepperConfig
from diabolo.config.likelihoods import BernoulliConfig, GaussianConfig
from diabolo.config.model import ModelConfig
from diabolo.config.networks import ConvolutionalConfig, DenseConfig
from diabolo.errors import InputError
from diabolo.model.networks.layers import AsStored, ChannelsFirst
from diabolo.training.files.model_file import Trained

GENTLE = 0.0005
"""Learning rate that goes on from trained weights without a leap."""
MOST_WEIGHTS, MOST_LAYERS, WIDEST, MOST_CODE, MOST_MAP = 4_000_000, 4, 512, 1024, 8192
ACTIVATIONS = {"linear", "relu", "tanh", "sigmoid", "silu"}
ALLOWED = (
    "dense and convolutional models, plain or variational, of 8-bit grey pictures without labels, with at most "
    f"{MOST_LAYERS} hidden layers of {WIDEST} units and {MOST_CODE:,} numbers in the code"
    f" ({MOST_MAP:,} if convolutional)"
)
OUTPUTS: dict[type, Callable[[Any], str | None]] = {
    BernoulliConfig: lambda _: "bernoulli",
    GaussianConfig: lambda config: None if config.bounded else "gaussian",
}
BOTTLENECKS: dict[type, Callable[[Any], str | None]] = {
    PlainConfig: lambda _: "plain",
    VariationalConfig: lambda _: "variational",
}
CORRUPTIONS: dict[type, Callable[[Any], dict[str, Any]]] = {
    CleanConfig: lambda _: {},
    GaussianNoiseConfig: lambda config: {"corruption": "gaussian", "noise": min(1.0, config.sigma)},
    MaskingConfig: lambda config: {"corruption": "mask", "noise": config.fraction},
    SaltPepperConfig: lambda config: {"corruption": "pepper", "noise": config.fraction},
}


def page_model(trained: Trained, name: str, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return what the page needs of a trained model: its settings and its weights in 16 bits.

    shape: of the page's pictures. Raises InputError for a model that the page cannot compute.
    """
    config = trained.config
    if config.shape != shape:
        sizes = f"{shape_text(config.shape)}, the data have {shape_text(shape)}"
        raise InputError(f"The model and the data must have pictures of one size: the model has {sizes}.")
    network = NETWORKS.get(type(config.network))
    settings = _settings(config)
    weights = sum(tensor.numel() for tensor in trained.model.parameters())
    known = network is not None and settings is not None and not config.classes and weights <= MOST_WEIGHTS
    if not known or not trained.preprocessing.compact:
        raise InputError(f"The playground opens {ALLOWED}; this one is {config.preset}, {weights:,} weights.")
    assert network is not None
    return {"name": name, "settings": settings, **network(trained)}


def _settings(config: ModelConfig) -> dict[str, Any] | None:
    likelihood = OUTPUTS.get(type(config.likelihood), lambda _: None)(config.likelihood)
    bottleneck = BOTTLENECKS.get(type(config.bottleneck), lambda _: None)(config.bottleneck)
    if likelihood is None or bottleneck is None or config.latent > MOST_MAP:
        return None
    noise = CORRUPTIONS.get(type(config.corruption), lambda _: {})(config.corruption)
    dials = {
        "latent": config.latent,
        "likelihood": likelihood,
        "bottleneck": bottleneck,
        "beta": min(10.0, config.beta),
    }
    return {**dials, **noise}


def _dense(trained: Trained) -> dict[str, Any]:
    """Return the settings of the network and its layers' weights, input by input."""
    network = trained.config.network.perceptron
    assert network is not None
    if len(network.widths) > MOST_LAYERS or max((0, *network.widths)) > WIDEST or trained.config.latent > MOST_CODE:
        sizes = f"hidden layers {network.widths}, {trained.config.latent:,} numbers in the code"
        raise InputError(f"The playground opens {ALLOWED}; this one has {sizes}.")
    layers = [layer for layer in trained.model.modules() if isinstance(layer, nn.Linear)]
    known = {network.hidden, network.code} <= ACTIVATIONS and len(layers) == 2 * len(network.widths) + 2
    if not known:
        kind = f"activations {network.hidden} and {network.code}, {len(layers)} layers of weights"
        raise InputError(f"The playground opens {ALLOWED}, each layer with weights of its own; this one has {kind}.")
    found = [{"weights": _half(layer.weight.T), "bias": _half(layer.bias)} for layer in layers]
    settings = {
        "widths": "-".join(map(str, network.widths)),
        "hidden": network.hidden,
        "code": network.code,
        "rate": GENTLE,
    }
    return {"settings": {**(_settings(trained.config) or {}), **settings}, "layers": found}


def _convolutional(trained: Trained) -> dict[str, Any]:
    """Return the operations of encoder and decoder, one after the other."""
    parts = {"encoder": trained.model.encoder.network, "decoder": trained.model.decoder.network}
    return {"program": {name: [_operation(layer) for layer in network] for name, network in parts.items()}}


def _operation(layer: nn.Module) -> dict[str, Any]:
    found = next((make for kind, make in OPERATIONS.items() if isinstance(layer, kind)), None)
    if found is None:
        raise InputError(f"The playground opens {ALLOWED}; it does not know the layer {type(layer).__name__}.")
    return found(layer)


def _weighted(kind: str, layer: Any, weight: torch.Tensor, sizes: tuple[int, int]) -> dict[str, Any]:
    inputs, outputs = sizes
    return {"kind": kind, "inputs": inputs, "outputs": outputs, "weights": _half(weight), "bias": _half(layer.bias)}


def _half(tensor: torch.Tensor) -> str:
    return base64.b64encode(tensor.detach().cpu().contiguous().numpy().astype("<f2").tobytes()).decode("ascii")


def _map_shape(layer: nn.Unflatten) -> list[int]:
    return [int(size) for size in np.atleast_1d(np.asarray(layer.unflattened_size))]


OPERATIONS: dict[type[nn.Module], Callable[[Any], dict[str, Any]]] = {
    nn.Linear: lambda layer: _weighted("linear", layer, layer.weight, (layer.in_features, layer.out_features)),
    nn.Conv2d: lambda layer: {
        **_weighted("convolution", layer, layer.weight, (layer.in_channels, layer.out_channels)),
        "padding": list(layer.padding),
    },
    nn.MaxPool2d: lambda _: {"kind": "pool"},
    nn.Upsample: lambda _: {"kind": "enlarge"},
    nn.ReLU: lambda _: {"kind": "activation", "name": "relu"},
    nn.SiLU: lambda _: {"kind": "activation", "name": "silu"},
    nn.Flatten: lambda _: {"kind": "flatten"},
    nn.Unflatten: lambda layer: {"kind": "map", "shape": _map_shape(layer)},
    ChannelsFirst: lambda _: {"kind": "picture"},
    AsStored: lambda layer: {"kind": "cut", "shape": list(layer.shape[:2])},
}
NETWORKS: dict[type, Callable[[Trained], dict[str, Any]]] = {DenseConfig: _dense, ConvolutionalConfig: _convolutional}
