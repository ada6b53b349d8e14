"""Layers that torch does not have, and weights drawn from a generator that is an argument."""

import math
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

SILU_GAIN = 1.68
"""1 over the root mean square of SiLU(x), x standard normal."""


@runtime_checkable
class Starting(Protocol):
    """A layer that sets its own parameters."""

    def start(self) -> None: ...


class ChannelsFirst(nn.Module):
    """View samples (n, h, w) or (n, h, w, c) as (n, c, h, w), channels last in memory."""

    def forward(self, x: Tensor) -> Tensor:
        return x.unsqueeze(1) if x.dim() == 3 else x.permute(0, 3, 1, 2)


class AsStored(nn.Module):
    """Cut (n, c, h, w) to the stored size and view it as samples of `shape`."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: Tensor) -> Tensor:
        height, width = self.shape[:2] if len(self.shape) > 1 else (1, self.shape[0])
        return x[:, :, :height, :width].permute(0, 2, 3, 1).reshape(-1, *self.shape)

    def extra_repr(self) -> str:
        return f"shape={self.shape}"


def linear(inputs: int, outputs: int) -> nn.Linear:
    """Return a fully connected layer whose weights are not yet drawn (see `draw_weights`)."""
    return nn.Linear(inputs, outputs, device="meta")


def convolution(inputs: int, outputs: int, *, padding: tuple[int, int] = (1, 1)) -> nn.Conv2d:
    """Return a 3x3 convolution whose weights are not yet drawn."""
    return nn.Conv2d(inputs, outputs, 3, padding=padding, device="meta")


def draw_weights(module: nn.Module, generator: torch.Generator) -> None:
    """Draw every weight uniformly within +-sqrt(6 / (fan_in + fan_out)), biases 0 (Glorot and Bengio 2010, eq. 16).

    After a SiLU, which shrinks what passes, they are 1.68 times as large, so that deep networks do not start mute.
    A layer of our own that is `Starting` sets its parameters by it.

    The module's tensors are made on the generator's device; no global generator is touched.
    """
    module.to_empty(device=generator.device)
    gains = _gains(module)
    for layer in module.modules():
        if isinstance(layer, Starting):
            layer.start()
        elif isinstance(layer, (nn.Linear, nn.Conv2d)):
            receptive = layer.weight[0, 0].numel() if layer.weight.dim() > 2 else 1
            bound = gains.get(layer, 1.0) * math.sqrt(6 / ((layer.weight.shape[0] + layer.weight.shape[1]) * receptive))
            with torch.no_grad():
                layer.weight.uniform_(-bound, bound, generator=generator)
                if layer.bias is not None:
                    layer.bias.zero_()
    if any(isinstance(layer, nn.Conv2d) for layer in module.modules()):
        module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _gains(module: nn.Module) -> dict[nn.Module, float]:
    """Return by how much the layers that follow a SiLU are to enlarge its output."""
    found: dict[nn.Module, float] = {}
    for sequence in (part for part in module.modules() if isinstance(part, nn.Sequential)):
        gain = 1.0
        for layer in sequence:
            if isinstance(layer, nn.SiLU):
                gain = SILU_GAIN
            elif isinstance(layer, (nn.Linear, nn.Conv2d)):
                found[layer], gain = gain, 1.0
    return found
