"""Measure a trained model on samples that it never saw, with its baseline beside it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from diabolo.data.preprocessing import sample_bytes
from diabolo.data.source import Array, ArraySource, Source, Subset, spaced
from diabolo.data.tables.frames import frame_of, frames_of, root_of
from diabolo.data.tables.windows import Windows
from diabolo.jobs.apply import batches, decode, encode, score
from diabolo.jobs.columns import check_shape, encoding_of
from diabolo.jobs.detect import members
from diabolo.jobs.detect.detector import name_in
from diabolo.jobs.detect.labels import marks
from diabolo.jobs.detect.ranking import BESIDE, Detection, detection_of
from diabolo.jobs.evaluate.baselines import FILTERS, Reconstruct, components_against, principal_components
from diabolo.jobs.evaluate.choose_latent import choice_of
from diabolo.jobs.evaluate.quality import ssim
from diabolo.jobs.evaluate.record import Evaluation, Figures, Generation
from diabolo.jobs.generate.likelihood import measure
from diabolo.jobs.generate.sample import sample
from diabolo.jobs.table_input import as_rows
from diabolo.model.summary import count_parameters, summarise
from diabolo.training.devices import device_of
from diabolo.training.files.model_file import Trained
from diabolo.training.history import collapsed
from diabolo.training.loop import generator_for
from diabolo.training.split import split_of

BASELINE_BYTES = 256 << 20
SHOWN, WORST, POINTS = 16, 8, 5000
MEASURED, NEW, NOISED = 1000, 48, 5000
HALF_A_GREY_LEVEL = 1 / 510
NOISY = "noisy input"
"""What the model is given, as the baseline of doing nothing."""
PAIRS_TOGETHER = 16
LIKENED = 1000
"""Samples that SSIM is the mean of."""


@dataclass(frozen=True)
class Unseen:
    """What is measured on: samples, their labels or None, and in words where they come from.

    weight: how many samples each normal one stands for.
    """

    samples: Source
    labels: Array | None
    split: str
    weight: float = 1.0


class _Sums:
    """Summed cross-entropy and squared error of reconstructions, in prepared units; and their likeness, if asked."""

    def __init__(self, shape: tuple[int, ...] | None = None) -> None:
        self.entropy, self.squared, self.count = 0.0, 0.0, 0
        self.shape, self.likeness = shape, list[float]()

    def add(self, x: NDArray[np.float32], mean: NDArray[np.float32], *, unit: bool, least: float) -> None:
        self.count += x.size
        self.squared += float(np.square(x - mean, dtype=np.float64).sum())
        if self.shape is not None:
            rest = max(0, LIKENED - len(self.likeness))
            pairs = zip(x[:rest].reshape(-1, *self.shape), mean[:rest].reshape(-1, *self.shape), strict=True)
            self.likeness += [ssim(clean, image) for clean, image in pairs]
        if unit:
            kept = np.clip(mean.astype(np.float64), least, 1 - least)
            self.entropy -= float((x * np.log(kept) + (1 - x) * np.log1p(-kept)).sum())

    def figures(self, name: str, latent: int, parameters: int, *, unit: bool, pixels: bool = False) -> Figures:
        mse = self.squared / self.count
        psnr = 10 * math.log10(1 / mse) if (unit or pixels) and mse > 0 else None
        like = float(np.mean(self.likeness)) if self.likeness else None
        return Figures(name, latent, parameters, self.entropy / self.count if unit else None, mse, psnr, like)


def _learnt_rows(trained: Trained, training: Source, most: int | None = None) -> NDArray[np.float32]:
    """Return prepared samples that weights were learnt from, (n, *shape), as many as fit in 256 MB, at most `most`."""
    rows = split_of(trained.about, len(training)).rows
    count = min(len(rows), max(2, BASELINE_BYTES // (4 * trained.model.dimensions)), most or len(rows))
    return trained.preprocessing.prepare(training.take(rows[spaced(len(rows), count)]))


def _pca_against_noise(trained: Trained, training: Source) -> tuple[Reconstruct, int]:
    """Return PCA with as many components as restore training samples best, which are corrupted as in training."""
    clean = _learnt_rows(trained, training, NOISED)
    device = device_of(trained.model)
    with torch.inference_mode():
        noisy = trained.model.corrupt(torch.from_numpy(clean).to(device), generator_for(device, 2)).cpu().numpy()
    flat = (len(clean), -1)
    return components_against(clean.reshape(flat), noisy.reshape(flat), unit=trained.preprocessing.unit)


def figures(trained: Trained, samples: Source, training: Source | None = None) -> tuple[Figures, ...]:
    """Return the figures of the model and, where its training samples are given, of PCA on the same samples.

    A Bernoulli cross-entropy of 0 or 1 predicted wrongly is infinite, so PCA's pixels keep half a grey level
    (1/510) away from both; the model's own are kept 1e-7 away, as Keras does. A model that was trained to remove
    noise is measured on the samples with that noise, drawn from seed 1, beside filters and the noisy samples.
    """
    if trained.model.config.denoises:
        return _against_noise(trained, samples, training)
    check_shape(trained, samples)
    unit = trained.preprocessing.unit
    latent = min(trained.config.latent, trained.model.dimensions)
    pca = None
    if training is not None:
        rows = _learnt_rows(trained, training)
        pca = principal_components(rows.reshape(len(rows), -1), latent, unit=unit)
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
    return own, baseline.figures("PCA", latent, 0, unit=unit)


def paired_figures(trained: Trained, pairs: Source, rows: NDArray[np.int64]) -> tuple[Figures, ...]:
    """Return the figures of the model on pairs (n, 2, *shape), and of what it sees, both against what is wanted."""
    config, unit = trained.model.config, trained.preprocessing.unit
    own, seen = _Sums(config.shape if len(config.shape) > 1 else None), _Sums(config.shape)
    with torch.inference_mode():
        for start in range(0, len(rows), PAIRS_TOGETHER):
            x = trained.preprocessing.prepare(pairs.take(rows[start : start + PAIRS_TOGETHER]))
            given, wanted = torch.from_numpy(x[:, 0]), x[:, 1].reshape(len(x), -1)
            cleaned = trained.model(given.to(device_of(trained.model))).cpu().numpy()
            own.add(wanted, cleaned.reshape(len(x), -1), unit=False, least=0)
            seen.add(wanted, x[:, 0].reshape(len(x), -1), unit=False, least=0)
    parameters = count_parameters(trained.model)
    return (
        own.figures(config.preset, config.latent, parameters, unit=False, pixels=unit),
        seen.figures(NOISY, 0, 0, unit=False, pixels=unit),
    )


def _against_noise(trained: Trained, samples: Source, training: Source | None) -> tuple[Figures, ...]:
    """Return the figures of clean samples restored from noisy ones: the model's, each filter's, the noisy samples'."""
    config, unit = trained.model.config, trained.preprocessing.unit
    shape = config.shape if unit and len(config.shape) > 1 else None
    filters: dict[str, Reconstruct] = dict(FILTERS) if shape else {}
    latents = dict.fromkeys(filters, 0)
    if training is not None:
        pca, latents["PCA"] = _pca_against_noise(trained, training)
        filters["PCA"] = lambda x: pca(x.reshape(len(x), -1)).reshape(x.shape)
    own, sums = _Sums(shape), {name: _Sums(shape) for name in (*filters, NOISY)}
    generator = generator_for(device_of(trained.model), 1)
    with torch.inference_mode():
        for batch in batches(trained, samples):
            noisy = trained.model.corrupt(batch, generator)
            x, given = batch.cpu().numpy(), noisy.cpu().numpy()
            wanted, mean = x.reshape(len(x), -1), trained.model(noisy).cpu().numpy()
            own.add(wanted, mean.reshape(len(x), -1), unit=unit, least=1e-7)
            for name, clean in {**filters, NOISY: _as_given}.items():
                sums[name].add(wanted, clean(given).reshape(len(x), -1), unit=unit, least=HALF_A_GREY_LEVEL)
    model = own.figures(config.preset, config.latent, count_parameters(trained.model), unit=unit)
    return model, *(found.figures(name, latents.get(name, 0), 0, unit=unit) for name, found in sums.items())


def _as_given(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return x


def held_out(trained: Trained, training: Source) -> NDArray[np.int64]:
    """Return the rows of the training source that the run held out."""
    return split_of(trained.about, len(training)).held_out


def learnt(trained: Trained, training: Source) -> Source:
    """Return the samples of the training source that weights were learnt from."""
    return Subset(training, split_of(trained.about, len(training)).rows)


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
    summary, config, encoding = summarise(trained.model), trained.model.config, encoding_of(trained)
    return Evaluation(
        name=config.preset,
        data=data,
        split=unseen.split,
        model=model,
        baselines=tuple(baselines),
        compression=trained.model.dimensions / config.latent,
        seconds=trained.about["seconds"],
        history=trained.history,
        originals=_rows(trained, unseen.samples, rows[:SHOWN]),
        reconstructions=as_rows(trained, decode(trained, codes[:SHOWN])),
        codes=codes,
        labels=None if unseen.labels is None else unseen.labels[rows],
        distortions=distortions,
        worst=_rows(trained, unseen.samples, rows[worst]),
        worst_reconstructions=as_rows(trained, decode(trained, codes[worst])),
        worst_distortions=distortions[worst],
        columns=columns if encoding is None else encoding.names,
        layers=tuple((row.part, row.layer, str(row.shape), f"{row.parameters:,}") for row in summary.rows),
        warnings=tuple(warnings(trained, model, baselines)),
        generation=generation(trained, looked),
        choice=choice_of(trained.about),
        detection=detection(trained, unseen, training)
        if name_in(trained) in BESIDE and members.usable(trained)
        else None,
    )


def _rows(trained: Trained, source: Source, rows: NDArray[np.int64]) -> Array:
    """Return samples as people know them: of an encoded table the values of its own columns."""
    encoding = encoding_of(trained)
    if encoding is None:
        return source.take(rows)
    return as_rows(trained, frame_of(source, rows).select(encoding.names) if frames_of(source) else source.take(rows))


def detection(trained: Trained, unseen: Unseen, training: Source | None) -> Detection:
    """Return the detector's ranking of unseen samples; labels other than 0 and 1 say nothing of anomalies.

    Of windows their series is ranked, step by step.
    """
    samples, given = _series(unseen.samples), None if training is None else _series(training)
    if given is not None and given is training:
        given = learnt(trained, given)
    return detection_of(
        trained,
        samples,
        members.score(trained, samples),
        anomalous=marks(unseen.labels),
        learnt=given,
        weight=unseen.weight,
    )


def _series(source: Source) -> Source:
    """Return the series that windows are of; other samples as they are."""
    root = root_of(source)
    return root.source if isinstance(root, Windows) else source


def generation(trained: Trained, samples: Source) -> Generation | None:
    """Return what a variational model makes of up to 1,000 samples on average, and new ones; None for other models."""
    config = trained.model.config
    if not trained.model.encoder.bottleneck.draws_weighted:
        return None
    found = measure(trained, Subset(samples, spaced(len(samples), MEASURED)), samples=1)
    return Generation(found.distortion, found.rate, found.active, config.latent, sample(trained, NEW))


def warnings(trained: Trained, model: Figures, baselines: Sequence[Figures]) -> list[str]:
    """Return a plain sentence for each baseline that reconstructs with less squared error than the model.

    Of noise that is no image's, nothing is said: a table's columns may have nothing in common to restore them by.
    """
    better = [baseline for baseline in baselines if baseline.mse < model.mse]
    return [_warning(trained, model, one) for one in better if one.name != NOISY or one.psnr is not None]


def _warning(trained: Trained, model: Figures, baseline: Figures) -> str:
    errors = f"mean squared error {baseline.mse:.4g}, the model {model.mse:.4g}"
    if baseline.name == NOISY:
        return f"The model gives back samples farther from the clean ones than the noisy are ({errors}): train longer."
    numbers = f" with {baseline.latent} numbers" if baseline.latent else ""
    return f"{baseline.name}{numbers} reconstructs better ({errors}): {remedy(trained, baseline.name)}."


def remedy(trained: Trained, baseline: str) -> str:
    """Return what lets a model reconstruct better, by what holds its code back."""
    if collapsed(trained.config, trained.history):
        return "the code has collapsed; lower beta, or give warm_up = 0.3 or free_nats = 0.1"
    return f"train longer, or {trained.config.bottleneck.freer or f'use {baseline}'}"
