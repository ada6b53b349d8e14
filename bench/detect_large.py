"""How much memory `detect` takes for a Parquet file of any size, and how fast it goes.

    python bench/detect_large.py [--rows 20000000] [--columns 30] [--folder FOLDER]

Writes a table of float32 by pieces (4 bytes a number, 2.4 GB for 20 million rows of 30), runs `diabolo detect` on it as
a program of its own, and prints that program's peak of resident memory (its reader's included) and rows/s.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from diabolo import Autoencoder
from diabolo.data.lists import write_list

PIECE, TRAINED, HIDDEN = 2**17, 20_000, 5


def rows(count: int, columns: int, seed: int) -> np.ndarray:
    """Return rows whose columns follow five hidden numbers."""
    generator, mixing = np.random.default_rng(seed), np.random.default_rng(0)
    weights = mixing.standard_normal((HIDDEN, columns), np.float32)
    hidden = generator.standard_normal((count, HIDDEN), np.float32)
    return hidden @ weights + 0.3 * generator.standard_normal((count, columns), np.float32)


def pieces(count: int, columns: int) -> Iterator[pl.DataFrame]:
    names = [f"c{i}" for i in range(columns)]
    for start in range(0, count, PIECE):
        yield pl.DataFrame(rows(min(PIECE, count - start), columns, start + 1), schema=names)


def measured(count: int, columns: int, folder: Path) -> str:
    """Return a line of the time and the peak of memory that `detect` took."""
    table, model, out = (folder / name for name in ("rows.parquet", "m.safetensors", "alerts.parquet"))
    write_list(table, partial(pieces, count, columns), force=True)
    names = [f"c{i}" for i in range(columns)]
    Autoencoder("table", epochs=1, random_state=0).fit(pl.DataFrame(rows(TRAINED, columns, 0), schema=names)).save(
        model
    )
    words = [sys.executable, "-m", "diabolo", "detect", table, "-m", model, "--out", out]
    start = time.perf_counter()
    subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL)
    seconds, used = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = used.ru_utime + used.ru_stime
    assert pl.scan_parquet(out).select(pl.len()).collect().item() == count
    return (
        f"{count:,} rows of {columns} numbers, {table.stat().st_size / 1e9:.2f} GB: peak "
        f"{used.ru_maxrss / 2**20:.2f} GiB resident, {seconds:.1f} s ({count / seconds:,.0f} rows/s), "
        f"{spent:.1f} s of CPU, {os.environ.get('OMP_NUM_THREADS', 'all')} thread(s)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--columns", type=int, default=30)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        print(measured(given.rows, given.columns, Path(folder)))


if __name__ == "__main__":
    main()
