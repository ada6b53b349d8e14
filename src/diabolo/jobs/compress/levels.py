"""Levels: steps to which a code of whole numbers is rounded, finer or coarser, each with its probability tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from diabolo.coding.entropy import EntropyCoder
from diabolo.coding.tables import Tables, tables_from_arrays, tables_from_probabilities
from diabolo.data.source import ArraySource, Source, spaced
from diabolo.errors import FormatError, InputError
from diabolo.jobs import apply
from diabolo.training.devices import device_of
from diabolo.training.files.contents import Extra
from diabolo.training.files.model_file import Trained

NAME = "compress"
STEPS = tuple(2.0 ** (exponent / 8) for exponent in range(-18, 13))
"""Widths of rounding, in units of the training's; about 0.35 dB apart."""
NATURAL = STEPS.index(1.0)
SAMPLES = 20_000
PRIOR_COUNT = 50.0
"""What the learned prior weighs against samples counted."""
MARGIN = 4


@dataclass(frozen=True)
class Level:
    """step: width of rounding; coder: of its symbols; psnr (dB) and size (bytes a sample) as measured in training."""

    step: float
    coder: EntropyCoder
    psnr: float
    size: float

    def symbols(self, latents: NDArray[np.float32]) -> NDArray[np.int32]:
        """Return the symbols (n, K) of unrounded codes (n, K)."""
        symbols: NDArray[np.int32] = np.rint(np.clip(latents / self.step, -(2.0**30), 2.0**30)).astype(np.int32)
        return symbols

    def codes(self, symbols: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the codes (n, K) that symbols stand for."""
        return (symbols * np.float32(self.step)).astype(np.float32)


def fit_levels(trained: Trained, source: Source) -> Extra:
    """Return the tables of every level, from training samples and the learned prior, with what each level reaches."""
    samples = ArraySource(source.take(spaced(len(source), SAMPLES)))
    latents = unrounded(trained, samples)
    whole = samples.take(np.arange(len(samples)))
    tables, psnrs, sizes = [], [], []
    steps = STEPS if trained.model.encoder.bottleneck.has_steps else (1.0,)
    for step in steps:
        symbols = np.rint(latents / step).astype(np.int32)
        tables.append(_tables(trained, symbols, step))
        restored = apply.decode(trained, (symbols * np.float32(step)).astype(np.float32))
        psnrs.append(psnr_of(squared_error(whole, restored), whole.size, peak_of(trained)))
        sizes.append(float(tables[-1].bits(symbols).mean()) / 8)
    together = Tables(*(np.concatenate([getattr(table, name) for table in tables]) for name in _NAMES))
    return Extra({"steps": list(steps), "psnr": psnrs, "bytes": sizes}, {**together.to_arrays()})


_NAMES = ("lowest", "sizes", "frequencies")


def _tables(trained: Trained, symbols: NDArray[np.int32], step: float) -> Tables:
    """Return tables by counts beside the learned prior, which speaks for what was seldom seen."""
    lowest = symbols.min(0) - MARGIN
    widths = symbols.max(0) + MARGIN + 1 - lowest
    grid = lowest + np.arange(widths.max())[:, None]
    with torch.inference_mode():
        code = torch.from_numpy((grid * step).astype(np.float32))
        cost = trained.model.encoder.bottleneck.cost(code.to(device_of(trained.model)), step)
        prior = np.exp(-cost.cpu().numpy().astype(np.float64))
    probabilities = []
    for column, first, width, expected in zip(symbols.T, lowest, widths, prior.T, strict=True):
        counts = np.bincount(column - first, minlength=width)
        mixed = counts + PRIOR_COUNT * expected[:width]
        probabilities.append(mixed / (len(column) + PRIOR_COUNT + 1) / max(1.0, expected[:width].sum()))
    return tables_from_probabilities(lowest.tolist(), probabilities)


def levels_of(trained: Trained) -> tuple[Level, ...]:
    """Return the levels in a trained model. Raises InputError if it has none, FormatError if they are damaged."""
    extra = trained.extras.get(NAME)
    if extra is None:
        raise InputError(
            f"This model ({trained.model.config.preset}) holds no probability tables to compress with; "
            "train one with --preset codec."
        )
    tables = tables_from_arrays(extra.arrays)
    steps, psnrs, sizes = (_numbers(extra.plain, name) for name in ("steps", "psnr", "bytes"))
    latent = trained.model.config.latent
    if len(tables) != latent * len(steps) or min(steps) <= 0 or not len(steps) == len(psnrs) == len(sizes):
        raise FormatError("the probability tables in the model file do not fit its code; train the model anew.")
    parts = [_part(tables, number * latent, latent) for number in range(len(steps))]
    coders = [EntropyCoder(part) for part in parts]
    return tuple(Level(*values) for values in zip(steps, coders, psnrs, sizes, strict=True))


def _numbers(plain: dict[str, Any], name: str) -> Sequence[float]:
    values = plain.get(name)
    if not isinstance(values, list) or not values or not all(isinstance(value, (int, float)) for value in values):
        raise FormatError(f"the model file's list {name!r} for compressing is missing or damaged; train it anew.")
    return [float(value) for value in values]


def _part(tables: Tables, start: int, count: int) -> Tables:
    """Return the tables of some dimensions."""
    ends = np.concatenate([[0], np.cumsum(tables.sizes, dtype=np.int64)])
    rows = slice(start, start + count)
    return Tables(tables.lowest[rows], tables.sizes[rows], tables.frequencies[ends[start] : ends[start + count]].copy())


def check_whole(trained: Trained) -> None:
    """Raise InputError unless the model's codes are whole numbers."""
    if not trained.model.encoder.bottleneck.integer_codes:
        raise InputError(
            f"A model of the preset {trained.model.config.preset} has codes of real numbers, which no file can hold "
            "exactly; train one with --preset codec."
        )


def unrounded(trained: Trained, source: Source) -> NDArray[np.float32]:
    """Return the codes (n, K) before rounding, in units of the training's step."""
    latents = np.empty((len(source), trained.model.config.latent), np.float32)
    encoder, start = trained.model.encoder, 0
    with torch.inference_mode():
        for batch in apply.batches(trained, source):
            found = encoder.bottleneck.unrounded(encoder.network(batch))
            latents[start : start + len(batch)] = found.cpu().numpy()
            start += len(batch)
    return latents


def squared_error(samples: NDArray[Any], restored: NDArray[Any]) -> float:
    """Return the sum of squared differences, in the data's own units."""
    difference = np.subtract(samples, restored, dtype=np.float32 if samples.itemsize == 1 else np.float64)
    return float(np.vdot(difference, difference))


def peak_of(trained: Trained) -> float:
    """Return the largest value that PSNR refers to: 255 for 8 bits, 65535 for 16, else the scale of the data."""
    scale = trained.preprocessing.scale
    return float(scale) if scale.ndim == 0 else float(np.sqrt(np.mean(np.square(scale))))


def psnr_of(error: float, numbers: int, peak: float) -> float:
    """Return 10 log10(peak^2 / mean squared error) in dB, at most 120."""
    return 120.0 if not error else float(min(120.0, 10 * np.log10(peak**2 * numbers / max(error, 1e-300))))
