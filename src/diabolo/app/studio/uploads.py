"""Pictures that a visitor drops or draws, as samples of a model."""

from base64 import b64decode
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from diabolo.app.fit_and_measure import shape_text
from diabolo.app.studio.atlas import is_picture
from diabolo.data.images.mixed import picture_of_file
from diabolo.data.source import Array
from diabolo.errors import FormatError, InputError
from diabolo.training.files.model_file import Trained

MOST_BYTES, MOST_PIXELS = 20 << 20, 16 << 20
LIMITS = "at most 20 MB and 16 megapixels"


def read_upload(path: str) -> Array:
    """Return a picture (h, w) or (h, w, 3) of 8 or 16 bits; transparent parts are white.

    Raises FormatError if the file is no picture, is damaged or too large.
    """
    file = Path(path)
    if file.stat().st_size > MOST_BYTES:
        raise FormatError(f"{file.name} is too large; the Studio takes pictures of {LIMITS}.")
    found = picture_of_file(file.name, file.read_bytes()).array
    if found.shape[0] * found.shape[1] > MOST_PIXELS:
        raise FormatError(f"{file.name} has {found.shape[1]} x {found.shape[0]} pixels; give {LIMITS}.")
    if found.ndim == 2 or found.shape[2] == 3:
        return found
    colours, alpha = found[..., :-1].astype(np.float32), found[..., -1:].astype(np.float32) / 255
    flat: Array = np.rint(colours * alpha + 255 * (1 - alpha)).astype(np.uint8)
    return flat[..., 0] if flat.shape[2] == 1 else flat


def fitted(picture: Array, trained: Trained) -> Array:
    """Return the middle of a picture, scaled to the shape and the type of a model's samples.

    Raises InputError if the model's samples are no pictures.
    """
    shape, prepared = trained.model.config.shape, trained.preprocessing
    if not is_picture(trained):
        raise InputError(f"This model takes tables ({shape_text(shape)}), no pictures; see Detect.")
    if picture.shape == shape and picture.dtype == prepared.dtype:
        return picture
    plain = (picture // 257).astype(np.uint8) if picture.dtype == np.uint16 else picture
    image = Image.fromarray(plain).convert("RGB" if shape[2:] == (3,) else "L")
    scaled = ImageOps.fit(image, (shape[1], shape[0]), _filter(plain, shape))
    values = np.asarray(scaled).reshape(shape)
    if prepared.dtype == np.uint8:
        return values
    if prepared.dtype == np.uint16:
        return values.astype(np.uint16) * np.uint16(257)
    unit = values / 255
    return np.asarray(unit >= 0.5 if prepared.dtype == np.bool_ else unit.astype(prepared.dtype))


def drawn(address: str, *, bright_ink: bool) -> Array:
    """Return what was drawn, (h, w) of 8 bits: the strokes bright on black, or dark on white.

    address: of the drawing as the page's pad gives it, the `data:` of a PNG of ink on transparent paper.
    Raises InputError if nothing is drawn there.
    """
    head, _, content = address.partition(",")
    if head != "data:image/png;base64":
        raise InputError("Draw something first.")
    try:
        picture = picture_of_file("the drawing", b64decode(content, validate=True)).array
    except ValueError as error:
        raise FormatError(f"The drawing cannot be read: {error}") from error
    if picture.shape[2:] != (4,) or not picture[..., 3].any():
        raise InputError("Draw something first.")
    ink: Array = picture[..., 3].astype(np.uint8)
    return ink if bright_ink else 255 - ink


def _filter(picture: Array, shape: tuple[int, ...]) -> Image.Resampling:
    """Return how a picture is scaled: by means where it shrinks, which keeps thin strokes, else smoothly."""
    shrinks = min(picture.shape[0] / shape[0], picture.shape[1] / shape[1]) > 1
    return Image.Resampling.BOX if shrinks else Image.Resampling.BICUBIC
