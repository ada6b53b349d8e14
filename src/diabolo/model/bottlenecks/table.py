"""The one table of bottlenecks: from a configuration and the numbers of a code to the module."""

from collections.abc import Callable
from typing import Any

from diabolo.config.bottlenecks import (
    HyperpriorConfig,
    PlainConfig,
    RoundedConfig,
    VariationalConfig,
    VectorQuantisedConfig,
)
from diabolo.model.bottlenecks.base import Bottleneck
from diabolo.model.bottlenecks.hyperprior import Hyperprior
from diabolo.model.bottlenecks.plain import Plain
from diabolo.model.bottlenecks.rounded import Rounded
from diabolo.model.bottlenecks.variational import Variational
from diabolo.model.bottlenecks.vector_quantised import VectorQuantised
from diabolo.model.networks.couplings import couplings

BOTTLENECKS: dict[type, Callable[[Any, int], Bottleneck]] = {
    PlainConfig: lambda *_: Plain(),
    VariationalConfig: lambda config, latent: Variational(config.free_nats, couplings(latent, config.couplings)),
    RoundedConfig: lambda config, latent: Rounded(latent, config.components),
    VectorQuantisedConfig: lambda config, latent: VectorQuantised(latent, config.size, config.width, config.commitment),
    HyperpriorConfig: lambda config, _: Hyperprior(config),
}
