"""The default detector of tables against the mean distance to the 5 nearest neighbours, on 31 labelled sets.

    python bench/detect_sets.py [--seeds 3] [--cache FOLDER] [--write docs/detect.md]

Data: DIABOLO_DATA (adbench/, adbench_features/). Rows that occur twice are dropped before the split, so that no test
row has a twin in training; half of the normal rows, at most 6,000, train. The table says by how much the detector
leads in points of AUROC and average precision: intervals are 95 % bootstraps over sets. The last table counts false
alarms on the normal test rows.
"""

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np
from scipy.stats import trim_mean
from sklearn.metrics import average_precision_score, roc_auc_score

from detect_quality import DATA, MOST_TRAINED
from diabolo import Autoencoder
from diabolo.jobs.detect import members
from diabolo.jobs.detect.baselines import neighbours, standardised
from diabolo.jobs.detect.thresholds import p_values, passing
from pages import write

RATES, FOLDERS = (0.001, 0.01, 0.05), ("adbench", "adbench_features")
Array = np.ndarray


def split(file: Path, seed: int) -> tuple[Array, Array, Array]:
    """Return normal rows to train on, rows to score, and which of these are anomalies."""
    kept = np.load(file)
    X, y = kept["X"].astype(np.float64), kept["y"].astype(int)
    first = np.sort(np.unique(X, axis=0, return_index=True)[1])
    X, y = X[first], y[first]
    normal = np.random.default_rng(seed).permutation(np.flatnonzero(y == 0))
    count = min(MOST_TRAINED, len(normal) // 2)
    rows = np.concatenate([normal[count:], np.flatnonzero(y == 1)])
    return X[normal[:count]], X[rows], y[rows]


def measured(file: Path, seed: int) -> Array:
    """Return AUROC and average precision, in points, of the detector and of neighbours, then false-alarm rates."""
    train, test, y = split(file, seed)
    estimator = Autoencoder("table", random_state=seed, device="cpu").fit(train)
    scores = -estimator.score_samples(test)
    calibration = members.of(estimator.trained_).calibration
    p = p_values(scores[y == 0], calibration)
    rates = [(p <= rate).mean() if passing(rate, len(calibration)) else np.nan for rate in RATES]
    figures = [
        100 * figure(y, one)
        for one in (scores, standardised(neighbours)(train, test, seed))
        for figure in (roc_auc_score, average_precision_score)
    ]
    return np.array([*figures, *rates])


def differences(values: Array, names: list[str]) -> str:
    """Return a row of a table on differences over sets."""
    random = np.random.default_rng(0)
    means = values[random.integers(0, len(values), (2000, len(values)))].mean(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return (
        f"{values.mean():+.2f} [{low:+.2f}, {high:+.2f}] | {np.median(values):+.2f} | {trim_mean(values, 0.2):+.2f} | "
        f"{(values > 0).sum()} / {(values < 0).sum()} | {values.min():+.1f} ({names[values.argmin()]})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    found: dict[str, dict[str, list[Array]]] = {folder: {} for folder in FOLDERS}
    if given.cache is not None:
        given.cache.mkdir(parents=True, exist_ok=True)
    for seed in range(given.seeds):
        for folder in FOLDERS:
            for file in sorted((DATA / folder).glob("*.npz"), key=lambda one: one.stat().st_size):
                place = None if given.cache is None else given.cache / f"{folder} {file.stem} {seed}.npy"
                row = np.load(place) if place is not None and place.exists() else measured(file, seed)
                if place is not None:
                    np.save(place, row)
                found[folder].setdefault(file.stem, []).append(row)
                print(folder, file.stem, seed, row.round(3), file=sys.stderr, flush=True)
    print(text := tables(found, given.seeds))
    if given.write:
        write(given.write, "sets", text)


def tables(found: dict[str, dict[str, list[Array]]], seeds: int) -> str:
    lines = [
        f"Points above the mean of 5 neighbours, means over {seeds} seeds:",
        "",
        "| sets | figure | mean [95 %] | median | 20 % trimmed | wins / losses | worst set |",
        "|---|---|---|---|---|---|---|",
    ]
    parts = {"20 tables": found["adbench"], "11 of embeddings": found["adbench_features"]}
    parts["all 31"] = found["adbench"] | found["adbench_features"]
    for words, sets in parts.items():
        mean = np.array([np.mean(rows, 0) for rows in sets.values()])
        for number, figure in enumerate(("AUROC", "average precision")):
            gains = mean[:, number] - mean[:, 2 + number]
            lines.append(f"| {words} | {figure} | {differences(gains, list(sets))} |")
    every = np.array([row[4:] for sets in found.values() for rows in sets.values() for row in rows])
    lines += [
        "",
        "| asked | got, median of sets | mean | upper quartile | sets with rows enough |",
        "|---|---|---|---|---|",
    ]
    for rate, got in zip(RATES, every.T, strict=True):
        kept = got[~np.isnan(got)]
        lines.append(
            f"| {rate} | {np.median(kept):.4f} | {kept.mean():.4f} | {np.quantile(kept, 0.75):.4f} | "
            f"{len(kept) // seeds} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
