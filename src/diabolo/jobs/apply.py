"""A trained model at work on samples: encode, decode, reconstruct, score; in batches, without gradients."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from diabolo.data.preprocessing import chunks
from diabolo.data.source import Array, Source
from diabolo.errors import InputError
from diabolo.model.autoencoder import Terms
from diabolo.training.batches import compact, expanded
from diabolo.training.loop import generator_for
from diabolo.training.model_file import Trained

TOGETHER = 2048


def batches(trained: Trained, source: Source) -> Iterator[Tensor]:
    """Yield the samples in order as prepared batches. Raises InputError if they have another shape than in training."""
    shape = trained.model.config.shape
    if source.shape != shape:
        raise InputError(f"Samples must have the shape {shape} of the training data, got {source.shape}.")
    device = next(trained.model.parameters()).device
    for chunk in chunks(source, np.arange(len(source))):
        for batch in torch.split(compact(chunk, trained.preprocessing), TOGETHER):
            yield expanded(batch.to(device))


def encode(trained: Trained, source: Source) -> NDArray[np.float32]:
    """Return the codes, (n, latent)."""
    with torch.inference_mode():
        codes = [trained.model.encoder(batch).cpu().numpy() for batch in batches(trained, source)]
    return np.concatenate(codes) if codes else np.zeros((0, trained.model.config.latent), np.float32)


def decode_batches(trained: Trained, codes: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Yield reconstructions in prepared units. Raises InputError if codes are not (n, latent) finite numbers."""
    latent = trained.model.config.latent
    if codes.ndim != 2 or codes.shape[1] != latent:
        raise InputError(f"Codes must have the shape (n, {latent}) of this model, got {codes.shape}.")
    if codes.dtype.kind not in "fiub" or not np.isfinite(codes).all():
        raise InputError("Codes must be finite numbers; fill or drop what is NaN, infinite or text.")
    device = next(trained.model.parameters()).device
    with torch.inference_mode():
        for batch in torch.split(torch.from_numpy(np.ascontiguousarray(codes, np.float32)), TOGETHER):
            yield trained.model.decoder(batch.to(device)).cpu().numpy()


def decode(trained: Trained, codes: NDArray[np.float32]) -> Array:
    """Return the samples (n, *shape) that codes (n, latent) stand for, in the data's own units and dtype."""
    restored = [trained.preprocessing.restore(batch) for batch in decode_batches(trained, codes)]
    shape = trained.model.config.shape
    return np.concatenate(restored) if restored else np.zeros((0, *shape), trained.preprocessing.dtype)


def score(trained: Trained, source: Source) -> Terms:
    """Return the distortion and the rate of each sample, (n,) each, in nats per sample.

    Where the bottleneck draws the code it is drawn once, from a fixed seed.
    """
    generator = generator_for(next(trained.model.parameters()).device, 0)
    terms: list[Terms] = []
    with torch.inference_mode():
        for batch in batches(trained, source):
            terms.append(Terms(*(term.cpu() for term in trained.model.evaluate(batch, generator))))
    if not terms:
        return Terms(torch.zeros(0), torch.zeros(0))
    return Terms(torch.cat([term.distortion for term in terms]), torch.cat([term.rate for term in terms]))
