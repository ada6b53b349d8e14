"""Devices: which one computes, and where a model lies."""

import torch
from torch import nn

from diabolo.errors import ArgumentError

KINDS = ("cpu", "cuda", "mps")
WITHOUT_FLOAT64 = ("mps",)


def choose_device(name: str) -> torch.device:
    """Return the device called `name`; 'auto' is the NVIDIA GPU if there is one, else the processor.

    Raises ArgumentError if it is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        if device.type not in KINDS:
            raise RuntimeError("another kind of device")
        return torch.empty(1, device=device).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ArgumentError(
            f"device must be 'auto', 'cpu' or a GPU that is there ('cuda' or 'mps'), got {name!r}: {reason}"
        ) from error


def device_of(model: nn.Module) -> torch.device:
    """Return the device that a model's weights lie on."""
    return next(model.parameters()).device


def widest(device: torch.device) -> torch.dtype:
    """Return the type that sums are kept in: float64, or float32 on devices that have no other (Apple's)."""
    return torch.float32 if device.type in WITHOUT_FLOAT64 else torch.float64
