"""What happened in training: a list of plain records."""

from dataclasses import dataclass


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
