"""Tied weights: the decoder's layers are the encoder's, transposed; only the biases are its own."""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear


class Transposed(nn.Module):
    """A fully connected layer with the transposed weights of another one, which holds them, and biases of its own."""

    def __init__(self, other: nn.Linear) -> None:
        super().__init__()
        self._other = (other,)  # in a tuple, so that the weights are the encoder's alone: counted, saved and moved once
        self.bias = nn.Parameter(torch.empty(other.in_features, device="meta"))

    @torch.no_grad()
    def start(self) -> None:
        self.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self._other[0].weight.T, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self._other[0].out_features}, out_features={self._other[0].in_features}, tied"
