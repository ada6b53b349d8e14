"""What "close" means: the third choice, as frozen data.

discrete: whether values are levels, so that a loss is a number of bits. binarises: whether it can learn zeros and ones
drawn from values. learns_spread: whether its spread can be learnt.
more_outputs: numbers that the network gives for each pixel beyond its channels. mean_is_output: whether the mean is
the output of the network as it is.
"""

from dataclasses import dataclass
from typing import ClassVar

from diabolo.config.checks import check_range


@dataclass(frozen=True)
class BernoulliConfig:
    """Cross-entropy of values in [0, 1].

    binarised: whether values are probabilities that training draws zeros and ones from, anew for every batch.
    """

    discrete: ClassVar[bool] = False
    binarises: ClassVar[bool] = True
    learns_spread: ClassVar[bool] = False
    mean_is_output: ClassVar[bool] = False
    more_outputs: ClassVar[int] = 0

    binarised: bool = False


@dataclass(frozen=True)
class GaussianConfig:
    """Squared error in prepared units, as a normal likelihood of spread 1.

    bounded: whether its mean is kept in [0, 1], where the data lie. learnt: whether the spread is learnt, one for all.
    """

    discrete: ClassVar[bool] = False
    binarises: ClassVar[bool] = False
    learns_spread: ClassVar[bool] = True
    more_outputs: ClassVar[int] = 0

    bounded: bool = False
    learnt: bool = False

    @property
    def mean_is_output(self) -> bool:
        return not self.bounded


@dataclass(frozen=True)
class PixelGaussianConfig:
    """Squared error in units of an expected error, which the network gives for each pixel (Kendall and Gal 2017).

    trust: how many times the expected error the root mean square of the true one is, on held-out images. floor: what
    rounding adds to it, in prepared units.
    """

    discrete: ClassVar[bool] = False
    binarises: ClassVar[bool] = False
    learns_spread: ClassVar[bool] = False
    mean_is_output: ClassVar[bool] = False
    more_outputs: ClassVar[int] = 1

    trust: float = 1.0
    floor: float = 0.0

    def __post_init__(self) -> None:
        check_range("trust", self.trust, 1e-3, 1e3)
        check_range("floor", self.floor, 0, 1)


@dataclass(frozen=True)
class LogisticConfig:
    """Values in [0, 1] as 256 levels: a logistic distribution about the output, of one learnt spread."""

    discrete: ClassVar[bool] = True
    binarises: ClassVar[bool] = False
    learns_spread: ClassVar[bool] = False
    mean_is_output: ClassVar[bool] = False
    more_outputs: ClassVar[int] = 0


LikelihoodConfig = BernoulliConfig | GaussianConfig | PixelGaussianConfig | LogisticConfig
LIKELIHOODS: dict[str, type] = {
    "bernoulli": BernoulliConfig,
    "gaussian": GaussianConfig,
    "pixel-gaussian": PixelGaussianConfig,
    "logistic": LogisticConfig,
}
