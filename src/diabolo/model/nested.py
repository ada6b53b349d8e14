"""Nested dropout: training that makes every prefix of a code usable (Rippel et al. 2014, arXiv:1402.0915)."""

import torch
from torch import Tensor


def prefix_lengths(count: int, latent: int, generator: torch.Generator) -> Tensor:
    """Return (count,) lengths from 1 to `latent`, each as likely as any other.

    The paper's geometric distribution leaves the end of a long code all but untrained, and freezes units that have
    converged to make up for it. Evenly drawn, prefixes of 8 to 64 numbers lag behind models trained anew by about the
    same, so that the curve keeps its shape; drawn with probability 1 / length, the longer ones lag twice as far
    (docs/latent-auto.md).
    """
    drawn = torch.empty(count, device=generator.device).uniform_(generator=generator)
    return (latent * drawn).long().add_(1).clamp_(1, latent)


def kept(lengths: Tensor, latent: int) -> Tensor:
    """Return (n, latent): 1 for the first numbers of each code, as many as its length says; 0 for the rest.

    >>> kept(torch.tensor([1, 3]), 4)
    tensor([[1., 0., 0., 0.],
            [1., 1., 1., 0.]])
    """
    return (torch.arange(latent, device=lengths.device) < lengths.unsqueeze(1)).float()
