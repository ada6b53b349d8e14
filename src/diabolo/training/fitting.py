"""From samples and dials to a trained model: the whole of `fit`."""

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch

from diabolo.config.json import to_json
from diabolo.config.model import ModelConfig
from diabolo.config.recipe import Recipe
from diabolo.data.limits import available_memory
from diabolo.data.preprocessing import Preprocessing, bounded, fit_preprocessing, unchanging
from diabolo.data.source import Source
from diabolo.errors import ArgumentError, InputError
from diabolo.model.autoencoder import AutoencoderModel
from diabolo.model.networks.own import Modules
from diabolo.model.networks.starts import start_at
from diabolo.model.summary import count_parameters
from diabolo.training.batches import compacted, expanded
from diabolo.training.devices import choose_device
from diabolo.training.files.model_file import Trained
from diabolo.training.global_draws import GlobalDraws
from diabolo.training.history import Record, collapsed, kept
from diabolo.training.labelled import Labels, labelled
from diabolo.training.loop import Callback, Run, Task, generator_for
from diabolo.training.split import FINGERPRINT, SPLIT, Split, draw_split, fingerprint
from diabolo.version import __version__

START_ROWS = 4096


@runtime_checkable
class Looking(Protocol):
    """A callback that looks at the model while it learns; after each epoch the model is as it is then."""

    def on_model(self, model: AutoencoderModel, preprocessing: Preprocessing) -> None:
        """Training starts with this model on samples that are so prepared; neither may be changed."""


@dataclass(frozen=True)
class Dials:
    """How a run goes, beside the recipe. modules: the user's encoder and decoder, which it trains."""

    seed: int = 0
    device: str = "auto"
    callbacks: Sequence[Callback] = ()
    checkpoint: Path | None = None
    resume: bool = False
    modules: Modules | None = None


def fit(
    source: Source,
    configured: Callable[[tuple[int, ...], bool], ModelConfig],
    recipe: Callable[[int], Recipe],
    dials: Dials,
    labels: Labels | None = None,
    *,
    split: Split | None = None,
    curved: bool = False,
    standardised: bool = False,
) -> Trained:
    """Train a model on a source.

    configured: (shape, unit) -> configuration, asked once the preprocessing is known.
    recipe: number of samples to train on -> recipe. labels: what a conditional model's decoder is told.
    split: what is held out, where it is drawn already.
    curved: whether asinh is part of the preprocessing. standardised: whether numbers in [0, 1] are standardised too.
    """
    if len(source) < 2:
        raise InputError(f"Training needs 2 samples or more, got n_samples = {len(source)}.")
    chosen = recipe(len(source))
    split = split or draw_split(len(source), chosen.validation, dials.seed)
    rows, held_out = split.rows, split.held_out
    preprocessing = fit_preprocessing(source, rows, held_out, curved=curved, standardised=standardised)
    config = configured(getattr(source, "sample_shape", source.shape), preprocessing.unit)
    _check_size(config, dials.modules)
    _warn(config, preprocessing, named=hasattr(source, "encoding"))
    device = choose_device(dials.device)
    seen = fingerprint(source)
    learnt, prepared = labelled(source, labels, preprocessing) if labels else (source, preprocessing)
    model = AutoencoderModel(config, generator_for("cpu", dials.seed, 0), dials.modules)
    if chosen.informed_start:
        start = expanded(compacted(learnt, bounded(rows, source, START_ROWS), prepared))
        start_at(model, start, generator_for("cpu", dials.seed, 4))
    known = {FINGERPRINT: seen, **({"labels_sha256": labels.digest} if labels else {})}
    for callback in dials.callbacks:
        if isinstance(callback, Looking):
            callback.on_model(model, preprocessing)
    task = Task(learnt, prepared, rows, held_out, " ".join(known.values()))
    callbacks = (*dials.callbacks, GlobalDraws(dials.seed)) if model.own_networks else dials.callbacks
    watched = {"callbacks": callbacks, "checkpoint": dials.checkpoint, "resume": dials.resume}
    outcome = Run(model, task, chosen, seed=dials.seed, device=device, **watched).train()  # type: ignore[arg-type]
    _warn_of_collapse(config, outcome.history)
    about: dict[str, Any] = {
        "diabolo": __version__,
        "samples": len(source),
        **known,
        SPLIT: split.to_json(),
        "recipe": to_json(chosen),
        "seed": dials.seed,
        "seconds": outcome.seconds,
        "stopped": outcome.stopped,
        "device": str(device),
        "threads": torch.get_num_threads(),
    }
    return Trained(model.eval(), preprocessing, outcome.history, about)


def _check_size(config: ModelConfig, modules: Modules | None) -> None:
    """Refuse a model whose weights, gradients and optimizer state would not fit in memory."""
    try:
        parameters = count_parameters(AutoencoderModel(config, modules=modules))
    except RuntimeError as error:
        if modules is not None:
            raise
        raise ArgumentError(
            f"A latent of {config.latent} makes layers larger than torch can hold; choose less."
        ) from error
    if 4 * 4 * parameters > available_memory() // 2:
        raise ArgumentError(
            f"A latent of {config.latent} makes {parameters:,} parameters, more than memory holds; choose less."
        )


def _warn_of_collapse(config: ModelConfig, history: Sequence[Record]) -> None:
    if collapsed(config, history) and not config.nested:
        active = getattr(kept(history), "active", 0)
        warnings.warn(
            f"Posterior collapse: of the {config.latent} numbers of the code only {active} vary with the sample; "
            "try a smaller latent, a smaller beta, warm_up = 0.3 or free_nats = 0.1.",
            stacklevel=3,
        )


def _warn(config: ModelConfig, preprocessing: Preprocessing, *, named: bool) -> None:
    """Warn of a code that compresses nothing, and of constant columns (an encoded table's were `named` before)."""
    dimensions = math.prod(config.shape)
    if config.latent > dimensions and not config.denoises:
        warnings.warn(
            f"latent = {config.latent} is larger than a sample ({dimensions} numbers): nothing is compressed; "
            "choose a smaller one.",
            stacklevel=4,
        )
    if preprocessing.constant and len(config.shape) == 1 and not (preprocessing.compact or named):
        which = [str(column) for column in preprocessing.constant]
        warnings.warn(unchanging(which, "number " if len(which) == 1 else "numbers "), stacklevel=4)
