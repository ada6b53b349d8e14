"""The table of layers, output shapes and parameters of the three models, as every text on the subject shows it."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from diabolo.model.autoencoder import AutoencoderModel


@dataclass(frozen=True)
class Row:
    """One layer: its part (encoder or decoder), name, output shape for one sample, and parameters."""

    part: str
    layer: str
    shape: tuple[int, ...]
    parameters: int


@dataclass(frozen=True)
class Summary:
    """Rows of the encoder and the decoder; their totals, and the autoencoder's. `str` gives the table."""

    rows: tuple[Row, ...]
    totals: dict[str, int]

    def __str__(self) -> str:
        lines = []
        for part in ("encoder", "decoder"):
            lines += [part, f"  {'layer':<28}{'output shape':<20}{'parameters':>12}"]
            own = [row for row in self.rows if row.part == part]
            lines += [f"  {row.layer:<28}{row.shape!s:<20}{row.parameters:>12,}" for row in own]
            lines += [f"  {'total':<48}{self.totals[part]:>12,}", ""]
        lines += [f"autoencoder = decoder(encoder(x)){self.totals['autoencoder']:>29,}"]
        return "\n".join(lines)


def summarise(model: AutoencoderModel) -> Summary:
    """Return the layers of a model, found by sending one sample of zeros through it."""
    rows: list[Row] = []
    device = next(model.parameters()).device
    with torch.inference_mode():
        _trace("encoder", model.encoder, torch.zeros(1, *model.config.shape, device=device), rows)
        _trace("decoder", model.decoder, torch.zeros(1, model.config.latent, device=device), rows)
    parts = {"encoder": model.encoder, "decoder": model.decoder, "autoencoder": model}
    return Summary(tuple(rows), {name: count_parameters(part) for name, part in parts.items()})


def count_parameters(module: nn.Module) -> int:
    """Return how many numbers training sets."""
    return sum(weights.numel() for weights in module.parameters())


def _trace(part: str, module: nn.Module, x: Tensor, rows: list[Row]) -> None:
    def note(layer: nn.Module, _: object, output: Tensor) -> None:
        rows.append(Row(part, type(layer).__name__, tuple(output.shape[1:]), count_parameters(layer)))

    leaves = [layer for layer in module.modules() if not any(layer.children())]
    hooks = [leaf.register_forward_hook(note) for leaf in leaves]
    try:
        module(x)
    finally:
        for hook in hooks:
            hook.remove()
