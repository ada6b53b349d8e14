"""The one training loop."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self, cast

import numpy as np
import torch
from torch import Tensor, nn

from diabolo.config.json import to_json
from diabolo.config.model import ModelConfig
from diabolo.config.pixels import PixelConfig
from diabolo.config.recipe import Recipe
from diabolo.data.preprocessing import Preprocessing, bounded
from diabolo.data.source import Source
from diabolo.errors import FileError, InputError, TrainingError
from diabolo.model.autoencoder import Terms
from diabolo.training.batches import Batches, Rows, compacted, evaluated_together, expanded
from diabolo.training.devices import widest
from diabolo.training.files.checkpoint import Checkpoint, State, copied, load_checkpoint, save_checkpoint
from diabolo.training.graphs import GraphedStep
from diabolo.training.history import Record
from diabolo.training.optimizer import OPTIMIZERS
from diabolo.training.schedule import learning_rate, warmth
from diabolo.training.split import MOST_HELD_OUT

FAILURES_ALLOWED = 1
MEASURED_EVERY = 8


class Learner(Protocol):
    """What the loop asks of a model; beside this it is an `nn.Module`.

    config: goes into the run's identity; its `beta` is the weight of the rate. dimensions: numbers in one sample.
    """

    @property
    def config(self) -> ModelConfig | PixelConfig: ...
    @property
    def dimensions(self) -> int: ...
    def terms(self, x: Tensor, generator: torch.Generator, *, measured: bool = True) -> Terms:
        """Return the loss's two terms as training sees them; if not `measured`, only their gradient must be right."""
        ...

    def evaluate(self, x: Tensor, generator: torch.Generator) -> Terms:
        """Return the two terms for held-out samples."""
        ...

    def loss(self, terms: Terms, *, warmth: float | Tensor = 1.0) -> Tensor:
        """Return distortion + warmth * beta * rate, (n,), in nats per sample."""
        ...

    def active(self, x: Tensor) -> int:
        """Return how many numbers of the code vary over samples."""
        ...

    def parameters(self) -> Iterator[nn.Parameter]: ...
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state_dict: Mapping[str, Any]) -> Any: ...
    def to(self, device: torch.device) -> Self: ...
    def train(self) -> Self: ...
    def eval(self) -> Self: ...


class Callback(Protocol):
    """What watches a run: a progress bar, a tracker."""

    def on_start(self, epochs: int, batches: int, done: int) -> None:
        """Training starts with `done` of `epochs` behind it, each of `batches` batches."""

    def on_batch(self) -> None:
        """One batch is done."""

    def on_epoch(self, record: Record) -> None:
        """One epoch is done."""

    def on_message(self, text: str) -> None:
        """Something that a user should know."""

    def on_end(self) -> None:
        """Training is over, well or not."""


@dataclass(frozen=True)
class Outcome:
    """history: a record per epoch. seconds: of training. stopped: 'finished', 'early' or 'interrupted'."""

    history: tuple[Record, ...]
    seconds: float
    stopped: str


class Held(NamedTuple):
    """Means over the held-out samples, in nats per sample."""

    loss: float
    distortion: float
    rate: float


class _FailedError(Exception):
    """The loss is not finite, or it exploded."""


@dataclass(frozen=True)
class Task:
    """What is learnt from what: `rows` of `source` are trained on, `held_out` rows decide which weights are best."""

    source: Source
    preprocessing: Preprocessing
    rows: Rows
    held_out: Rows
    fingerprint: str


def generator_for(device: torch.device | str, *numbers: int) -> torch.Generator:
    """Return a generator seeded by several numbers (seed, epoch, ...); the same numbers give the same draws."""
    state = np.random.SeedSequence((*numbers, 1 + len(numbers))).generate_state(2, np.uint32)
    return torch.Generator(device).manual_seed(int(state[0]) << 31 | int(state[1]) >> 1)


class Run:
    """One training of `model` on `task` by `recipe`. The model ends with the best weights."""

    def __init__(
        self,
        model: Learner,
        task: Task,
        recipe: Recipe,
        *,
        seed: int,
        device: torch.device,
        callbacks: Sequence[Callback] = (),
        checkpoint: Path | None = None,
        resume: bool = False,
    ) -> None:
        self.model, self.task, self.recipe, self.seed, self.device = model.to(device), task, recipe, seed, device
        self.callbacks, self.checkpoint = callbacks, checkpoint
        self.weights = [weights for weights in model.parameters() if weights.requires_grad]
        self.optimizer = OPTIMIZERS[recipe.optimizer](cast("nn.Module", model))
        self.batches = Batches(task.source, task.rows, task.preprocessing, recipe.batch_size, device)
        self.steps = len(self.batches)
        self.noise = torch.Generator(device)
        self.warmth = torch.ones((), device=device)
        self.graphs = device.type == "cuda"
        self.recorded: GraphedStep | None = None
        held_out = bounded(task.held_out if len(task.held_out) else task.rows, task.source, MOST_HELD_OUT)
        self.held_out = compacted(task.source, held_out, task.preprocessing).to(device)
        self.history: list[Record] = []
        self.rate_scale, self.failures, self.before = 1.0, 0, 0.0
        self.best = copied(model.state_dict())
        if resume and checkpoint is not None and checkpoint.exists():
            self._restore(load_checkpoint(checkpoint, self.identity))

    @property
    def identity(self) -> str:
        """What makes this run this run; only a checkpoint with the same identity is gone on with."""
        run = {"model": to_json(self.model.config), "recipe": to_json(self.recipe), "seed": self.seed}
        run |= {"device": str(self.device), "threads": torch.get_num_threads()}
        return json.dumps({**run, "data": self.task.fingerprint, "rows": len(self.task.rows)}, sort_keys=True)

    def train(self) -> Outcome:
        """Train to the end, or until patience or Ctrl-C ends it. Raises TrainingError if the loss fails twice."""
        self.started = time.perf_counter() - self.before
        stopped = "finished"
        try:
            self._tell("on_start", self.recipe.epochs, self.steps, len(self.history))
            while len(self.history) < self.recipe.epochs:
                if self._patience_ended():
                    stopped = "early"
                    break
                self._epoch_or_back(len(self.history) + 1)
        except KeyboardInterrupt:
            if not self.history:
                raise
            stopped = "interrupted"
        finally:
            self._tell("on_end")
        self.model.load_state_dict(self.best)
        return Outcome(tuple(self.history), time.perf_counter() - self.started, stopped)

    def _epoch_or_back(self, epoch: int) -> None:
        """Train one epoch; if its loss fails, go back to its start with a tenth of the rate."""
        before, moments = copied(self.model.state_dict()), copied(self.optimizer.state())
        try:
            loss = self._epoch(epoch)
            self._record(epoch, loss, self._evaluate())
        except _FailedError as failure:
            self.model.load_state_dict(before)
            self._set_moments(moments)
            self.failures += 1
            if self.failures > FAILURES_ALLOWED:
                raise TrainingError(
                    f"The loss became {failure} in epoch {epoch} again, after going back with a lower rate; "
                    f"give a lower one than {self.recipe.learning_rate * self.rate_scale:g}, or look at the data."
                ) from None
            self.rate_scale *= 0.1
            rate = self.recipe.learning_rate * self.rate_scale
            self._tell(
                "on_message", f"The loss became {failure} in epoch {epoch}: back to its start, at rate {rate:g}."
            )

    def _epoch(self, epoch: int) -> float:
        """Run every batch once and return the mean loss of every eighth, in nats per sample."""
        self.model.train()
        generator = generator_for("cpu", self.seed, epoch, self.failures)
        self.noise.manual_seed(generator_for("cpu", self.seed, epoch, self.failures, 2).initial_seed())
        total, count = torch.zeros((), dtype=widest(self.device), device=self.device), 0
        for index, batch in enumerate(self.batches.epoch(generator)):
            measured = index % MEASURED_EVERY == 0
            self._prepare((epoch - 1) * self.steps + index)
            loss = self._graphed(batch) if self._recordable(batch) else self._step(batch, measured=measured)
            if index == 0 and not self.history:
                self.first = float(loss)
            if measured:
                total += loss * len(batch)
                count += len(batch)
                if self.device.type == "cpu" and not torch.isfinite(total):
                    break
            self._tell("on_batch")
        return self._sound(float(total) / count)

    def _prepare(self, step: int) -> None:
        """Set what the next step depends on beside its batch: numbers that lie on the device as tensors."""
        steps = self.steps * self.recipe.epochs
        self.rate = self.rate_scale * learning_rate(self.recipe, step, steps)
        self.optimizer.prepare(step, self.rate)
        self.warmth.fill_(warmth(self.recipe, step, steps))

    def _step(self, batch: Tensor, *, measured: bool = True) -> Tensor:
        """Take one step on a batch, as prepared, and return its loss."""
        terms = self.model.terms(batch, self.noise, measured=measured)
        loss = self.model.loss(terms, warmth=self.warmth).mean()
        for weights in self.weights:
            weights.grad = None
        (loss / self.model.dimensions).backward()  # type: ignore[no-untyped-call]
        if self.recipe.clip:
            self._clip([weights.grad for weights in self.weights if weights.grad is not None])
        self.optimizer.apply()
        return loss.detach()

    def _recordable(self, batch: Tensor) -> bool:
        """Return whether a batch is for the recorded step: on a GPU, all but a last one that is smaller."""
        return self.graphs and len(batch) == self.recipe.batch_size

    def _graphed(self, batch: Tensor) -> Tensor:
        """Take the step as a CUDA graph, which the first call records; where that fails, as it is from then on."""
        if self.recorded is None:
            weights, moments = copied(self.model.state_dict()), copied(self.optimizer.state())

            def restore() -> None:
                self.model.load_state_dict(weights)
                self._set_moments(moments)

            try:
                self.recorded = GraphedStep(self._step, batch, self.noise, restore)
            except RuntimeError as error:
                self.graphs = False
                restore()
                self._tell("on_message", f"The step cannot be recorded as a CUDA graph ({str(error).splitlines()[0]}).")
                return self._step(batch)
        return self.recorded(batch)

    def _clip(self, gradients: list[Tensor]) -> None:
        norm = torch.stack(torch._foreach_norm(gradients)).norm()
        torch._foreach_mul_(gradients, (self.recipe.clip / (norm + 1e-12)).clamp(max=1))

    def _evaluate(self) -> Held:
        """Return the held-out loss and its two terms, in nats per sample."""
        self.model.eval()
        generator = generator_for(self.device, self.seed, 3)
        sums = torch.zeros(3, dtype=widest(self.device), device=self.device)
        with torch.inference_mode():
            for batch in torch.split(self.held_out, evaluated_together(self.model.dimensions)):
                terms = self.model.evaluate(expanded(batch), generator)
                sums += torch.stack([part.sum(dtype=sums.dtype) for part in (self.model.loss(terms), *terms[:2])])
        loss, distortion, rate = (sums / len(self.held_out)).tolist()
        return Held(self._sound(loss), self._sound(distortion), self._sound(rate))

    def _active(self) -> int:
        with torch.inference_mode():
            return self.model.active(expanded(self.held_out[: evaluated_together(self.model.dimensions)]))

    def _sound(self, loss: float) -> float:
        """Return the loss, or raise _FailedError if it is not finite or far above the first."""
        if not np.isfinite(loss):
            raise _FailedError("not finite")
        first = self.history[0].loss if self.history else self.first
        if loss > 100 * (abs(first) + self.model.dimensions):
            raise _FailedError(f"{loss:.3g}, a hundred times the first,")
        return loss

    def _record(self, epoch: int, loss: float, held: Held) -> None:
        best = not len(self.task.held_out) or all(held.loss < record.validation for record in self.history)
        if best:
            self.best = copied(self.model.state_dict())
        seconds = time.perf_counter() - self.started
        record = Record(epoch, loss, *held, self.rate, seconds, best, self._active())
        self.history.append(record)
        if self.checkpoint is not None:
            self._save(self.checkpoint, seconds)
        self._tell("on_epoch", record)

    def _patience_ended(self) -> bool:
        since = next((i for i, record in enumerate(reversed(self.history)) if record.best), 0)
        return since >= self.recipe.patience

    def _save(self, path: Path, seconds: float) -> None:
        weights, history = dict(self.model.state_dict()), tuple(self.history)
        state = Checkpoint(
            self.identity, weights, self.best, self.optimizer.state(), history, seconds, self.rate_scale, self.failures
        )
        try:
            save_checkpoint(path, state)
        except FileError as error:
            self._tell("on_message", f"{error} Training goes on, but cannot be resumed.")
            self.checkpoint = None

    def _restore(self, state: Checkpoint) -> None:
        try:
            self.model.load_state_dict(state.weights)
        except RuntimeError as error:  # networks of the user's own, whose code the identity does not hold
            raise InputError("The checkpoint's weights do not fit the networks given; train anew.") from error
        self.best = {name: tensor.to(self.device) for name, tensor in state.best.items()}
        self._set_moments(state.moments)
        self.history, self.before = list(state.history), state.seconds
        self.rate_scale, self.failures = state.rate_scale, state.failures

    def _set_moments(self, moments: State) -> None:
        for name, tensor in self.optimizer.state().items():
            tensor.copy_(moments[name])

    def _tell(self, event: str, *values: object) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(*values)
