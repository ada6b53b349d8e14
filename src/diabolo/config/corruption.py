"""What the encoder sees in training: the fourth choice, as frozen data."""

from dataclasses import dataclass
from typing import ClassVar

from diabolo.config.checks import check_range


@dataclass(frozen=True)
class CleanConfig:
    """The encoder sees the data as they are."""

    denoises: ClassVar[bool] = False


@dataclass(frozen=True)
class GaussianNoiseConfig:
    """Normal noise of spread `sigma` in prepared units is added, and kept in [0, 1] where the likelihood does.

    least: each sample's spread is drawn evenly between `least * sigma` and `sigma` (1: always `sigma`).
    """

    denoises: ClassVar[bool] = True

    sigma: float
    least: float = 1.0

    def __post_init__(self) -> None:
        check_range("sigma", self.sigma, 0, 1e6)
        check_range("least", self.least, 0, 1)


@dataclass(frozen=True)
class MaskingConfig:
    """Each value is set to 0 with probability `fraction`."""

    denoises: ClassVar[bool] = False

    fraction: float

    def __post_init__(self) -> None:
        check_range("fraction", self.fraction, 0, 1)


@dataclass(frozen=True)
class PoissonNoiseConfig:
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
class SaltPepperConfig:
    """Each value is set to 0 or to 1 with probability `fraction`."""

    denoises: ClassVar[bool] = True

    fraction: float
    least: float = 1.0

    def __post_init__(self) -> None:
        check_range("fraction", self.fraction, 0, 1)
        check_range("least", self.least, 0, 1)


@dataclass(frozen=True)
class JpegConfig:
    """Each image is packed by JPEG at `quality`, from 1 to 100."""

    denoises: ClassVar[bool] = True

    quality: int
    least: float = 1.0

    def __post_init__(self) -> None:
        check_range("quality", self.quality, 1, 100)
        check_range("least", self.least, 0, 1)


@dataclass(frozen=True)
class PairedConfig:
    """The data bring pairs: what is seen, and what is to be given back."""

    denoises: ClassVar[bool] = True


@dataclass(frozen=True)
class SwappingConfig:
    """Each value is replaced, with probability `fraction`, by that of the same column in another sample."""

    denoises: ClassVar[bool] = True

    fraction: float

    def __post_init__(self) -> None:
        check_range("fraction", self.fraction, 0, 1)


@dataclass(frozen=True)
class BlotsConfig:
    """Spots, lines and cracks are laid over images, a share `lighter`, others darker, by up to `strength` grains."""

    denoises: ClassVar[bool] = True

    strength: float = 36.0
    lighter: float = 0.25

    def __post_init__(self) -> None:
        check_range("strength", self.strength, 0, 1e6)
        check_range("lighter", self.lighter, 0, 1)


CorruptionConfig = (
    CleanConfig
    | GaussianNoiseConfig
    | MaskingConfig
    | PoissonNoiseConfig
    | SaltPepperConfig
    | JpegConfig
    | PairedConfig
    | SwappingConfig
    | BlotsConfig
)
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
}
