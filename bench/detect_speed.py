"""How fast `detect` trains and scores a table of 284,807 x 30, beside PyOD's AutoEncoder; and a file, end to end.

    python bench/detect_speed.py [--rows 284807] [--turns 5] [--threads 2] [--write docs/detect-figures.md]

Rows: the card sample's normal ones (DIABOLO_DATA), drawn again with 1 % of jitter. The two score in turns, so that a
noisy machine is noisy for both. Wall time tells little on a machine that others use; CPU time is given beside it.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import torch

from detect_quality import Array, card
from diabolo import Autoencoder
from diabolo.app.progress import ProgressBar
from pages import write
from train_speed import idle_share

PEER_TRAINED = 20_000
Timing = tuple[float, float]


def jittered(count: int) -> Array:
    """Return `count` normal rows of the card sample, drawn with replacement and jittered by 1 %."""
    X, y, _ = card()
    generator = np.random.default_rng(0)
    rows = X[generator.choice(np.flatnonzero(y == 0), count)]
    return rows * (1 + 0.01 * generator.standard_normal(rows.shape))


def timed(work: Callable[[], object]) -> Timing:
    """Return seconds of wall and of CPU (of this process and of those that it waited for)."""
    wall, before = time.perf_counter(), _spent()
    work()
    return time.perf_counter() - wall, _spent() - before


def _spent() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def peer(X: Array) -> Callable[[], object] | None:
    """Return PyOD's AutoEncoder at work on X, or None where PyOD is not installed; one epoch will do here."""
    try:
        from pyod.models.auto_encoder import AutoEncoder
    except ImportError:
        return None
    trained = AutoEncoder(epoch_num=1, random_state=0, verbose=0).fit(X[:PEER_TRAINED])
    return lambda: trained.decision_function(X)


def from_file(X: Array, fitted: Autoencoder) -> Timing:
    """Return the time of `diabolo detect rows.csv --out alerts.parquet`, the start of Python included."""
    with tempfile.TemporaryDirectory() as folder:
        rows, model, out = (Path(folder) / name for name in ("rows.csv", "m.safetensors", "alerts.parquet"))
        pl.DataFrame(X, schema=[f"c{i}" for i in range(X.shape[1])]).write_csv(rows)
        fitted.save(model)
        words = [sys.executable, "-m", "diabolo", "detect", rows, "-m", model, "--out", out]
        return timed(lambda: subprocess.run(list(map(str, words)), check=True, stdout=subprocess.DEVNULL))


def line(name: str, count: int, turns: list[Timing]) -> str:
    """Return a row of the table: the median turn, and what two free cores would make of its CPU time."""
    wall, spent = np.median(turns, 0)
    return f"| {name} | {wall:.2f} | {spent:.2f} | {count / wall:,.0f} | {2 * count / spent:,.0f} |"


def table(count: int, turns: int) -> str:
    X, idle = jittered(count), idle_share(3)
    estimator = Autoencoder("table", device="cpu")
    training = timed(lambda: estimator.fit(X, callbacks=[ProgressBar("table", X.shape[1])]))
    contestants = {"score, an array": lambda: estimator.score_samples(X), "PyOD AutoEncoder, the same array": peer(X)}
    found = {name: [] for name, work in contestants.items() if work}
    for _ in range(turns):
        for name in found:
            found[name].append(timed(contestants[name]))
    lines = [
        f"{count:,} rows of 30 numbers, {torch.get_num_threads()} thread(s), medians of {turns} turns. When it began, "
        f"{idle:.0%} of the machine's two cores were free: where that is little, wall time is the neighbours'.",
        "",
        "| what | wall s | CPU s | rows/s by wall | rows/s of two cores by CPU |",
        "|---|---|---|---|---|",
        line("train, detector included", count, [training]),
        *(line(name, count, times) for name, times in found.items()),
        line("`detect` CSV to Parquet, start included", count, [from_file(X, estimator)]),
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=284_807)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    warnings.filterwarnings("ignore")
    text = table(given.rows, given.turns)
    print(text)
    if given.write:
        write(given.write, "speed", text)


if __name__ == "__main__":
    main()
