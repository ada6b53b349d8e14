"""What confirmed anomalies teach: the detector alone, the labels' classifier alone, both, and boosting alone.

    python bench/learn_labels.py [--draws 5] [--sets] [--write docs/detect-figures.md]

Data: DIABOLO_DATA (creditcard/; with --sets also the sets of adbench/ that have 1,000 rows). The card sample is split
by time, the first 60 % train; a normal row of the rest stands for 18.6. Of a set half of the normal rows (at most
1,000) and half of the anomalies train. The columns are average precision with 5, 20, 50 and all labelled anomalies, the
mean of so many draws; prevalence stands below. The weight of the labels, 0.6 n / (n + 2), was
chosen on the card sample.
"""

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score

from detect_quality import DATA, card
from diabolo import Autoencoder
from diabolo.data.source import ArraySource
from diabolo.jobs.detect.confirmed.teaching import learn_labels
from diabolo.jobs.detect.rows.opened import opened
from pages import write

COUNTS, WEIGHT, LEAST, MOST = (5, 20, 50, 0), 18.6, 1000, 1000
METHODS = ("no labels", "labels alone", "both", "boosting alone")
Array = np.ndarray


def measured(normal: Array, anomalies: Array, test: Array, y: Array, weight: float, draws: int) -> Array:
    """Return average precision, (counts, methods), the mean over draws; NaN where there are too few anomalies."""
    estimator = Autoencoder("table", random_state=0, device="cpu").fit(normal)
    own, weights = estimator.decision_function(test), np.where(y == 1, 1, weight)
    found = np.full((len(COUNTS), len(METHODS)), np.nan)
    for place, count in enumerate(COUNTS):
        if count >= len(anomalies):
            continue
        every = []
        for draw in range(draws if count else 1):
            rows = np.random.default_rng(draw).permutation(len(anomalies))[: count or None]
            scores = _scores(estimator, normal, anomalies[rows], test, own)
            every.append([average_precision_score(y, one, sample_weight=weights) for one in scores])
        found[place] = np.mean(every, 0)
    return found


def _scores(estimator: Autoencoder, normal: Array, anomalies: Array, test: Array, own: Array) -> list[Array]:
    taught = learn_labels(estimator.trained_, ArraySource(anomalies), ArraySource(normal))
    scorer = opened(taught).scorer
    x = taught.preprocessing.prepare(test).reshape(len(test), -1)
    alone = scorer.confirmed.decision(x, own)  # type: ignore[union-attr]
    X, y = np.concatenate([normal, anomalies]), np.arange(len(normal) + len(anomalies)) >= len(normal)
    boosted = HistGradientBoostingClassifier(random_state=0).fit(X, y).predict_proba(test)[:, 1]
    return [own, alone, scorer.scores(x), boosted]


def sets() -> dict[str, tuple[Array, Array, Array, Array]]:
    """Return normal rows and anomalies to learn from, rows to score and their labels, of each set."""
    found = {}
    for file in sorted((DATA / "adbench").glob("*.npz")):
        kept = np.load(file)
        X, y = kept["X"].astype(np.float64), kept["y"].astype(int)
        first = np.sort(np.unique(X, axis=0, return_index=True)[1])
        X, y, random = X[first], y[first], np.random.default_rng(0)
        if len(X) < LEAST:
            continue
        good, bad = (random.permutation(np.flatnonzero(y == kind)) for kind in (0, 1))
        half, few = min(MOST, len(good) // 2), len(bad) // 2
        rest = np.concatenate([good[half : half + 4 * MOST], bad[few:]])
        found[file.stem] = X[good[:half]], X[bad[:few]], X[rest], y[rest]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--sets", action="store_true")
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    X, y, past = card()
    parts = X[past & (y == 0)], X[past & (y == 1)], X[~past], y[~past]
    lines = ["| data | method | 5 | 20 | 50 | all |", "|---|---|---|---|---|---|"]
    lines += _rows("card sample", found := measured(*parts, WEIGHT, given.draws))
    print("\n".join(lines), file=sys.stderr, flush=True)
    rate = parts[3].sum() / np.where(parts[3] == 1, 1, WEIGHT).sum()
    text = [f"Prevalence of the card sample's test part, weighted: {rate:.2%}."]
    if given.sets:
        every = {}
        for name, one in sets().items():
            every[name] = measured(*one, 1.0, 1)
            print(name, every[name].round(3).tolist(), file=sys.stderr, flush=True)
        table = np.stack(list(every.values()))
        lines += _rows(f"mean of {len(every)} sets", np.nanmean(table, 0))
        better = np.fmax(table[:, :, 0], table[:, :, 1])
        below = np.nanmean(np.where(np.isnan(better), np.nan, table[:, :, 2] < better - 0.01), 0)
        text.append("Sets on which both are more than 1 point below the better part: " + _shares(below))
    print(text := "\n".join([*lines, "", *text]))
    bars = found[:, 2] >= (0.74, 0.76, 0.78, 0.80)
    print("The bars of the card sample (0.74, 0.76, 0.78, 0.80):", *("reached" if bar else "missed" for bar in bars))
    if given.write:
        write(given.write, "labels", text)


def _rows(name: str, found: Array) -> list[str]:
    return [
        f"| {name} | {method} | {' | '.join(f'{one:.3f}' for one in column)} |"
        for method, column in zip(METHODS, found.T, strict=True)
    ]


def _shares(shares: Array) -> str:
    return ", ".join(f"{one:.0%}" for one in shares) + " with 5, 20, 50 and all labels."


if __name__ == "__main__":
    main()
