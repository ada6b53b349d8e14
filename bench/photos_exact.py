"""Photos coded exactly, beside other codecs in the same run: python bench/photos_exact.py ZIP_OR_FOLDER

Bytes are of whole archives and files; seconds of this thread alone, for coding and decoding, without reading pictures.
"""

import argparse
import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import thread_time

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from diabolo.coding.exact.kernel import bundled
from diabolo.data.images.mixed import open_pictures
from diabolo.jobs.compress.exact_photos import ExactPhotos, compress_exactly

Picture = NDArray[np.uint8]


def png(picture: Picture) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", optimize=True)
    return file.getvalue()


def ours(max_error: int) -> Callable[[Picture], bytes]:
    return lambda picture: ExactPhotos(bundled(), max_error).encode(picture[None]) or picture.tobytes()


def jpeg_ls(near: int) -> Callable[[Picture], bytes]:
    """JPEG-LS with a plane of G, then R - G and B - G (modulo 256) where nothing may be lost: its better form."""

    def coded(picture: Picture) -> bytes:
        if near:
            return bytes(imagecodecs.jpegls_encode(picture, level=near))
        green = picture[..., 1]
        planes = (green, picture[..., 0] - green + np.uint8(128), picture[..., 2] - green + np.uint8(128))
        return b"".join(imagecodecs.jpegls_encode(np.ascontiguousarray(plane)) for plane in planes)

    return coded


def jxl(effort: int) -> Callable[[Picture], bytes]:
    return lambda picture: imagecodecs.jpegxl_encode(picture, lossless=True, effort=effort, numthreads=1)


CODECS: dict[str, tuple[Callable[[Picture], bytes], Callable[[bytes], object] | None]] = {
    "diabolo": (ours(0), None),
    "PNG": (png, lambda data: np.asarray(Image.open(io.BytesIO(data)))),
    "WebP": (lambda picture: imagecodecs.webp_encode(picture, lossless=True), imagecodecs.webp_decode),
    "JPEG-LS": (jpeg_ls(0), None),
    **{
        f"JPEG XL {effort}": (jxl(effort), lambda data: imagecodecs.jpegxl_decode(data, numthreads=1))
        for effort in (3, 7, 9)
    },
    **{f"diabolo E={e}": (ours(e), None) for e in (1, 2, 4)},
    **{f"JPEG-LS E={e}": (jpeg_ls(e), None) for e in (1, 2, 4)},
}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("data", type=Path)
    given = arguments.parse_args()
    opened = open_pictures(given.data)
    pictures = [opened.read(number).array for number in range(len(opened))]
    values, pixels = sum(p.size for p in pictures), sum(p.shape[0] * p.shape[1] for p in pictures)
    ours(0)(pictures[0][:8, :8])
    with tempfile.TemporaryDirectory() as folder:
        found = compress_exactly(opened, Path(folder) / "x.dbo")
    mean = 8 * found.size / values
    print(f"{len(pictures)} pictures; whole archive: {mean:.3f} bits a value, {found.kept} kept as files")
    print("| codec | bits a value | Mpx/s coding | Mpx/s decoding |\n|---|---|---|---|")
    for name, (encode, decode) in CODECS.items():
        start = thread_time()
        coded = [encode(picture) for picture in pictures]
        spent = thread_time() - start
        start = thread_time()
        for data, picture in zip(coded, pictures, strict=True):
            if name == "diabolo":
                again = ExactPhotos(bundled()).decode(data, 1, picture.shape)[0]
                assert np.array_equal(again, picture)
            elif decode:
                decode(data)
        back = thread_time() - start
        reading = f"{pixels / back / 1e6:.2f}" if decode or name == "diabolo" else ""
        print(
            f"| {name} | {8 * sum(map(len, coded)) / values:.3f} | {pixels / spent / 1e6:.2f} | {reading} |", flush=True
        )


if __name__ == "__main__":
    main()
