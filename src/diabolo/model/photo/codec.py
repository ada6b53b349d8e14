"""The photo codec: transforms, gains for any quality, a side map and the prior: a mean-scale hyperprior.

Sources: Balle et al. 2018, arXiv:1802.01436; Minnen et al. 2018, arXiv:1809.02736; Cui et al. 2021, arXiv:2003.02012.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from diabolo.model.photo.prior import Prior, gaussian_bits, masks, rounded, spread
from diabolo.model.photo.transforms import Gains, Sizes, analysis, side_analysis, synthesis


class Coding(NamedTuple):
    """Picture (n, channels, h, w), and bits (n,) of the map and of the side map, under noise and as rounded."""

    picture: Tensor
    bits: Tensor
    side_bits: Tensor
    whole_bits: Tensor


class PhotoCodec(nn.Module):
    """Pictures (n, channels, 8 h, 8 w), from 0 to 1, and back."""

    def __init__(self, sizes: Sizes, channels: int = 3) -> None:
        super().__init__()
        self.sizes = sizes
        self.analysis, self.to_map = analysis(sizes, channels)
        self.synthesis = synthesis(sizes, channels)
        self.side_analysis, self.prior = side_analysis(sizes), Prior(sizes)
        self.gain = Gains(sizes.latent, 0.0, math.log(22.0))
        self.regain = Gains(sizes.latent, 0.0, 0.0)
        self.side_gain = Gains(sizes.side, 0.0, math.log(8.0))
        self.side_mean = Gains(sizes.side, 0.0, 0.0)
        self.side_scale = Gains(sizes.side, 0.0, 1.0)

    def forward(self, x: Tensor, quality: Tensor, *, noisy: bool = True) -> Coding:
        """Return what training needs; without `noisy` the bits are those of rounded numbers."""
        map_ = self.analysed(x)
        height, width = map_.shape[2:]
        side, side_bits = self._side(map_, quality, noisy)
        features = self.prior.features(side, quality)[:, :, :height, :width]
        log_gain = self.gain(quality)
        gain = log_gain.exp()
        wanted, known = map_ * gain, torch.zeros_like(map_)
        means, scales = torch.zeros_like(map_), torch.zeros_like(map_)
        for number, mask in enumerate(masks(self.sizes.latent, height, width, map_.device)):
            mean, log_scale = self.prior.parameters_of(number, features, known, quality)
            mean = mean * gain
            means, scales = torch.where(mask, mean, means), torch.where(mask, log_scale + log_gain, scales)
            known = torch.where(mask, (rounded(wanted - mean) + mean) / gain, known)
        scale = spread(scales)
        residual = wanted - means
        if noisy:
            bits = gaussian_bits(residual + torch.rand_like(residual) - 0.5, scale)
            with torch.no_grad():
                whole = gaussian_bits(residual.round(), scale)
        else:
            bits = whole = gaussian_bits(residual.round(), scale)
        picture = self.synthesis(known * self.regain(quality).exp(), quality) + 0.5
        return Coding(picture, bits.sum((1, 2, 3)), side_bits, whole.sum((1, 2, 3)) + side_bits.detach())

    def analysed(self, x: Tensor) -> Tensor:
        """Return the map (n, latent, h, w) of pictures, before gains."""
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.training):
            hidden = self.analysis(x - 0.5)
        return self.to_map(hidden.float())  # type: ignore[no-any-return]

    def _side(self, map_: Tensor, quality: Tensor, noisy: bool) -> tuple[Tensor, Tensor]:
        """Return the side map as rounded, in units before gains, and its bits (n,)."""
        gain, mean = self.side_gain(quality).exp(), self.side_mean(quality)
        wanted = self.side_analysis(map_) * gain
        scale = spread(self.side_scale(quality))
        whole = rounded(wanted)
        coded = wanted + torch.rand_like(wanted) - 0.5 if noisy else whole
        return whole / gain, gaussian_bits(coded - mean, scale).sum((1, 2, 3))
