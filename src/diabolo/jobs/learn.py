"""Learn: from samples and what was asked for to a model with all that its jobs need."""

from dataclasses import dataclass, replace
from typing import Any

from diabolo.config.model import ModelConfig
from diabolo.config.recipe import Recipe
from diabolo.data.source import Source
from diabolo.jobs import table_input
from diabolo.jobs.compress.prepare import prepared
from diabolo.jobs.detect import members as detectors
from diabolo.jobs.evaluate.choose_latent import AUTO, Choice, Configured, check_quality, choose_latent
from diabolo.model.corruption.described import parse_noise
from diabolo.presets.dials import VariationalDials
from diabolo.presets.presets import configure, preset_of, recipe_for
from diabolo.presets.record import Preset
from diabolo.training.files.model_file import Trained
from diabolo.training.fitting import Dials, fit
from diabolo.training.labelled import Labels
from diabolo.training.split import draw_split


@dataclass(frozen=True)
class Asked:
    """The parameters of the estimator, by their names there; `random_state` is drawn."""

    preset: str
    latent: int | str | None
    quality: float | None
    recipe: str
    epochs: int | None
    batch_size: int | None
    learning_rate: float | None
    patience: int | None
    validation: float | None
    noise: str | None
    beta: float | None
    warm_up: float | None
    free_nats: float | None
    binarise: bool
    conditional: bool
    contamination: float
    device: str
    random_state: int

    @property
    def record(self) -> Preset:
        """The preset's record. Raises ArgumentError for an unknown name."""
        return preset_of(self.preset)

    @property
    def scaling(self) -> dict[str, bool]:
        """How `fit` is to scale the samples of this preset, as its arguments."""
        return {"curved": self.record.heavy_tails, "standardised": self.record.windows}

    def recipe_of(self, samples: int) -> Recipe:
        """Return the recipe for so many samples."""
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

    def configured(self, latent: int | str | None, labels: Labels | None) -> Configured:
        """Return what `fit` asks for the configuration, for codes of `latent` numbers."""
        dials = VariationalDials(self.beta, self.free_nats, self.binarise, labels.names if labels else ())

        def configuration(shape: tuple[int, ...], unit: bool) -> ModelConfig:
            config = dials.on(configure(self.preset, shape, latent=latent, unit=unit))
            return config if self.noise is None else replace(config, corruption=parse_noise(self.noise))

        return configuration


def learn(source: Source, asked: Asked, dials: Dials, labels: Labels | None, about: dict[str, Any]) -> Trained:
    """Return the model learnt from a source, with its encoding, codec tables and detector where it has any.

    about: further facts for the model file. Raises InputError for data or parameters that cannot be used.
    """
    check_quality(asked.quality, asked.latent)
    encoding, record = None, asked.record
    share = detectors.checked(asked.contamination, source, record.detector)
    split = draw_split(len(source), asked.recipe_of(len(source)).validation, dials.seed)
    if table_input.is_mixed(source):
        encoding = table_input.fit_to(source, split.rows)
        source = table_input.encoded(source, encoding)
    choice = _choice(source, asked, dials, labels)
    configured = asked.configured(choice.latent if choice else asked.latent, labels)
    trained = fit(source, configured, asked.recipe_of, dials, labels, split=split, **asked.scaling)
    trained = replace(trained, about={**trained.about, **about, **(choice.facts if choice else {})})
    if encoding is not None:
        trained = table_input.with_encoding(trained, encoding)
    bottleneck = trained.model.encoder.bottleneck
    if bottleneck.integer_codes or bottleneck.has_maps:
        trained = prepared(trained, source, callbacks=dials.callbacks)
    return detectors.with_detector(trained, source, record.detector, share)


def _choice(source: Source, asked: Asked, dials: Dials, labels: Labels | None) -> Choice | None:
    """Return the latent chosen for the samples, None where it is given or the preset's own."""
    if not (isinstance(asked.latent, str) and asked.latent == AUTO):
        return None
    configured = asked.configured(None, labels)
    return choose_latent(source, configured, asked.recipe_of, dials, labels, quality=asked.quality, **asked.scaling)
