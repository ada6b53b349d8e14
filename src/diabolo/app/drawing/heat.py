"""Heat maps: where an image is unlike the training images, drawn over it, and as an array."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from diabolo.data.images.any_size import Plane
from diabolo.files import check_free, written_whole
from diabolo.jobs.detect.anomaly_maps import Map

HOT = 0.02
"""Share of the threshold that a pixel must bring alone to be drawn in full."""
OPAQUE = 0.8
NEAR = 8


def overlay(image: Plane, heat: Map, threshold: float) -> NDArray[np.uint8]:
    """Return an image (h, w, channels), 0 to its brightest, as RGB with its map (h, w) laid over it."""
    from matplotlib import colormaps

    brightest = max(float(image.max()), 1e-12)
    grey = np.repeat(image.mean(2, keepdims=True), 3, 2) if image.shape[2] != 3 else image
    level = np.sqrt(np.clip(heat / max(HOT * threshold, 1e-30), 0, 1))
    colour = colormaps["inferno"](0.35 + 0.6 * level)[..., :3]
    share = (OPAQUE * np.clip((level - 0.1) / 0.5, 0, 1))[..., None]
    mixed = (1 - share) * (grey / brightest) + share * colour
    return np.asarray(np.rint(255 * np.clip(mixed, 0, 1)), np.uint8)


def write_map(folder: Path, name: str, image: Plane, heat: Map, threshold: float, *, force: bool) -> None:
    """Write NAME.png, the overlay, and NAME.npy, the map: float32 of the image's size, which sums to the score."""
    from PIL import Image

    base = folder / Path(name).with_suffix("")
    base.parent.mkdir(parents=True, exist_ok=True)
    for path in (base.with_suffix(".png"), base.with_suffix(".npy")):
        check_free(path, force=force)
    with written_whole(base.with_suffix(".png"), force=force) as temporary:
        Image.fromarray(overlay(image, heat, threshold)).save(temporary, "PNG")
    with written_whole(base.with_suffix(".npy"), force=force) as temporary, temporary.open("wb") as stream:
        np.save(stream, heat)


def place(heat: Map) -> str:
    """Return in words where a map is hottest, and how much of the score lies there."""
    total = float(heat.sum(dtype=np.float64))
    row, column = (int(number) for number in np.unravel_index(int(heat.argmax()), heat.shape))
    near = heat[max(0, row - NEAR) : row + NEAR + 1, max(0, column - NEAR) : column + NEAR + 1]
    share = float(near.sum(dtype=np.float64)) / total if total > 0 else 0.0
    return f"row {row}, column {column} ({share:.0%} of the score within {NEAR} pixels)"
