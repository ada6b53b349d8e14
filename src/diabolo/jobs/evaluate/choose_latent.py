"""Choose the latent: one model whose every prefix of the code is usable, its curve of quality against K, and a rule."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from diabolo.config.model import ModelConfig
from diabolo.config.recipe import Recipe
from diabolo.data.preprocessing import bounded
from diabolo.data.source import Source
from diabolo.errors import ArgumentError, FormatError
from diabolo.model.autoencoder import AutoencoderModel
from diabolo.model.networks.resizing import is_map
from diabolo.training.batches import compacted, evaluated_together, expanded
from diabolo.training.devices import device_of
from diabolo.training.files.model_file import Trained
from diabolo.training.fitting import Dials, fit
from diabolo.training.labelled import Labels
from diabolo.training.loop import generator_for
from diabolo.training.split import split_of

TRIED = 48
"""Latents on the curve, at most: one by one at first, then in steps of about a tenth."""
MEASURED = 2000
"""Held-out samples that the curve is the mean over."""
HELD_OUT = 0.05
"""Least share of the samples held out."""
TIMES, LEAST = 4, 64
"""The longest code tried: so many times the preset's own, at least 64 numbers, and fewer than a sample has."""
TRIALS = 3
"""Models trained anew to find the fewest numbers that reach a quality."""
BEST = 120.0
"""PSNR in dB at most, where nothing differs."""
AUTO = "auto"

Configured = Callable[[tuple[int, ...], bool], ModelConfig]


@dataclass(frozen=True)
class Point:
    """psnr: in dB, of samples decoded from the first `latent` numbers of their codes, from the total squared error.

    Its peak is 1 in prepared units: the range of pixels, or the standard deviation of other numbers.
    bytes: of these numbers by the learned prior, per sample, for codes of whole numbers; else None.
    """

    latent: int
    psnr: float
    bytes: float | None


@dataclass(frozen=True)
class Choice:
    """latent: what was chosen from the curve. quality: the PSNR that it was to reach, None if it is the knee.

    trials: what models trained anew reached, where a quality was asked for.
    """

    latent: int
    quality: float | None
    curve: tuple[Point, ...]
    trials: tuple[Point, ...] = ()

    @property
    def facts(self) -> dict[str, Any]:
        """The curve and the choice as JSON values, for the model's facts."""
        trials = [asdict(point) for point in self.trials]
        chosen = {"latent": self.latent, "quality": self.quality, "trials": trials}
        return {"latent_curve": [asdict(point) for point in self.curve], "latent_choice": chosen}


def choice_of(about: dict[str, Any]) -> Choice | None:
    """Return the choice that a model's facts hold, None if its latent was given. Raises FormatError if damaged."""
    if "latent_curve" not in about:
        return None
    try:
        curve = tuple(Point(**point) for point in about["latent_curve"])
        facts = about["latent_choice"]
        found = Choice(facts["latent"], facts["quality"], curve, tuple(Point(**point) for point in facts["trials"]))
        numbers = [x for point in (*curve, *found.trials) for x in (point.latent, point.psnr, point.bytes or 0)]
        if not np.isfinite(np.array([found.latent, found.quality or 0, *numbers], np.float64)).all():
            raise ValueError("its figures are not finite.")
        next(point for point in curve if point.latent == found.latent)
    except (KeyError, TypeError, ValueError, StopIteration) as error:
        raise FormatError("the model file's curve of the latent is damaged; train the model anew.") from error
    return found


def check_quality(quality: object, latent: object) -> None:
    """Raise ArgumentError unless quality is None, or a PSNR for `latent` = 'auto' to reach."""
    if quality is None:
        return
    number = isinstance(quality, (int, float, np.number)) and not isinstance(quality, bool)
    if not number or not 0 < quality <= BEST:  # type: ignore[operator]
        raise ArgumentError(f"quality must be a PSNR above 0 and up to {BEST:g} dB, got {quality!r}.")
    if latent != AUTO:
        raise ArgumentError(f"quality is for latent 'auto', which chooses a size that reaches it; got {latent!r}.")


def choose_latent(
    source: Source,
    configured: Configured,
    recipe: Callable[[int], Recipe],
    dials: Dials,
    labels: Labels | None = None,
    *,
    quality: float | None = None,
    curved: bool = False,
    standardised: bool = False,
) -> Choice:
    """Train a nested model once and return the latent that its curve on held-out samples calls for.

    configured: as `fit` takes it, for the preset's own latent. recipe: for the model to come; at least 5 % of the
    samples are held out here. quality: PSNR in dB to reach with the fewest numbers; None: the knee of the curve.
    curved, standardised: as for `fit`.
    As a model of its own reaches more than a prefix, a quality is tried on up to three models trained anew.
    Raises ArgumentError if the preset's code has no size to choose; Ctrl-C ends it, for half a curve tells little.
    """

    def measured(change: Callable[[ModelConfig], ModelConfig]) -> tuple[Point, ...]:
        alone = replace(dials, checkpoint=None, resume=False)
        made = fit(
            source,
            lambda *g: change(configured(*g)),
            lambda n: holding_out(recipe(n)),
            alone,
            labels,
            curved=curved,
            standardised=standardised,
        )
        if made.about["stopped"] == "interrupted":
            raise KeyboardInterrupt
        rows = split_of(made.about, len(source)).held_out
        return curve_of(made, source, rows if len(rows) else np.arange(len(source)))

    curve = measured(nested)
    if quality is None:
        return Choice(knee(curve), None, curve)
    return refined(curve, quality, lambda latent: measured(lambda config: replace(config, latent=latent))[-1])


def nested(config: ModelConfig) -> ModelConfig:
    """Return the configuration of the model that is trained once: the longest code to try, every prefix usable."""
    if is_map(config):
        raise ArgumentError(
            f"The code of preset {config.preset} is a map, whose size follows from the network: latent 'auto' has "
            "nothing to choose; leave latent out, or take another preset."
        )
    longest = max(1, min(math.prod(config.shape) - 1, max(LEAST, TIMES * config.latent)))
    return replace(config, latent=longest, nested=True)


def holding_out(recipe: Recipe) -> Recipe:
    """Return the recipe with some samples held out, on which the curve is measured."""
    return replace(recipe, validation=max(HELD_OUT, recipe.validation))


def latents_of(longest: int) -> list[int]:
    """Return the latents to try: 1 to `longest`, further apart where they are large.

    >>> latents_of(6), latents_of(1000)[-3:]
    ([1, 2, 3, 4, 5, 6], [745, 863, 1000])
    """
    return sorted({round(latent) for latent in np.geomspace(1, longest, TRIED)})


def curve_of(trained: Trained, source: Source, rows: NDArray[np.int64]) -> tuple[Point, ...]:
    """Return the curve of a nested model on up to 2,000 of the rows of a source, corrupted as in training."""
    model, device = trained.model, device_of(trained.model)
    samples = compacted(source, bounded(rows, source, MEASURED), trained.preprocessing)
    generator = generator_for(device, trained.about["seed"], 5)
    latents = latents_of(model.config.latent)
    totals = np.zeros((len(latents), 2))
    with torch.inference_mode():
        for batch in torch.split(samples, evaluated_together(model.dimensions)):
            totals += _totals(model, expanded(batch.to(device)), latents, generator)
    errors, bits = totals.T / len(samples)
    whole = model.encoder.bottleneck.integer_codes
    return tuple(
        Point(latent, min(BEST, -10 * math.log10(max(error / model.dimensions, 1e-300))), size / 8 if whole else None)
        for latent, error, size in zip(latents, errors.tolist(), bits.tolist(), strict=True)
    )


def _totals(
    model: AutoencoderModel, x: Tensor, latents: Sequence[int], generator: torch.Generator
) -> NDArray[np.float64]:
    """Return (latents, 2): squared error and bits of samples from each prefix of their codes, summed over samples."""
    given, wanted = model.corrupt.seen(x, generator)
    code = model.encoder(given)
    bottleneck = model.encoder.bottleneck
    zeros = code.new_zeros(code.shape[1])
    bits = bottleneck.cost(code).sum(0).cumsum(0) / math.log(2) if bottleneck.integer_codes else zeros
    found = []
    for latent in latents:
        prefix = code.clone()
        prefix[:, latent:] = 0
        error = (model.decoder(prefix) - wanted).square().sum(dtype=torch.float64)
        found.append((float(error), float(bits[latent - 1])))
    return np.array(found)


def chosen(curve: Sequence[Point], quality: float) -> int:
    """Return the smallest latent that reaches `quality` in dB; where none does, the first that is as good as any."""
    best = max(point.psnr for point in curve)
    return next(point.latent for point in curve if point.psnr >= min(quality, best))


def refined(curve: tuple[Point, ...], quality: float, anew: Callable[[int], Point]) -> Choice:
    """Return the smallest latent whose model, trained anew, reaches `quality`, with the models tried; else the best.

    anew: latent -> what a model of its own reaches. Each one tells how far the curve lies too low, and so what to try
    next.
    """
    trials: dict[int, Point] = {}
    latent = chosen(curve, quality)
    while latent not in trials and len(trials) < TRIALS:
        trials[latent] = anew(latent)
        above = trials[latent].psnr - next(point.psnr for point in curve if point.latent == latent)
        latent = chosen(curve, quality - above)
    reached = [latent for latent, point in trials.items() if point.psnr >= quality]
    best = max(trials, key=lambda latent: trials[latent].psnr)
    return Choice(min(reached, default=best), quality, curve, tuple(trials.values()))


def knee(curve: Sequence[Point]) -> int:
    """Return the latent at the knee of the squared error: beyond it a number removes less than numbers do on average.

    Both axes are scaled to [0, 1]; the knee is where the share of the error removed is farthest above the diagonal.
    Source: Kneedle, Satopaa et al. 2011, doi 10.1109/ICDCSW.2011.20, section III; dips by chance are levelled first.
    Decibels would not do: their curve is all but straight for digits, and a straight line has no knee. A curve
    that falls no less towards its end than on average has none either: its last latent is returned, of a flat one the
    first.

    >>> knee([Point(latent, psnr, None) for latent, psnr in [(1, 5.0), (2, 9.0), (3, 20.0), (4, 20.1), (9, 20.2)]])
    3
    """
    latents = np.array([point.latent for point in curve], np.float64)
    errors = np.minimum.accumulate([10 ** (-point.psnr / 10) for point in curve])
    removed = errors[0] - errors
    if removed[-1] == 0:
        return curve[0].latent
    above = removed / removed[-1] - (latents - latents[0]) / (latents[-1] - latents[0])
    return curve[int(above.argmax())].latent if above.max() > 1e-9 else curve[-1].latent
