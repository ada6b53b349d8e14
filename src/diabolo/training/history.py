"""What happened in training: a list of plain records."""

from collections.abc import Sequence
from dataclasses import dataclass

from diabolo.config.model import ModelConfig


@dataclass(frozen=True)
class Record:
    """One epoch.

    epoch: counted from 1. loss, validation: mean loss in nats per sample, of every eighth training batch and held out
    (loss = distortion + beta * rate). distortion, rate: the parts of `validation`. learning_rate: at the
    epoch's end. seconds: since the start of training. best: whether the weights are the best so far.
    active: numbers of the code that tell held-out samples apart: their variance is above 0.01 (Burda et al. 2016).
    """

    epoch: int
    loss: float
    validation: float
    distortion: float
    rate: float
    learning_rate: float
    seconds: float
    best: bool
    active: int = 0


def kept(history: Sequence[Record]) -> Record | None:
    """Return the epoch whose weights the model has; None if there was none."""
    return next((record for record in reversed(history) if record.best), None)


def collapsed(config: ModelConfig, history: Sequence[Record]) -> bool:
    """Return whether a variational code tells next to nothing of a sample: less than a quarter of its numbers vary."""
    record = kept(history)
    return config.bottleneck.has_free_nats and (record.active if record else 0) < config.latent / 4
