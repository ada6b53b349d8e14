"""Train the blind denoiser that comes with the package: train400.zip, Gaussian noise of any spread up to 55/255.

The package's own loop, on random patches, for a time that is given: the learning rate falls along a line over the
time, so that a run on a busy machine ends as it should. Every 20th image is held out; Set12 is never looked at.

    python bench/train_denoiser.py --minutes 53 --out src/diabolo/jobs/denoise/denoiser.safetensors
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from diabolo.app.progress import Messages
from diabolo.config.corruption import GaussianNoiseConfig
from diabolo.config.json import to_json
from diabolo.config.likelihoods import GaussianConfig
from diabolo.config.model import ModelConfig
from diabolo.config.networks import UShapedConfig
from diabolo.config.recipe import Recipe
from diabolo.data.images.patches import Patches
from diabolo.data.opening import open_data
from diabolo.data.preprocessing import fit_preprocessing
from diabolo.data.source import Subset
from diabolo.model.autoencoder import AutoencoderModel
from diabolo.model.networks.sizes import code_size
from diabolo.model.summary import count_parameters
from diabolo.training.batches import Batches
from diabolo.training.files.model_file import Trained, save_model
from diabolo.training.history import Record
from diabolo.training.loop import Run, Task, generator_for
from diabolo.training.split import fingerprint
from diabolo.version import __version__

NOISE, HELD_OUT_EVERY, EPOCHS = 55 / 255, 20, 10_000


class TimedRun(Run):
    """A run whose learning rate falls with the time, not the steps."""

    seconds: float

    def _epoch(self, epoch: int) -> float:
        """Run through new patches."""
        source = replace(self.task.source, seed=epoch)  # type: ignore[type-var]
        self.batches = Batches(source, self.task.rows, self.task.preprocessing, self.recipe.batch_size, self.device)
        return super()._epoch(epoch)

    def _step(self, loss: torch.Tensor, step: int) -> None:
        share = (time.perf_counter() - self.started) / self.seconds
        super()._step(loss, max(1, int(min(1.0, share) * self.steps * self.recipe.epochs)))
        self.taken = step + 1
        if share >= 1:
            self._record(len(self.history) + 1, 0.0, *self._evaluate())
            raise KeyboardInterrupt


class Lines(Messages):
    """A line an epoch: minutes, steps, and the held-out PSNR over all noise levels."""

    def __init__(self, dimensions: int, steps: int) -> None:
        self.dimensions, self.steps = dimensions, steps

    def on_epoch(self, record: Record) -> None:
        constant = self.dimensions * np.log(2 * np.pi) / 2
        psnr = -10 * np.log10(2 * (record.distortion - constant) / self.dimensions)
        print(
            f"{record.seconds / 60:6.1f} min {record.epoch * self.steps:7d} steps: held out {psnr:.3f} dB", flush=True
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=53)
    parser.add_argument("--data", default="")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--channels", default="32,64,128")
    parser.add_argument("--blocks", type=int, default=2)
    parser.add_argument("--patch", type=int, default=64)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--steps", type=int, default=256, help="steps between two looks at the held-out images")
    parser.add_argument("--optimizer", default="muon")
    parser.add_argument("--rate", type=float, default=0.004)
    parser.add_argument("--precision", default="bfloat16")
    parser.add_argument("--resume", action="store_true")
    given = parser.parse_args()
    images = open_data(given.data or "../shared/data/train400.zip").train
    rows = np.arange(len(images))
    source = Patches((Subset(images, rows[rows % HELD_OUT_EVERY > 0]),), given.patch, given.batch * given.steps)
    held_out = Subset(images, rows[rows % HELD_OUT_EVERY == 0])
    network = UShapedConfig(tuple(int(size) for size in given.channels.split(",")), given.blocks)
    shape = source.shape
    config = ModelConfig(
        "denoise-photo",
        shape,
        code_size(network.channels, (1, *shape)),
        network,
        likelihood=GaussianConfig(),
        corruption=GaussianNoiseConfig(NOISE, least=0.0),
    )
    recipe = Recipe(EPOCHS, given.batch, given.rate, given.optimizer, precision=given.precision, patience=EPOCHS)
    preprocessing = fit_preprocessing(source, np.arange(1))
    model = AutoencoderModel(config, generator_for("cpu", 0, 0))
    print(f"{count_parameters(model):,} parameters, {torch.get_num_threads()} threads", flush=True)
    task = Task(source, preprocessing, np.arange(len(source)), np.arange(1), fingerprint(images))
    run = TimedRun(
        model,
        task,
        recipe,
        seed=0,
        device=torch.device("cpu"),
        callbacks=[Lines(model.dimensions, given.steps)],
        checkpoint=given.out.with_name(f"{given.out.name}.checkpoint"),
        resume=given.resume,
    )
    run.seconds = 60 * given.minutes
    pieces = Patches((held_out,), given.patch, 5 * 16, seed=1)
    run.held_out = torch.from_numpy(pieces.take(np.arange(len(pieces))))
    outcome = run.train()
    about = {
        "diabolo": __version__,
        "data": "train400",
        "samples": len(images),
        "fingerprint": task.fingerprint,
        "recipe": to_json(recipe),
        "seed": 0,
        "seconds": outcome.seconds,
        "stopped": outcome.stopped,
        "device": "cpu",
        "threads": torch.get_num_threads(),
        "steps": run.taken,
    }
    # half the precision is plenty for weights: the file keeps it, and a model is float32 again when it is opened
    save_model(given.out, Trained(model.half().eval(), preprocessing, outcome.history, about), force=True)


if __name__ == "__main__":
    main()
