"""What one step's parts take beside torch's own: the optimizer, and the cross-entropy with its gradient.

And whether torch.compile pays: the loss and its gradient as they are, and compiled.
"""

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from diabolo.model.autoencoder import AutoencoderModel
from diabolo.model.likelihoods import Bernoulli
from diabolo.presets.presets import configure
from diabolo.training.optimizer import Muon
from torch_lecture import network

REPEATS, STEPS, BATCH, PIXELS = 21, 20, 256, 784
HEADS = ("part of a step", "network", "diabolo, µs", "torch, µs", "torch / diabolo")


def weights_of(preset: str) -> list[nn.Parameter]:
    """Return the network's parameters with gradients."""
    torch.manual_seed(0)
    weights = list(network(preset).parameters())
    for tensor in weights:
        tensor.grad = torch.randn_like(tensor) * 1e-3
    return weights


def ours(preset: str) -> Callable[[], object]:
    weights = weights_of(preset)
    optimizer = Muon(weights, [tensor for tensor in weights if tensor.dim() == 2])
    return lambda: optimizer.step(10, 1e-4)


def torchs(preset: str) -> Callable[[], object]:
    """torch.optim.Muon on the matrices and fused Adam on the biases."""
    weights = weights_of(preset)
    muon = torch.optim.Muon([w for w in weights if w.dim() == 2], lr=1e-4, weight_decay=0)
    adam = torch.optim.Adam([w for w in weights if w.dim() != 2], lr=1e-4, fused=True)
    return lambda: (muon.step(), adam.step())  # type: ignore[no-untyped-call]


def cross_entropy(distortion: Callable[[Tensor, Tensor], Tensor]) -> Callable[[], object]:
    """A loss and its gradient on a batch of logits."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(BATCH, PIXELS, generator=generator, requires_grad=True)
    x = torch.rand(BATCH, PIXELS, generator=generator)

    def step() -> None:
        logits.grad = None
        distortion(logits, x).mean().backward()  # type: ignore[no-untyped-call]

    return step


def torchs_distortion(logits: Tensor, x: Tensor) -> Tensor:
    return binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)


def interleaved(*parts: Callable[[], object]) -> list[float]:
    """Return each part's median time in microseconds; the parts take turns, 20 calls a turn."""
    times: list[list[float]] = [[] for _ in parts]
    for _ in range(REPEATS):
        for part, found in zip(parts, times, strict=True):
            part()
            started = time.perf_counter()
            for _ in range(STEPS):
                part()
            found.append((time.perf_counter() - started) / STEPS * 1e6)
    return [statistics.median(found) for found in times]


def rows() -> list[tuple[str, ...]]:
    """Return the table, its heads first."""
    parts = [("Muon", preset, ours(preset), torchs(preset)) for preset in ("dense", "deep")]
    losses = cross_entropy(Bernoulli().distortion), cross_entropy(torchs_distortion)
    parts.append((f"cross-entropy, {BATCH} x {PIXELS}", "both", *losses))
    table: list[tuple[str, ...]] = [HEADS]
    for name, preset, own, other in parts:
        own_time, other_time = interleaved(own, other)
        table.append((name, preset, f"{own_time:.0f}", f"{other_time:.0f}", f"{other_time / own_time:.2f}"))
    return table


def whole(preset: str, *, compiled: bool) -> Callable[[], object]:
    """Return a step but for the optimizer: the loss of a batch, and its gradient."""
    generator = torch.Generator().manual_seed(0)
    model = AutoencoderModel(configure(preset, (28, 28)), generator).train()
    x, weights = torch.rand(BATCH, 28, 28, generator=generator), list(model.parameters())

    def loss(x: Tensor) -> Tensor:
        return model.loss(model.terms(x, generator, measured=False)).mean()

    chosen = torch.compile(loss) if compiled else loss

    def step() -> None:
        for one in weights:
            one.grad = None
        chosen(x).backward()  # type: ignore[no-untyped-call]

    return step


def compiled_rows() -> list[tuple[str, ...]]:
    """Return the table of torch.compile, its heads first; it needs a C++ compiler."""
    table: list[tuple[str, ...]] = [("network", "as it is, µs", "torch.compile, µs", "gained", "seconds to compile")]
    for preset in ("dense", "deep", "conv"):
        plain, quick = whole(preset, compiled=False), whole(preset, compiled=True)
        started = time.perf_counter()
        quick()
        spent = time.perf_counter() - started
        own, other = interleaved(plain, quick)
        table.append((preset, f"{own:.0f}", f"{other:.0f}", f"{own / other:.2f}", f"{spent:.0f}"))
    return table
