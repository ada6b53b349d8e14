"""The autoencoder with scikit-learn's manners."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import nn

from diabolo.data.source import Array, Dataset
from diabolo.detecting import Detecting, normal_samples
from diabolo.jobs import apply
from diabolo.jobs.compress.compress import Compressed, compress, promised
from diabolo.jobs.compress.decompress import unpacked
from diabolo.jobs.compress.output import as_array
from diabolo.jobs.denoise.stacks import denoise_images
from diabolo.jobs.denoise.strength import Dial
from diabolo.jobs.detect import members as detectors
from diabolo.jobs.learn import Asked, learn
from diabolo.jobs.parameters import plain, seed_of
from diabolo.learnt import Learnt
from diabolo.model.networks.own import given_modules
from diabolo.presets.presets import preset_of
from diabolo.presets.record import Preset
from diabolo.samples import Samples, forget_features, in_own_units, source_of
from diabolo.training.files.model_file import load_model, save_model
from diabolo.training.fitting import Dials
from diabolo.training.labelled import classes_of
from diabolo.training.loop import Callback


class Autoencoder(Learnt, Detecting, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Learn a code of `latent` numbers for samples of any shape, and the way back.

    Parameters
    ----------
    preset : 'dense', 'deep', 'conv', 'tied', 'sparse', 'k-sparse', 'contractive', 'hinton', 'wasserstein', 'vae',
        'conv-vae', 'faces', 'codec', 'denoise', 'denoise-deep', 'denoise-photo', 'table', 'series' (of `windows_of`) or
        'surface' (a list of images is learnt from in pieces); see `diabolo.presets`.
    latent : numbers in a code; None fits the preset to the data (32 for 28x28 images); 'auto' trains twice, first to
        choose it (see `diabolo.jobs.evaluate.choose_latent`).
    quality : for latent = 'auto': PSNR in dB that the fewest numbers are to reach; None takes the knee of the curve.
    recipe : 'default', or 'lecture' for the lecture's own; see `diabolo.presets.recipes`. The next five overrule it.
    epochs : passes over the data.
    batch_size, learning_rate : samples per step, and the (largest) learning rate.
    patience : epochs without a better held-out loss before training stops.
    validation : share of the samples held out to choose the best weights (at most 5,000 samples).
    encoder, decoder : PyTorch modules of your own in place of the preset's network (docs/own_networks.md).
    network : a name that `register_networks` gave to functions that make them.
    layers : sizes of the encoder's hidden layers, or channels of its stages; the decoder mirrors them.
    activation : 'relu', 'silu', 'sigmoid', 'tanh' or 'linear', between layers.
    penalty : of 'sparse', 'contractive' and 'wasserstein': its weight. active : of 'k-sparse': numbers that are kept.
    noise : what training adds to the samples, such as 'gaussian:0.5' or 'poisson:5-30'; None leaves it to the preset
        (see `diabolo.model.corruption.described`).
    beta, warm_up, free_nats : of variational presets: weight of the rate, share of the steps over which it rises,
        and nats of each number of the code that training does not charge.
    binarise : whether training draws zeros and ones from pixels as probabilities, anew for every batch.
    conditional : whether the decoder is told the labels `y`, so that `sample` can be asked for one of them.
    contamination : of the preset 'table': the share of anomalies among the samples, which its detector leaves out.
    device : 'auto' (the GPU if there is one), 'cpu', 'cuda' or 'mps' (Apple's).
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
        encoder: nn.Module | None = None,
        decoder: nn.Module | None = None,
        network: str | None = None,
        layers: Sequence[int] | None = None,
        activation: str | None = None,
        penalty: float | None = None,
        active: int | None = None,
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
        self.encoder = encoder
        self.decoder = decoder
        self.network = network
        self.layers = layers
        self.activation = activation
        self.penalty = penalty
        self.active = active
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
        """Learn from samples. `y`: the classes of a conditional model (a Dataset brings its own).

        For presets that detect `y` are labels, 0 and 1, -1 and 1 or words: the normal samples are learnt from.

        checkpoint: a file that each epoch is saved to; with `resume`, a run that was killed goes on from there.
        Raises InputError for data or parameters that cannot be used, TrainingError if the loss fails twice.
        """
        before = dict(self.__dict__)
        try:
            return self._fitted(X, y, callbacks, checkpoint, resume=resume)
        except BaseException:
            self.__dict__ = before  # a fit that fails leaves the estimator as it was
            raise

    def _fitted(
        self, X: Samples, y: object, callbacks: Sequence[Callback], checkpoint: str | Path | None, *, resume: bool
    ) -> Self:
        if y is not None and self._record.detector is not None and not isinstance(X, Dataset):
            X = normal_samples(X, y)
        asked = Asked(**{**self.get_params(), "random_state": seed_of(self.random_state)})
        source = source_of(self, X, asked.random_state, pieces=self._record.pieces)
        labels = classes_of(X, y, len(source)) if self.conditional else None
        columns = [str(name) for name in getattr(self, "feature_names_in_", [])] or None
        about = {"parameters": plain(self.get_params()), "columns": columns}
        place = None if checkpoint is None else Path(checkpoint)
        dials = Dials(asked.random_state, self.device, callbacks, place, resume)
        self.trained_ = learn(source, asked, dials, labels, about)
        return self

    def encode(self, X: Samples) -> NDArray[np.float32]:
        """Return the codes, (n, latent)."""
        check_is_fitted(self)
        return apply.encode(self.trained_, source_of(self, X))

    def decode(self, codes: ArrayLike) -> Any:
        """Return the samples (n, *shape) that codes (n, latent) stand for, in the training data's units and dtype.

        Of a table with words, dates or gaps: a data frame, of the library that `fit` was given (polars after `load`).
        """
        check_is_fitted(self)
        return in_own_units(self, apply.decode(self.trained_, np.asarray(codes)))

    def reconstruct(self, X: Samples) -> Any:
        """Return decode(encode(X))."""
        return self.decode(self.encode(X))

    def denoise(
        self,
        X: ArrayLike,
        *,
        strength: float = 1.0,
        noise_level: float | None = None,
        keep_grain: float = 0.0,
        clip: bool = True,
    ) -> Array:
        """Return images (n, h, w) or (n, h, w, 3) cleaned, as `denoise_images` and `Dial` say."""
        check_is_fitted(self)
        return denoise_images(self.trained_, np.asarray(X), Dial(strength, noise_level, keep_grain), clip=clip)

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
        return compress(self.trained_, source_of(self, X), Path(path), promise=promise, **options)  # type: ignore[arg-type]

    def decompress(self, path: str | Path) -> Array:
        """Return the samples of an archive, (n, *shape). Raises FormatError if it is damaged, InputError if foreign.

        Items of several shapes make no array: InputError; read those with the command `diabolo decompress`.
        """
        check_is_fitted(self)
        return as_array(unpacked(self.trained_, Path(path)))

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
        if detectors.detects(self.trained_):
            return -self._suspicion(X).astype(np.float32)
        terms = apply.score(self.trained_, source_of(self, X))
        return np.asarray(-self.trained_.model.loss(terms).numpy())

    def score(self, X: Samples, y: object = None) -> float:
        """Return the mean of `score_samples`."""
        del y
        return float(self.score_samples(X).mean(dtype=np.float64))

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's parameters; `encoder` and `decoder` as they were given, not as they were learnt."""
        del deep
        return {name: self.__dict__[name] for name in self._get_param_names()}

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Write the model file. Raises FileError if something is in the way and `force` is false."""
        check_is_fitted(self)
        save_model(Path(path), self.trained_, force=force)

    @property
    def _record(self) -> Preset:
        """The preset's record. Raises ArgumentError for an unknown name."""
        return preset_of(self.preset)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        if self._record.detector is not None:
            tags.estimator_type = "outlier_detector"  # so that scorers take `decision_function`
        return tags


def load(
    path: str | Path,
    *,
    device: str = "auto",
    encoder: nn.Module | None = None,
    decoder: nn.Module | None = None,
) -> Autoencoder:
    """Return the estimator of a model file, ready to use.

    device: that computes: 'auto' (the GPU if there is one), 'cpu', 'cuda' or 'mps', whatever it was trained on.
    encoder, decoder: modules of the classes that the file names, if it was trained with modules of your own.
    Raises ArgumentError for a device that is not there, FileError if there is no file, FormatError if it is damaged,
    of another kind or of a newer version.
    """
    trained = load_model(Path(path), device, given_modules(encoder, decoder))
    known = trained.about.get("parameters") or {"preset": trained.model.config.preset}
    estimator = Autoencoder()
    estimator.set_params(**{name: value for name, value in known.items() if name in estimator.get_params()})
    estimator.set_params(device=device, encoder=encoder, decoder=decoder)
    estimator.trained_ = trained
    columns = trained.about.get("columns")
    forget_features(estimator, (len(columns),) if columns else trained.model.config.shape)
    if columns:
        estimator.feature_names_in_ = np.array(columns, dtype=object)
    return estimator
