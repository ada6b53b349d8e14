"""Detect in images of any size: a map of where each is unlike the training images, and a score that is its sum.

The model takes off an image what it holds for blots. A pixel's strength is G * r^2: r is what was taken off, averaged
over mirrored passes, in grains (data/images/grain.py), and G a Gaussian of 1 pixel; where training laid over lighter
blots more rarely than darker ones, the square of what is lighter is weighed by the odds. A pixel's part of the score is

    (strength / usual / (QUIET + level))^2.5

so that small and strong counts more than wide and faint. usual is the strength of training images as near to the
border, a root mean square; level is the image's own quiet level, the median of its strengths, in units of the typical
training image's: where much is taken off everywhere, a pixel has to stand out more.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from diabolo.config.corruption import CorruptionConfig
from diabolo.data.images.any_size import (
    PIECE,
    ArrayImages,
    PictureImages,
    Pieces,
    Plane,
    SizedImages,
    SomeImages,
    as_images,
    enough,
    sized,
)
from diabolo.data.images.grain import in_own_units
from diabolo.data.source import Array, Source, spaced
from diabolo.errors import FormatError, InputError
from diabolo.jobs.denoise.denoise import TILE, applied
from diabolo.jobs.denoise.tiles import windows
from diabolo.jobs.detect.detector import MAPS
from diabolo.jobs.detect.rules import FalseAlarms, Rule, rule_of
from diabolo.jobs.detect.thresholds import Scores, calibration_of
from diabolo.model.autoencoder import AutoencoderModel
from diabolo.model.networks.resizing import reach, resized
from diabolo.training.files.contents import Extra
from diabolo.training.files.model_file import Trained
from diabolo.training.split import draw_split

HELD_SHARE, RATE = 0.2, 0.01
SMOOTH, POWER = 1.0, 2.5
QUIET = 0.3
FORM = 2
"""Of the scores; 1 took images in units of their mean alone."""
MIRRORED = ((1, 1), (1, -1), (-1, 1), (-1, -1))
MOST_FITTED, MOST_PIXELS, BORDER = 200, 2**27, 12
LEAST_USUAL = 0.01
"""Share of the strength of all pixels that is taken for usual at least, where nothing was ever taken off."""
Map = NDArray[np.float32]


@dataclass(frozen=True)
class Mapped:
    """unit: score of a typical training image, before it is divided by it.

    usual: (12, 12), mean strength of training images by the distance from the nearest row and column of the border,
    11 pixels or more as the last. calibration: sorted scores of good images that training never saw. rule: what an
    alert is.
    """

    unit: float
    level: float
    usual: NDArray[np.float32]
    calibration: Scores
    rule: Rule

    @property
    def references(self) -> NDArray[np.float32]:
        """No samples, (0, 1): a detector of images keeps none."""
        return np.zeros((0, 1), np.float32)

    def shares(self) -> dict[str, float]:
        """Return no shares: a detector of images leaves none out."""
        return {}


def pieces_of(source: Source | SizedImages, seed: int, *, side: int = PIECE) -> Pieces:
    """Return the pieces that a model learns from; a fifth of the images is held out, to calibrate on.

    side: of a piece, in pixels. source: pieces already, images of any sizes, or an array of images.
    Raises InputError for other samples.
    """
    if isinstance(source, Pieces):
        return source
    images = _sized(source)
    split = draw_split(len(images), HELD_SHARE, seed)
    learnt = SomeImages(images, split.rows)
    if not any(np.ptp(learnt.read(number)) for number in range(len(learnt))):
        raise InputError("None of the images has any texture to learn from; give images of good surfaces.")
    left = SomeImages(images, split.held_out if len(split.held_out) else split.rows)
    return Pieces(learnt, left, side, enough(learnt, side), seed)


def _sized(source: Source | SizedImages) -> SizedImages:
    if isinstance(source, ArrayImages | PictureImages | SomeImages):
        return source
    return sized(source.take(np.arange(len(source))))  # type: ignore[union-attr]


def with_maps(trained: Trained, pieces: Pieces) -> Trained:
    """Return the model calibrated on the images that its training left out."""
    images = pieces.images
    strengths = [_strength(trained, images.read(int(number))) for number in _looked_at(images)]
    level = float(np.median([_level(one) for one in strengths]))
    found = Mapped(1.0, level or 1.0, _usual(strengths), np.zeros(1), FalseAlarms())
    unit = float(np.median([_parts(one, found).sum(dtype=np.float64) for one in strengths]))
    return calibrate(_kept(trained, replace(found, unit=unit or 1.0)), pieces.held)


def _looked_at(images: SizedImages) -> NDArray[np.int64]:
    """Return the numbers of up to 200 images, evenly spaced, and of no more than memory holds the maps of."""
    some = spaced(len(images), MOST_FITTED)
    pixels = np.cumsum([math.prod(images.size(int(number))) for number in some])
    fitting = max(1, int((pixels <= MOST_PIXELS).sum()))
    return some[spaced(len(some), fitting)]


def _level(strength: Map) -> float:
    return float(np.median(strength))


def _usual(strengths: list[Map]) -> NDArray[np.float32]:
    sums, counts = np.zeros(BORDER**2), np.zeros(BORDER**2)
    for one in strengths:
        places = _places(one.shape)
        sums += np.bincount(places.ravel(), np.square(one.ravel(), dtype=np.float64), BORDER**2)
        counts += np.bincount(places.ravel(), minlength=BORDER**2)
    overall = max(np.sqrt(sums.sum() / counts.sum()), 1e-12)
    means = np.maximum(np.sqrt(sums / np.maximum(counts, 1)), LEAST_USUAL * overall)
    return np.asarray(np.where(counts > 0, means, overall).reshape(BORDER, BORDER), np.float32)


def _places(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return where each pixel of an image (h, w) is looked up in the flat table of what is usual, (h, w)."""
    down, across = (np.minimum(np.minimum(np.arange(side), np.arange(side)[::-1]), BORDER - 1) for side in shape)
    return np.asarray(down[:, None] * BORDER + across, np.int64)


def calibrate(trained: Trained, normal: SizedImages, rule: Rule | None = None) -> Trained:
    """Return the model calibrated on good images that it never saw.

    Without a rule, an alert is a p-value of 0.01 or the least that so many images can show.
    """
    scores = np.sort(score(trained, normal))
    least = max(RATE, 1 / (len(scores) + 1))
    return _kept(trained, replace(of(trained), calibration=scores, rule=rule or FalseAlarms(least)))


def _kept(trained: Trained, found: Mapped) -> Trained:
    plain = {"form": FORM, "unit": found.unit, "level": found.level, **found.rule.to_json()}
    arrays: dict[str, NDArray[Any]] = {"calibration": found.calibration, "usual": found.usual}
    return replace(trained, extras={**trained.extras, MAPS: Extra(plain, arrays)})


def with_rule(trained: Trained, rule: Rule) -> Trained:
    """Return the model with another rule of what an alert is."""
    return _kept(trained, replace(of(trained), rule=rule))


def of(trained: Trained) -> Mapped:
    """Return what scores a model's images. Raises InputError if it has none, FormatError if it is damaged."""
    if MAPS not in trained.extras:
        raise InputError("This model does not score images of any size; train one with --preset surface.")
    plain, arrays = trained.extras[MAPS].plain, trained.extras[MAPS].arrays
    if plain.get("form", 1) != FORM:
        raise FormatError("The model learnt from images in other units, by another version; train it anew.")
    calibration, usual = calibration_of(arrays), arrays.get("usual", np.zeros(0))
    units = (plain.get("unit"), plain.get("level"))
    sound = usual.dtype == np.float32 and usual.shape == (BORDER, BORDER) and bool((usual > 0).all())
    sound = sound and bool(np.isfinite(usual).all())
    unit, level = (value if isinstance(value, float) and 0 < value < np.inf else 0.0 for value in units)
    if not sound or not unit or not level:
        raise FormatError("The model's calibration is damaged; train it anew.")
    return Mapped(unit, level, usual, calibration, rule_of(plain))


def _strength(trained: Trained, image: Plane) -> Map:
    """Return how strong what the model takes off is at each pixel, (h, w), in squared grains."""
    values = trained.preprocessing.prepare(in_own_units(image))
    taken = (values - _restored(trained.model, values)) * np.float32(trained.preprocessing.scale)
    darker, lighter = _weights(trained.model.config.corruption)
    squares = np.square(taken) * np.where(taken < 0, np.float32(darker), np.float32(lighter))
    return np.asarray(gaussian_filter(squares.sum(2), SMOOTH, mode="nearest"), np.float32)


def _weights(corruption: CorruptionConfig) -> tuple[float, float]:
    """Return what the square of a pixel counts where it is darker than it should be, and where it is lighter.

    What training laid over more often counts fully, the other by the odds: not at all where it never did.
    """
    lighter = corruption.lighter
    most = max(lighter, 1 - lighter)
    return (1 - lighter) / most, lighter / most


def _restored(model: AutoencoderModel, values: Plane) -> Plane:
    """Return the model's mean for prepared values (h, w, channels), worked on tile by tile.

    It is the average over the tile as it is and mirrored: what the network takes off by chance is not the same.
    """
    look, unit = reach(model.config)
    restored = np.empty_like(values)
    for window in windows(values.shape[:2], TILE, look=look, unit=unit):
        fitting, seen = resized(model, *window.size), np.asarray(window.of(values), np.float32)
        found = [applied(fitting, seen[None, ::down, ::across])[0, ::down, ::across] for down, across in MIRRORED]
        restored[window.tile] = np.mean(found, 0)[window.inner]
    return restored


def _parts(strength: Map, found: Mapped) -> Map:
    relative = strength / found.usual.ravel()[_places(strength.shape)]
    relative /= np.float32(QUIET + _level(strength) / found.level)
    return np.asarray(relative ** np.float32(POWER) / np.float32(found.unit), np.float32)


def map_of(trained: Trained, image: Plane) -> Map:
    """Return what each pixel of an image (h, w, channels) adds to its score, (h, w)."""
    return _parts(_strength(trained, image), of(trained))


def mapped(trained: Trained, images: SizedImages) -> Iterator[Map]:
    """Yield the map of each image in turn. Raises InputError for images with other channels than in training."""
    channels = (*trained.model.config.shape, 1)[2]
    if images.channels != channels:
        raise InputError(f"Images must have {channels} channels as in training, got {images.channels}.")
    return (map_of(trained, images.read(number)) for number in range(len(images)))


def score(trained: Trained, images: SizedImages) -> Scores:
    """Return the score of each image, (n,): the sum of its map. Higher is more suspicious."""
    return np.array([one.sum(dtype=np.float64) for one in mapped(trained, images)], np.float64)


def explain(trained: Trained, images: SizedImages) -> Array:
    """Return the map of each image, (n, h, w); of images of several sizes an array of maps."""
    found = list(mapped(trained, images))
    if len({one.shape for one in found}) == 1:
        return np.stack(found)
    several = np.empty(len(found), object)
    several[:] = found
    return several


class Images:
    """The detector of images of any size, as `diabolo.jobs.detect.detector` asks for it."""

    name = "images"

    def fit(self, trained: Trained, source: Pieces, contamination: float = 0.0) -> Trained:
        del contamination
        return with_maps(trained, source)

    def calibrate(
        self,
        trained: Trained,
        samples: SizedImages,
        anomalous: NDArray[np.bool_] | None = None,
        rule: Rule | None = None,
        contamination: float = 0.0,
    ) -> Trained:
        del contamination
        normal = samples if anomalous is None else SomeImages(samples, np.flatnonzero(~anomalous))
        return calibrate(trained, normal, rule)

    def samples(self, given: Any) -> SizedImages:
        return as_images(given)

    def score(self, trained: Any, samples: SizedImages) -> Scores:
        return score(trained, samples)

    def explain(self, trained: Any, samples: SizedImages) -> Array:
        """Return the map of each image, (n, h, w); of images of several sizes an array of maps."""
        return explain(trained, samples)

    def of(self, trained: Any) -> Mapped:
        return of(trained)

    def with_rule(self, trained: Any, rule: Rule) -> Any:
        return with_rule(trained, rule)
