"""An image in units of its own brightness and its own grain: exposure and roughness do not matter.

Light falls on a surface as a factor, and its texture grows with it, so that logarithms are taken (homomorphic
filtering, Stockham 1972): y = log(x / mean + FLOOR) less its median, divided by the grain, the robust spread of
y - G * y, G a Gaussian of 1 pixel.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

FLOOR = 0.1
"""Share of the mean brightness that is added: black pixels stay finite."""
FINE, LEAST_GRAIN, ROBUST = 1.0, 0.005, 1.4826


def in_own_units(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return an image (h, w, channels) of brightnesses in units of its own mean and grain."""
    mean = float(image.mean(dtype=np.float64))
    share = image / np.float32(mean) if mean > 0 else np.zeros_like(image)
    bright = np.log(share + np.float32(FLOOR))
    bright -= np.median(bright)
    return np.asarray(bright / np.float32(grain(bright)), np.float32)


def grain(image: NDArray[np.float32]) -> float:
    """Return the spread of an image's fine texture, from the median of its size; 0.005 at least."""
    fine = image - gaussian_filter(image, (FINE, FINE, 0), mode="nearest")
    return max(ROBUST * float(np.median(np.abs(fine))), LEAST_GRAIN)
