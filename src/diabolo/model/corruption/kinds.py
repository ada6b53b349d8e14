"""Corruption: what the encoder sees in training in place of the data, and what it is asked to give back."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from diabolo.config.corruption import (
    BlotsConfig,
    CameraConfig,
    ChainConfig,
    CleanConfig,
    GaussianNoiseConfig,
    JpegConfig,
    MaskingConfig,
    PairedConfig,
    PhotoNoiseConfig,
    PoissonNoiseConfig,
    SaltPepperConfig,
    SwappingConfig,
)
from diabolo.model.corruption.blots import blotted
from diabolo.model.corruption.camera import Camera, photographed
from diabolo.model.corruption.draws import Numbers
from diabolo.model.corruption.jpeg import jpeg
from diabolo.model.corruption.photo_noise import spoiled


class Seen(NamedTuple):
    """What the encoder sees, and what the decoder's likelihood is asked of; each (n, *shape), in prepared units."""

    given: Tensor
    wanted: Tensor


class Corruption(nn.Module):
    """What is laid over samples; subclasses say how in `forward`, (samples, generator) -> samples."""

    def seen(self, x: Tensor, generator: torch.Generator) -> Seen:
        """Return the corrupted samples, and the samples themselves to be given back."""
        return Seen(self(x, generator), x)


class Clean(Corruption):
    """The data as they are."""

    def forward(self, x: Tensor, generator: torch.Generator) -> Tensor:
        del generator
        return x


def drawn_shares(x: Tensor, least: float, generator: torch.Generator) -> Tensor | float:
    """Return a number from `least` to 1 for each sample, shaped to multiply it; 1 where there is nothing to draw."""
    if least == 1:
        return 1.0
    shares = torch.empty(len(x), device=x.device).uniform_(least, 1, generator=generator)
    return shares.view(-1, *[1] * (x.dim() - 1))


class GaussianNoise(Corruption):
    """Normal noise is added; where the data lie in [0, 1] (`unit`), the result is cut to it, as in the lecture."""

    def __init__(self, sigma: float, least: float = 1.0, *, unit: bool) -> None:
        super().__init__()
        self.sigma, self.least, self.unit = sigma, least, unit

    def forward(self, x: Tensor, generator: torch.Generator) -> Tensor:
        noise = torch.empty_like(x).normal_(0, self.sigma, generator=generator)
        noisy = (noise * drawn_shares(x, self.least, generator)).add_(x)
        return noisy.clamp_(0, 1) if self.unit else noisy


class Masking(Corruption):
    """A share of the values is set to 0 (Vincent et al. 2008)."""

    def __init__(self, fraction: float) -> None:
        super().__init__()
        self.fraction = fraction

    def forward(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return x * torch.empty_like(x).bernoulli_(1 - self.fraction, generator=generator)


class PoissonNoise(Corruption):
    """Each value becomes a count of `peak * value` photons on average, divided by `peak`."""

    def __init__(self, peak: float, least: float = 1.0) -> None:
        super().__init__()
        self.peak, self.least = peak, least

    def forward(self, x: Tensor, generator: torch.Generator) -> Tensor:
        peak = self.peak * drawn_shares(x, self.least, generator)
        return torch.poisson(x.clamp_min(0) * peak, generator=generator) / peak


class SaltPepper(Corruption):
    """A share of the values is set to 0 or to 1, as likely."""

    def __init__(self, fraction: float, least: float = 1.0) -> None:
        super().__init__()
        self.fraction, self.least = fraction, least

    def forward(self, x: Tensor, generator: torch.Generator) -> Tensor:
        drawn = torch.empty_like(x).uniform_(generator=generator)
        half = self.fraction * drawn_shares(x, self.least, generator) / 2
        ones, zeros = torch.ones((), device=x.device), torch.zeros((), device=x.device)
        return torch.where(drawn < half, zeros, torch.where(drawn > 1 - half, ones, x))


class Jpeg(Corruption):
    """Each image is packed by JPEG at `quality`, with chroma at half size, and unpacked."""

    def __init__(self, quality: int, least: float = 1.0) -> None:
        super().__init__()
        self.quality, self.least = quality, least

    def forward(self, x: Tensor, generator: torch.Generator) -> Tensor:
        shares = torch.as_tensor(drawn_shares(x, self.least, generator), device=x.device).flatten().expand(len(x))
        halved = torch.ones(len(x), dtype=torch.bool, device=x.device)
        return as_stored(jpeg(as_planes(x.detach()), self.quality * shares, halved), x)


def as_planes(x: Tensor) -> Tensor:
    """Return images (n, h, w) or (n, h, w, c), of 1 or 3 channels, as colour (n, 3, h, w)."""
    planes = x.unsqueeze(-1) if x.dim() == 3 else x
    return planes.permute(0, 3, 1, 2).expand(-1, 3, -1, -1)


def as_stored(planes: Tensor, like: Tensor) -> Tensor:
    """Return colour (n, 3, h, w) as images of the shape of `like`; of grey ones, the green."""
    grey = like.dim() == 3 or like.shape[-1] == 1
    return (planes[:, 1:2] if grey else planes).permute(0, 2, 3, 1).reshape(like.shape)


class Photographed(Corruption):
    """What `spoil`, (planes, generator) -> (noisy planes, clean planes), makes of images: a camera, or a mixture."""

    def __init__(self, spoil: Callable[[Tensor, torch.Generator], tuple[Tensor, Tensor]]) -> None:
        super().__init__()
        self.spoil = spoil

    def forward(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return self.seen(x, generator).given

    def seen(self, x: Tensor, generator: torch.Generator) -> Seen:
        given, wanted = self.spoil(as_planes(x), generator)
        return Seen(as_stored(given, x), as_stored(wanted, x))


def camera(config: CameraConfig) -> Photographed:
    """Return the noise of cameras, for images that lie in [0, 1]."""
    kind = Camera(shots=(config.shot * config.least, config.shot))
    return Photographed(lambda x, generator: photographed(x, Numbers(len(x), generator, x.device), kind))


class Chain(Corruption):
    """Several corruptions, one after the other; the first says what is wanted."""

    def __init__(self, members: Sequence[Corruption]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return self.seen(x, generator).given

    def seen(self, x: Tensor, generator: torch.Generator) -> Seen:
        first, *others = self.members
        assert isinstance(first, Corruption)
        given, wanted = first.seen(x, generator)
        for member in others:
            assert isinstance(member, Corruption)
            given = member(given, generator)
        return Seen(given, wanted)


class Paired(Clean):
    """The data bring both: samples (n, 2, *shape) are what is seen, then what is to be given back."""

    def seen(self, x: Tensor, generator: torch.Generator) -> Seen:
        del generator
        return Seen(x[:, 0], x[:, 1])


class Swapping(Corruption):
    """A share of the values is taken from other samples of the batch: each column keeps its own distribution.

    What is not swapped has to tell what was (swap noise; as a masked column's prediction, Vincent et al. 2008).
    """

    def __init__(self, fraction: float) -> None:
        super().__init__()
        self.fraction = fraction

    def forward(self, x: Tensor, generator: torch.Generator) -> Tensor:
        flat = x.flatten(1)
        donors = torch.randint(len(x), flat.shape, generator=generator, device=x.device)
        swapped = torch.empty_like(flat).bernoulli_(self.fraction, generator=generator).bool()
        return torch.where(swapped, flat.gather(0, donors), flat).view(x.shape)


class Blots(Corruption):
    """Spots, lines and cracks are laid over images, changed by up to `strength` grains, a share of them `lighter`."""

    def __init__(self, strength: float, lighter: float) -> None:
        super().__init__()
        self.strength, self.lighter = strength, lighter

    def forward(self, x: Tensor, generator: torch.Generator) -> Tensor:
        images = x.reshape(*x.shape[:1], *([1] if x.dim() == 2 else []), *x.shape[1:3], -1)
        return blotted(images, self.strength, generator, lighter=self.lighter).reshape(x.shape)


CORRUPTIONS: dict[type, Callable[[Any, bool], Corruption]] = {
    CleanConfig: lambda *_: Clean(),
    GaussianNoiseConfig: lambda config, unit: GaussianNoise(config.sigma, config.least, unit=unit),
    MaskingConfig: lambda config, _: Masking(config.fraction),
    PoissonNoiseConfig: lambda config, _: PoissonNoise(config.peak, config.least),
    SaltPepperConfig: lambda config, _: SaltPepper(config.fraction, config.least),
    JpegConfig: lambda config, _: Jpeg(config.quality, config.least),
    PairedConfig: lambda *_: Paired(),
    SwappingConfig: lambda config, _: Swapping(config.fraction),
    BlotsConfig: lambda config, _: Blots(config.strength, config.lighter),
    CameraConfig: lambda config, _: camera(config),
    PhotoNoiseConfig: lambda *_: Photographed(spoiled),
    ChainConfig: lambda config, unit: Chain([CORRUPTIONS[type(some)](some, unit) for some in config.members]),
}
