"""What can be set on top of a preset."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from numbers import Integral, Real
from typing import Any

from diabolo.config.likelihoods import BernoulliConfig
from diabolo.config.model import ModelConfig
from diabolo.errors import ArgumentError
from diabolo.model.networks.sizes import map_size
from diabolo.presets.presets import PRESETS
from diabolo.presets.record import Facts


@dataclass(frozen=True)
class VariationalDials:
    """What can be set on top of a preset; None keeps what it has.

    beta: weight of the rate. free_nats: rate of each number of the code that training does not charge.
    binarise: whether training draws zeros and ones from pixels as probabilities. classes: labels to tell the decoder.
    """

    beta: float | None = None
    free_nats: float | None = None
    binarise: bool = False
    classes: tuple[str, ...] = ()

    def on(self, config: ModelConfig) -> ModelConfig:
        """Return the configuration with these dials. Raises ArgumentError for a dial that it does not have."""
        variational, rated = config.bottleneck.has_free_nats, config.bottleneck.has_rate
        for name, value, fits in (("beta", self.beta, rated), ("free_nats", self.free_nats, variational)):
            if value is not None and not fits:
                others = "use 'vae' or 'codec'" if name == "beta" else "use 'vae'"
                raise ArgumentError(f"Preset {config.preset!r} has no rate for {name} to weight; {others}.")
            if value is not None and (isinstance(value, bool) or not isinstance(value, Real)):
                raise ArgumentError(f"{name} must be a number, got {value!r}.")
        if self.beta is not None:
            config = replace(config, beta=float(self.beta))
        if self.free_nats is not None:
            bottleneck: Any = config.bottleneck
            config = replace(config, bottleneck=replace(bottleneck, free_nats=float(self.free_nats)))
        if self.binarise and not config.likelihood.binarises:
            raise ArgumentError(
                f"binarise needs values from 0 to 1 and a Bernoulli likelihood, and preset {config.preset!r} has "
                "another here; leave it out."
            )
        if self.binarise:
            config = replace(config, likelihood=BernoulliConfig(binarised=True))
        return replace(config, classes=self.classes)


SIZES = ("widths", "channels")
"""What networks call the sizes of their layers."""


@dataclass(frozen=True)
class NetworkDials:
    """What can be set of a preset's layers and of the penalty on its code; None keeps what it has.

    layers: sizes of the encoder's hidden layers, or channels of its stages; the decoder mirrors them.
    activation: of the hidden layers. penalty: weight of what the code costs beside a rate. active: numbers kept.
    """

    layers: Sequence[int] | None = None
    activation: str | None = None
    penalty: float | None = None
    active: int | None = None

    def on(self, config: ModelConfig) -> ModelConfig:
        """Return the configuration with these dials. Raises ArgumentError for a dial that it does not have."""
        if self.layers is not None:
            config = _with_layers(config, tuple(_whole("layers", size) for size in _listed(self.layers)))
        if self.activation is not None:
            config = _with(config, "network", "hidden", "activation", self.activation)
        if self.penalty is not None:
            if isinstance(self.penalty, bool) or not isinstance(self.penalty, Real):
                raise ArgumentError(f"penalty must be a number, got {self.penalty!r}.")
            config = _with(config, "bottleneck", "penalty", "penalty", float(self.penalty))
        if self.active is None:
            return config
        config = _with(config, "bottleneck", "active", "active", _whole("active", self.active))
        if self.active > config.latent:
            raise ArgumentError(f"active must be at most the {config.latent} numbers of the code, got {self.active}.")
        return config


def _listed(layers: object) -> Sequence[object]:
    if isinstance(layers, str) or not isinstance(layers, Sequence):
        raise ArgumentError(f"layers must be a list of sizes, as (512, 256), got {layers!r}.")
    return layers


def _whole(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ArgumentError(f"{name} must be whole numbers, got {value!r}.")
    return int(value)


def _with_layers(config: ModelConfig, layers: tuple[int, ...]) -> ModelConfig:
    """Return the configuration with layers of these sizes; a code that is the last map follows them."""
    name = next((size for size in SIZES if has(config.network, size)), SIZES[0])
    changed = _with(config, "network", name, "layers", layers)
    network: Any = changed.network
    return replace(changed, latent=map_size(network, config.shape)) if not getattr(network, "dense", True) else changed


def _with(config: ModelConfig, choice: str, name: str, dial: str, value: object) -> ModelConfig:
    """Return the configuration with one field of one choice set. Raises ArgumentError if the choice has none."""
    part: Any = getattr(config, choice)
    if not has(part, name):
        known = ", ".join(preset for preset in PRESETS if has(getattr(_usual(preset), choice), name))
        raise ArgumentError(f"Preset {config.preset!r} has no {dial} to set; these have: {known}.")
    return replace(config, **{choice: replace(part, **{name: value})})


def has(choice: Any, name: str) -> bool:
    """Return whether a choice has a field of that name."""
    return name in {field.name for field in fields(choice)}


def _usual(preset: str) -> ModelConfig:
    return PRESETS[preset].configure(Facts((32, 32)), None)
