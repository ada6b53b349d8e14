"""A model of convolutions alone, at another size of image: the same weights."""

from dataclasses import replace

from diabolo.config.model import ModelConfig
from diabolo.config.networks import ConvolutionalConfig
from diabolo.model.autoencoder import AutoencoderModel
from diabolo.model.networks.build import REACH, RESIZED


def can_resize(config: ModelConfig) -> bool:
    """Return whether the network has no fully connected layer, and so takes images of any size."""
    return len(config.shape) > 1 and is_map(config)


def is_map(config: ModelConfig) -> bool:
    """Return whether the code is made of the network's maps, whose size follows from the samples'."""
    network = config.network
    joined = isinstance(network, ConvolutionalConfig) and network.dense
    return type(network) in RESIZED and not joined


def reach(config: ModelConfig) -> tuple[int, int]:
    """Return how many pixels away an output pixel looks at most, and the pixels of one step of the last map."""
    return REACH[type(config.network)](config.network)


def resized(model: AutoencoderModel, height: int, width: int) -> AutoencoderModel:
    """Return the model for images of another size; the weights are shared with `model`."""
    shape = (height, width, *model.config.shape[2:])
    latent = RESIZED[type(model.config.network)](model.config.network, shape)
    other = AutoencoderModel(replace(model.config, shape=shape, latent=latent))
    other.load_state_dict(model.state_dict(), assign=True)
    return other.eval()
