"""The discretised logistic mixture over the 256 levels of an 8-bit number (Salimans et al. 2017, PixelCNN++, eq. 2)."""

import torch
from torch import Tensor
from torch.nn import functional

LEVELS = 256
LEAST_LOG_SCALE, MOST_LOG_SCALE = -9.0, 0.0
"""Bounds of log(scale / 255): from a 32nd of a level to 255 levels."""
LEAST_SHARE = 1e-12


def mixture_distortion(parameters: Tensor, levels: Tensor) -> Tensor:
    """Return -log p(level), (n,), in nats.

    parameters: (n, 3, M): logits of the shares, means and log-scales of M logistic distributions; levels 0 to 255 are
    0 to 1. levels: (n,), whole numbers. A level's mass lies between the edges half a level away; level 0 has all
    below it too, level 255 all above.
    """
    logits, mean, log_scale = parameters.unbind(1)
    inverse = torch.exp(-log_scale.clamp(LEAST_LOG_SCALE, MOST_LOG_SCALE))
    x = levels.to(mean.dtype).unsqueeze(1)
    upper = ((x + 0.5) / 255 - mean) * inverse
    lower = ((x - 0.5) / 255 - mean) * inverse
    below, above = functional.logsigmoid(upper), functional.logsigmoid(-lower)
    # log(s(u) - s(l)) = log s(u) + log s(-l) + log(1 - exp(l - u)), which loses nothing in the tails
    inside = below + above + torch.log((-torch.expm1(lower - upper)).clamp_min(LEAST_SHARE))
    mass = torch.where(x < 0.5, below, torch.where(x > LEVELS - 1.5, above, inside))
    return torch.logsumexp(logits, 1) - torch.logsumexp(mass + logits, 1)
