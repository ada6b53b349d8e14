"""Optimizers: Muon for the weights with Adam for the biases, and Adam alone.

torch.optim.Muon has the same update in bfloat16 and takes 2.6 to 5 times as long a step on two cores
(bench/train_speed.py --optimizer).
"""

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

POLAR_EXPRESS = (
    (8.28721, -23.59589, 17.30039),
    (4.10706, -2.94785, 0.54484),
    (3.94869, -2.90890, 0.55182),
    (3.31842, -2.48849, 0.51005),
)
MOMENTUM, BIAS_SHARE, BIAS_BETAS = 0.95, 1 / 3, (0.9, 0.99)


class Optimizer(Protocol):
    """Changes parameters by their gradients; its state is tensors, so that a checkpoint holds all of it."""

    def step(self, number: int, rate: float) -> None:
        """Take step `number` (0-based) at a learning rate: `prepare`, then `apply`."""

    def prepare(self, number: int, rate: float) -> None:
        """Set the number and the rate of the next step, which are tensors beside the parameters."""

    def apply(self) -> None:
        """Change the parameters by their gradients; nothing here depends on a Python number that changes."""

    def state(self) -> dict[str, Tensor]:
        """Return the state's tensors themselves."""


LINEAR = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
"""Modules whose weight is a linear map (outputs, inputs, ...); others name theirs in an attribute `matrices`."""


class Muon:
    """Momentum made orthogonal, for the weights of linear maps; Adam at a third of the rate for all other parameters.

    matrices: the weights of linear maps, as (outputs, all else); parameters: all of them.

    The momentum G is replaced by (G G^T)^(-1/2) G, found in four steps on the smaller Gram matrix (Jordan et al. 2024,
    Muon; Amsel et al. 2025, The Polar Express, table 1), times sqrt(max(1, outputs / inputs)).
    """

    def __init__(self, parameters: Sequence[nn.Parameter], matrices: Sequence[nn.Parameter]) -> None:
        self.matrices, known = list(matrices), {id(weights) for weights in matrices}
        self.momenta = [weights.new_zeros(len(weights), weights[0].numel()) for weights in self.matrices]
        self.biases = Adam([weights for weights in parameters if id(weights) not in known], betas=BIAS_BETAS)
        self.rate = torch.zeros((), device=parameters[0].device) if len(parameters) else torch.zeros(())

    def step(self, number: int, rate: float) -> None:
        self.prepare(number, rate)
        self.apply()

    def prepare(self, number: int, rate: float) -> None:
        self.rate.fill_(rate)
        self.biases.prepare(number, rate * BIAS_SHARE)

    @torch.no_grad()
    def apply(self) -> None:
        self.biases.apply()
        for weights, momentum in zip(self.matrices, self.momenta, strict=True):
            if weights.grad is None:
                continue
            gradient = weights.grad.reshape(momentum.shape)
            momentum.lerp_(gradient, 1 - MOMENTUM)
            update = gradient.lerp(momentum, MOMENTUM)
            scale = -math.sqrt(max(1.0, update.shape[0] / update.shape[1]))
            weights.addcmul_(orthogonal(update).view(weights.shape), self.rate, value=scale)

    def state(self) -> dict[str, Tensor]:
        momenta = {f"momentum.{number}": tensor for number, tensor in enumerate(self.momenta)}
        return {**momenta, **{f"bias.{name}": tensor for name, tensor in self.biases.state().items()}}


class Adam:
    """Adam (Kingma and Ba 2015) on all parameters, as torch's fused one, one step for all."""

    def __init__(self, parameters: Sequence[nn.Parameter], *, betas: tuple[float, float] = (0.9, 0.999)) -> None:
        self.parameters, self.betas = list(parameters), betas
        self.first = [torch.zeros_like(weights) for weights in self.parameters]
        self.second = [torch.zeros_like(weights) for weights in self.parameters]
        self.count = self.parameters[0].new_zeros(()) if self.parameters else torch.zeros(())
        self.rate = torch.zeros_like(self.count)

    def step(self, number: int, rate: float) -> None:
        self.prepare(number, rate)
        self.apply()

    def prepare(self, number: int, rate: float) -> None:
        self.count.fill_(number + 1)
        self.rate.fill_(rate)

    @torch.no_grad()
    def apply(self) -> None:
        used = [i for i, weights in enumerate(self.parameters) if weights.grad is not None]
        if not used:
            return
        parameters: list[Tensor] = [self.parameters[i] for i in used]
        torch._fused_adam_(
            parameters,
            [weights.grad for weights in parameters if weights.grad is not None],
            [self.first[i] for i in used],
            [self.second[i] for i in used],
            [],
            [self.count] * len(used),
            lr=self.rate,
            beta1=self.betas[0],
            beta2=self.betas[1],
            weight_decay=0.0,
            eps=1e-8,
            amsgrad=False,
            maximize=False,
        )

    def state(self) -> dict[str, Tensor]:
        first = {f"first.{number}": tensor for number, tensor in enumerate(self.first)}
        return {**first, **{f"second.{number}": tensor for number, tensor in enumerate(self.second)}}


def orthogonal(matrix: Tensor) -> Tensor:
    """Return U V^T of a matrix U S V^T, nearly: singular values come within 0.57 of 1, very small ones stay small."""
    wide = matrix.shape[0] <= matrix.shape[1]
    gram = matrix @ matrix.T if wide else matrix.T @ matrix
    norm = gram.trace().add_(1e-30)
    gram /= norm
    root: Tensor | None = None
    for last, (constant, linear, square) in zip((False, False, False, True), POLAR_EXPRESS, strict=True):
        factor = torch.addmm(gram, gram, gram, beta=linear, alpha=square)
        factor.diagonal().add_(constant)
        root = factor if root is None else factor @ root
        if not last:
            gram = factor @ gram @ factor
    assert root is not None
    root *= norm.rsqrt_()
    return root @ matrix if wide else matrix @ root


def _learnt(model: nn.Module) -> list[nn.Parameter]:
    return [weights for weights in model.parameters() if weights.requires_grad]


def _muon(model: nn.Module) -> Muon:
    linear = {id(weights) for module in model.modules() for weights in _linear_maps(module)}
    parameters = _learnt(model)
    return Muon(parameters, [weights for weights in parameters if id(weights) in linear])


def _linear_maps(module: nn.Module) -> Sequence[Tensor]:
    return (module.weight,) if isinstance(module, LINEAR) else getattr(module, "matrices", ())


OPTIMIZERS: dict[str, Callable[[nn.Module], Optimizer]] = {"muon": _muon, "adam": lambda model: Adam(_learnt(model))}
"""By name: model -> what changes its weights that are learnt."""
