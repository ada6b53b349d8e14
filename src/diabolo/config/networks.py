"""How encoder and decoder are built: the first choice, as frozen data.

told: whether the network can be told the level of the noise. joined: whether fully connected layers join its maps to
the latent, so that it takes samples of one size. perceptron: the network itself, if it is fully connected layers alone.
"""

from dataclasses import dataclass
from typing import ClassVar

from diabolo.config.checks import MOST_LAYERS, check_choice, check_counts, check_stages
from diabolo.errors import ArgumentError

ACTIVATIONS = ("relu", "linear", "silu", "sigmoid", "tanh")


@dataclass(frozen=True)
class _Layers:
    """The settings of fully connected layers."""

    told: ClassVar[bool] = False
    joined: ClassVar[bool] = True

    widths: tuple[int, ...] = ()
    code: str = "relu"
    hidden: str = "relu"

    def __post_init__(self) -> None:
        check_counts("widths", self.widths)
        check_choice("code", self.code, ACTIVATIONS)
        check_choice("hidden", self.hidden, ACTIVATIONS)


@dataclass(frozen=True)
class DenseConfig(_Layers):
    """Fully connected layers: the encoder's hidden widths, mirrored by the decoder.

    code: the latent's activation. hidden: that of the layers between.
    """

    @property
    def perceptron(self) -> "DenseConfig":
        return self


@dataclass(frozen=True)
class TiedConfig(_Layers):
    """As `DenseConfig`, and each of the decoder's weights is the transpose of one of the encoder's.

    Source: Vincent et al. 2010, Stacked denoising autoencoders, section 2.2.
    """

    perceptron: ClassVar[None] = None


@dataclass(frozen=True)
class ConvolutionalConfig:
    """3x3 convolutions, each followed by 2x2 max pooling; the decoder mirrors them with upsampling.

    channels: of each stage. dense: whether a fully connected layer joins the last stage to the latent;
    without it the code is the last stage's map itself. hidden: the activation between.
    """

    told: ClassVar[bool] = False
    perceptron: ClassVar[None] = None

    channels: tuple[int, ...] = (16, 8, 8)
    dense: bool = False
    hidden: str = "relu"

    def __post_init__(self) -> None:
        check_stages(self.channels)
        check_choice("hidden", self.hidden, ACTIVATIONS)

    @property
    def joined(self) -> bool:
        return self.dense


@dataclass(frozen=True)
class UShapedConfig:
    """Residual blocks at half the size, a quarter and so on; each stage's map is also handed across to the decoder.

    channels: of each stage. blocks: of two convolutions, per stage on each side; depths: the same, stage by stage.
    residual: whether the output is the input less what the network takes for noise; else the likelihood's parameters
    themselves. bias: whether convolutions have biases though the network is residual. told: whether the network takes
    two more channels, the level of the noise and whether it is known.
    """

    joined: ClassVar[bool] = False
    perceptron: ClassVar[None] = None

    channels: tuple[int, ...] = (32, 64, 96)
    blocks: int = 1
    residual: bool = True
    depths: tuple[int, ...] = ()
    bias: bool = False
    told: bool = False

    def __post_init__(self) -> None:
        check_stages(self.channels)
        check_counts("blocks", (self.blocks,), most=MOST_LAYERS)
        check_counts("depths", self.depths, most=MOST_LAYERS)
        if self.depths and len(self.depths) != len(self.channels):
            raise ArgumentError(f"depths must be one for each of {len(self.channels)} stages, got {self.depths}.")

    @property
    def blocks_of(self) -> tuple[int, ...]:
        """Blocks of each stage."""
        return self.depths or (self.blocks,) * len(self.channels)


@dataclass(frozen=True)
class ResidualConfig:
    """Strided convolutions, residual blocks on the smallest maps, and a fully connected layer to the latent.

    channels: of each stage, which halves the maps. blocks: of two convolutions each, on either side.
    """

    told: ClassVar[bool] = False
    joined: ClassVar[bool] = True
    perceptron: ClassVar[None] = None

    channels: tuple[int, ...] = (32, 64)
    blocks: int = 1

    def __post_init__(self) -> None:
        check_stages(self.channels)
        check_counts("blocks", (self.blocks,), least=0, most=MOST_LAYERS)


@dataclass(frozen=True)
class PhotoConfig:
    """Strided convolutions and residual blocks to a map at 1/8 of the size, and a short way back.

    places: numbers at each place of the map. channels, blocks: of the way there, at 1/2, 1/4 and 1/8 of the size.
    inner, up: channels within the blocks of the way back at 1/8, and at 1/4.
    """

    told: ClassVar[bool] = False
    joined: ClassVar[bool] = False
    perceptron: ClassVar[None] = None

    places: int = 128
    channels: tuple[int, ...] = (64, 128, 160)
    blocks: tuple[int, ...] = (1, 2, 2)
    inner: int = 96
    up: int = 64

    def __post_init__(self) -> None:
        check_stages(self.channels)
        check_counts("blocks", self.blocks, least=0, most=MOST_LAYERS)
        check_counts("places, inner and up", (self.places, self.inner, self.up))
        if len(self.channels) != 3 or len(self.blocks) != 3 or self.places % 4:
            raise ArgumentError("channels and blocks of a photo network are 3 each, and places a multiple of 4.")


@dataclass(frozen=True)
class OwnConfig:
    """PyTorch modules of the user's. The model file holds their names and weights, never their code.

    encoder, decoder: the full names of their classes, or of the functions that make them.
    name: that the functions are registered under; '' where the modules themselves are given.
    """

    told: ClassVar[bool] = False
    joined: ClassVar[bool] = True
    perceptron: ClassVar[None] = None

    encoder: str
    decoder: str
    name: str = ""


NetworkConfig = (
    DenseConfig | TiedConfig | ConvolutionalConfig | ResidualConfig | UShapedConfig | PhotoConfig | OwnConfig
)
NETWORKS: dict[str, type] = {
    "dense": DenseConfig,
    "tied": TiedConfig,
    "convolutional": ConvolutionalConfig,
    "residual": ResidualConfig,
    "u-shaped": UShapedConfig,
    "photo": PhotoConfig,
    "own": OwnConfig,
}
