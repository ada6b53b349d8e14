"""The pixel network, as frozen data."""

from dataclasses import dataclass

from diabolo.config.checks import check_counts
from diabolo.errors import ArgumentError


@dataclass(frozen=True)
class PixelConfig:
    """A network that predicts each number of an 8-bit image from those before it.

    shape: (height, width) or (height, width, channels). radius: how far it looks up, left and right, in pixels.
    width, layers: of its hidden layers. components: logistic distributions in the mixture. beta: unused.
    """

    shape: tuple[int, ...]
    radius: int = 4
    width: int = 64
    layers: int = 2
    components: int = 5
    beta: float = 1.0

    def __post_init__(self) -> None:
        if not 2 <= len(self.shape) <= 3:
            raise ArgumentError(f"An image's shape must have 2 or 3 sizes, got {self.shape}.")
        check_counts("shape", self.shape)
        for name, least, most in (("radius", 0, 16), ("width", 1, 4096), ("layers", 1, 11), ("components", 1, 32)):
            check_counts(name, (getattr(self, name),), least=least, most=most)
