"""The one table of bottlenecks: from a configuration and the numbers of a code to the module."""

from collections.abc import Callable
from typing import Any

from diabolo.config.bottlenecks import (
    ContractiveConfig,
    HyperpriorConfig,
    KSparseConfig,
    PlainConfig,
    RoundedConfig,
    SparseConfig,
    VariationalConfig,
    VectorQuantisedConfig,
    WassersteinConfig,
)
from diabolo.model.bottlenecks.base import Bottleneck
from diabolo.model.bottlenecks.contractive import Contractive
from diabolo.model.bottlenecks.hyperprior import Hyperprior
from diabolo.model.bottlenecks.plain import Plain
from diabolo.model.bottlenecks.rounded import Rounded
from diabolo.model.bottlenecks.sparse import KSparse, Sparse
from diabolo.model.bottlenecks.variational import Variational
from diabolo.model.bottlenecks.vector_quantised import VectorQuantised
from diabolo.model.bottlenecks.wasserstein import Wasserstein
from diabolo.model.networks.couplings import couplings

BOTTLENECKS: dict[type, Callable[[Any, int], Bottleneck]] = {
    PlainConfig: lambda *_: Plain(),
    VariationalConfig: lambda config, latent: Variational(config.free_nats, couplings(latent, config.couplings)),
    RoundedConfig: lambda config, latent: Rounded(latent, config.components),
    VectorQuantisedConfig: lambda config, latent: VectorQuantised(latent, config.size, config.width, config.commitment),
    SparseConfig: lambda config, _: Sparse(config.penalty),
    KSparseConfig: lambda config, _: KSparse(config.active),
    ContractiveConfig: lambda config, _: Contractive(config.penalty),
    WassersteinConfig: lambda config, _: Wasserstein(config.penalty),
    HyperpriorConfig: lambda config, _: Hyperprior(config),
}
