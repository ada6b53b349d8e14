"""A picture of photos as each codec gives them back at the same bytes: docs/photos.webp, from crops of test photos."""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from diabolo.coding.archive.layout import Promise
from diabolo.data.images.mixed import open_pictures
from diabolo.jobs.compress.bundled import bundled_codec
from diabolo.jobs.compress.photos import Photos
from photos_lossy import CODECS, Photo, psnr

CROPS = ((0, 150, 180), (6, 120, 120), (16, 140, 160))
"""Number of the photo, top and left of the crop."""
SIDE, GAP, TITLE, TIMES = 160, 6, 18, 2
PAPER, INK = (255, 255, 255), (20, 20, 20)


def smallest_loss(name: str, photo: Photo, most: int) -> tuple[int, Photo]:
    """Return the bytes and the photo of a codec at its finest setting that takes at most so many bytes, if any does."""
    codec, settings = CODECS[name][0], range(1, 100)
    low, high = 0, len(settings)
    best = None
    while high - low > 1 or best is None:
        middle = (low + high) // 2
        data, back = codec(photo, settings[middle])
        low, high = (middle, high) if len(data) <= most else (low, middle)
        if len(data) <= most or middle == 0:
            best = len(data), back
        if middle == 0:
            break
    assert best is not None
    return best


def row_of(photo: Photo, codec: Photos) -> list[tuple[str, Photo]]:
    """Return a photo as every codec gives it back, with a line below."""
    with torch.inference_mode():
        data = codec.encode(photo[None])
    assert data is not None
    back = codec.decode(data, 1, photo.shape)[0]
    row = [("original", photo), (f"diabolo {len(data):,} B, {psnr(photo, back):.1f} dB", back)]
    for name in ("AVIF", "WebP", "JPEG"):
        size, other = smallest_loss(name, photo, len(data))
        row.append((f"{name} {size:,} B, {psnr(photo, other):.1f} dB", other))
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data/photos_test.zip"))
    parser.add_argument("--level", type=int, default=22, help="quality of diabolo, 0 to 99")
    parser.add_argument("--out", type=Path, default=Path("docs/photos.webp"))
    given = parser.parse_args()
    pictures, codec = open_pictures(given.data), Photos(bundled_codec(Promise.LOSSY), given.level)
    rows = [(row_of(pictures.read(number).array, codec), top, left) for number, top, left in CROPS]
    side = SIDE * TIMES
    page = Image.new("RGB", (5 * (side + GAP) - GAP, len(rows) * (side + TITLE + GAP) - GAP), PAPER)
    draw = ImageDraw.Draw(page)
    for line, (row, top, left) in enumerate(rows):
        for column, (title, photo) in enumerate(row):
            crop = np.ascontiguousarray(photo[top : top + SIDE, left : left + SIDE]).repeat(TIMES, 0).repeat(TIMES, 1)
            place = column * (side + GAP), line * (side + TITLE + GAP)
            page.paste(Image.fromarray(crop), place)
            draw.text((place[0], place[1] + side + 3), title, fill=INK)
    page.save(given.out, quality=90, method=6)
    print(f"Written: {given.out}")


if __name__ == "__main__":
    main()
