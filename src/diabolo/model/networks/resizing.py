"""A model of convolutions alone, at another size of image: the same weights."""

from dataclasses import replace

from torch import Tensor

from diabolo.config.model import ModelConfig
from diabolo.model.autoencoder import AutoencoderModel
from diabolo.model.networks.build import REACH, RESIZED
from diabolo.model.networks.unet import Downward, Upward


def can_resize(config: ModelConfig) -> bool:
    """Return whether the network has no fully connected layer, and so takes images of any size."""
    return len(config.shape) > 1 and is_map(config)


def is_map(config: ModelConfig) -> bool:
    """Return whether the code is made of the network's maps, whose size follows from the samples'."""
    return not config.network.joined


def reach(config: ModelConfig) -> tuple[int, int]:
    """Return how many pixels away an output pixel looks at most, and the pixels of one step of the last map."""
    return REACH[type(config.network)](config.network)


def predicted(model: AutoencoderModel, x: Tensor) -> Tensor:
    """Return the likelihood's parameters for samples (n, h, w[, c]); a U-shaped network's maps make no code."""
    down, up = model.encoder.network[-1], model.decoder.network[0]
    if not isinstance(down, Downward) or not isinstance(up, Upward):
        return model.decoder.predict(model.encoder(x))
    found: Tensor = x
    for layer in list(model.encoder.network)[:-1]:
        found = layer(found)
    found = up.of_maps(down.maps(found))
    for layer in list(model.decoder.network)[1:]:
        found = layer(found)
    return found


def resized(model: AutoencoderModel, height: int, width: int) -> AutoencoderModel:
    """Return the model for images of another size; the weights are shared with `model`."""
    shape = (height, width, *model.config.shape[2:])
    latent = RESIZED[type(model.config.network)](model.config.network, shape)
    other = AutoencoderModel(replace(model.config, shape=shape, latent=latent))
    other.load_state_dict(model.state_dict(), assign=True)
    return other.eval()
