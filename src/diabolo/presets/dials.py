"""What can be set on top of a preset."""

from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

from diabolo.config.likelihoods import BernoulliConfig
from diabolo.config.model import ModelConfig
from diabolo.errors import ArgumentError


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
