"""How noisy an image is, from the image alone."""

import numpy as np
from numpy.typing import NDArray

BLOCK, QUIET_SHARE = 16, 0.1
GAIN, SHORTFALL = 6.0, 0.91
"""What the mask makes of white noise of spread 1, and the quietest tenth of blocks of it beside all."""
LEAST_SIDE = BLOCK + 2
CUT_SHARE = 0.1


def noise_level(plane: NDArray[np.float32]) -> float:
    """Return the spread of white noise in an image (h, w) of values in [0, 1], in its own units.

    Noise is everywhere, texture is not: the spread is taken from the tenth of blocks of 16 x 16 where it is least, of
    what a mask leaves that is blind to slopes (Immerkaer 1996, Fast noise variance estimation). Blocks that are
    cut off at 0 or 1 are left out. Images below 18 pixels are taken as one block.

    Example:
        >>> noise_level(np.random.default_rng(0).normal(0.5, 0.1, (128, 128)).astype(np.float32)).__round__(2)
        0.1
    """
    height, width = plane.shape
    if min(height, width) < 3:
        return 0.0
    rest = plane[:-2] - 2 * plane[1:-1] + plane[2:]
    rest = rest[:, :-2] - 2 * rest[:, 1:-1] + rest[:, 2:]
    if min(height, width) < LEAST_SIDE:
        return float(np.sqrt(np.square(rest).mean())) / GAIN
    cut = _blocks((plane[1:-1, 1:-1] <= 0) | (plane[1:-1, 1:-1] >= 1)).mean((1, 3)).ravel()
    spreads = np.sqrt(np.square(_blocks(rest)).mean((1, 3))).ravel()
    whole = spreads[cut < CUT_SHARE]
    return float(np.quantile(whole if len(whole) else spreads, QUIET_SHARE)) / GAIN / SHORTFALL


def _blocks(values: NDArray[np.float32] | NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return values (h, w) as whole blocks, (rows, 16, columns, 16)."""
    rows, columns = (size // BLOCK for size in values.shape)
    return values[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)  # type: ignore[return-value]
