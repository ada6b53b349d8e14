"""A trained model at work on samples: encode, decode, reconstruct, score; in batches, without gradients."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from diabolo.data.preprocessing import chunks
from diabolo.data.source import Array, Source
from diabolo.errors import InputError
from diabolo.jobs.columns import check_shape
from diabolo.model.autoencoder import Terms
from diabolo.training.batches import compact, evaluated_together, expanded
from diabolo.training.devices import device_of
from diabolo.training.files.model_file import Trained
from diabolo.training.labelled import one_hot


def batches(trained: Trained, source: Source) -> Iterator[Tensor]:
    """Yield the samples in order as prepared batches. Raises InputError if they have another shape than in training."""
    check_shape(trained, source)
    device = device_of(trained.model)
    for chunk in chunks(source, np.arange(len(source))):
        for batch in torch.split(compact(chunk, trained.preprocessing), evaluated_together(trained.model.dimensions)):
            yield expanded(batch.to(device))


def encode(trained: Trained, source: Source) -> NDArray[np.float32]:
    """Return the codes, (n, latent)."""
    codes = np.empty((len(source), trained.model.config.latent), np.float32)
    with torch.inference_mode():
        for rows, batch in _numbered(batches(trained, source)):
            codes[rows] = trained.model.encoder(batch).cpu().numpy()
    return codes


def _numbered(batches: Iterator[Tensor]) -> Iterator[tuple[slice, Tensor]]:
    """Yield each batch with its rows. Results go into one array made beforehand: pieces kept apart scatter the heap."""
    start = 0
    for batch in batches:
        yield slice(start, start + len(batch)), batch
        start += len(batch)


def decode(trained: Trained, codes: NDArray[np.float32], *, label: str | None = None) -> Array:
    """Return the samples (n, *shape) that codes (n, latent) stand for, in the data's own units and dtype.

    label: what a conditional model's decoder is told. Raises InputError if codes are not (n, latent) finite numbers,
    or the model does not know the label.
    """
    _check_codes(codes, trained.model.config.latent)
    told = None if label is None else torch.from_numpy(one_hot(trained.model.config.classes, label, 1))
    samples = np.empty((len(codes), *trained.model.config.shape), trained.preprocessing.dtype)
    device = device_of(trained.model)
    together = evaluated_together(trained.model.dimensions)
    with torch.inference_mode():
        for start in range(0, len(codes), together):
            batch = torch.from_numpy(codes[start : start + together].astype(np.float32)).to(device)
            labels = None if told is None else told.to(device).expand(len(batch), -1)
            prepared = trained.model.decoder(batch, labels).cpu().numpy()
            samples[start : start + together] = trained.preprocessing.restore(prepared)
    return samples


def _check_codes(codes: Array, latent: int) -> None:
    if codes.ndim != 2 or codes.shape[1] != latent:
        raise InputError(f"Codes must have the shape (n, {latent}) of this model, got {codes.shape}.")
    if codes.dtype.kind not in "fiub" or not np.isfinite(codes).all():
        raise InputError("Codes must be finite numbers; fill or drop what is NaN, infinite or text.")


def score(trained: Trained, source: Source) -> Terms:
    """Return the distortion and the rate of each sample, (n,) each, in nats per sample.

    The code is the one that stands for the sample, without noise, so a sample's score depends on nothing else.
    """
    found = Terms(torch.empty(len(source)), torch.empty(len(source)))
    with torch.inference_mode():
        for rows, batch in _numbered(batches(trained, source)):
            terms = trained.model.score(batch)
            found.distortion[rows], found.rate[rows] = terms.distortion.cpu(), terms.rate.cpu()
    return found
