"""Single pictures of any size on their way in and out: grey or colour, 8 or 16 bits, transparency kept."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageOps

from diabolo.data.images.one_size import ENDINGS, Container, contents, hidden, opened_image
from diabolo.data.limits import MAX_IMAGE_PIXELS, reading
from diabolo.data.source import Array
from diabolo.errors import ArgumentError, FileError, FormatError
from diabolo.files import written_whole

WRITTEN = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".webp", ".bmp")
DEEP_WRITTEN = (".png", ".tif", ".tiff")
MODES = ("L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "I;16", "I;16B", "I;16L", "I", "F")
REFUSED = {
    "CMYK": "is CMYK, made for print; convert it to RGB first, with the colour profile that it was made for",
    "1": "is black and white with 1 bit a pixel, which has no noise to speak of; convert it to grey first if it has",
}


@dataclass(frozen=True)
class Photo:
    """pixels: (h, w) or (h, w, 3), uint8 or uint16. alpha: (h, w) of the same type, or None.

    profile, exif: the colour profile and the camera's notes, as files hold them. dpi: across and down.
    """

    pixels: Array
    alpha: Array | None = None
    profile: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None


@dataclass(frozen=True)
class Shelf:
    """Pictures that wait to be read one at a time: an image file, or the images of a folder or zip."""

    container: Container
    names: tuple[str, ...]

    def label(self, name: str) -> str:
        return self.container.label(name)

    def read(self, name: str) -> Photo:
        """Raises FileError if it cannot be read; FormatError if it is damaged or of a kind that is not cleaned."""
        label = self.label(name)
        with reading(label, "an image"):
            if self.container.size(name) == 0:
                raise FormatError(f"{label} is empty; replace it or leave it out.")
            with opened_image(self.container, name) as image:
                _check(image, label)
                deep = _is_deep_colour(image)
                if not deep:
                    return _from_pillow(ImageOps.exif_transpose(image), label)
            with self.container.open(name) as stream:
                return _from_opencv(stream.read(), label)


def open_shelf(path: Path) -> Shelf:
    """Open an image file, or a folder or zip of images. Raises FileError or FormatError if there is none."""
    if not path.exists():
        raise FileError(f"{path} is not there; give a picture, or a folder or zip of pictures.")
    with reading(path, "images"):
        container, there = contents(path)
        names = tuple(name for name in there if name.lower().endswith(ENDINGS) and not hidden(name))
        if not names:
            raise FormatError(f"{path} holds no images (files ending in {', '.join(ENDINGS)}).")
        return Shelf(container, names)


def _check(image: Image.Image, label: str) -> None:
    if image.width * image.height > MAX_IMAGE_PIXELS:
        raise FormatError(f"{label} has more than {MAX_IMAGE_PIXELS} pixels; cut it up.")
    if getattr(image, "is_animated", False) and image.format != "MPO":
        raise FormatError(f"{label} is animated or has many pages; save the frames as single images.")
    if image.mode in REFUSED:
        raise FormatError(f"{label} {REFUSED[image.mode]}.")
    if image.mode not in MODES:
        raise FormatError(f"{label} has the mode {image.mode}; save it as grey or RGB with 8 or 16 bits.")


def _is_deep_colour(image: Image.Image) -> bool:
    """Say whether Pillow would cut a colour image of 16 bits, or a grey one with transparency, to 8."""
    return image.mode in ("RGB", "RGBA", "LA") and any("16" in str(tile[3]) for tile in image.tile)  # type: ignore[attr-defined]


def _from_pillow(image: Image.Image, label: str) -> Photo:
    about: dict[str, Any] = {
        "profile": image.info.get("icc_profile"),
        "exif": image.info.get("exif"),
        "dpi": _dpi(image),
    }
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image)
        if values.dtype.kind == "f":
            raise FormatError(f"{label} holds floats; save it with 16 bits, or give an .npy of floats from 0 to 1.")
        if values.min() < 0 or values.max() > 65535:
            raise FormatError(
                f"{label} holds {values.min()} to {values.max()}, more than 16 bits; scale it to 0..65535."
            )
        return Photo(values.astype(np.uint16), **about)
    transparent = image.has_transparency_data
    grey = image.mode in ("L", "LA")
    values = np.asarray(image.convert(("LA" if grey else "RGBA") if transparent else "L" if grey else "RGB"))
    if not transparent:
        return Photo(values, **about)
    pixels = values[..., 0] if grey else values[..., :3]
    return Photo(np.ascontiguousarray(pixels), np.ascontiguousarray(values[..., -1]), **about)


def _dpi(image: Image.Image) -> tuple[float, float] | None:
    """Return the resolution that a file states, if it is one."""
    stated = image.info.get("dpi")
    if not isinstance(stated, tuple) or len(stated) != 2:
        return None
    across, down = (float(value) for value in stated)
    return (across, down) if 0 < across < 1e6 and 0 < down < 1e6 else None


def _from_opencv(content: bytes, label: str) -> Photo:
    values = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise FormatError(f"{label} is not an image, or is damaged; replace it or leave it out.")
    array: Array = np.asarray(values)
    if array.ndim == 3 and array.shape[2] == 4:
        grey = bool((array[..., 0] == array[..., 1]).all() and (array[..., 0] == array[..., 2]).all())
        pixels = array[..., 0] if grey else array[..., 2::-1]
        return Photo(np.ascontiguousarray(pixels), np.ascontiguousarray(array[..., 3]))
    return Photo(np.ascontiguousarray(array[..., ::-1] if array.ndim == 3 else array))


def check_photo_name(path: Path) -> None:
    """Raise ArgumentError if a picture cannot be written under this name."""
    if path.suffix.lower() not in WRITTEN:
        raise ArgumentError(f"--out must end in {', '.join(WRITTEN)} for one picture, got {path}.")


def check_holds(path: Path, picture: Photo) -> None:
    """Raise ArgumentError if a picture's depth or transparency cannot be written under this name."""
    check_photo_name(path)
    if picture.pixels.dtype == np.uint16 and path.suffix.lower() not in DEEP_WRITTEN:
        raise ArgumentError(f"{path} cannot hold 16 bits; name it {path.stem}.png or {path.stem}.tif.")
    if picture.alpha is not None and path.suffix.lower() in (".jpg", ".jpeg", ".bmp"):
        raise ArgumentError(f"{path} cannot hold transparency; name it {path.stem}.png.")


def write_photo(path: Path, picture: Photo, *, force: bool) -> None:
    """Write a picture whole or not at all, by its name's ending. Raises ArgumentError for one that cannot hold it."""
    check_holds(path, picture)
    deep = picture.pixels.dtype == np.uint16
    with written_whole(path, force=force) as temporary:
        if deep and (picture.pixels.ndim == 3 or picture.alpha is not None):
            temporary.write_bytes(_opencv_bytes(picture, path.suffix.lower()))
            return
        pixels = picture.pixels if picture.alpha is None else np.dstack([picture.pixels, picture.alpha])
        about = {"icc_profile": picture.profile, "exif": picture.exif, "dpi": picture.dpi}
        options: dict[str, Any] = {"quality": 95} if path.suffix.lower() in (".jpg", ".jpeg", ".webp") else {}
        options |= {name: value for name, value in about.items() if value is not None}
        Image.fromarray(pixels).save(temporary, **options)


def _opencv_bytes(picture: Photo, ending: str) -> bytes:
    pixels = picture.pixels if picture.pixels.ndim == 3 else np.dstack([picture.pixels] * 3)
    planes = pixels[..., ::-1] if picture.alpha is None else np.dstack([pixels[..., ::-1], picture.alpha])
    done, content = cv2.imencode(ending, np.ascontiguousarray(planes))
    if not done:
        raise FormatError(f"a picture of the shape {pixels.shape} could not be written as {ending}.")
    return content.tobytes()
