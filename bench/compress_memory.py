"""Peak memory of compress and decompress on many small items and on one huge image.

python bench/compress_memory.py MODEL.safetensors [--items 1000000] [--side 20000] [--folder /tmp]
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

WORK = """
import resource, sys
from pathlib import Path
import numpy as np
from diabolo.data.source import ArraySource
from diabolo.estimator import load
from diabolo.jobs.compress import compress
from diabolo.jobs.compress.decompress import contents
from diabolo.jobs.compress.output import to_array
way, model, data, archive, back = sys.argv[1:]
trained = load(model).trained_
if way == "compress":
    print(compress(trained, ArraySource(np.load(data, mmap_mode="r")), Path(archive)), end=" ")
elif way == "decompress":
    print(to_array(contents(trained, Path(archive)), Path(back), force=True), "items", end=" ")
print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, "MB (mapped pages of the input counted)")
"""


def main() -> None:
    """Write the data, then run each way in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--side", type=int, default=20_000)
    parser.add_argument("--folder", default="/tmp")
    options = parser.parse_args()
    from diabolo.data.opening import open_data

    digits = open_data("mnist").train.take(np.arange(10_000))
    for shape in ((1, options.side, options.side), (options.items, 28, 28)):
        with TemporaryDirectory(dir=options.folder) as folder:
            names = [str(Path(folder) / name) for name in ("x.npy", "x.dbo", "y.npy")]
            array = np.lib.format.open_memmap(names[0], "w+", np.uint8, shape)
            sheet = digits[:100].reshape(10, 10, 28, 28).swapaxes(1, 2).reshape(280, 280)
            for start in range(0, max(shape[0], shape[1]), 280 if shape[0] == 1 else 10_000):
                if shape[0] == 1:
                    part = array[0, start : start + 280]
                    part[:] = np.tile(sheet, (1, shape[2] // 280 + 1))[: len(part), : shape[2]]
                elif start < shape[0]:
                    array[start : start + 10_000] = digits[: len(array[start : start + 10_000])]
            array.flush()
            del array
            for way in ("load", "compress", "decompress"):
                started = time.perf_counter()
                command = [sys.executable, "-c", WORK, way, options.model, *names]
                line = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
                print(shape, way, line, f"{time.perf_counter() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
