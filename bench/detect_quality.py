"""How well `detect` finds anomalies, beside baselines and peers on the same splits; one default for all sets.

    python bench/detect_quality.py [--seeds 5] [--peers 2] [--tiles 1] [--write docs/detect-figures.md]

Data: DIABOLO_DATA (adbench/*.npz, creditcard/, and magnetic_tile.zip, for which see detect_tiles.py). Peers are PyOD's,
where it is installed, with their own defaults, on the first `--peers` seeds.
"""

import argparse
import os
import sys
import warnings
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

import detect_tiles
from diabolo import Autoencoder, open_data
from diabolo.jobs.detect.baselines import BASELINES, Scorer, standardised
from diabolo.jobs.detect.thresholds import resampled_rates
from pages import write

DATA = Path(os.environ.get("DIABOLO_DATA", "data"))
MOST_TRAINED, RATES = 6000, (0.001, 0.01, 0.1)
Array = np.ndarray


def diabolo(train: Array, test: Array, seed: int) -> Array:
    return -Autoencoder("table", random_state=seed, device="cpu").fit(train).score_samples(test)


def pyod_autoencoder(train: Array, test: Array, seed: int) -> Array:
    from pyod.models.auto_encoder import AutoEncoder

    return AutoEncoder(random_state=seed, verbose=0).fit(train).decision_function(test)


def pyod_vae(train: Array, test: Array, seed: int) -> Array:
    from pyod.models.vae import VAE

    return VAE(random_state=seed, verbose=0).fit(train).decision_function(test)


PEERS = {"PyOD AutoEncoder": pyod_autoencoder, "PyOD VAE": pyod_vae}
METHODS: dict[str, Scorer] = {"diabolo": diabolo} | BASELINES
METHODS |= {name: standardised(one) for name, one in PEERS.items()}


def card() -> tuple[Array, Array, Array]:
    """Return card payments (all, or the sample): rows, labels, and which lie in the first 60 % of the time."""
    data = open_data("creditcard")
    parts = [source.take(np.arange(len(source))) for source in (data.train, data.test)]
    labels = np.concatenate([data.labels, data.test_labels])
    return np.concatenate(parts).astype(np.float64), labels, np.arange(len(labels)) < len(data.train)


def credit_card(seed: int, methods: dict[str, Scorer]) -> dict[str, tuple[float, float]]:
    """Return (average precision, a normal of the sample weighing 18.6, AUROC); normals of the past train."""
    X, y, past = card()
    weights = np.where(y[~past] == 1, 1, open_data("creditcard").weight)
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


def promises(seed: int) -> list[tuple[float, float, float]]:
    """Return (promised rate, mean rate, its standard error) over 200 resamplings of unseen normal rows."""
    X, y, _ = card()
    normal = np.random.default_rng(seed).permutation(np.flatnonzero(y == 0))
    half = len(normal) // 2
    scores = diabolo(X[normal[:half]], X[normal[half:]], seed)
    found = [(rate, resampled_rates(scores, rate, repeats=200, seed=seed)) for rate in RATES]
    return [(rate, float(rates.mean()), float(rates.std() / np.sqrt(len(rates)))) for rate, rates in found]


def measured(seeds: int, peers: int) -> tuple[list[dict], list[dict]]:
    """Return what each seed finds on the card sample and on the sets of ADBench."""
    cards, sets = [], []
    for seed in range(seeds):
        methods = {
            name: one for name, one in METHODS.items() if not name.startswith("PyOD") or (seed < peers and _pyod())
        }
        cards.append(credit_card(seed, methods))
        sets.append(adbench(seed, {name: one for name, one in methods.items() if name != "PyOD VAE"}))
    return cards, sets


def tables(seeds: int, peers: int) -> str:
    cards, sets = measured(seeds, peers)
    lines = [
        f"Means over seeds 0 to {seeds - 1}; PyOD's over the first {peers}. Credit card sample:",
        "",
        "| method | average precision | AUROC |",
        "|---|---|---|",
    ]
    for name in cards[0]:
        precision, area = np.mean([one[name] for one in cards if name in one], 0)
        lines.append(f"| {name} | {precision:.3f} | {area:.3f} |")
    names = list(next(iter(sets[0].values())))
    mean = {
        (one, name): np.mean([run[one][name] for run in sets if name in run[one]]) for one in sets[0] for name in names
    }
    lines += ["", "AUROC on 20 sets of ADBench:", "", f"| set | {' | '.join(names)} |"]
    lines += ["|---" * (len(names) + 1) + "|"]
    lines += [f"| {one} | {' | '.join(f'{mean[one, name]:.3f}' for name in names)} |" for one in sets[0]]
    overall = [np.mean([mean[one, name] for one in sets[0]]) for name in names]
    lines += [f"| **mean** | {' | '.join(f'**{value:.4f}**' for value in overall)} |"]
    lines += [
        f"| mean of seeds 0 to {peers - 1} | {' | '.join(f'{_mean(sets[:peers], name):.4f}' for name in names)} |"
    ]
    lines += ["", "False alarms on normal rows of the card sample, drawn at random, over 200 resamplings:", ""]
    lines += ["| promised | mean rate | standard error |", "|---|---|---|"]
    lines += [f"| {rate} | {found:.5f} | {error:.5f} |" for rate, found, error in promises(0)]
    return "\n".join(lines)


def _mean(sets: list[dict], name: str) -> float:
    return float(np.mean([area[name] for run in sets for area in run.values()]))


def _pyod() -> bool:
    try:
        import pyod  # noqa: F401
    except ImportError:
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--peers", type=int, default=2, help="seeds on which PyOD runs")
    parser.add_argument("--tiles", type=int, default=1, help="seeds of the tiles, 15 minutes of CPU each; 0 for none")
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    parts = {"quality": tables(given.seeds, given.peers)}
    print(parts["quality"])
    if given.tiles:
        parts["tiles"] = detect_tiles.table(detect_tiles.METHODS, given.tiles)
    for name, text in parts.items():
        if given.write:
            write(given.write, name, text)


if __name__ == "__main__":
    main()
