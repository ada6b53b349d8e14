"""What anomalies among the training rows cost `detect`, and what `--contamination` gives back.

    python bench/detect_contaminated.py [--seeds 101] [--write docs/detect-figures.md]

Eight sets of ADBench (DIABOLO_DATA), no labels in training: half of the normal rows, at most 1,000, and as many
anomalies as make 0, 5 and 10 % of them; the other half of the anomalies is for the test, with all other normal rows.
AUROC as trained by default. Alerts with three tenths of the rows held out, so that rates can be promised at all: 0.05
on the eight sets, 0.01 on the five that have rows enough. Nearest neighbours learn from the same rows.
"""

import argparse
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from detect_quality import DATA, METHODS, Array
from diabolo import Autoencoder
from diabolo.data.source import ArraySource
from diabolo.jobs.detect.rows import rows as detect
from diabolo.jobs.detect.rules import FalseAlarms
from diabolo.training.split import draw_split
from pages import write

SETS = ("12_fault", "18_Ionosphere", "29_Pima", "2_annthyroid", "30_satellite", "35_SpamBase", "4_breastw", "6_cardio")
PEER = "k-nearest neighbours"
TOLD = {0.0: (0.0, 0.05, 0.1), 0.05: (0.0, 0.025, 0.05, 0.1), 0.1: (0.0, 0.05, 0.1, 0.2)}
MOST, HELD, RATES, LEAST_LEFT = 1000, 0.3, (0.05, 0.01), 0.8
Cell = tuple[float, str, str]
"""Share of anomalies, method, what is measured."""


def parts(name: str, share: float, seed: int) -> tuple[Array, Array, Array]:
    """Return training rows of which `share` are anomalies, test rows and their labels; test rows are alike for all."""
    kept = np.load(DATA / f"adbench/{name}.npz")
    X, y = kept["X"].astype(np.float64), kept["y"].astype(int)
    generator = np.random.default_rng(seed)
    normal, odd = (generator.permutation(np.flatnonzero(y == kind)) for kind in (0, 1))
    count, half = min(MOST, len(normal) // 2), len(odd) // 2
    mixed = np.concatenate([normal[:count], odd[: min(half, round(count * share / (1 - share)))]])
    test = np.concatenate([normal[count:], odd[half:]])
    return X[generator.permutation(mixed)], X[test], y[test]


def scored(train: Array, test: Array, share: float, seed: int, validation: float) -> Iterator[tuple[str, Array, Array]]:
    """Yield (method, sorted calibration scores, scores of the test rows): one network, a detector for each share."""
    estimator = Autoencoder("table", random_state=seed, device="cpu", validation=validation).fit(train)
    for told in TOLD[share]:
        trained = detect.with_detector(estimator.trained_, ArraySource(train), told)
        yield f"`{told:g}`", detect.of(trained).calibration, detect.score(trained, ArraySource(test))
    split = draw_split(len(train), validation, seed)
    rows, held = split.rows, split.held_out
    found = METHODS[PEER](train[rows], np.concatenate([train[held], test]), seed)
    yield PEER, np.sort(found[: len(held)]), found[len(held) :]


def measured(name: str, share: float, seed: int) -> dict[Cell, float]:
    train, test, labels = parts(name, share, seed)
    found: dict[Cell, float] = {}
    for method, _, scores in scored(train, test, share, seed, 0.1):
        found[share, method, "AUROC"] = float(roc_auc_score(labels, scores))
    held = len(draw_split(len(train), HELD, seed).held_out)
    for method, calibration, scores in scored(train, test, share, seed, HELD):
        for rate in RATES:
            if rate * (LEAST_LEFT * held + 1) >= 1:
                raised = FalseAlarms(rate).raised(scores, calibration)
                found[share, method, f"caught {rate:g}"] = float(raised[labels == 1].mean())
                found[share, method, f"false {rate:g}"] = float(raised[labels == 0].mean())
    print(seed, name, share, " ".join(f"{method} {found[share, method, 'AUROC']:.4f}" for method in methods(found)))
    sys.stdout.flush()
    return found


def methods(found: dict[Cell, float]) -> list[str]:
    return list(dict.fromkeys(method for _, method, _ in found))


def table(seeds: list[int]) -> str:
    head = ["AUROC", *(f"{what} {rate:g}" for rate in RATES for what in ("caught", "false"))]
    lines = [f"| anomalies | `--contamination` | {' | '.join(head)} |", "|---" * (len(head) + 2) + "|"]
    for share in TOLD:
        runs = [measured(name, share, seed) for seed in seeds for name in SETS]
        for method in methods(runs[0]):
            cells = [[run[share, method, what] for run in runs if (share, method, what) in run] for what in head]
            means = [f"{np.mean(cell):.4f}" for cell in cells]
            lines.append(f"| {share:.0%} | {method} | {' | '.join(means)} |")
    words = f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"
    return "\n".join([*lines, "", f"Means over {len(SETS)} sets (0.01: 5), {words}."])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[101])
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    text = table(given.seeds)
    print(text)
    if given.write:
        write(given.write, "contaminated", text)


if __name__ == "__main__":
    main()
