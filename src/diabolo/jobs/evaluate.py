"""Measure a trained model on samples that it never saw, with its baseline beside it."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from diabolo.data.preprocessing import sample_bytes
from diabolo.data.source import Array, ArraySource, Source, spaced
from diabolo.jobs.apply import batches, check_shape, decode, encode, score
from diabolo.jobs.baselines import Reconstruct, principal_components
from diabolo.jobs.evaluation import Evaluation, Figures
from diabolo.model.summary import count_parameters, summarise
from diabolo.training.loop import split
from diabolo.training.model_file import Trained

BASELINE_BYTES = 256 << 20
SHOWN, WORST, POINTS = 16, 8, 5000
HALF_A_GREY_LEVEL = 1 / 510


@dataclass(frozen=True)
class Unseen:
    """What is measured on: samples, their labels or None, and in words where they come from."""

    samples: Source
    labels: Array | None
    split: str


class _Sums:
    """Summed cross-entropy and squared error of reconstructions, in prepared units."""

    def __init__(self) -> None:
        self.entropy, self.squared, self.count = 0.0, 0.0, 0

    def add(self, x: NDArray[np.float32], mean: NDArray[np.float32], *, unit: bool, least: float) -> None:
        self.count += x.size
        self.squared += float(np.square(x - mean, dtype=np.float64).sum())
        if unit:
            kept = np.clip(mean.astype(np.float64), least, 1 - least)
            self.entropy -= float((x * np.log(kept) + (1 - x) * np.log1p(-kept)).sum())

    def figures(self, name: str, latent: int, parameters: int, *, unit: bool) -> Figures:
        mse = self.squared / self.count
        psnr = 10 * math.log10(1 / mse) if unit and mse > 0 else None
        return Figures(name, latent, parameters, self.entropy / self.count if unit else None, mse, psnr)


def pca_of(trained: Trained, training: Source) -> Reconstruct:
    """Return PCA of the model's latent size, fitted on its training samples (as many as fit in 256 MB)."""
    dimensions = trained.model.dimensions
    rows, _ = split(len(training), trained.about["recipe"]["validation"], trained.about["seed"])
    count = min(len(rows), max(2, BASELINE_BYTES // (4 * dimensions)))
    samples = trained.preprocessing.prepare(training.take(rows[spaced(len(rows), count)]))
    return principal_components(
        samples.reshape(count, -1), trained.model.config.latent, unit=trained.preprocessing.unit
    )


def figures(trained: Trained, samples: Source, training: Source | None = None) -> tuple[Figures, ...]:
    """Return the figures of the model and, where its training samples are given, of PCA on the same samples.

    A Bernoulli cross-entropy of 0 or 1 predicted wrongly is infinite, so PCA's pixels keep half a grey level
    (1/510) away from both; the model's own are kept 1e-7 away, as Keras does.
    """
    check_shape(trained, samples)
    unit = trained.preprocessing.unit
    pca = pca_of(trained, training) if training is not None else None
    model, baseline = _Sums(), _Sums()
    with torch.inference_mode():
        for batch in batches(trained, samples):
            x = batch.cpu().numpy().reshape(len(batch), -1)
            mean = trained.model(batch).cpu().numpy().reshape(len(batch), -1)
            model.add(x, mean, unit=unit, least=1e-7)
            if pca is not None:
                baseline.add(x, pca(x), unit=unit, least=HALF_A_GREY_LEVEL)
    config = trained.model.config
    own = model.figures(config.preset, config.latent, count_parameters(trained.model), unit=unit)
    if pca is None:
        return (own,)
    return own, baseline.figures("PCA", min(config.latent, trained.model.dimensions), 0, unit=unit)


def held_out(trained: Trained, training: Source) -> NDArray[np.int64]:
    """Return the rows of the training source that the run held out."""
    return split(len(training), trained.about["recipe"]["validation"], trained.about["seed"])[1]


def evaluate(
    trained: Trained, unseen: Unseen, training: Source | None, *, data: str, columns: tuple[str, ...] | None = None
) -> Evaluation:
    """Return everything that a report shows of a model on unseen samples."""
    model, *baselines = figures(trained, unseen.samples, training)
    most = min(POINTS, max(WORST, BASELINE_BYTES // sample_bytes(unseen.samples)))
    rows = spaced(len(unseen.samples), most)
    looked = ArraySource(unseen.samples.take(rows))
    codes, distortions = encode(trained, looked), score(trained, looked).distortion.numpy()
    worst = np.argsort(-distortions, kind="stable")[:WORST]
    summary = summarise(trained.model)
    config = trained.model.config
    return Evaluation(
        name=config.preset,
        data=data,
        split=unseen.split,
        model=model,
        baselines=tuple(baselines),
        compression=trained.model.dimensions / config.latent,
        seconds=trained.about["seconds"],
        history=trained.history,
        originals=looked.array[:SHOWN],
        reconstructions=decode(trained, codes[:SHOWN]),
        codes=codes,
        labels=None if unseen.labels is None else unseen.labels[rows],
        distortions=distortions,
        worst=looked.array[worst],
        worst_reconstructions=decode(trained, codes[worst]),
        worst_distortions=distortions[worst],
        columns=columns,
        layers=tuple((row.part, row.layer, str(row.shape), f"{row.parameters:,}") for row in summary.rows),
        warnings=tuple(warnings(model, baselines)),
    )


def warnings(model: Figures, baselines: list[Figures]) -> list[str]:
    """Return a plain sentence for each baseline that reconstructs with less squared error than the model."""
    return [
        f"{baseline.name} with {baseline.latent} numbers reconstructs better (mean squared error {baseline.mse:.4g}, "
        f"the model {model.mse:.4g}): train longer, or use {baseline.name}."
        for baseline in baselines
        if baseline.mse < model.mse
    ]
