"""How well `detect` finds anomalies in series, beside methods of the field; one default for all files.

    python bench/detect_series.py [--only nab|telemetry] [--methods NAME...] [--cache FOLDER] [--write docs/detect.md]

VUS-PR with L from the autocorrelation of the scored part (series_data.py, tested against the package vus), AUROC, and
the share of blocks of normal steps, each as long as a window, with an alert at a promised 1 %. Means over files;
brackets: 95 % bootstrap over files.
"""

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

from diabolo import Autoencoder
from diabolo.data.source import ArraySource
from diabolo.data.tables.periods import window_for
from diabolo.data.tables.windows import Windows, learnt_windows
from diabolo.jobs.detect import series as steps
from pages import write
from series_data import Series, nab, period, telemetry, vus_pr

SETS = {"nab": nab, "telemetry": telemetry}
RATES = (0.001, 0.01, 0.05)
Array = np.ndarray
Found = tuple[Array, dict[float, float] | None]


def diabolo(one: Series) -> Found:
    """Scores of each step, and by promised rate the share of blocks of normal steps that raise an alert."""
    length = window_for(one.train)
    trained = Autoencoder("series", random_state=0, device="cpu").fit(learnt_windows(ArraySource(one.train), length))
    scores = steps.score(trained.trained_, ArraySource(one.test))
    calibration = steps.of(trained.trained_).calibration
    return scores, {rate: _alarmed(one, scores, length, np.quantile(calibration, 1 - rate)) for rate in RATES}


def _alarmed(one: Series, scores: Array, length: int, threshold: float) -> float:
    count = len(scores) // length
    blocks, marks = scores[: count * length].reshape(count, length), one.labels[: count * length].reshape(count, length)
    normal = ~marks.any(1)
    return float((blocks[normal].max(1) > threshold).mean()) if normal.any() else np.nan


def _windows(one: Series) -> tuple[Array, Array, int]:
    length = window_for(one.train)
    mean, spread = one.train.mean(), one.train.std() or 1.0
    both = [Windows(ArraySource((part - mean) / spread), length) for part in (one.train, one.test)]
    train, test = (part.take(np.arange(len(part))) for part in both)
    return train, test, length


def _spread(errors: Array, length: int) -> Array:
    return np.convolve(errors, np.ones(length)) / np.convolve(np.ones(len(errors)), np.ones(length))


def components(one: Series) -> Found:
    train, test, length = _windows(one)
    pca = PCA(0.9, svd_solver="full").fit(train)
    return _spread(np.square(test - pca.inverse_transform(pca.transform(test))).mean(1), length), None


def means(one: Series) -> Found:
    train, test, length = _windows(one)
    found = KMeans(min(8, len(train)), n_init=1, random_state=0).fit(train)
    return _spread(found.transform(test).min(1), length), None


def forest(one: Series) -> Found:
    train, test, length = _windows(one)
    return _spread(-IsolationForest(random_state=0).fit(train).score_samples(test), length), None


def forecast(one: Series) -> Found:
    """A small network forecasts the next step from a window; its squared error is spread as the windows' are."""
    from sklearn.neural_network import MLPRegressor

    train, test, length = _windows(one)
    net = MLPRegressor((64,), max_iter=60, random_state=0).fit(train[:, :-1], train[:, -1])
    return _spread(np.square(net.predict(test[:, :-1]) - test[:, -1]), length), None


def profile(one: Series) -> Found:
    """The distance of each window, each in units of its own spread, to the nearest window of training (stumpy)."""
    import stumpy

    length = window_for(one.train)
    found = stumpy.stump(one.test[:, 0], length, one.train[:, 0], ignore_trivial=False)[:, 0].astype(np.float64)
    found[~np.isfinite(found)] = 0.0
    return _spread(found, length), None


def convolutional(one: Series) -> Found:
    """The Keras example's autoencoder of windows (two strided convolutions and back), by torch."""
    import torch
    from torch import nn

    train, test, length = _windows(one)
    size = -(-length // 4) * 4
    pad = [(0, 0), (0, size - length)]
    given, asked = (torch.tensor(np.pad(x, pad, "edge")[:, None], dtype=torch.float32) for x in (train, test))
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv1d(1, 32, 7, 2, 3), nn.ReLU(), nn.Dropout(0.2), nn.Conv1d(32, 16, 7, 2, 3), nn.ReLU(),
        nn.ConvTranspose1d(16, 16, 7, 2, 3, 1), nn.ReLU(), nn.Dropout(0.2),
        nn.ConvTranspose1d(16, 32, 7, 2, 3, 1), nn.ReLU(), nn.Conv1d(32, 1, 7, 1, 3),
    )  # fmt: skip
    rule = torch.optim.Adam(net.parameters(), 1e-3)
    for _ in range(50):
        for rows in torch.randperm(len(given)).split(128):
            rule.zero_grad()
            nn.functional.mse_loss(net(given[rows]), given[rows]).backward()
            rule.step()
    net.eval()
    with torch.no_grad():
        restored = torch.cat([net(part) for part in asked.split(1024)])
    return _spread((restored - asked).abs().mean((1, 2)).double().numpy(), length), None


def chance(one: Series) -> Found:
    return np.random.default_rng(0).random(len(one.test)), None


METHODS: dict[str, Callable[[Series], Found]] = {
    "diabolo (series)": diabolo,
    "PCA of windows": components,
    "k-means of windows": means,
    "isolation forest of windows": forest,
    "matrix profile (stumpy)": profile,
    "forecasting network": forecast,
    "convolutional autoencoder (Keras example)": convolutional,
    "chance": chance,
}


def measured(kind: str, methods: list[str], cache: Path | None) -> dict[str, list[tuple[float, ...]]]:
    """Return by method for each file VUS-PR, AUROC, seconds and the shares of blocks that raise an alert."""
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in methods}
    for one in SETS[kind]():
        for name in methods:
            place = None if cache is None else cache / f"{kind} {name.split(' (')[0]} {one.name}.npy"
            if place is not None and place.exists():
                found[name].append(tuple(np.load(place)))
                continue
            begin = time.perf_counter()
            scores, alarmed = METHODS[name](one)
            took = time.perf_counter() - begin
            vus = vus_pr(one.labels, scores, period(one.test[:, 0]))
            rates = [np.nan] * len(RATES) if alarmed is None else list(alarmed.values())
            row = (vus, float(roc_auc_score(one.labels, scores)), took, *rates)
            found[name].append(row)
            print(kind, one.name, name, np.round(row, 3), file=sys.stderr, flush=True)
            if place is not None:
                np.save(place, row)
    return found


def table(kind: str, found: dict[str, list[tuple[float, ...]]]) -> str:
    count = len(next(iter(found.values())))
    lines = [f"{kind}, {count} files:", "", "| method | VUS-PR | AUROC | seconds a file |", "|---|---|---|---|"]
    random = np.random.default_rng(0)
    for name, rows in found.items():
        values = np.array(rows)
        means = values[random.integers(0, count, (2000, count)), 0].mean(1)
        low, high = np.quantile(means, (0.025, 0.975))
        vus, area, took = values[:, :3].mean(0)
        lines.append(f"| {name} | {vus:.3f} [{low:.3f}, {high:.3f}] | {area:.3f} | {took:.1f} |")
    rates = np.array(next(iter(found.values())))[:, 3:]
    lines += [
        "",
        "| promised: blocks of normal steps with an alert | median of files | upper quartile |",
        "|---|---|---|",
    ]
    for rate, got in zip(RATES, rates.T, strict=True):
        lines.append(f"| {rate} | {np.nanmedian(got):.3f} | {np.nanquantile(got, 0.75):.3f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=SETS)
    parser.add_argument("--methods", nargs="*", choices=METHODS, default=list(METHODS))
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    if given.cache is not None:
        given.cache.mkdir(parents=True, exist_ok=True)
    kinds = [given.only] if given.only else list(SETS)
    text = "\n\n".join(table(kind, measured(kind, given.methods, given.cache)) for kind in kinds)
    print(text)
    if given.write:
        write(given.write, "series", text)


if __name__ == "__main__":
    main()
