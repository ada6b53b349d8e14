"""Clean a 6000 x 4000 colour photo with the command: minutes, memory, and whether another tiling gives the same.

    python bench/denoise_large.py            about eight minutes of one thread
    python bench/denoise_large.py --scale 8  an eighth as wide and high

The photo is scikit-image's coffee, enlarged, with Gaussian noise of 25/255 from seed 1, as an 8-bit PNG.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from diabolo.data.images.photos import open_shelf
from diabolo.jobs.denoise.bundled import bundled_denoiser
from diabolo.jobs.denoise.denoise import denoise

OTHER_TILE = 384


def photo(width: int, height: int) -> NDArray[np.uint8]:
    """Return the noisy photo, a band of rows at a time so that making it takes little memory."""
    large = np.asarray(Image.fromarray(data.coffee()).resize((width, height), Image.Resampling.BICUBIC))
    random, noisy = np.random.default_rng(1), np.empty_like(large)
    for top in range(0, height, 100):
        band = large[top : top + 100] + 25 * random.standard_normal(large[top : top + 100].shape, np.float32)
        noisy[top : top + 100] = np.clip(np.rint(band), 0, 255)
    return noisy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        noisy, cleaned = Path(folder) / "noisy.png", Path(folder) / "clean.png"
        Image.fromarray(photo(6000 // given.scale, 4000 // given.scale)).save(noisy, compress_level=1)
        start = time.perf_counter()
        command = [sys.executable, "-m", "diabolo", "denoise", str(noisy), "--out", str(cleaned)]
        subprocess.run(command, check=True)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(
            f"{used.ru_maxrss / 2**20:.2f} GB at the peak, {used.ru_utime + used.ru_stime:.0f} CPU seconds, "
            f"{time.perf_counter() - start:.0f} s of the clock",
            flush=True,
        )
        one = open_shelf(cleaned).read("clean.png").pixels
        other = denoise(bundled_denoiser(), open_shelf(noisy).read("noisy.png").pixels, tile=OTHER_TILE).image
        apart = np.abs(one.astype(np.int16) - other)
        count = f"{np.count_nonzero(apart)} of {apart.size}"
        print(f"tiles of 512 and {OTHER_TILE}: {count} values differ, {apart.max()} at most")


if __name__ == "__main__":
    main()
