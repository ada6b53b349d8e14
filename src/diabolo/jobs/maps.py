"""Detect in images of any size: a map of where each is unlike the training images, and a score that is its sum.

The model takes off an image what it holds for blots; a pixel's part is (G * r^2)^2, where r is what it took off, in
units of the training images' spread, and G a Gaussian of 1 pixel. Small and strong counts more than wide and faint.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from diabolo.data.sized import PIECE, Pieces, SizedImages, SomeImages, enough, in_own_units, sized
from diabolo.data.source import Array, Source
from diabolo.errors import FormatError, InputError
from diabolo.jobs.denoise import TILE, tiled
from diabolo.jobs.thresholds import Rule, Scores
from diabolo.training.loop import split
from diabolo.training.model_file import Extra, Trained

JOB = "maps"
HELD_SHARE, RATE = 0.2, 0.01
SMOOTH = 1.0
MOST_FITTED = 200
Map = NDArray[np.float32]


@dataclass(frozen=True)
class Mapped:
    """unit: score of a typical training image, before it is divided by it. calibration: sorted scores of good images
    that training never saw. rule: what an alert is.
    """

    unit: float
    calibration: Scores
    rule: Rule


def pieces_of(source: Source | SizedImages, seed: int, *, side: int = PIECE) -> Pieces:
    """Return the pieces that a model learns from; a fifth of the images is held out, to calibrate on.

    side: of a piece, in pixels. source: pieces already, images of any sizes, or an array of images. Raises InputError for other samples.
    """
    if isinstance(source, Pieces):
        return source
    images = source if hasattr(source, "channels") else sized(source.take(np.arange(len(source))))
    rows, held = split(len(images), HELD_SHARE, seed)
    learnt = SomeImages(images, rows)
    left = SomeImages(images, held if len(held) else rows)
    return Pieces(learnt, left, side, enough(learnt, side), seed)


def with_maps(trained: Trained, pieces: Pieces) -> Trained:
    """Return the model calibrated on the images that its training left out."""
    images = pieces.images
    few = SomeImages(images, np.arange(len(images))[:: max(1, len(images) // MOST_FITTED)])
    unit = float(np.median(score(_kept(trained, Mapped(1.0, np.zeros(1), Rule())), few)))
    return calibrate(_kept(trained, Mapped(unit or 1.0, np.zeros(1), Rule())), pieces.held)


def calibrate(trained: Trained, normal: SizedImages, rule: Rule | None = None) -> Trained:
    """Return the model calibrated on good images that it never saw.

    Without a rule, an alert is a p-value of 0.01 or the least that so many images can show.
    """
    scores = np.sort(score(trained, normal))
    least = max(RATE, 1 / (len(scores) + 1))
    return _kept(trained, Mapped(of(trained).unit, scores, rule or Rule("false-alarms", least)))


def _kept(trained: Trained, found: Mapped) -> Trained:
    plain = {"unit": found.unit, "rule": found.rule.name, "value": float(found.rule.value)}
    return replace(trained, extras={**trained.extras, JOB: Extra(plain, {"calibration": found.calibration})})


def with_rule(trained: Trained, rule: Rule) -> Trained:
    """Return the model with another rule of what an alert is."""
    return _kept(trained, replace(of(trained), rule=rule))


def maps(trained: Trained) -> bool:
    """Return whether a model scores images of any size."""
    return JOB in trained.extras


def of(trained: Trained) -> Mapped:
    """Return what scores a model's images. Raises InputError if it has none, FormatError if it is damaged."""
    if not maps(trained):
        raise InputError("This model does not score images of any size; train one with --preset surface.")
    plain, calibration = trained.extras[JOB].plain, trained.extras[JOB].arrays.get("calibration", np.zeros(0))
    unit, name, value = (plain.get(key) for key in ("unit", "rule", "value"))
    sound = calibration.dtype == np.float64 and calibration.ndim == 1 and len(calibration) > 0
    sound = sound and bool(np.isfinite(calibration).all() and (np.diff(calibration) >= 0).all())
    if not sound or not isinstance(unit, float) or not 0 < unit < np.inf:
        raise FormatError("The model's calibration is damaged; calibrate it anew.")
    if not isinstance(name, str) or not isinstance(value, float):
        raise FormatError("The model's rule of what an alert is is damaged; calibrate it anew.")
    return Mapped(unit, calibration, Rule(name, value))


def map_of(trained: Trained, images: SizedImages, number: int) -> Map:
    """Return what each pixel of an image adds to its score, (h, w)."""
    values = trained.preprocessing.prepare(in_own_units(images.read(number)))
    taken = values - tiled(trained.model.cpu(), values, TILE, lambda _: None, own=False)
    strength = gaussian_filter(np.square(taken).sum(2), SMOOTH, mode="nearest")
    return np.asarray(np.square(strength) / np.float32(of(trained).unit), np.float32)


def mapped(trained: Trained, images: SizedImages) -> Iterator[Map]:
    """Yield the map of each image in turn. Raises InputError for images with other channels than in training."""
    channels = (*trained.model.config.shape, 1)[2]
    if images.channels != channels:
        raise InputError(f"Images must have {channels} channels as in training, got {images.channels}.")
    return (map_of(trained, images, number) for number in range(len(images)))


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
