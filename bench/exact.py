"""The exact modes on MNIST: bits per pixel of the test images, and images a second. python bench/exact.py

Trains on the training images (--arrays FILE keeps the result, and takes it from there the next time); --test N codes
only the first N test images.
"""

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from diabolo.coding.integer_network import quantised
from diabolo.coding.pixels import PixelCoder
from diabolo.data.opening import open_data
from diabolo.training.pixel_network import fit_pixels

BLOCK = 2500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--arrays", type=Path)
    parser.add_argument("--test", type=int, default=10_000)
    parser.add_argument("--errors", type=int, nargs="*", default=[0, 1, 2, 4, 8])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    data = open_data("mnist")
    assert data.test is not None
    if options.arrays and options.arrays.exists():
        arrays = dict(np.load(options.arrays))
    else:
        started = time.perf_counter()
        arrays = quantised(fit_pixels(data.train))
        print(f"trained in {time.perf_counter() - started:.0f} s on {options.threads} threads", flush=True)
        if options.arrays:
            np.savez(options.arrays, **arrays)
    print(f"arrays: {sum(array.nbytes for array in arrays.values()):,} bytes")
    x = np.asarray(data.test.take(np.arange(options.test)), dtype=np.uint8)
    coder = PixelCoder.from_arrays(arrays, data.test.shape)
    print("max error | bits per pixel | bytes an image | largest error | encode, images/s | decode, images/s")
    for bound in options.errors:
        measure(coder, x, bound, options.threads)


def measure(coder: PixelCoder, x: np.ndarray, bound: int, threads: int) -> None:
    """Code blocks side by side, one thread each, as the archive's blocks can be."""
    torch.set_num_threads(1)
    blocks = np.split(x, range(BLOCK, len(x), BLOCK))
    with ThreadPoolExecutor(threads) as pool:
        started = time.perf_counter()
        coded = list(pool.map(lambda block: coder.encode(block, bound), blocks))
        middle = time.perf_counter()
        back = np.concatenate(
            list(pool.map(lambda pair: coder.decode(pair[0], len(pair[1]), bound), zip(coded, blocks, strict=True)))
        )
        ended = time.perf_counter()
    size, error = sum(map(len, coded)), np.abs(back.astype(int) - x).max()
    rates = len(x) / (middle - started), len(x) / (ended - middle)
    print(
        f"{bound} | {8 * size / x.size:.4f} | {size / len(x):.1f} | {error} | {rates[0]:,.0f} | {rates[1]:,.0f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
