"""All that makes photos noisy, mixed: cameras, plain white noise, few photons, JPEG; and photos that are clean."""

from dataclasses import dataclass

import torch
from torch import Tensor

from diabolo.model.corruption.camera import Camera, photographed
from diabolo.model.corruption.draws import Numbers
from diabolo.model.corruption.filters import blurred
from diabolo.model.corruption.jpeg import jpeg

LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Mixture:
    """Shares of a batch, and ranges. What the first three leave is clean.

    white: spread of white noise. peaks: photons at white; read: normal noise added to them.
    packed: share of each kind that goes through JPEG (camera, white, photons, clean); of these `low` share has the low
    qualities, and `twice` of the cameras' is packed twice. rounded: share of white and photon noise that is kept in
    [0, 1] and rounded to 8 bits.
    """

    camera: float = 0.45
    white: float = 0.30
    photons: float = 0.17
    sigma: float = 55 / 255
    peaks: tuple[float, float] = (3.0, 400.0)
    read: float = 0.04
    spread: float = 0.15
    spreads: tuple[float, float] = (0.3, 1.0)
    packed: tuple[float, float, float, float] = (0.8, 0.3, 0.1, 0.3)
    low: float = 0.125
    qualities: tuple[float, float] = (60.0, 100.0)
    low_qualities: tuple[float, float] = (30.0, 60.0)
    twice: float = 0.2
    rounded: float = 0.5

    @property
    def clean(self) -> float:
        return 1 - self.camera - self.white - self.photons

    def counts(self, count: int) -> tuple[int, int, int, int]:
        """Return how many of a batch are of each kind."""
        ends = [round(count * share) for share in (self.camera, self.camera + self.white, 1 - self.clean)]
        return ends[0], ends[1] - ends[0], ends[2] - ends[1], count - ends[2]


MIXTURE, CAMERA = Mixture(), Camera()


def spoiled(
    images: Tensor, generator: torch.Generator, mixture: Mixture = MIXTURE, camera: Camera = CAMERA
) -> tuple[Tensor, Tensor]:
    """Return images (n, 3, h, w) of values in [0, 1] as they are seen and as they are wanted.

    An image whose channels are equal stays grey: its noise is the same in all of them.
    """
    device = images.device
    grey = (images[:, :1] == images).flatten(1).all(1).view(-1, 1, 1, 1)
    counts = mixture.counts(len(images))
    parts = torch.split(images, list(counts))
    draws = [Numbers(count, generator, device) for count in counts]
    photo, wanted = photographed(parts[0], draws[0], camera) if counts[0] else (parts[0], parts[0])
    white = _white(parts[1], draws[1], mixture)
    photons = _photons(parts[2], draws[2], mixture)
    given, wanted = torch.cat([photo, white, photons, parts[3]]), torch.cat([wanted, *parts[1:]])
    given, wanted = (torch.where(grey, values[:, 1:2], values) for values in (given, wanted))
    return _packed(given, counts, generator, mixture), wanted


def _white(images: Tensor, draws: Numbers, mixture: Mixture) -> Tensor:
    """Return images with white noise, in some of them spread over neighbours."""
    spread = torch.where(draws.coin(mixture.spread), draws.even(*mixture.spreads), 0.0)
    noisy = images + blurred(draws.white(images), spread) * draws.even(0, mixture.sigma)
    return _rounded(noisy, draws.coin(mixture.rounded))


def _photons(images: Tensor, draws: Numbers, mixture: Mixture) -> Tensor:
    """Return images as counts of photons, some of them dark, with normal noise of the reading."""
    peak = draws.scale(*mixture.peaks)
    read = torch.where(draws.coin(0.5), draws.even(0, mixture.read), 0.0)
    counted = torch.poisson(images * peak, generator=draws.generator) / peak
    noisy = counted + draws.white(images) * read
    return _rounded(noisy, draws.coin(mixture.rounded))


def _rounded(values: Tensor, chosen: Tensor) -> Tensor:
    return torch.where(chosen, values.clamp(0, 1).mul(255).round().div(255), values)


def _packed(given: Tensor, counts: tuple[int, ...], generator: torch.Generator, mixture: Mixture) -> Tensor:
    """Return images after JPEG, as many of each kind as the mixture says."""
    twice = round(counts[0] * mixture.twice)
    given = torch.cat([_jpeg(given[:twice], Numbers(twice, generator, given.device), mixture), given[twice:]])
    draws = Numbers(len(given), generator, given.device)
    shares = torch.cat([torch.full((n,), p) for n, p in zip(counts, mixture.packed, strict=True)]).to(given.device)
    chosen = draws.even(0, 1) < shares.view(-1, 1, 1, 1)
    eight_bit = (torch.arange(len(given), device=given.device) < counts[0]).view(-1, 1, 1, 1)
    return torch.where(chosen, _jpeg(given, draws, mixture), _rounded(given, eight_bit))


def _jpeg(images: Tensor, draws: Numbers, mixture: Mixture) -> Tensor:
    quality = torch.where(draws.coin(mixture.low), draws.even(*mixture.low_qualities), draws.even(*mixture.qualities))
    return jpeg(images, quality.flatten(), draws.coin(0.5).flatten())
