"""What a fitted estimator shows of its model: the three models, the history, the layers, and new samples."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted
from torch import nn

from diabolo.data.source import Array
from diabolo.jobs.generate import density, sample
from diabolo.jobs.parameters import seed_of
from diabolo.model.autoencoder import AutoencoderModel, Decoder, Encoder
from diabolo.model.summary import Summary, summarise
from diabolo.samples import Samples, in_own_units, source_of
from diabolo.training.files.model_file import Trained
from diabolo.training.history import Record


class Learnt:
    """The part of the estimator that reads `trained_`."""

    trained_: Trained
    random_state: int | None

    def summary(self) -> Summary:
        """Return the layers, output shapes and parameters of encoder, decoder and autoencoder; print it to read it."""
        check_is_fitted(self)
        return summarise(self.trained_.model)

    @property
    def encoder(self) -> Encoder | nn.Module | None:
        """The torch module from prepared samples to codes; before `fit` the one that was given."""
        return self.trained_.model.encoder if hasattr(self, "trained_") else self.__dict__["encoder"]

    @encoder.setter
    def encoder(self, given: nn.Module | None) -> None:
        self.__dict__["encoder"] = given

    @property
    def decoder(self) -> Decoder | nn.Module | None:
        """The torch module from codes to prepared samples; before `fit` the one that was given."""
        return self.trained_.model.decoder if hasattr(self, "trained_") else self.__dict__["decoder"]

    @decoder.setter
    def decoder(self, given: nn.Module | None) -> None:
        self.__dict__["decoder"] = given

    @property
    def autoencoder(self) -> AutoencoderModel:
        """The torch module decoder(encoder(x)), on prepared samples."""
        check_is_fitted(self)
        return self.trained_.model

    @property
    def history_(self) -> tuple[Record, ...]:
        """One record per epoch."""
        check_is_fitted(self)
        return self.trained_.history

    @property
    def _n_features_out(self) -> int:
        return self.trained_.model.config.latent

    def fit_density(self, X: Samples, *, components: int = 10) -> Self:
        """Fit a Gaussian mixture to the codes of X, which `sample` then draws from; any model becomes a generator."""
        check_is_fitted(self)
        seed = seed_of(self.random_state)
        self.trained_ = density.fit_density(self.trained_, source_of(self, X), components=components, seed=seed)
        return self

    def sample(self, count: int = 1, *, label: str | None = None, random_state: int = 0) -> Any:
        """Return `count` new samples, (count, *shape), in the training data's units and dtype.

        Codes are drawn from the density that `fit_density` found, else (variational models) from the standard normal.
        label: of a conditional model's. Raises InputError if the model has no density.
        """
        check_is_fitted(self)
        return in_own_units(self, sample.sample(self.trained_, count, seed=seed_of(random_state), label=label))

    def interpolate(self, start: ArrayLike, end: ArrayLike, steps: int = 12, *, spherical: bool = False) -> Array:
        """Return samples (steps, *shape) on the way from one sample to another; spherical: along a great circle."""
        check_is_fitted(self)
        pair = source_of(self, np.stack([np.asarray(start), np.asarray(end)]))
        return sample.interpolate(self.trained_, pair, steps, spherical=spherical)
