"""A model: the four choices and their sizes, as frozen data."""

from dataclasses import dataclass, field

from diabolo.config.bottlenecks import BottleneckConfig, PlainConfig
from diabolo.config.checks import check_counts, check_range
from diabolo.config.corruption import CleanConfig, CorruptionConfig
from diabolo.config.likelihoods import BernoulliConfig, LikelihoodConfig
from diabolo.config.networks import NetworkConfig
from diabolo.errors import ArgumentError

MOST_CLASSES = 1000


@dataclass(frozen=True)
class ModelConfig:
    """An autoencoder: the four choices and their sizes.

    shape: of one sample as stored: (columns,), (height, width) or (height, width, channels).
    latent: numbers in a code. beta: weight of the rate in the loss.
    classes: the labels that the decoder can be told, by name; none for an unconditional model.
    nested: whether training leaves out the end of each code, from a drawn length on, so that every prefix is usable
    (Rippel et al. 2014, arXiv:1402.0915).
    """

    preset: str
    shape: tuple[int, ...]
    latent: int
    network: NetworkConfig
    bottleneck: BottleneckConfig = field(default_factory=PlainConfig)
    likelihood: LikelihoodConfig = field(default_factory=BernoulliConfig)
    corruption: CorruptionConfig = field(default_factory=CleanConfig)
    beta: float = 1.0
    classes: tuple[str, ...] = ()
    nested: bool = False

    def __post_init__(self) -> None:
        if not 1 <= len(self.shape) <= 3:
            raise ArgumentError(f"A sample's shape must have 1 to 3 sizes, got {self.shape}.")
        check_counts("shape", self.shape)
        check_counts("latent", (self.latent,))
        check_range("beta", self.beta, 0, 1e6)
        if len(self.classes) == 1 or len(self.classes) > MOST_CLASSES or len(set(self.classes)) < len(self.classes):
            raise ArgumentError(f"classes must be 2 to {MOST_CLASSES:,} different labels, got {len(self.classes)}.")

    @property
    def denoises(self) -> bool:
        """Whether it is trained to give back what noise was laid over; masking only keeps a code honest."""
        return self.corruption.denoises
