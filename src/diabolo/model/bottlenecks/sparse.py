"""Sparse codes: by a penalty on their absolute sum, or by keeping the largest numbers only."""

import torch
from torch import Tensor

from diabolo.model.bottlenecks.base import Bottleneck, Coded, only


class Sparse(Bottleneck):
    """The code is the latent; penalty = weight * sum(|code|) in nats per sample (L1)."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = weight

    def draw(self, latent: Tensor, generator: torch.Generator, kept: Tensor | None = None) -> Coded:
        coded = super().draw(latent, generator, kept)
        return coded._replace(penalty=self.weight * coded.seen.abs().sum(1))

    def extra_repr(self) -> str:
        return f"penalty={self.weight:g}"


class KSparse(Bottleneck):
    """The code is the `active` largest numbers of the latent, and 0 elsewhere (Makhzani and Frey 2013, section 2.1)."""

    def __init__(self, active: int) -> None:
        super().__init__()
        self.largest = active

    def forward(self, latent: Tensor) -> Tensor:
        """Return the code (n, latent).

        >>> KSparse(2)(torch.tensor([[0.5, -3.0, 2.0, 1.0]]))
        tensor([[0., -0., 2., 1.]])
        """
        found = latent.topk(min(self.largest, latent.shape[1]), dim=1).indices
        kept = torch.zeros_like(latent).scatter_(1, found, 1.0)
        return only(latent, kept)

    def unrounded(self, latent: Tensor) -> Tensor:
        code: Tensor = self(latent)
        return code

    def draw(self, latent: Tensor, generator: torch.Generator, kept: Tensor | None = None) -> Coded:
        return super().draw(self(only(latent, kept)), generator)

    def extra_repr(self) -> str:
        return f"active={self.largest}"
