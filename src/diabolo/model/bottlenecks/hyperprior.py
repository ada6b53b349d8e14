"""The hyperprior: the code is a map of rounded numbers, whose distribution a side map and the map itself tell."""

import math

import torch
from torch import Tensor

from diabolo.config.bottlenecks import HyperpriorConfig
from diabolo.model.bottlenecks.base import Bottleneck, Coded, only
from diabolo.model.networks.photo.prior import Prior, gaussian_bits, masks, rounded, spread
from diabolo.model.networks.photo.transforms import Gains, in_float32, side_analysis

RANGE, BALANCE = 600.0, 0.35
"""Weight of the distortion at quality 1 over that at 0; low qualities, whose loss is small, are drawn more often."""


class Hyperprior(Bottleneck):
    """A map (places, h, w) and a quality from 0 to 1, the last number of latent and code; training draws the quality.

    The map is multiplied by gains of the quality, and rounded about means that a prior predicts in four passes; rate =
    -log of the mass of the numbers and of the side map (Balle et al. 2018, arXiv:1802.01436; Minnen et al. 2018,
    arXiv:1809.02736; Cui et al. 2021, arXiv:2003.02012). In training noise stands for rounding where the rate is
    concerned, and the gradient passes through rounding where the decoder is (Minnen and Singh 2020, section 3.4).
    """

    has_rate = has_maps = True

    def __init__(self, config: HyperpriorConfig) -> None:
        super().__init__()
        self.shape = (config.places, config.height, config.width)
        self.side_analysis, self.prior = side_analysis(config), Prior(config)
        self.map_gain = Gains(config.places, 0.0, math.log(22.0))
        self.side_gain = Gains(config.side, 0.0, math.log(8.0))
        self.side_mean = Gains(config.side, 0.0, 0.0)
        self.side_scale = Gains(config.side, 0.0, 1.0)

    @torch.no_grad()
    def start_at(self, latent: Tensor) -> None:
        """Set the biases of the log-scales to what latents have."""
        maps = latent[:, :-1].reshape(-1, *self.shape)
        for leave in self.prior.convolutions("leave"):
            leave.weight.mul_(0.1)
            assert leave.bias is not None
            leave.bias[self.shape[0] :] = _log_spread(maps)
        side = self.side_analysis(maps)
        self.side_scale.table.copy_(self.side_gain.table + _log_spread(side))

    def forward(self, latent: Tensor) -> Tensor:
        return self.coded(latent, None)[0]

    def rate(self, latent: Tensor) -> Tensor:
        return self.coded(latent, None)[1]

    def draw(self, latent: Tensor, generator: torch.Generator, kept: Tensor | None = None) -> Coded:
        drawn = latent.new_empty(len(latent)).uniform_(generator=generator)
        rare = RANGE**-BALANCE
        quality = torch.log(1 - drawn * (1 - rare)) / math.log(rare)
        latent = torch.cat([latent[:, :-1], quality[:, None]], 1)
        code, rate = self.coded(latent, generator)
        return Coded(only(code, kept), rate, weight=RANGE ** (quality - 0.5))

    def coded(self, latent: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """Return the code, and its rate (n,) in nats; of noisy numbers if there is a generator; always in float32."""
        with in_float32(latent):
            return self._in_passes(latent, generator)

    def _in_passes(self, latent: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        maps, quality = latent[:, :-1].reshape(-1, *self.shape).float(), latent[:, -1].float()
        side, bits = self._side(maps, quality, generator)
        height, width = self.shape[1:]
        features = self.prior.features(side, quality)[:, :, :height, :width]
        log_gain = self.map_gain(quality)
        gain = log_gain.exp()
        wanted, known = maps * gain, torch.zeros_like(maps)
        means, scales = torch.zeros_like(maps), torch.zeros_like(maps)
        for number, mask in enumerate(masks(self.shape[0], height, width, maps.device)):
            mean, log_scale = self.prior.parameters_of(number, features, known, quality)
            mean = mean * gain
            means, scales = torch.where(mask, mean, means), torch.where(mask, log_scale + log_gain, scales)
            known = torch.where(mask, (rounded(wanted - mean) + mean) / gain, known)
        distance = _noisy(wanted - means, generator)
        bits = bits + gaussian_bits(distance, spread(scales)).sum((1, 2, 3))
        return torch.cat([known.flatten(1), latent[:, -1:]], 1), bits * math.log(2)

    def _side(self, maps: Tensor, quality: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """Return the side map as rounded, in units before gains, and its bits (n,)."""
        gain, mean = self.side_gain(quality).exp(), self.side_mean(quality)
        wanted = self.side_analysis(maps) * gain
        bits = gaussian_bits(_noisy(wanted, generator) - mean, spread(self.side_scale(quality)))
        return rounded(wanted) / gain, bits.sum((1, 2, 3))


def _noisy(x: Tensor, generator: torch.Generator | None) -> Tensor:
    """Return x with the noise that stands for rounding, or rounded."""
    return x.round() if generator is None else x + torch.empty_like(x).uniform_(-0.5, 0.5, generator=generator)


def _log_spread(maps: Tensor) -> Tensor:
    return maps.std((0, 2, 3), correction=0).clamp_min(1e-3).log()
