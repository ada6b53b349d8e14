"""The autoencoder with scikit-learn's manners."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from diabolo.config.model import ModelConfig
from diabolo.config.recipe import Recipe
from diabolo.data.arrays import check_array
from diabolo.data.images.any_size import as_images, sized
from diabolo.data.source import Array, ArraySource, Dataset, Source
from diabolo.data.tables.other_libraries import as_library, is_frame, open_frame
from diabolo.errors import InputError
from diabolo.jobs import apply, table_input
from diabolo.jobs.compress.compress import Compressed, compress, promised
from diabolo.jobs.compress.decompress import unpacked
from diabolo.jobs.compress.output import as_array
from diabolo.jobs.compress.prepare import prepared
from diabolo.jobs.denoise.denoise import denoise, white_of
from diabolo.jobs.detect import anomaly_maps, detect
from diabolo.jobs.detect import choice as detectors
from diabolo.jobs.detect.days import days_of
from diabolo.jobs.detect.thresholds import Scores, alerts
from diabolo.jobs.evaluate.choose_latent import AUTO, Choice, Configured, check_quality, choose_latent
from diabolo.jobs.generate import density, sample
from diabolo.jobs.parameters import plain, seed_of
from diabolo.model.autoencoder import AutoencoderModel, Decoder, Encoder
from diabolo.model.corruption.described import parse_noise
from diabolo.model.summary import Summary, summarise
from diabolo.presets.dials import VariationalDials
from diabolo.presets.presets import configure, preset_of, recipe_for
from diabolo.presets.record import Preset
from diabolo.training.files.model_file import load_model, save_model
from diabolo.training.fitting import Dials, fit
from diabolo.training.history import Record
from diabolo.training.labelled import Labels, classes_of
from diabolo.training.loop import Callback, split

Samples = ArrayLike | Source | Dataset


def _detects(estimator: "Autoencoder") -> bool:
    """Return whether an estimator has a detector, or will have one once it is fitted."""
    trained = getattr(estimator, "trained_", None)
    return estimator._record.detector is not None if trained is None else detectors.detects(trained)


class Autoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Learn a code of `latent` numbers for samples of any shape, and the way back.

    Parameters
    ----------
    preset : 'dense', 'deep', 'conv', 'vae', 'conv-vae', 'faces', 'codec', 'denoise', 'denoise-deep',
        'denoise-photo', 'table' or 'surface' (a list of images is learnt from in pieces);
        see `diabolo.presets`.
    latent : numbers in a code; None fits the preset to the data (32 for 28x28 images); 'auto' trains twice, first to
        choose it (see `diabolo.jobs.evaluate.choose_latent`).
    quality : for latent = 'auto': PSNR in dB that the fewest numbers are to reach; None takes the knee of the curve.
    recipe : 'default', or 'lecture' for the lecture's own; see `diabolo.presets.recipes`. The next five overrule it.
    epochs : passes over the data.
    batch_size, learning_rate : samples per step, and the (largest) learning rate.
    patience : epochs without a better held-out loss before training stops.
    validation : share of the samples held out to choose the best weights (at most 5,000 samples).
    noise : what training lays over the samples, such as 'gaussian:0.5' or 'poisson:5-30' (see `diabolo.model.corruption.described`);
        None leaves it to the preset.
    beta, warm_up, free_nats : of variational presets: weight of the rate, share of the steps over which it rises,
        and nats of each number of the code that training does not charge.
    binarise : whether training draws zeros and ones from pixels as probabilities, anew for every batch.
    conditional : whether the decoder is told the labels `y`, so that `sample` can be asked for one of them.
    contamination : of the preset 'table': the share of anomalies among the samples, which its detector leaves out.
    device : 'auto' (the GPU if there is one), 'cpu' or 'cuda'.
    random_state : seed; the same one (and threads) on the same machine gives the same bits; None draws one.
        No global generator is touched.

    Attributes
    ----------
    trained_ : model, preprocessing, history and facts of the run, as the model file holds them.
    history_ : one record per epoch, losses in nats per sample.
    n_features_in_, feature_names_in_ : as scikit-learn has them, for flat samples.

    Samples are arrays (n, columns), (n, height, width) or (n, height, width, channels), data frames, or a `Source` as
    `diabolo.open_data` gives them. Images of 8 or 16 bits and floats in [0, 1] get a Bernoulli likelihood, other
    numbers are standardised and get a Gaussian one.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from diabolo import Autoencoder
    >>> X = load_digits().images / 16
    >>> ae = Autoencoder("dense", latent=8, epochs=5).fit(X)
    >>> ae.encode(X[:3]).shape, ae.reconstruct(X[:3]).shape
    ((3, 8), (3, 8, 8))
    """

    def __init__(
        self,
        preset: str = "dense",
        *,
        latent: int | str | None = None,
        quality: float | None = None,
        recipe: str = "default",
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        patience: int | None = None,
        validation: float | None = None,
        noise: str | None = None,
        beta: float | None = None,
        warm_up: float | None = None,
        free_nats: float | None = None,
        binarise: bool = False,
        conditional: bool = False,
        contamination: float = 0.0,
        device: str = "auto",
        random_state: int | None = 0,
    ) -> None:
        self.preset = preset
        self.latent = latent
        self.quality = quality
        self.recipe = recipe
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.patience = patience
        self.validation = validation
        self.noise = noise
        self.beta = beta
        self.warm_up = warm_up
        self.free_nats = free_nats
        self.binarise = binarise
        self.conditional = conditional
        self.contamination = contamination
        self.device = device
        self.random_state = random_state

    def fit(
        self,
        X: Samples,
        y: object = None,
        *,
        callbacks: Sequence[Callback] = (),
        checkpoint: str | Path | None = None,
        resume: bool = False,
    ) -> Self:
        """Learn from samples; `y` is looked at by a conditional model only (a Dataset brings its own).

        checkpoint: a file that each epoch is saved to; with `resume`, a run that was killed goes on from there.
        Raises InputError for data or parameters that cannot be used, TrainingError if the loss fails twice.
        """
        check_quality(self.quality, self.latent)
        seed = seed_of(self.random_state)
        source = self._source(X, seed)
        curved, encoding = self._record.heavy_tails, None
        share = detectors.checked(self.contamination, source, rows=curved)
        if table_input.is_mixed(source):
            encoding = table_input.fit_to(source, split(len(source), self._recipe(len(source)).validation, seed)[0])
            source = table_input.encoded(source, encoding)
        labels = classes_of(X, y, len(source)) if self.conditional else None
        place = None if checkpoint is None else Path(checkpoint)
        dials = Dials(seed, self.device, callbacks, place, resume)
        choice = self._choice(source, dials, labels)
        latent = choice.latent if choice else self.latent
        trained = fit(source, self._configured(latent, labels), self._recipe, dials, labels, curved=curved)
        columns = [str(name) for name in getattr(self, "feature_names_in_", [])] or None
        about = {**trained.about, "parameters": plain(self.get_params()), "columns": columns}
        about |= choice.facts if choice else {}
        self.trained_ = replace(trained, about=about)
        if encoding is not None:
            self.trained_ = table_input.with_encoding(self.trained_, encoding)
        if trained.model.encoder.bottleneck.whole:
            self.trained_ = prepared(self.trained_, source, callbacks=callbacks)
        self.trained_ = detectors.with_detector(self.trained_, source, rows=curved, contamination=share)
        return self

    def encode(self, X: Samples) -> NDArray[np.float32]:
        """Return the codes, (n, latent)."""
        check_is_fitted(self)
        return apply.encode(self.trained_, self._source(X))

    def decode(self, codes: ArrayLike) -> Any:
        """Return the samples (n, *shape) that codes (n, latent) stand for, in the training data's units and dtype.

        Of a table with words, dates or gaps: a data frame, of the library that `fit` was given (polars after `load`).
        """
        check_is_fitted(self)
        return self._own(apply.decode(self.trained_, np.asarray(codes)))

    def reconstruct(self, X: Samples) -> Any:
        """Return decode(encode(X))."""
        return self.decode(self.encode(X))

    def denoise(self, X: ArrayLike, *, clip: bool = True) -> Array:
        """Return images cleaned: an array of images (n, h, w) or (n, h, w, 3) of any size, of the same shape and dtype.

        8 or 16 bits, or floats in [0, 1] (`clip` keeps the result there). Raises InputError for other samples.
        """
        check_is_fitted(self)
        images = np.asarray(X)
        if images.ndim not in (3, 4):
            raise InputError(f"Images must be an array (n, h, w) or (n, h, w, 3), got {images.shape}.")
        white = white_of(self.trained_, images)
        cleaned = np.stack([denoise(self.trained_, image, white=white).image for image in images])
        return np.clip(cleaned, 0, 1) if clip and cleaned.dtype.kind == "f" else cleaned

    def compress(
        self,
        X: Samples,
        path: str | Path,
        *,
        quality: float | None = None,
        max_error: int | None = None,
        lossless: bool = False,
        force: bool = False,
    ) -> Compressed:
        """Write samples as an archive, lossy unless told otherwise; return its size and quality.

        quality: PSNR in dB to reach. max_error: grey levels that no number may be off. lossless: the same bytes back.
        Raises InputError for a model of another preset than 'codec', FileError if the archive cannot be written.
        """
        check_is_fitted(self)
        promise, error = promised(quality, max_error, lossless=lossless)
        options = {"quality": quality, "max_error": error, "force": force}
        return compress(self.trained_, self._source(X), Path(path), promise=promise, **options)  # type: ignore[arg-type]

    def decompress(self, path: str | Path) -> Array:
        """Return the samples of an archive, (n, *shape). Raises FormatError if it is damaged, InputError if foreign.

        Items of several shapes make no array: InputError; read those with the command `diabolo decompress`.
        """
        check_is_fitted(self)
        return as_array(unpacked(self.trained_, Path(path)))

    def fit_density(self, X: Samples, *, components: int = 10) -> Self:
        """Fit a Gaussian mixture to the codes of X, which `sample` then draws from; any model becomes a generator."""
        check_is_fitted(self)
        seed = seed_of(self.random_state)
        self.trained_ = density.fit_density(self.trained_, self._source(X), components=components, seed=seed)
        return self

    def sample(self, count: int = 1, *, label: str | None = None, random_state: int = 0) -> Any:
        """Return `count` new samples, (count, *shape), in the training data's units and dtype.

        Codes are drawn from the density that `fit_density` found, else (variational models) from the standard normal.
        label: of a conditional model's. Raises InputError if the model has no density.
        """
        check_is_fitted(self)
        return self._own(sample.sample(self.trained_, count, seed=seed_of(random_state), label=label))

    def interpolate(self, start: ArrayLike, end: ArrayLike, steps: int = 12, *, spherical: bool = False) -> Array:
        """Return samples (steps, *shape) on the way from one sample to another; spherical: along a great circle."""
        check_is_fitted(self)
        pair = self._source(np.stack([np.asarray(start), np.asarray(end)]))
        return sample.interpolate(self.trained_, pair, steps, spherical=spherical)

    def transform(self, X: Samples) -> NDArray[np.float32]:
        """Return the codes, as `encode` does."""
        return self.encode(X)

    def inverse_transform(self, X: ArrayLike) -> Any:
        """Return samples for codes, as `decode` does."""
        return self.decode(X)

    def score_samples(self, X: Samples) -> NDArray[np.float32]:
        """Return how much each sample is like the training data, (n,): higher is more so.

        It is -(distortion + beta * rate), in nats; with a detector (preset 'table') minus its score.
        """
        check_is_fitted(self)
        if _detects(self):
            return -self._suspicion(X).astype(np.float32)
        terms = apply.score(self.trained_, self._source(X))
        return np.asarray(-self.trained_.model.loss(terms).numpy())

    @available_if(_detects)  # type: ignore[untyped-decorator]
    def predict(self, X: Samples) -> NDArray[np.int64]:
        """Return -1 for each sample that raises an alert by the model's rule, 1 for the others."""
        check_is_fitted(self)
        found = detectors.of(self.trained_)
        days = days_of(self._source(X), found.rule.per_day) if found.rule.per_day else None
        raised = alerts(self._suspicion(X), found.calibration, found.rule, days)
        return np.where(raised, -1, 1)

    @available_if(_detects)  # type: ignore[untyped-decorator]
    def explain(self, X: Samples) -> Array:
        """Return what each number (of a table: column) of each sample adds to the detector's score, (n, *shape).

        Of images of several sizes (preset 'surface') an array of maps, each of its image's size.
        """
        check_is_fitted(self)
        if anomaly_maps.maps(self.trained_):
            return anomaly_maps.explain(self.trained_, as_images(X))
        return table_input.by_column(self.trained_, detect.explain(self.trained_, self._source(X)))

    def score(self, X: Samples, y: object = None) -> float:
        """Return the mean of `score_samples`."""
        del y
        return float(self.score_samples(X).mean(dtype=np.float64))

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Write the model file. Raises FileError if something is in the way and `force` is false."""
        check_is_fitted(self)
        save_model(Path(path), self.trained_, force=force)

    def summary(self) -> Summary:
        """Return the layers, output shapes and parameters of encoder, decoder and autoencoder; print it to read it."""
        check_is_fitted(self)
        return summarise(self.trained_.model)

    @property
    def encoder(self) -> Encoder:
        """The torch module from prepared samples to codes."""
        return self.autoencoder.encoder

    @property
    def decoder(self) -> Decoder:
        """The torch module from codes to prepared samples."""
        return self.autoencoder.decoder

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

    def _choice(self, source: Source, dials: Dials, labels: Labels | None) -> Choice | None:
        """Return the latent chosen for the samples, None where it is given or the preset's own."""
        if not (isinstance(self.latent, str) and self.latent == AUTO):
            return None
        configured = self._configured(None, labels)
        return choose_latent(
            source, configured, self._recipe, dials, labels, quality=self.quality, curved=self._record.heavy_tails
        )

    def _configured(self, latent: int | str | None, labels: Labels | None) -> Configured:
        """Return what `fit` asks for the configuration, for codes of `latent` numbers."""
        dials = VariationalDials(self.beta, self.free_nats, self.binarise, labels.names if labels else ())

        def configuration(shape: tuple[int, ...], unit: bool) -> ModelConfig:
            config = dials.on(configure(self.preset, shape, latent=latent, unit=unit))
            return config if self.noise is None else replace(config, corruption=parse_noise(self.noise))

        return configuration

    @property
    def _record(self) -> Preset:
        """The preset's record. Raises ArgumentError for an unknown name."""
        return preset_of(self.preset)

    def _recipe(self, samples: int) -> Recipe:
        return recipe_for(
            self.recipe,
            samples,
            preset=self.preset,
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            patience=self.patience,
            validation=self.validation,
            warm_up=self.warm_up,
        )

    def _own(self, samples: Array) -> Any:
        """Return decoded samples in the data's own units: tables with words or dates as data frames."""
        found = table_input.in_own_units(self.trained_, samples)
        return found if isinstance(found, np.ndarray) else as_library(found, getattr(self, "frames_", "polars"))

    def _source(self, X: Samples, seed: int | None = None) -> Source:
        """Return samples as a source, validated as scikit-learn does; sources and memory maps are taken as they are.

        seed: the one `fit` works with; None after it.
        """
        fitting = seed is not None
        if isinstance(X, Dataset):
            X = X.train
        if seed is not None and self._record.pieces and isinstance(X, list):
            X = anomaly_maps.pieces_of(sized(X), seed)
        if is_frame(X):
            return self._table(X, fitting=fitting)
        if hasattr(X, "in_memory") or isinstance(X, np.memmap):
            source: Source = ArraySource(check_array(X)) if isinstance(X, np.memmap) else X  # type: ignore[assignment]
            if fitting:
                self._forget_features(source.shape)
                return source
            return table_input.seen_by(self.trained_, source)
        array = self._validated(X, fitting=fitting)
        if array.ndim > 4 or array.dtype.kind not in "fiub":
            raise InputError(
                f"Samples must be numbers (n, columns), (n, h, w) or (n, h, w, channels), got {array.shape}."
            )
        return ArraySource(array) if fitting else table_input.seen_by(self.trained_, ArraySource(array))

    def _table(self, X: Any, *, fitting: bool) -> Source:
        """Return a data frame as a source: of numbers as scikit-learn takes them, else to be encoded."""
        opened = open_frame(X)
        if table_input.is_mixed(opened.source) or (not fitting and table_input.encoding_of(self.trained_)):
            if fitting:
                self._forget_features(opened.source.shape)
                self.feature_names_in_ = np.array(opened.names, dtype=object)
                self.frames_ = opened.library
                return opened.source
            return table_input.seen_by(self.trained_, opened.source)
        return ArraySource(self._validated(opened.frame, fitting=fitting))

    def _validated(self, X: Any, *, fitting: bool) -> Any:
        least = 2 if fitting else 1
        return validate_data(self, X, reset=fitting, dtype="numeric", allow_nd=True, ensure_min_samples=least)

    def _suspicion(self, X: Samples) -> Scores:
        """Return the detector's score of each sample, (n,): higher is more suspicious."""
        own = anomaly_maps.maps(self.trained_)
        return anomaly_maps.score(self.trained_, as_images(X)) if own else detect.score(self.trained_, self._source(X))

    def _forget_features(self, shape: tuple[int, ...]) -> None:
        """Set what scikit-learn calls features to those of flat samples that come without names."""
        for name in ("n_features_in_", "feature_names_in_", "frames_"):
            if hasattr(self, name):
                delattr(self, name)
        if len(shape) == 1:
            self.n_features_in_ = shape[0]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def load(path: str | Path) -> Autoencoder:
    """Return the estimator of a model file, ready to use.

    Raises FileError if there is none, FormatError if it is damaged, of another kind or of a newer version.
    """
    trained = load_model(Path(path))
    known = trained.about.get("parameters") or {"preset": trained.model.config.preset}
    estimator = Autoencoder()
    estimator.set_params(**{name: value for name, value in known.items() if name in estimator.get_params()})
    estimator.trained_ = trained
    columns = trained.about.get("columns")
    estimator._forget_features((len(columns),) if columns else trained.model.config.shape)
    if columns:
        estimator.feature_names_in_ = np.array(columns, dtype=object)
    return estimator
