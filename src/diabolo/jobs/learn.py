"""Learn: from samples and what was asked for to a model with all that its jobs need."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from diabolo.config.model import ModelConfig
from diabolo.config.recipe import Recipe
from diabolo.data.source import Source
from diabolo.errors import ArgumentError
from diabolo.jobs import table_input
from diabolo.jobs.compress.prepare import prepared
from diabolo.jobs.detect import members as detectors
from diabolo.jobs.evaluate.choose_latent import AUTO, Choice, Configured, check_quality, choose_latent
from diabolo.model.bottlenecks.table import BOTTLENECKS
from diabolo.model.corruption.described import parse_noise
from diabolo.model.networks.own import Modules, given_modules, numbers_of, own_config
from diabolo.presets.dials import NetworkDials, VariationalDials
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
    encoder: nn.Module | None
    decoder: nn.Module | None
    network: str | None
    layers: Sequence[int] | None
    activation: str | None
    penalty: float | None
    active: int | None
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

    def configured(self, latent: int | str | None, labels: Labels | None, modules: Modules | None) -> Configured:
        """Return what `fit` asks for the configuration, for codes of `latent` numbers."""
        dials = VariationalDials(self.beta, self.free_nats, self.binarise, labels.names if labels else ())
        layered = NetworkDials(self.layers, self.activation, self.penalty, self.active)
        own = own_config(self.network, modules)
        if own is not None and not self.record.free_latent:
            raise ArgumentError(
                f"The code of preset {self.preset!r} follows from its own network; choose another preset for yours."
            )

        def configuration(shape: tuple[int, ...], unit: bool) -> ModelConfig:
            config = configure(self.preset, shape, latent=latent, unit=unit)
            if own is not None:
                found = latent_of(config, modules) if modules and latent is None else config.latent
                config = replace(config, network=own, latent=found)
            config = dials.on(layered.on(config))
            return config if self.noise is None else replace(config, corruption=parse_noise(self.noise))

        return configuration


def latent_of(config: ModelConfig, modules: Modules) -> int:
    """Return the numbers of a code, as the user's encoder gives them."""
    bottleneck = BOTTLENECKS[type(config.bottleneck)](config.bottleneck, config.latent)
    return max(1, numbers_of(modules, config.shape) // bottleneck.per_latent)


def learn(source: Source, asked: Asked, dials: Dials, labels: Labels | None, about: dict[str, Any]) -> Trained:
    """Return the model learnt from a source, with its encoding, codec tables and detector where it has any.

    about: further facts for the model file. Raises InputError for data or parameters that cannot be used.
    """
    check_quality(asked.quality, asked.latent)
    modules = given_modules(asked.encoder, asked.decoder)
    dials = replace(dials, modules=modules)
    encoding, record = None, asked.record
    share = detectors.checked(asked.contamination, source, record.detector)
    split = draw_split(len(source), asked.recipe_of(len(source)).validation, dials.seed)
    if table_input.is_mixed(source):
        encoding = table_input.fit_to(source, split.rows)
        source = table_input.encoded(source, encoding)
    choice = _choice(source, asked, dials, labels)
    configured = asked.configured(choice.latent if choice else asked.latent, labels, modules)
    trained = fit(source, configured, asked.recipe_of, dials, labels, split=split, **asked.scaling)
    told = table_input.told_of(source)
    trained = replace(trained, about={**trained.about, **about, **told, **(choice.facts if choice else {})})
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
    if dials.modules is not None:
        raise ArgumentError(
            "latent 'auto' trains codes of several sizes, and the encoder given has one; leave latent out, or register "
            "functions that make networks of any size (register_networks)."
        )
    configured = asked.configured(None, labels, None)
    return choose_latent(source, configured, asked.recipe_of, dials, labels, quality=asked.quality, **asked.scaling)
