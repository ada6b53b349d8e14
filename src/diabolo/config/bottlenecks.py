"""What happens at the latent: the second choice, as frozen data.

is_latent: whether the code is the latent itself. has_rate: whether a code costs anything.
has_free_nats: whether training can leave a part of the rate uncharged.
freer: what to do so that the code tells more of a sample; '' where nothing but its size holds it back.
"""

from dataclasses import dataclass
from typing import ClassVar

from diabolo.config.checks import MOST_LAYERS, check_counts, check_range


@dataclass(frozen=True)
class PlainConfig:
    """The latent is the code; rate 0."""

    is_latent: ClassVar[bool] = True
    has_rate: ClassVar[bool] = False
    has_free_nats: ClassVar[bool] = False
    freer: ClassVar[str] = ""


@dataclass(frozen=True)
class VariationalConfig:
    """The latent is a normal distribution; rate = its divergence from the prior.

    free_nats: rate of each number of the code that training does not charge (free bits, Kingma et al. 2016, eq. 15).
    couplings: invertible layers that bend the prior to the codes in training; 0: it is the standard normal.
    """

    is_latent: ClassVar[bool] = False
    has_rate: ClassVar[bool] = True
    has_free_nats: ClassVar[bool] = True
    freer: ClassVar[str] = "lower beta"

    free_nats: float = 0.0
    couplings: int = 0

    def __post_init__(self) -> None:
        check_range("free_nats", self.free_nats, 0, 1e3)
        check_counts("couplings", (self.couplings,), least=0, most=MOST_LAYERS)


@dataclass(frozen=True)
class RoundedConfig:
    """The code is the latent rounded to whole numbers; rate = -log of their learned prior probability.

    components: logistic distributions mixed for each latent dimension's prior.
    """

    is_latent: ClassVar[bool] = False
    has_rate: ClassVar[bool] = True
    has_free_nats: ClassVar[bool] = False
    freer: ClassVar[str] = "lower beta"

    components: int = 3

    def __post_init__(self) -> None:
        check_counts("components", (self.components,))


@dataclass(frozen=True)
class VectorQuantisedConfig:
    """The code is indices of the nearest vectors of a learnt codebook (van den Oord et al. 2017).

    size: vectors in the codebook. width: numbers in each. commitment: weight of their distance from the latents.
    """

    is_latent: ClassVar[bool] = False
    has_rate: ClassVar[bool] = False  # for beta: this rate has no gradient
    has_free_nats: ClassVar[bool] = False
    freer: ClassVar[str] = "give a larger latent"

    size: int = 256
    width: int = 16
    commitment: float = 0.25

    def __post_init__(self) -> None:
        check_counts("size and width", (self.size, self.width), most=65_536)
        check_range("commitment", self.commitment, 0, 1e3)


@dataclass(frozen=True)
class SparseConfig:
    """The latent is the code, and its absolute sum costs `penalty` nats a unit (L1; Ng 2011, Sparse autoencoder)."""

    is_latent: ClassVar[bool] = True
    has_rate: ClassVar[bool] = False
    has_free_nats: ClassVar[bool] = False
    freer: ClassVar[str] = "lower penalty"

    penalty: float = 0.5

    def __post_init__(self) -> None:
        check_range("penalty", self.penalty, 0, 1e6)


@dataclass(frozen=True)
class KSparseConfig:
    """The code is the latent's `active` largest numbers, and 0 elsewhere (Makhzani and Frey 2013, arXiv:1312.5663)."""

    is_latent: ClassVar[bool] = False
    has_rate: ClassVar[bool] = False
    has_free_nats: ClassVar[bool] = False
    freer: ClassVar[str] = "raise active"

    active: int = 25

    def __post_init__(self) -> None:
        check_counts("active", (self.active,))


@dataclass(frozen=True)
class ContractiveConfig:
    """The latent is the code, and costs `penalty` times the squared norm of its slope by the sample.

    Source: Rifai et al. 2011, Contractive auto-encoders, equation 4.
    """

    is_latent: ClassVar[bool] = True
    has_rate: ClassVar[bool] = False
    has_free_nats: ClassVar[bool] = False
    freer: ClassVar[str] = "lower penalty"

    penalty: float = 0.1

    def __post_init__(self) -> None:
        check_range("penalty", self.penalty, 0, 1e6)


@dataclass(frozen=True)
class WassersteinConfig:
    """The latent is the code, and codes together cost `penalty` times their distance from a standard normal.

    Source: Tolstikhin et al. 2018, arXiv:1711.01558, algorithm 2 (maximum mean discrepancy).
    """

    is_latent: ClassVar[bool] = True
    has_rate: ClassVar[bool] = False
    has_free_nats: ClassVar[bool] = False
    freer: ClassVar[str] = "lower penalty"

    penalty: float = 100.0

    def __post_init__(self) -> None:
        check_range("penalty", self.penalty, 0, 1e6)


@dataclass(frozen=True)
class HyperpriorConfig:
    """The code is a map rounded to whole numbers, whose distribution a side map at 1/4 of its size and the map tell.

    places, height, width: of the map. side: numbers at each place of the side map. hidden, features: of the networks.
    """

    is_latent: ClassVar[bool] = False
    has_rate: ClassVar[bool] = True
    has_free_nats: ClassVar[bool] = False
    freer: ClassVar[str] = "lower beta"

    places: int
    height: int
    width: int
    side: int = 64
    hidden: int = 128
    features: int = 64

    def __post_init__(self) -> None:
        sizes = (self.places, self.height, self.width, self.side, self.hidden, self.features)
        check_counts("places, height, width, side, hidden and features", sizes)


BottleneckConfig = (
    PlainConfig
    | VariationalConfig
    | RoundedConfig
    | VectorQuantisedConfig
    | SparseConfig
    | KSparseConfig
    | ContractiveConfig
    | WassersteinConfig
    | HyperpriorConfig
)
BOTTLENECKS: dict[str, type] = {
    "plain": PlainConfig,
    "variational": VariationalConfig,
    "rounded": RoundedConfig,
    "vector-quantised": VectorQuantisedConfig,
    "sparse": SparseConfig,
    "k-sparse": KSparseConfig,
    "contractive": ContractiveConfig,
    "wasserstein": WassersteinConfig,
    "hyperprior": HyperpriorConfig,
}
