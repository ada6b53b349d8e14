"""The four choices and the recipe as frozen data, JSON both ways; unknown keys are refused."""

from dataclasses import asdict, dataclass, field, fields, is_dataclass
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from diabolo.errors import ArgumentError, FormatError, InputError

T = TypeVar("T")
ACTIVATIONS = ("relu", "linear", "silu")
LARGEST, MOST_LAYERS, MOST_HALVINGS, MOST_CLASSES = 2**31, 64, 12, 1000


def _check_counts(name: str, values: tuple[int, ...], *, least: int = 1, most: int = LARGEST - 1) -> None:
    if len(values) > MOST_LAYERS:
        raise ArgumentError(f"{name} may have at most {MOST_LAYERS} entries, got {len(values)}.")
    for value in values:
        if isinstance(value, bool) or not hasattr(value, "__index__") or not least <= value <= most:
            raise ArgumentError(f"{name} must be whole numbers from {least} to {most:,}, got {value!r}.")


def _check_stages(channels: tuple[int, ...]) -> None:
    _check_counts("channels", channels)
    if not 1 <= len(channels) <= MOST_HALVINGS:
        raise ArgumentError(f"channels must name 1 to {MOST_HALVINGS} stages, got {len(channels)}.")


def _check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ArgumentError(f"{name} must be one of {', '.join(allowed)}, got {value!r}.")


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ArgumentError(f"{name} must be from {low:g} to {high:g}, got {value:g}.")


@dataclass(frozen=True)
class DenseConfig:
    """Fully connected layers: the encoder's hidden widths, mirrored by the decoder.

    code: the latent's activation. hidden: that of the layers between.
    """

    widths: tuple[int, ...] = ()
    code: str = "relu"
    hidden: str = "relu"

    def __post_init__(self) -> None:
        _check_counts("widths", self.widths)
        _check_choice("code", self.code, ACTIVATIONS)
        _check_choice("hidden", self.hidden, ACTIVATIONS)


@dataclass(frozen=True)
class ConvolutionalConfig:
    """3x3 convolutions, each followed by 2x2 max pooling; the decoder mirrors them with upsampling.

    channels: of each stage. dense: whether a fully connected layer joins the last stage to the latent;
    without it the code is the last stage's map itself. hidden: the activation between.
    """

    channels: tuple[int, ...] = (16, 8, 8)
    dense: bool = False
    hidden: str = "relu"

    def __post_init__(self) -> None:
        _check_stages(self.channels)
        _check_choice("hidden", self.hidden, ACTIVATIONS)


@dataclass(frozen=True)
class UShapedConfig:
    """Residual blocks at half the size, a quarter and so on; each stage's map is also handed across to the decoder.

    channels: of each stage. blocks: of two convolutions, per stage on each side. residual: whether the output is the
    input less what the network takes for noise, without any bias; else the likelihood's parameters themselves.
    """

    channels: tuple[int, ...] = (32, 64, 96)
    blocks: int = 1
    residual: bool = True

    def __post_init__(self) -> None:
        _check_stages(self.channels)
        _check_counts("blocks", (self.blocks,), most=MOST_LAYERS)


@dataclass(frozen=True)
class ResidualConfig:
    """Strided convolutions, residual blocks on the smallest maps, and a fully connected layer to the latent.

    channels: of each stage, which halves the maps. blocks: of two convolutions each, on either side.
    """

    channels: tuple[int, ...] = (32, 64)
    blocks: int = 1

    def __post_init__(self) -> None:
        _check_stages(self.channels)
        _check_counts("blocks", (self.blocks,), least=0, most=MOST_LAYERS)


@dataclass(frozen=True)
class PlainConfig:
    """The latent is the code; rate 0."""


@dataclass(frozen=True)
class VariationalConfig:
    """The latent is a normal distribution; rate = its divergence from the prior.

    free_nats: rate of each number of the code that training does not charge (free bits, Kingma et al. 2016, eq. 15).
    couplings: invertible layers that bend the prior to the codes in training; 0: it is the standard normal.
    """

    free_nats: float = 0.0
    couplings: int = 0

    def __post_init__(self) -> None:
        _check_range("free_nats", self.free_nats, 0, 1e3)
        _check_counts("couplings", (self.couplings,), least=0, most=MOST_LAYERS)


@dataclass(frozen=True)
class RoundedConfig:
    """The code is the latent rounded to whole numbers; rate = -log of their learned prior probability.

    components: logistic distributions mixed for each latent dimension's prior.
    """

    components: int = 3

    def __post_init__(self) -> None:
        _check_counts("components", (self.components,))


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


@dataclass(frozen=True)
class CleanConfig:
    """The encoder sees the data as they are."""


@dataclass(frozen=True)
class GaussianNoiseConfig:
    """Normal noise of spread `sigma` in prepared units is added, and kept in [0, 1] where the likelihood does.

    least: each sample's spread is drawn evenly between `least * sigma` and `sigma` (1: always `sigma`).
    """

    sigma: float
    least: float = 1.0

    def __post_init__(self) -> None:
        _check_range("sigma", self.sigma, 0, 1e6)
        _check_range("least", self.least, 0, 1)


@dataclass(frozen=True)
class MaskingConfig:
    """Each value is set to 0 with probability `fraction`."""

    fraction: float

    def __post_init__(self) -> None:
        _check_range("fraction", self.fraction, 0, 1)


@dataclass(frozen=True)
class PoissonNoiseConfig:
    """Each value of [0, 1] becomes a count of photons, `peak` of them where it is 1; fewer are noisier.

    least: each sample's peak is drawn evenly between `least * peak` and `peak`, as in the kinds below.
    """

    peak: float
    least: float = 1.0

    def __post_init__(self) -> None:
        _check_range("peak", self.peak, 1e-3, 1e6)
        _check_range("least", self.least, 1e-3, 1)


@dataclass(frozen=True)
class SaltPepperConfig:
    """Each value is set to 0 or to 1 with probability `fraction`."""

    fraction: float
    least: float = 1.0

    def __post_init__(self) -> None:
        _check_range("fraction", self.fraction, 0, 1)
        _check_range("least", self.least, 0, 1)


@dataclass(frozen=True)
class JpegConfig:
    """Each image is packed by JPEG at `quality`, from 1 to 100."""

    quality: int
    least: float = 1.0

    def __post_init__(self) -> None:
        _check_range("quality", self.quality, 1, 100)
        _check_range("least", self.least, 0, 1)


@dataclass(frozen=True)
class PairedConfig:
    """The data bring pairs: what is seen, and what is to be given back."""


@dataclass(frozen=True)
class SwappingConfig:
    """Each value is replaced, with probability `fraction`, by that of the same column in another sample."""

    fraction: float

    def __post_init__(self) -> None:
        _check_range("fraction", self.fraction, 0, 1)


@dataclass(frozen=True)
class BlotsConfig:
    """Spots, lines and cracks are laid over images, a share `lighter`, others darker, by up to `strength` grains."""

    strength: float = 36.0
    lighter: float = 0.25

    def __post_init__(self) -> None:
        _check_range("strength", self.strength, 0, 1e6)
        _check_range("lighter", self.lighter, 0, 1)


NetworkConfig = DenseConfig | ConvolutionalConfig | ResidualConfig | UShapedConfig
BottleneckConfig = PlainConfig | VariationalConfig | RoundedConfig
LikelihoodConfig = BernoulliConfig | GaussianConfig | LogisticConfig
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

KINDS: dict[str, type] = {
    "dense": DenseConfig,
    "convolutional": ConvolutionalConfig,
    "residual": ResidualConfig,
    "u-shaped": UShapedConfig,
    "plain": PlainConfig,
    "variational": VariationalConfig,
    "rounded": RoundedConfig,
    "bernoulli": BernoulliConfig,
    "gaussian": GaussianConfig,
    "logistic": LogisticConfig,
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
_NAMES = {kind: name for name, kind in KINDS.items()}


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
        _check_counts("shape", self.shape)
        _check_counts("latent", (self.latent,))
        _check_range("beta", self.beta, 0, 1e6)
        if len(self.classes) == 1 or len(self.classes) > MOST_CLASSES or len(set(self.classes)) < len(self.classes):
            raise ArgumentError(f"classes must be 2 to {MOST_CLASSES:,} different labels, got {len(self.classes)}.")

    @property
    def denoises(self) -> bool:
        """Whether it is trained to give back what noise was laid over; masking only keeps a code honest."""
        return not isinstance(self.corruption, CleanConfig | MaskingConfig)


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
        _check_counts("shape", self.shape)
        for name, least, most in (("radius", 0, 16), ("width", 1, 4096), ("layers", 1, 11), ("components", 1, 32)):
            _check_counts(name, (getattr(self, name),), least=least, most=most)


@dataclass(frozen=True)
class Recipe:
    """How a model is trained.

    optimizer: 'muon' or 'adam'. schedule: 'linear' (up to `learning_rate`, then down to 0) or 'constant'.
    clip: bound on the gradient's norm, for a loss in nats per dimension (0: none).
    patience: epochs without a better held-out loss before training stops.
    validation: held-out share of the samples, which decides which weights are best (0: none; the last are kept).
    informed_start: whether the output's bias starts at the mean of the data, and a ReLU code's at 0.5, which keeps its
    units alive; else biases start at 0.
    precision: of the network's arithmetic in training, 'float32' or 'bfloat16' (weights stay float32).
    warm_up: share of the steps over which the rate's weight rises from 0 to beta (Bowman et al. 2016).
    """

    epochs: int
    batch_size: int
    learning_rate: float
    optimizer: str = "muon"
    schedule: str = "linear"
    clip: float = 1.0
    patience: int = 10
    validation: float = 0.05
    informed_start: bool = True
    precision: str = "float32"
    warm_up: float = 0.0

    def __post_init__(self) -> None:
        _check_counts("epochs, batch_size and patience", (self.epochs, self.batch_size, self.patience))
        _check_choice("optimizer", self.optimizer, ("muon", "adam"))
        _check_choice("schedule", self.schedule, ("linear", "constant"))
        _check_choice("precision", self.precision, ("float32", "bfloat16"))
        limits = {"learning_rate": (1e-12, 1e3), "clip": (0, 1e12), "validation": (0, 0.9), "warm_up": (0, 1)}
        for name, (low, high) in limits.items():
            _check_range(name, getattr(self, name), low, high)


def to_json(config: object) -> dict[str, Any]:
    """Return a dataclass as plain JSON values; a choice carries its `kind`."""
    if not is_dataclass(config) or isinstance(config, type):
        raise TypeError(f"not a dataclass: {config!r}")
    plain: dict[str, Any] = {"kind": _NAMES[type(config)]} if type(config) in _NAMES else {}
    for item in fields(config):
        value = getattr(config, item.name)
        plain[item.name] = to_json(value) if is_dataclass(value) else _plain(value)
    return plain


def _plain(value: Any) -> Any:
    """Return a field's value as JSON has it: tuples as lists, dataclasses as objects."""
    if isinstance(value, tuple):
        return [asdict(item) if is_dataclass(item) and not isinstance(item, type) else item for item in value]
    return value


def from_json(kind: type[T], plain: Any) -> T:
    """Return the dataclass `kind` that `to_json` made `plain` from. Raises FormatError for anything else."""
    if not isinstance(plain, dict):
        raise FormatError(f"{kind.__name__} must be a JSON object, got {type(plain).__name__}.")
    if "kind" in plain and plain["kind"] != _NAMES.get(kind):
        raise FormatError(f"{kind.__name__} cannot be of kind {plain['kind']!r}.")
    hints = get_type_hints(kind)
    unknown = sorted(set(plain) - set(hints) - {"kind"})
    if unknown:
        raise FormatError(f"{kind.__name__} has unknown keys {unknown}; made by a newer version of diabolo?")
    try:
        return kind(**{name: _value(hints[name], plain[name], name) for name in plain if name != "kind"})
    except (TypeError, InputError, OverflowError) as error:
        raise FormatError(f"{kind.__name__} cannot be read: {error}") from error


def _value(hint: Any, value: Any, name: str) -> Any:
    if get_origin(hint) is UnionType:
        return _choice(get_args(hint), value, name)
    if get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise FormatError(f"{name} must be a list, got {value!r}.")
        return tuple(_value(get_args(hint)[0], item, name) for item in value)
    if is_dataclass(hint) and isinstance(hint, type):
        return from_json(hint, value)
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise FormatError(f"{name} must be of type {hint.__name__}, got {value!r}.")
    return value


def _choice(kinds: tuple[type, ...], value: Any, name: str) -> Any:
    allowed = {_NAMES[kind]: kind for kind in kinds}
    given = value.get("kind") if isinstance(value, dict) else value
    if not isinstance(given, str) or given not in allowed:
        raise FormatError(f"{name} must be one of {', '.join(allowed)}, got {given!r}.")
    return from_json(allowed[given], value)
