"""Principal axes of samples: where a linear autoencoder begins."""

import torch
from torch import Tensor

SPARE, ROUNDS = 16, 4


@torch.no_grad()
def principal_axes(x: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Return the axes (count, d) of largest variance of samples x (n, d), by subspace iteration.

    Axes beyond the rank of the samples are any that are orthogonal to the others.
    Source: Halko, Martinsson and Tropp 2011, arXiv:0909.4061, algorithm 4.4.

    >>> x = torch.tensor([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> principal_axes(x, 1, torch.Generator().manual_seed(0)).abs().round(decimals=3)
    tensor([[1., 0.]])
    """
    centred = x - x.mean(0)
    width = min(count + SPARE, x.shape[1])
    basis = torch.linalg.qr(torch.empty(x.shape[1], width).normal_(generator=generator).to(x)).Q
    for _ in range(ROUNDS):
        basis = torch.linalg.qr(centred.T @ (centred @ basis)).Q
    rotation = torch.linalg.svd(centred @ basis, full_matrices=False).Vh
    axes: Tensor = (rotation @ basis.T)[:count]
    return axes
