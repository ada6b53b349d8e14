"""What anomalies among the training rows cost `detect`, beside nearest neighbours on the same rows.

    python bench/detect_contaminated.py [--seeds 100] [--write docs/detect.md]

Eight sets of ADBench (DIABOLO_DATA), no labels in training: half of the normal rows, at most 1,000, and as many
anomalies as make 0, 5 and 10 % of them; the other half of the anomalies is for the test. Remedies are tried beside:
each step leaves out the tenth of its batch that has the largest loss; references far from all others are dropped.
"""

import argparse
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from detect_quality import DATA, METHODS, Array
from diabolo import Autoencoder
from diabolo.data.source import ArraySource
from diabolo.jobs import detect
from diabolo.jobs.detector import Scorer, to_extra
from diabolo.model.autoencoder import AutoencoderModel
from diabolo.training.kept import Extra
from diabolo.training.model_file import Trained
from pages import write

SETS = ("12_fault", "18_Ionosphere", "29_Pima", "2_annthyroid", "30_satellite", "35_SpamBase", "4_breastw", "6_cardio")
PEER = "k-nearest neighbours"
SHARES, MOST, LEFT_OUT, FAR = (0.0, 0.05, 0.1), 1000, 0.1, 3.0
Method = Callable[[Array, Array, int], dict[str, Array]]


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


def trimmed(loss: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """Return a loss that leaves out the tenth of a batch that has the largest."""

    def kept(*args: object, **kwargs: object) -> torch.Tensor:
        found = loss(*args, **kwargs)
        within = found <= torch.quantile(found.detach(), 1 - LEFT_OUT)
        return found * within / within.float().mean()

    return kept


def without_far(trained: Trained) -> Trained:
    """Return the model without references far from all others: 3 quartile ranges beyond the third, by logarithm."""
    found = detect.of(trained)
    own = np.log(Scorer(found.detector, trained.forward()).neighbours.own() + 1e-12)
    first, third = np.quantile(own, (0.25, 0.75))
    near = own <= third + FAR * (third - first)
    extra = to_extra(replace(found.detector, references=found.detector.references[near]))
    kept = trained.extras[detect.JOB]
    arrays = {**extra.arrays, "calibration": found.calibration}
    return replace(trained, extras={**trained.extras, detect.JOB: Extra({**kept.plain, **extra.plain}, arrays)})


def scores(train: Array, test: Array, seed: int) -> dict[str, Array]:
    """Return the scores of the test rows by each method."""
    plain = Autoencoder("table", random_state=seed, device="cpu").fit(train).trained_
    with patch.object(AutoencoderModel, "loss", trimmed(AutoencoderModel.loss)):
        careful = Autoencoder("table", random_state=seed, device="cpu").fit(train).trained_
    models = {"diabolo": plain, "trimmed loss": careful, "far references dropped": without_far(plain)}
    found = {name: detect.score(trained, ArraySource(test)) for name, trained in models.items()}
    return {**found, PEER: METHODS[PEER](train, test, seed)}


def measured(seed: int) -> dict[tuple[str, float, str], float]:
    """Return the AUROC by set, share and method."""
    found = {}
    for name in SETS:
        for share in SHARES:
            train, test, labels = parts(name, share, seed)
            for method, own in scores(train, test, seed).items():
                found[name, share, method] = float(roc_auc_score(labels, own))
            told = " ".join(f"{method} {found[name, share, method]:.4f}" for _, _, method in list(found)[-4:])
            print(seed, name, share, told, file=sys.stderr, flush=True)
    return found


def table(seeds: list[int]) -> str:
    runs = [measured(seed) for seed in seeds]
    methods = list(dict.fromkeys(method for _, _, method in runs[0]))
    lines = ["| mean AUROC, anomalies in training | " + " | ".join(f"{share:.0%}" for share in SHARES) + " |"]
    lines += ["|---" * (len(SHARES) + 1) + "|"]
    for method in methods:
        means = [np.mean([run[name, share, method] for run in runs for name in SETS]) for share in SHARES]
        lines.append(f"| {method} | " + " | ".join(f"{mean:.4f}" for mean in means) + " |")
    return "\n".join([*lines, "", f"{len(SETS)} sets, seeds {', '.join(map(str, seeds))}."])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[100])
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    text = table(given.seeds)
    print(text)
    if given.write:
        write(given.write, "contaminated", text)


if __name__ == "__main__":
    main()
