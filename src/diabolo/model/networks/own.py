"""Networks of one's own: PyTorch modules as encoder and decoder, given as they are or made by registered functions.

They see samples as PyTorch has them: images (n, channels, height, width), rows (n, columns). The encoder gives
(n, numbers), the decoder takes (n, numbers) and gives as many values as a sample has, in any shape.
"""

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from diabolo.config.model import ModelConfig
from diabolo.config.networks import NetworkConfig, OwnConfig
from diabolo.errors import ArgumentError, InputError
from diabolo.model.networks.layers import AsStored, ChannelsFirst
from diabolo.model.networks.pair import Pair
from diabolo.model.networks.sizes import grid

EncoderMaker = Callable[[tuple[int, ...], int], nn.Module]
"""(shape of a sample as PyTorch has it, numbers to give) -> encoder."""
DecoderMaker = Callable[[int, tuple[int, ...]], nn.Module]
"""(numbers to take, shape of a sample as PyTorch has it) -> decoder."""
Modules = tuple[nn.Module, nn.Module]
"""Encoder and decoder."""
MODULES = ("encoder", "decoder")


class Makers(NamedTuple):
    """A pair of functions that make an encoder and a decoder."""

    encoder: EncoderMaker
    decoder: DecoderMaker


TRIED = 2
"""Samples that modules are tried with: with one, a module that mixes samples up looks right."""
REGISTERED: dict[str, Makers] = {}
"""By name. A model file holds the name, never the functions."""


def register_networks(name: str, encoder: EncoderMaker, decoder: DecoderMaker) -> None:
    """Give a pair of functions a name, which `Autoencoder(network=name)` and model files then call them by.

    encoder: (shape, numbers) -> module that gives so many numbers for a sample. decoder: (numbers, shape) -> module.
    shape: of a sample as PyTorch has it, (channels, height, width) or (columns,).
    A name that is registered again means the new pair. Raises ArgumentError for a name or a function of no use.
    """
    if not isinstance(name, str) or not name.isprintable() or not name.strip():
        raise ArgumentError(f"The name of a network must be a word of letters, got {name!r}.")
    for part, function in (("encoder", encoder), ("decoder", decoder)):
        if isinstance(function, nn.Module) or not callable(function):
            wanted = "(shape, numbers)" if part == "encoder" else "(numbers, shape)"
            raise ArgumentError(
                f"The {part} of a registered network must be a function of {wanted} that returns a module, got "
                f"{type(function).__name__}; modules themselves go to Autoencoder(encoder=..., decoder=...)."
            )
    REGISTERED[name] = Makers(encoder, decoder)


def called(thing: object) -> str:
    """Return the full name of a function, or of a module's class."""
    kind = type(thing) if isinstance(thing, nn.Module) else thing
    return f"{getattr(kind, '__module__', '?')}.{getattr(kind, '__qualname__', type(kind).__qualname__)}"


def torch_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of a sample as PyTorch has it: (28, 28) is (1, 28, 28)."""
    return shape if len(shape) == 1 else grid(shape)


def given_modules(encoder: nn.Module | None, decoder: nn.Module | None) -> Modules | None:
    """Return a copy of the modules, None where there are none. Raises ArgumentError unless both or neither are given.

    They are copied together, so that weights that both share stay shared.
    """
    if encoder is None and decoder is None:
        return None
    for name, part in zip(MODULES, (encoder, decoder), strict=True):
        if not isinstance(part, nn.Module):
            raise ArgumentError(
                f"encoder and decoder must both be PyTorch modules, as nn.Sequential(...), got {part!r} as {name}."
            )
    assert encoder is not None
    assert decoder is not None
    return copy.deepcopy((encoder, decoder))


def own_config(name: str | None, modules: Modules | None) -> OwnConfig | None:
    """Return the configuration of registered or given networks, None where there are neither.

    Raises ArgumentError for both, or for a name that is not registered.
    """
    if name is not None and modules is not None:
        raise ArgumentError("network names registered functions; with encoder and decoder given leave it out.")
    if modules is not None:
        return OwnConfig(called(modules[0]), called(modules[1]))
    if name is None:
        return None
    if name not in REGISTERED:
        known = ", ".join(REGISTERED) or "none yet"
        raise ArgumentError(f"network must be a registered name ({known}), got {name!r}; see register_networks.")
    return OwnConfig(called(REGISTERED[name].encoder), called(REGISTERED[name].decoder), name)


def numbers_of(modules: Modules, shape: tuple[int, ...]) -> int:
    """Return how many numbers an encoder gives for a sample of `shape`."""
    return math.prod(_tried("encoder", modules[0], torch.zeros(TRIED, *torch_shape(shape))).shape[1:])


def check_wanted(network: NetworkConfig, modules: Modules) -> None:
    """Raise InputError if a model has no use for modules, or wants modules of other classes."""
    if not isinstance(network, OwnConfig):
        raise InputError("its networks are diabolo's own; leave encoder and decoder out.")
    for part, wanted, module in zip(MODULES, (network.encoder, network.decoder), modules, strict=True):
        if not network.name and _last(called(module)) != _last(wanted):
            raise InputError(f"it was trained with a {wanted} as {part}, got a {called(module)}.")


def _last(name: str) -> str:
    """Return a class's name without its module: a notebook calls that __main__, and a test by its file."""
    return name.rpartition(".")[2]


def made(network: OwnConfig, config: ModelConfig, per_latent: int, per_code: int = 1) -> Pair:
    """Return the pair that registered functions make, with the weights that they draw.

    Raises InputError that names what is needed, where it is not registered.
    """
    if not network.name:
        raise InputError(
            f"its networks are modules of your own: give them, as load(PATH, encoder=E, decoder=D), where E is a "
            f"{network.encoder} and D a {network.decoder} of the sizes that were trained."
        )
    if network.name not in REGISTERED:
        raise InputError(
            f"its network {network.name!r} is your own, made by {network.encoder} and {network.decoder}: first call "
            f"register_networks({network.name!r}, ENCODER, DECODER), or give the file that does as "
            "`diabolo --import FILE.py`."
        )
    makers, shape = REGISTERED[network.name], torch_shape(config.shape)
    encoder = makers.encoder(shape, per_latent * config.latent)
    decoder = makers.decoder(per_code * config.latent + len(config.classes), shape)
    for part, module, maker in (("encoder", encoder, makers.encoder), ("decoder", decoder, makers.decoder)):
        if not isinstance(module, nn.Module):
            raise InputError(f"{called(maker)} must return a PyTorch module as {part}, got {type(module).__name__}.")
    return joined((encoder, decoder), config, per_latent, per_code)


def joined(modules: Modules, config: ModelConfig, per_latent: int, per_code: int = 1) -> Pair:
    """Return modules as a pair. Raises InputError if they do not fit the samples, the code or each other."""
    encoder, decoder = modules
    channels, *sides = grid(config.shape)
    stored = (*sides, channels + config.likelihood.more_outputs) if config.likelihood.more_outputs else config.shape
    wanted, taken = per_latent * config.latent, per_code * config.latent + len(config.classes)
    seen, values = torch_shape(config.shape), math.prod(stored)
    given = _tried("encoder", encoder, torch.zeros(TRIED, *seen))
    if math.prod(given.shape[1:]) != wanted:
        raise InputError(
            f"The encoder must give {wanted} numbers for a sample of the shape {seen}, as a code of {config.latent} "
            f"needs them in the preset {config.preset!r}; {called(encoder)} gives {tuple(given.shape[1:])}."
        )
    back = _tried("decoder", decoder, torch.zeros(TRIED, taken))
    if math.prod(back.shape[1:]) != values:
        raise InputError(
            f"The decoder must give {values} values, a sample of the shape {seen}, for {taken} numbers; "
            f"{called(decoder)} gives {tuple(back.shape[1:])}."
        )
    going = [ChannelsFirst()] if len(config.shape) > 1 else []
    coming: list[nn.Module] = [nn.Flatten()]
    if len(config.shape) > 1:
        coming += [nn.Unflatten(1, (values // math.prod(sides), *sides)), AsStored(stored)]
    return Pair(nn.Sequential(*going, encoder, nn.Flatten()), nn.Sequential(decoder, *coming), own=True)


def _tried(part: str, module: nn.Module, x: Tensor) -> Tensor:
    """Return what a module makes of samples of zeros. Raises InputError with its own words where it fails."""
    training = {child: child.training for child in module.modules()}
    device = next((weights.device for weights in module.parameters()), x.device)
    try:
        with torch.no_grad(), global_draws(0):
            found = module.eval()(x.to(device))
    except Exception as error:
        words = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        raise InputError(
            f"The {part} {called(module)} cannot take samples of the shape {tuple(x.shape)} (the first number counts "
            f"samples): {words}"
        ) from error
    finally:
        for child, mode in training.items():
            child.training = mode
    if not isinstance(found, Tensor):
        raise InputError(f"The {part} {called(module)} must return a tensor, got {type(found).__name__}.")
    if not found.dim() or len(found) != len(x):
        raise InputError(
            f"The {part} {called(module)} must give one output for each sample, got {tuple(found.shape)} for "
            f"{len(x)} samples of the shape {tuple(x.shape[1:])}."
        )
    return found


@contextmanager
def global_draws(*numbers: int) -> Iterator[None]:
    """Seed torch's own generators, which modules of the user draw from, and set them back at the end."""
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
    seed = int(np.random.SeedSequence(numbers).generate_state(1)[0])
    with torch.random.fork_rng(devices):
        torch.default_generator.manual_seed(seed)
        if devices:
            torch.cuda.manual_seed_all(seed)
        yield
