"""What the encoder sees in training: the fourth choice, as frozen data."""

from dataclasses import dataclass
from typing import ClassVar

from diabolo.config.checks import check_range
from diabolo.errors import ArgumentError


class _Kind:
    """What a kind of corruption says of itself.

    denoises: whether the model learns to take the corruption off. any_level: whether it is Gaussian noise of any level
    from 0. lighter: the share of what is laid over images that is lighter than they are.
    """

    denoises: ClassVar[bool]

    @property
    def any_level(self) -> bool:
        return False

    @property
    def lighter(self) -> float:
        return 0.5


@dataclass(frozen=True)
class CleanConfig(_Kind):
    """The encoder sees the data as they are."""

    denoises: ClassVar[bool] = False


@dataclass(frozen=True)
class GaussianNoiseConfig(_Kind):
    """Normal noise of spread `sigma` in prepared units is added, and kept in [0, 1] where the likelihood does.

    least: each sample's spread is drawn evenly between `least * sigma` and `sigma` (1: always `sigma`).
    """

    denoises: ClassVar[bool] = True

    sigma: float
    least: float = 1.0

    def __post_init__(self) -> None:
        check_range("sigma", self.sigma, 0, 1e6)
        check_range("least", self.least, 0, 1)

    @property
    def any_level(self) -> bool:
        return self.least == 0


@dataclass(frozen=True)
class MaskingConfig(_Kind):
    """Each value is set to 0 with probability `fraction`."""

    denoises: ClassVar[bool] = False

    fraction: float

    def __post_init__(self) -> None:
        check_range("fraction", self.fraction, 0, 1)


@dataclass(frozen=True)
class PoissonNoiseConfig(_Kind):
    """Each value of [0, 1] becomes a count of photons, `peak` of them where it is 1; fewer are noisier.

    least: each sample's peak is drawn evenly between `least * peak` and `peak`, as in the kinds below.
    """

    denoises: ClassVar[bool] = True

    peak: float
    least: float = 1.0

    def __post_init__(self) -> None:
        check_range("peak", self.peak, 1e-3, 1e6)
        check_range("least", self.least, 1e-3, 1)


@dataclass(frozen=True)
class SaltPepperConfig(_Kind):
    """Each value is set to 0 or to 1 with probability `fraction`."""

    denoises: ClassVar[bool] = True

    fraction: float
    least: float = 1.0

    def __post_init__(self) -> None:
        check_range("fraction", self.fraction, 0, 1)
        check_range("least", self.least, 0, 1)


@dataclass(frozen=True)
class JpegConfig(_Kind):
    """Each image is packed by JPEG at `quality`, from 1 to 100."""

    denoises: ClassVar[bool] = True

    quality: int
    least: float = 1.0

    def __post_init__(self) -> None:
        check_range("quality", self.quality, 1, 100)
        check_range("least", self.least, 0, 1)


@dataclass(frozen=True)
class PairedConfig(_Kind):
    """The data bring pairs: what is seen, and what is to be given back."""

    denoises: ClassVar[bool] = True


@dataclass(frozen=True)
class SwappingConfig(_Kind):
    """Each value is replaced, with probability `fraction`, by that of the same column in another sample."""

    denoises: ClassVar[bool] = True

    fraction: float

    def __post_init__(self) -> None:
        check_range("fraction", self.fraction, 0, 1)


@dataclass(frozen=True)
class BlotsConfig(_Kind):
    """Spots, lines and cracks are laid over images, a share `lighter`, others darker, by up to `strength` grains."""

    denoises: ClassVar[bool] = True

    strength: float = 36.0
    lighter: float = 0.25

    def __post_init__(self) -> None:
        check_range("strength", self.strength, 0, 1e6)
        check_range("lighter", self.lighter, 0, 1)


@dataclass(frozen=True)
class CameraConfig(_Kind):
    """Noise as photos have it: of the sensor, spread by its mosaic, smoothed and sharpened by the camera.

    shot: shot noise of a sensor value of 1: its variance. least: each image's shot noise is drawn, with even
    logarithms, between `least * shot` and `shot`; the read noise follows from it.
    """

    denoises: ClassVar[bool] = True

    shot: float = 0.02
    least: float = 0.0015

    def __post_init__(self) -> None:
        check_range("shot", self.shot, 1e-8, 1)
        check_range("least", self.least, 1e-6, 1)


@dataclass(frozen=True)
class PhotoNoiseConfig(_Kind):
    """A mixture: noise of cameras, white noise, few photons, JPEG, and clean images; what the bundled model learnt."""

    denoises: ClassVar[bool] = True


SingleConfig = (
    CleanConfig
    | GaussianNoiseConfig
    | MaskingConfig
    | PoissonNoiseConfig
    | SaltPepperConfig
    | JpegConfig
    | PairedConfig
    | SwappingConfig
    | BlotsConfig
    | CameraConfig
    | PhotoNoiseConfig
)
FIRST_ONLY = (PairedConfig, CameraConfig, PhotoNoiseConfig)
"""Kinds that also change the image that is wanted, so that nothing can come before them."""


@dataclass(frozen=True)
class ChainConfig(_Kind):
    """Several kinds of noise, one after the other."""

    denoises: ClassVar[bool] = True

    members: tuple[SingleConfig, ...]

    def __post_init__(self) -> None:
        if len(self.members) < 2:
            raise ArgumentError(f"a chain of noises must have two or more, got {len(self.members)}.")
        if any(isinstance(member, FIRST_ONLY) for member in self.members[1:]):
            raise ArgumentError("camera, photo and pairs must come first in a chain of noises; move them to the front.")


CorruptionConfig = SingleConfig | ChainConfig
CORRUPTIONS: dict[str, type] = {
    "clean": CleanConfig,
    "gaussian-noise": GaussianNoiseConfig,
    "masking": MaskingConfig,
    "poisson-noise": PoissonNoiseConfig,
    "salt-pepper": SaltPepperConfig,
    "jpeg": JpegConfig,
    "paired": PairedConfig,
    "swapping": SwappingConfig,
    "blots": BlotsConfig,
    "camera": CameraConfig,
    "photo-noise": PhotoNoiseConfig,
    "chain": ChainConfig,
}
