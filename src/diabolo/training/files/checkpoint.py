"""Checkpoints: all that a run needs to go on to the same final weights, in one safetensors file per run."""

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from diabolo.config.json import from_json
from diabolo.errors import FormatError, InputError
from diabolo.training.files.tensor_file import read_tensors, write_tensors
from diabolo.training.history import Record

KEY = "diabolo.checkpoint"
State = dict[str, Tensor]


@dataclass(frozen=True)
class Checkpoint:
    """A run after `len(history)` epochs.

    run: what makes this run this run (configuration, recipe, seed, data), as JSON text; another run's is refused.
    weights, best: the model's; moments: the optimizer's. rate_scale: what is left of the learning rate after failures.
    """

    run: str
    weights: State
    best: State
    moments: State
    history: tuple[Record, ...]
    seconds: float
    rate_scale: float
    failures: int


PARTS = ("weights", "best", "moments")


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write the checkpoint whole, in the place of the one before."""
    tensors = {f"{part}/{name}": tensor for part in PARTS for name, tensor in getattr(checkpoint, part).items()}
    plain = {
        "run": checkpoint.run,
        "history": [asdict(record) for record in checkpoint.history],
        "seconds": checkpoint.seconds,
        "rate_scale": checkpoint.rate_scale,
        "failures": checkpoint.failures,
    }
    write_tensors(path, tensors, KEY, plain, force=True)


def load_checkpoint(path: Path, run: str) -> Checkpoint:
    """Read the checkpoint of `run`. Raises FormatError if it is damaged, InputError if it is another run's."""
    try:
        tensors, plain = read_tensors(path, KEY, "checkpoint")
        history = tuple(from_json(Record, record) for record in plain["history"])
        seconds, rate_scale, failures = float(plain["seconds"]), float(plain["rate_scale"]), int(plain["failures"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise FormatError(f"{path} is not a readable checkpoint ({error}); delete it and train anew.") from error
    if plain.get("run") != run:
        raise InputError(
            f"{path} belongs to a run with other data or options; give the same ones "
            "(threads and device too), or --force without --resume to train anew."
        )
    parts: dict[str, State] = {part: {} for part in PARTS}
    for name, tensor in tensors.items():
        part, _, key = name.partition("/")
        parts.setdefault(part, {})[key] = tensor
    return Checkpoint(run, parts["weights"], parts["best"], parts["moments"], history, seconds, rate_scale, failures)


def copied(state: State) -> State:
    """Return a copy of a model's weights that training does not change."""
    return {name: tensor.detach().clone(memory_format=torch.preserve_format) for name, tensor in state.items()}
