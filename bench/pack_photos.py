"""Pack the training photos into one small file for a machine that has none of the data: lossless WebP in a zip.

Each photo keeps its middle of at most SIDE x SIDE pixels, so that every photo has a part in few bytes.

    python bench/pack_photos.py --data ../../shared/data --out photos.zip --side 176
"""

import argparse
import io
import zipfile
from pathlib import Path

from PIL import Image

SETS = {"photos": "photos_train.zip", "train400": "train400.zip"}
"""Folder in the packed file -> data set. The order of names is the order of the set."""


def middle(image: Image.Image, side: int) -> Image.Image:
    """Return the middle of an image, at most side x side pixels; its corner lies on even pixels."""
    width, height = (min(side, length) for length in image.size)
    left, top = ((whole - kept) // 4 * 2 for whole, kept in zip(image.size, (width, height), strict=True))
    return image.crop((left, top, left + width, top + height))


def packed(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "WEBP", lossless=True, quality=50, method=4)
    return stream.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--side", type=int, default=176)
    given = parser.parse_args()
    with zipfile.ZipFile(given.out, "w", zipfile.ZIP_STORED) as archive:
        for folder, name in SETS.items():
            with zipfile.ZipFile(given.data / name) as source:
                for path in sorted(path for path in source.namelist() if path.lower().endswith(".png")):
                    image = middle(Image.open(io.BytesIO(source.read(path))), given.side)
                    archive.writestr(f"{folder}/{Path(path).stem}.webp", packed(image))
    print(f"{given.out}: {given.out.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
