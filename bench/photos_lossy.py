"""Photos: bits a pixel of the bundled codec, JPEG, WebP, JPEG XL and AVIF at the same PSNR, picture by picture.

Every codec in its best form: JPEG 4:4:4 with optimised tables, WebP method 6, JPEG XL effort 7, AVIF 4:4:4 at speed 4.
Each picture's bits at a PSNR lie on a line, in the logarithm of bits, between the two nearest settings; the table shows
the mean over the pictures. Bytes are those of whole files; of an archive, a picture's share of all its bytes.
"""

import argparse
import io
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import imagecodecs
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from diabolo.coding.archive.archive import ArchiveReader
from diabolo.coding.archive.layout import Promise
from diabolo.data.images.mixed import Pictures, open_pictures
from diabolo.jobs.compress.bundled import bundled_codec
from diabolo.jobs.compress.compress import compress
from diabolo.jobs.compress.decompress import contents, restored_items
from diabolo.jobs.compress.photos import Photos
from pages import write

Photo = NDArray[np.uint8]
Coded = tuple[bytes, Photo]
TARGETS = (28, 30, 32, 34, 36, 38)


def pillow(kind: str, setting: str, **options: object) -> Callable[[Photo, float], Coded]:
    """Return a codec of Pillow, of (photo, quality)."""

    def coded(photo: Photo, quality: float) -> Coded:
        file = io.BytesIO()
        Image.fromarray(photo).save(file, kind, **{setting: int(quality)}, **options)
        return file.getvalue(), np.asarray(Image.open(file).convert("RGB"))

    return coded


def jpeg_xl(photo: Photo, quality: float) -> Coded:
    data = imagecodecs.jpegxl_encode(photo, distance=quality, effort=7)
    return data, imagecodecs.jpegxl_decode(data)


CODECS: dict[str, tuple[Callable[[Photo, float], Coded], tuple[float, ...]]] = {
    "JPEG": (
        pillow("JPEG", "quality", subsampling=0, optimize=True),
        (5, 10, 15, 20, 25, 30, 40, 50, 60, 70, 75, 80, 85, 88, 91, 94, 96, 98),
    ),
    "WebP": (pillow("WEBP", "quality", method=6), (1, 5, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 94, 97, 100)),
    "JPEG XL": (jpeg_xl, (22, 17, 13, 10, 8, 6.5, 5, 4, 3, 2.3, 1.7, 1.2, 0.8, 0.5, 0.3)),
    "AVIF": (
        pillow("AVIF", "quality", subsampling="4:4:4", speed=4),
        (5, 12, 20, 28, 36, 44, 52, 58, 64, 70, 76, 82, 88, 94, 97),
    ),
}


def psnr(one: Photo, other: Photo) -> float:
    return float(10 * np.log10(255**2 / max(1e-9, np.square(one.astype(np.float64) - other).mean())))


Point = tuple[float, float]
"""PSNR and bits a pixel."""


def at(points: Callable[[int], Point], count: int, wanted: float) -> float:
    """Return the bits at a PSNR between the two nearest of `count` settings of rising quality.

    Those of the lowest where even it is better than wanted; NaN where the highest is not good enough.
    """
    low, high = 0, count - 1
    if points(low)[0] > wanted:
        return points(low)[1]
    if points(high)[0] < wanted:
        return float("nan")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if points(middle)[0] <= wanted else (low, middle)
    (below, few), (above, many) = points(low), points(high)
    share = (wanted - below) / max(above - below, 1e-9)
    return float(np.exp(np.log(few) * (1 - share) + np.log(many) * share))


def others(photos: list[Photo], targets: tuple[int, ...]) -> dict[str, list[list[float]]]:
    """Return bits a pixel of each codec, by target and photo."""
    found = {}
    for name, (codec, settings) in CODECS.items():
        rows = []
        for photo in photos:
            points = measured(photo, codec, settings)
            rows.append([at(points, len(settings), target) for target in targets])
        found[name] = [list(row) for row in zip(*rows, strict=True)]
        print(f"{name} done", flush=True)
    return found


def measured(
    photo: Photo, codec: Callable[[Photo, float], Coded], settings: tuple[float, ...]
) -> Callable[[int], Point]:
    """Return PSNR and bits a pixel by the number of a setting, each computed once."""

    @cache
    def point(number: int) -> Point:
        data, back = codec(photo, settings[number])
        return psnr(photo, back), 8 * len(data) / photo[..., 0].size

    return point


LEVELS = (0, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 94, 99)


def own(photos: list[Photo], targets: tuple[int, ...], added: float) -> list[list[float]]:
    """Return bits a pixel of our archives by target and photo; added: what an archive adds, in bytes a photo."""
    codec, rows = Photos(bundled_codec(Promise.LOSSY)), []
    for photo in photos:
        points = measured_own(photo, codec, added)
        rows.append([at(points, len(LEVELS), target) for target in targets])
    return [list(row) for row in zip(*rows, strict=True)]


def measured_own(photo: Photo, codec: Photos, added: float) -> Callable[[int], Point]:
    """Return PSNR and bits a pixel by the number of a level; the photo is analysed once."""
    with torch.inference_mode():
        maps, side = codec.analysed(photo[None])

    @cache
    def point(number: int) -> Point:
        levels = np.array([LEVELS[number]])
        with torch.inference_mode():
            data, known = codec.maps.coded(maps, side, levels)
            back = codec.pictures(known, levels, photo.shape)[0]
        return psnr(photo, back), 8 * (len(data) + added) / photo[..., 0].size

    return point


def whole(pictures: Pictures, target: float) -> tuple[float, str]:
    """Return the bytes that an archive adds for a photo beside its code, and a line on a whole archive."""
    trained = bundled_codec(Promise.LOSSY)
    pixels = sum(header.height * header.width for header in pictures.headers)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "all.dbo"
        start = time.perf_counter()
        made = compress(trained, pictures, path, quality=target)
        written = time.perf_counter()
        worst = min(
            psnr(pictures.read(number).array, item.array)
            for number, item in enumerate(item for piece in contents(trained, path) for item in restored_items(piece))
        )
        start_2 = time.perf_counter()
        for _ in contents(trained, path):
            pass
        read = time.perf_counter() - start_2
        with ArchiveReader(path) as reader:
            payloads = sum(len(block.payload) for block in reader)
    text = (
        f"An archive of all at {target:g} dB: {made.size:,} bytes, {8 * made.size / pixels:.3f} bits a pixel, "
        f"the worst picture {worst:.2f} dB; written at {pixels / 1e6 / (written - start):.2f}, "
        f"read at {pixels / 1e6 / read:.2f} million pixels a second"
    )
    return (made.size - payloads) / len(pictures), text


def table(found: dict[str, list[list[float]]], targets: tuple[int, ...]) -> str:
    """Return the mean bits a pixel; where a codec misses the PSNR in some photos, how many it reaches, and no mean."""
    lines = ["| dB | " + " | ".join(found) + " | diabolo / JPEG |", "|---|" + "---|" * (len(found) + 1)]
    for place, target in enumerate(targets):
        cells = []
        for rows in found.values():
            reached = int(np.isfinite(rows[place]).sum())
            whole = reached == len(rows[place])
            cells.append(f"{np.mean(rows[place]):.3f}" if whole else f"reached in {reached} of {len(rows[place])}")
        ratio = np.mean(found["diabolo"][place]) / np.mean(found["JPEG"][place])
        lines.append(f"| {target} | {' | '.join(cells)} | {ratio:.3f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data/photos_test.zip"))
    parser.add_argument("--targets", type=int, nargs="+", default=TARGETS)
    parser.add_argument("--page", type=Path, help="page to write the table to, such as docs/photos.md")
    given = parser.parse_args()
    pictures = open_pictures(given.data)
    photos = [pictures.read(number).array for number in range(len(pictures))]
    targets = tuple(given.targets)
    added, text = whole(pictures, 34)
    print(text, flush=True)
    found = {"diabolo": own(photos, targets, added), **others(photos, targets)}
    print(f"\n{len(photos)} pictures, mean bits a pixel at equal PSNR\n\n{table(found, targets)}\n")
    if given.page is not None:
        write(given.page, "photos", f"{table(found, targets)}\n\n{text}.")


if __name__ == "__main__":
    main()
