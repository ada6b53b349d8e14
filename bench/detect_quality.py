"""How well `detect` finds anomalies, beside baselines and peers on the same splits; one default for all sets.

    python bench/detect_quality.py [--seeds 5] [--write docs/detect.md]

Data: DIABOLO_DATA (adbench/*.npz, creditcard/creditcard_sample.csv.gz). Peers are PyOD's, where it is installed.
"""

import argparse
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from diabolo import Autoencoder

DATA = Path(os.environ.get("DIABOLO_DATA", "data"))
MOST_TRAINED, WEIGHT, SHARE = 6000, 18.6, 0.6
Array = np.ndarray
Scorer = Callable[[Array, Array, int], Array]


def diabolo(train: Array, test: Array, seed: int) -> Array:
    return -Autoencoder("table", random_state=seed, device="cpu").fit(train).score_samples(test)


def neighbours(train: Array, test: Array, _: int) -> Array:
    return NearestNeighbors(n_neighbors=5).fit(train).kneighbors(test)[0].mean(1)


def mahalanobis(train: Array, test: Array, _: int) -> Array:
    return LedoitWolf().fit(train).mahalanobis(test)


def components(train: Array, test: Array, seed: int, count: float = 0.9) -> Array:
    pca = PCA(count, random_state=seed, svd_solver="full").fit(train)
    return np.square(test - pca.inverse_transform(pca.transform(test))).sum(1)


def forest(train: Array, test: Array, seed: int) -> Array:
    return -IsolationForest(random_state=seed).fit(train).score_samples(test)


def pyod_autoencoder(train: Array, test: Array, seed: int) -> Array:
    from pyod.models.auto_encoder import AutoEncoder

    return AutoEncoder(random_state=seed, verbose=0).fit(train).decision_function(test)


def pyod_vae(train: Array, test: Array, seed: int) -> Array:
    from pyod.models.vae import VAE

    return VAE(random_state=seed, verbose=0).fit(train).decision_function(test)


def standardised(scorer: Scorer) -> Scorer:
    def scored(train: Array, test: Array, seed: int) -> Array:
        scaler = StandardScaler().fit(train)
        return scorer(scaler.transform(train), scaler.transform(test), seed)

    return scored


BASELINES = {"k-nearest neighbours": neighbours, "Mahalanobis": mahalanobis, "PCA": components}
BASELINES |= {"isolation forest": forest, "PyOD AutoEncoder": pyod_autoencoder, "PyOD VAE": pyod_vae}
METHODS: dict[str, Scorer] = {"diabolo": diabolo} | {name: standardised(one) for name, one in BASELINES.items()}


def credit_card(seed: int, methods: dict[str, Scorer]) -> dict[str, tuple[float, float]]:
    """Return (average precision with normals weighted 18.6, AUROC); the first 60 % of time trains, normals only."""
    table = pl.read_csv(DATA / "creditcard/creditcard_sample.csv.gz")
    X, y = table.drop("Class").to_numpy().astype(np.float64), table["Class"].to_numpy()
    past = X[:, 0] <= X[0, 0] + SHARE * (X[-1, 0] - X[0, 0])
    weights = np.where(y[~past] == 1, 1, WEIGHT)
    found = {}
    for name, method in methods.items():
        scores = method(X[past & (y == 0)], X[~past], seed)
        precision = average_precision_score(y[~past], scores, sample_weight=weights)
        found[name] = float(precision), float(roc_auc_score(y[~past], scores))
    return found


def adbench(seed: int, methods: dict[str, Scorer]) -> dict[str, dict[str, float]]:
    """Return the AUROC of each set and method; half of the normals, at most 6,000, train."""
    found = {}
    for file in sorted((DATA / "adbench").glob("*.npz")):
        kept = np.load(file)
        X, y = kept["X"].astype(np.float64), kept["y"].astype(int)
        normal = np.random.default_rng(seed).permutation(np.flatnonzero(y == 0))
        count = min(MOST_TRAINED, len(normal) // 2)
        test = np.concatenate([normal[count:], np.flatnonzero(y == 1)])
        name = file.stem.split("_", 1)[1]
        train = X[normal[:count]]
        found[name] = {
            one: float(roc_auc_score(y[test], method(train, X[test], seed))) for one, method in methods.items()
        }
        print(seed, name, " ".join(f"{one} {value:.3f}" for one, value in found[name].items()), file=sys.stderr)
    return found


def tables(seeds: int) -> str:
    methods = {name: one for name, one in METHODS.items() if not name.startswith("PyOD") or _pyod()}
    card = [credit_card(seed, methods) for seed in range(seeds)]
    sets = [adbench(seed, {name: one for name, one in methods.items() if name != "PyOD VAE"}) for seed in range(seeds)]
    lines = [
        f"Credit card sample, means over {seeds} seeds:",
        "",
        "| method | average precision | AUROC |",
        "|---|---|---|",
    ]
    for name in methods:
        precision, area = np.mean([one[name] for one in card], 0)
        lines.append(f"| {name} | {precision:.3f} | {area:.3f} |")
    names = list(next(iter(sets[0].values())))
    mean = {(one, name): np.mean([run[one][name] for run in sets]) for one in sets[0] for name in names}
    lines += ["", f"AUROC on 20 sets of ADBench, means over {seeds} seeds:", "", f"| set | {' | '.join(names)} |"]
    lines += ["|---" * (len(names) + 1) + "|"]
    lines += [f"| {one} | {' | '.join(f'{mean[one, name]:.3f}' for name in names)} |" for one in sets[0]]
    overall = [np.mean([mean[one, name] for one in sets[0]]) for name in names]
    lines += [f"| **mean** | {' | '.join(f'**{value:.4f}**' for value in overall)} |"]
    return "\n".join(lines)


def _pyod() -> bool:
    try:
        import pyod  # noqa: F401
    except ImportError:
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    text = tables(given.seeds)
    print(text)
    if given.write:
        page = given.write.read_text()
        start, end = (page.index(mark) for mark in ("<!-- quality -->", "<!-- /quality -->"))
        given.write.write_text(f"{page[:start]}<!-- quality -->\n{text}\n{page[end:]}")


if __name__ == "__main__":
    main()
