"""What general codecs need for MNIST's test images, and for 200 faces, at set qualities: bytes an image.

    python bench/general_codecs.py                          MNIST: lossless, 22.5 dB and 26 dB
    python bench/general_codecs.py FACES.zip                its faces, every 35th, at 25, 28, 30, 32 and 35 dB

MNIST is found as diabolo finds it (DIABOLO_DATA). Faces are measured as single files alone.
"""

import sys
import time

import numpy as np

from diabolo.data.opening import open_data
from diabolo.data.source import Source, Subset, spaced
from diabolo.jobs.compress.compare.comparison import WAYS, Comparison, compare
from diabolo.jobs.compress.compare.equal_quality import at_quality
from diabolo.jobs.compress.compare.general_codecs import CODECS

FACES, FACE_DECIBELS = 200, (25.0, 28.0, 30.0, 32.0, 35.0)
Cells = list[str]


def table(rows: list[Cells]) -> str:
    """Return rows as a Markdown table, the first as its head."""
    head, *rest = rows
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rest])


def compared(images: Source, psnr: float | None) -> tuple[Comparison, float]:
    """Return the comparison with a model of 1 byte an image, which loses nowhere, and the seconds it took."""
    started = time.perf_counter()
    found = compare(images, psnr=psnr, model_bytes_per_image=1, model_file_bytes=0)
    return found, time.perf_counter() - started


def mnist() -> None:
    test = open_data("mnist").test
    assert test is not None
    pixels = np.prod(test.shape)
    for psnr in (None, 22.5, 26.0):
        found, seconds = compared(test, psnr)
        rows = [["codec", "", "bytes an image", "bits per pixel", "PSNR, dB", "images"]]
        for row in found.rows[1:]:
            size, bits = f"{row.bytes_per_image:.1f}", f"{8 * row.bytes_per_image / pixels:.3f}"
            rows.append([row.codec, WAYS[row.how], size, bits, f"{row.psnr:.2f}", str(row.images)])
        title = "lossless" if psnr is None else f"at {psnr} dB"
        print(
            f"\nMNIST, 10,000 test images, {title} ({seconds:.0f} s)\n\n{table(rows)}",
            *found.notes,
            sep="\n",
            flush=True,
        )


def faces(path: str) -> None:
    source = open_data(path).train
    images = Subset(source, spaced(len(source), FACES)).take(np.arange(min(FACES, len(source))))
    rows = [["single files, bytes an image", *(f"{psnr:.0f} dB" for psnr in FACE_DECIBELS)]]
    for name, codec in CODECS.items():
        if codec.pictures and codec.available():
            found = [at_quality(images, codec, psnr, how="files") for psnr in FACE_DECIBELS]
            rows.append([name, *(f"{m.bytes_per_image:.0f} ({m.psnr:.2f} dB)" if m else "not reached" for m in found)])
    print(table(rows))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        faces(sys.argv[1])
    else:
        mnist()
