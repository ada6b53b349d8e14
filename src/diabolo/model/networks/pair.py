"""What every network is: an encoder and a decoder as a matching pair."""

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class Pair:
    """encoder: (n, *shape) -> (n, per_latent * latent); decoder: (n, per_code * latent) -> (n, *shape), the parameters
    of the likelihood.

    own: whether both are the user's modules, which have their weights already.
    """

    encoder: nn.Sequential
    decoder: nn.Sequential
    own: bool = False
