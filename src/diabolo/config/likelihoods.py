"""What "close" means: the third choice, as frozen data."""

from dataclasses import dataclass


@dataclass(frozen=True)
class BernoulliConfig:
    """Cross-entropy of values in [0, 1].

    binarised: whether values are probabilities that training draws zeros and ones from, anew for every batch.
    """

    binarised: bool = False


@dataclass(frozen=True)
class GaussianConfig:
    """Squared error in prepared units, as a normal likelihood of spread 1.

    bounded: whether its mean is kept in [0, 1], where the data lie. learnt: whether the spread is learnt, one for all.
    """

    bounded: bool = False
    learnt: bool = False


@dataclass(frozen=True)
class LogisticConfig:
    """Values in [0, 1] as 256 levels: a logistic distribution about the output, of one learnt spread."""


LikelihoodConfig = BernoulliConfig | GaussianConfig | LogisticConfig
LIKELIHOODS: dict[str, type] = {
    "bernoulli": BernoulliConfig,
    "gaussian": GaussianConfig,
    "logistic": LogisticConfig,
}
