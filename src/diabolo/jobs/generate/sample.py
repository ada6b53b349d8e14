"""New samples: drawn, near a given one, between two, along an attribute, and all over the code's space."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from diabolo.data.source import Array, Source, Subset, spaced
from diabolo.errors import ArgumentError, FormatError, InputError
from diabolo.jobs.apply import decode, encode
from diabolo.jobs.generate.categories import CategoricalMixture
from diabolo.jobs.generate.density import JOB, Density, Floats, Prior, source_of_codes, with_part
from diabolo.training.files.contents import Extra
from diabolo.training.files.model_file import Trained

MOST_SHOWN, MOST_NUMBERS = 100_000, 2**28
"""Samples, and numbers in them, that are made at once."""
MOST_FITTED = 20_000
EDGE = 0.05


def sample(trained: Trained, count: int, *, seed: int = 0, label: str | None = None, density: str = "auto") -> Array:
    """Return `count` new samples, (count, *shape), in the data's own units and dtype.

    label: of a conditional model's. density: 'fitted', 'normal', or 'auto' (see `source_of_codes`).
    Raises InputError where the model has no density, or does not know the label.
    """
    return decode(trained, sample_codes(trained, count, seed=seed, density=density), label=label)


def sample_codes(trained: Trained, count: int, *, seed: int = 0, density: str = "auto") -> Floats:
    """Return `count` new codes, (count, latent)."""
    _check_count("count", count, 1, max(1, min(MOST_SHOWN, MOST_NUMBERS // trained.model.dimensions)))
    return source_of_codes(trained, density).draw(count, np.random.default_rng((seed, 7)))


def neighbours(trained: Trained, code: Floats, count: int, *, spread: float = 0.5, seed: int = 0) -> Floats:
    """Return codes (count, latent) around a code (latent,): `spread` of the codes' own standard deviations away."""
    _check_count("count", count, 1, max(1, min(MOST_SHOWN, MOST_NUMBERS // trained.model.dimensions)))
    if not 0 <= spread <= 10:
        raise ArgumentError(f"spread must be from 0 to 10 standard deviations, got {spread:g}.")
    noise = np.random.default_rng((seed, 8)).standard_normal((count, len(code)), np.float32)
    found: Floats = code + np.float32(spread) * _extent(trained).spread * noise
    return found


def walk(start: Floats, end: Floats, steps: int, *, spherical: bool = False) -> Floats:
    """Return codes (steps, latent) from one code to another, both included, evenly spaced.

    spherical: along a great circle, the length changing evenly, which keeps a normal code's usual distance from 0
    (White 2016, "Sampling generative networks", section 2.1); else straight.

    >>> walk(np.array([0.0, 0.0]), np.array([1.0, 2.0]), 3)[1].tolist()
    [0.5, 1.0]
    """
    _check_count("steps", steps, 2, 10_000)
    share = np.linspace(0, 1, steps)[:, None]
    a, b = start.astype(np.float64), end.astype(np.float64)
    long, longer = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    straight = (1 - share) * a + share * b
    if not spherical or not long or not longer:
        return straight.astype(np.float32)
    angle = float(np.arccos(np.clip(a @ b / (long * longer), -1, 1)))
    if np.sin(angle) < 1e-6:
        return straight.astype(np.float32)
    turned = np.sin((1 - share) * angle) * (a / long) + np.sin(share * angle) * (b / longer)
    found: Floats = (turned / np.sin(angle) * ((1 - share) * long + share * longer)).astype(np.float32)
    return found


def interpolate(trained: Trained, pair: Source, steps: int, *, spherical: bool = False) -> Array:
    """Return samples (steps, *shape) on the way from the first to the second of two samples."""
    if len(pair) != 2:
        raise InputError(f"A walk goes between 2 samples, got {len(pair)}.")
    start, end = encode(trained, pair)
    if trained.model.encoder.bottleneck.categories:
        return decode(trained, exchanged(start, end, steps))
    return decode(trained, walk(start, end, steps, spherical=spherical))


def exchanged(start: Floats, end: Floats, steps: int) -> Floats:
    """Return codes (steps, latent) of categories from one to another: more and more positions are the other's.

    >>> exchanged(np.array([1.0, 1.0]), np.array([5.0, 7.0]), 3).tolist()
    [[1.0, 1.0], [5.0, 1.0], [5.0, 7.0]]
    """
    _check_count("steps", steps, 2, 10_000)
    turn = np.random.default_rng(0).permutation(len(start))
    done = np.round(np.linspace(0, len(start), steps))[:, None]
    found: Floats = np.where(turn < done, end, start).astype(np.float32)
    return found


def manifold_codes(trained: Trained, side: int) -> Floats:
    """Return the codes (side * side, 2) of a grid over a code of 2 numbers, row by row from the top left.

    The grid is even in the share of the codes, from 5 to 95 %, through the inverse of the normal distribution
    function (Kingma and Welling 2014, figure 4). Raises InputError for another latent size.
    """
    _check_count("side", side, 2, 300)
    if trained.model.config.latent != 2:
        raise InputError(
            f"A manifold is drawn of codes of 2 numbers, and this model's have {trained.model.config.latent}."
        )
    steps = norm.ppf(np.linspace(EDGE, 1 - EDGE, side)).astype(np.float32)
    x, y = np.meshgrid(steps, steps[::-1])
    extent = _extent(trained)
    found: Floats = extent.mean + extent.spread * np.stack([x, y], -1).reshape(-1, 2)
    return found


def traversal_codes(
    trained: Trained, steps: int, *, most: int = 16, start: Floats | None = None
) -> tuple[Floats, list[int]]:
    """Return codes (rows * steps, latent) that move one number at a time, and which number each row moves.

    Each goes from the 5 to the 95 % point of its distribution, the others staying at `start` (their mean, if None).
    The rows are the `most` numbers that change the decoder's output most, in that order.
    """
    _check_count("steps", steps, 2, 300)
    extent = _extent(trained)
    start = extent.mean if start is None else start
    chosen = ranked_numbers(trained, start, extent.spread)[:most]
    reach = norm.ppf(np.linspace(EDGE, 1 - EDGE, steps)).astype(np.float32)
    codes = np.repeat(start[None], len(chosen) * steps, 0).reshape(len(chosen), steps, -1)
    for row, number in enumerate(chosen):
        codes[row, :, number] = extent.mean[number] + extent.spread[number] * reach
    return codes.reshape(-1, len(start)), chosen


def ranked_numbers(trained: Trained, mean: Floats, spread: Floats) -> list[int]:
    """Return the numbers of the code, those first that change the decoder's output most within their spread."""
    moves = np.diag(spread)
    low, high = (decode(trained, mean + sign * moves).astype(np.float64) for sign in (-1, 1))
    moved = np.square(high - low).reshape(len(mean), -1).sum(1)
    return [int(number) for number in np.argsort(-moved, kind="stable")]


def fit_directions(trained: Trained, source: Source, attributes: Mapping[str, NDArray[np.float64]]) -> Trained:
    """Return the model with a direction in its code for each attribute: a step of one standard deviation of it.

    attributes: by name, (n,) numbers, one for each sample. All are regressed on together, so that what goes with
    another of them (age with gender) is not counted twice. Raises InputError where nothing can be learnt.
    """
    for name, values in attributes.items():
        if values.shape != (len(source),) or not np.isfinite(values).all() or values.std() == 0:
            raise InputError(f"Attribute {name!r} must be {len(source):,} finite numbers that are not all the same.")
    rows = spaced(len(source), MOST_FITTED)
    chosen = np.stack([values[rows] for values in attributes.values()], 1)
    chosen = (chosen - chosen.mean(0)) / np.maximum(chosen.std(0), 1e-12)
    codes = encode(trained, Subset(source, rows)).astype(np.float64)
    slopes, *_ = np.linalg.lstsq(np.column_stack([chosen, np.ones(len(rows))]), codes, rcond=None)
    return with_part(trained, {"attributes": list(attributes)}, {"directions": slopes[:-1].astype(np.float32)})


def directions_of(trained: Trained) -> dict[str, Floats]:
    """Return the directions (latent,) by the attribute's name; none where none were fitted."""
    extra = trained.extras.get(JOB, Extra())
    names, steps = extra.plain.get("attributes", []), extra.arrays.get("directions")
    if not names or steps is None:
        return {}
    fits = isinstance(names, list) and all(isinstance(name, str) for name in names)
    if not fits or steps.shape != (len(names), trained.model.config.latent) or not np.isfinite(steps).all():
        raise FormatError("The attribute directions in the model file do not fit the model; fit them anew.")
    return {name: step.astype(np.float32) for name, step in zip(names, steps, strict=True)}


def towards(trained: Trained, codes: Floats, steps: Mapping[str, float]) -> Floats:
    """Return codes (n, latent) moved along attributes, each by so many standard deviations of it."""
    known = directions_of(trained)
    for name, amount in steps.items():
        if name not in known:
            there = ", ".join(known) or "none (fit some: diabolo generate --fit DATA --attributes TABLE)"
            raise ArgumentError(f"{name!r} is no attribute of this model; it has {there}.")
        codes = codes + np.float32(amount) * known[name]
    return codes


def _extent(trained: Trained) -> Density | CategoricalMixture | Prior:
    """Return where codes are: the prior's if they are variational, else what was fitted."""
    return source_of_codes(trained, "normal" if trained.model.encoder.bottleneck.has_prior else "auto")


def _check_count(name: str, count: int, least: int, most: int) -> None:
    if not isinstance(count, int | np.integer) or isinstance(count, bool) or not least <= count <= most:
        raise ArgumentError(f"{name} must be a whole number from {least} to {most:,}, got {count!r}.")
