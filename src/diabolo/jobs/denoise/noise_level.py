"""How noisy an image is, from the image alone."""

import numpy as np
from numpy.typing import NDArray

BLOCK, QUIET_SHARE = 16, 0.1
GAIN = 6.0
"""What the mask makes of white noise of spread 1."""
FINE_QUIET, COARSE_QUIET = 0.916, 0.875
"""What white noise of spread 1 leaves on both scales in the quietest tenth of blocks (its mean over many images)."""
TEXTURE = 0.65
"""The most that a texture's fine detail is of its coarse, as spreads. With 0.6 (0.65) no clean image of train400 shows
more than 1.8/255 (0.2/255) of noise; white noise of 25/255 on them is found to 1.2/255, and of 5/255 overlooked in
one of eight, those that are texture all over."""
LEAST_SIDE = BLOCK + 4
LEAST_WHITE, LEAST_BLOCKS, LEAST_RATIO, MOST_UNEVEN = 6 / 255, 4, 0.55, 1.37
"""Of noise that counts as white: its spread, blocks looked at, fine over coarse variance, brightest over darkest."""
CUT_SHARE = 0.1
ROWS = 16 * BLOCK
"""Rows looked at together, which bounds the memory."""
Plane = NDArray[np.float32]


def noise_level(plane: Plane) -> float:
    """Return the spread of white noise in an image (h, w) of values in [0, 1], in its own units.

    Noise is everywhere, texture is not: the spread is taken from the tenth of blocks of 16 x 16 where there is least,
    of what a mask leaves that is blind to slopes (Immerkaer 1996, Fast noise variance estimation). White noise is as
    strong under a mask of twice the width, while texture is weaker on the finer scale; so that where a whole image is
    texture, what the finer mask leaves is not taken for noise. Blocks that are cut off at 0 or 1 are left out. Images
    below 20 pixels are taken as one block, and on one scale.

    Example:
        >>> noise_level(np.random.default_rng(0).normal(0.5, 0.1, (128, 128)).astype(np.float32)).__round__(1)
        0.1
    """
    height, width = plane.shape
    if min(height, width) < 3:
        return 0.0
    if min(height, width) < LEAST_SIDE:
        return float(np.sqrt(np.square(_masked(plane, 1)).mean())) / GAIN
    rows = (height - 4) // BLOCK * BLOCK
    strips = [_energies(plane[top : min(top + ROWS, rows) + 4]) for top in range(0, rows, ROWS)]
    fine, coarse, cut = np.concatenate(strips, 1)
    whole = np.flatnonzero(cut < CUT_SHARE) if (cut < CUT_SHARE).any() else np.arange(len(cut))
    order = whole[np.argsort(fine[whole] + 2 * coarse[whole], kind="stable")]
    quiet = order[: max(1, round(QUIET_SHARE * len(order)))]
    fine_variance, coarse_variance = fine[quiet].mean() / FINE_QUIET**2, coarse[quiet].mean() / COARSE_QUIET**2
    white = (fine_variance - TEXTURE**2 * coarse_variance) / (1 - TEXTURE**2)
    return float(np.sqrt(max(0.0, white))) / GAIN


def is_white(plane: Plane) -> bool:
    """Return whether an image (h, w) shows white noise that is as strong in dark and in bright parts.

    White noise is as strong under both masks in the quietest blocks, and in each third of the brightness. On images of
    train400 it finds white noise of 15/255 or more in 92 of 100 or more; 2 of 100 with photon noise count as white.
    """
    if min(plane.shape) < LEAST_SIDE or noise_level(plane) < LEAST_WHITE:
        return False
    rows = (plane.shape[0] - 4) // BLOCK * BLOCK
    fine, coarse, cut = _energies(plane[: rows + 4])
    means = _blocks(np.asarray(plane[2 : rows + 2, 2:-2], np.float32)).mean((1, 3), dtype=np.float64).ravel()
    whole = np.flatnonzero(cut < CUT_SHARE)
    if len(whole) < 3 * LEAST_BLOCKS:
        return False
    fine, coarse, means = fine[whole], coarse[whole], means[whole]
    order = np.argsort(fine + 2 * coarse, kind="stable")
    quiet = order[: max(LEAST_BLOCKS, round(QUIET_SHARE * len(order)))]
    ratio = (fine[quiet].mean() / FINE_QUIET**2) / (coarse[quiet].mean() / COARSE_QUIET**2)
    thirds = np.array_split(np.argsort(means, kind="stable"), 3)
    levels = [
        np.sort(fine[third])[: max(LEAST_BLOCKS - 1, round(2 * QUIET_SHARE * len(third)))].mean() for third in thirds
    ]
    return bool(ratio >= LEAST_RATIO and max(levels) <= MOST_UNEVEN * min(levels))


def _energies(strip: Plane) -> NDArray[np.float64]:
    """Return (fine, coarse, share of cut-off pixels) of each block of the strip's inner pixels, (3, blocks)."""
    inner = strip[2:-2, 2:-2]
    maps = np.square(_masked(strip, 1)[1:-1, 1:-1]), np.square(_masked(strip, 2)), (inner == 0) | (inner == 1)
    return np.stack([_blocks(values).mean((1, 3), dtype=np.float64).ravel() for values in maps])


def _masked(values: Plane, step: int) -> Plane:
    """Return second differences over `step` pixels, down and across."""
    rest = values[: -2 * step] - 2 * values[step:-step] + values[2 * step :]
    found: Plane = rest[:, : -2 * step] - 2 * rest[:, step:-step] + rest[:, 2 * step :]
    return found


def _blocks(values: NDArray[np.float32] | NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return values (h, w) as whole blocks, (rows, 16, columns, 16)."""
    rows, columns = (size // BLOCK for size in values.shape)
    return values[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)  # type: ignore[return-value]
