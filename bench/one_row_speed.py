"""How long one row takes to be scored with its reasons, beside an earlier version of the package.

    git worktree add ../before da3a650 && python bench/one_row_speed.py --before ../before/src

Both score the same rows with the same model file, in turn, each in a process of its own; the model is loaded before.
The earlier way is `score_samples` and `explain`, which every version has. The fastest of the repeats counts.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROUNDS, REPEATS = 3, 40
EARLIER = """
import sys, time, json, warnings
warnings.filterwarnings("ignore")
import polars as pl
from diabolo import load
model, frame = load(sys.argv[1]), pl.read_csv(sys.argv[2])
rows = frame[:1] if sys.argv[4] == "mixed" else frame[:1].to_numpy()
def once():
    model.score_samples(rows)
    model.explain(rows)
"""
NOW = """
import sys, time, json
from pathlib import Path
import numpy
from diabolo.deploy.runtime.table import open_model, rows_of_csv
model = open_model(Path(sys.argv[1]))
rows = next(rows_of_csv(Path(sys.argv[2])))[:1]
def once():
    model.score(rows)
"""
TIMED = """
once()
taken = []
for _ in range(int(sys.argv[3])):
    start = time.perf_counter()
    once()
    taken.append(time.perf_counter() - start)
print(json.dumps(sorted(taken)))
"""


def tables(folder: Path) -> None:
    """Write a table of 28 columns of numbers and one of numbers, words, dates and gaps, 5,000 rows each."""
    import numpy as np
    import polars as pl

    generator = np.random.default_rng(0)
    x = generator.normal(size=(5000, 4)) @ generator.normal(size=(4, 28)) + 0.3 * generator.normal(size=(5000, 28))
    pl.DataFrame(x, [f"v{number}" for number in range(28)], orient="row").write_csv(folder / "numbers.csv")
    amount = np.round(np.exp(generator.normal(3, 1, 5000)), 2)
    days = generator.integers(1, 28, 5000)
    mixed = {
        "amount": amount,
        "tax": pl.Series(np.where(generator.random(5000) < 0.1, np.nan, amount * 1.2)).fill_nan(None),
        "city": generator.choice(["Lima", "Quito", "Bogota", "Madrid"], 5000),
        "when": [f"2026-03-{day:02} {hour:02}:15:00" for day, hour in zip(days, days % 24, strict=True)],
        "items": generator.integers(1, 9, 5000),
    }
    pl.DataFrame(mixed).write_csv(folder / "mixed.csv")


def train(folder: Path, name: str, source: str) -> None:
    arguments = ["train", f"{name}.csv", "--preset", "table", "--epochs", "3", "--out", f"{name}.safetensors"]
    subprocess.run(
        [sys.executable, "-m", "diabolo", *arguments],
        cwd=folder,
        env=with_path(source),
        check=True,
        capture_output=True,
    )


def with_path(source: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": source, "OMP_NUM_THREADS": "1"}


def taken(folder: Path, name: str, source: str, program: str) -> list[float]:
    """Return the seconds of each repeat, rising."""
    arguments = [f"{name}.safetensors", f"{name}.csv", str(REPEATS), name]
    command = [sys.executable, "-c", program + TIMED, *arguments]
    done = subprocess.run(command, cwd=folder, env=with_path(source), check=True, capture_output=True, text=True)
    return list(json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", required=True, help="folder src of an earlier version")
    before, now = str(Path(parser.parse_args().before).resolve()), str(Path(__file__).parent.parent / "src")
    print("| table | before: fastest, median (ms) | now: fastest, median (ms) | ratio of the fastest, of the medians |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        tables(folder)
        for name in ("numbers", "mixed"):
            train(folder, name, before)
            rounds = [(taken(folder, name, before, EARLIER), taken(folder, name, now, NOW)) for _ in range(ROUNDS)]
            old, new = (sorted(one for both in rounds for one in both[side]) for side in (0, 1))
            middle = [some[len(some) // 2] for some in (old, new)]
            print(
                f"| {name} | {old[0] * 1e3:.1f}, {middle[0] * 1e3:.1f} | {new[0] * 1e3:.2f}, {middle[1] * 1e3:.2f} "
                f"| {old[0] / new[0]:.0f}, {middle[0] / middle[1]:.0f} |"
            )


if __name__ == "__main__":
    main()
