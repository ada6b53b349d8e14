"""The plain bottleneck."""

from diabolo.model.bottlenecks.base import Bottleneck


class Plain(Bottleneck):
    """The code is the latent itself; rate 0."""
