"""Train each kind of the textbooks on MNIST and print its figures beside the dense one.

    python bench/kinds.py [--epochs N] [--samples N] [--models FOLDER] [--write] [KIND ...]

Without options each kind is trained by its preset's own recipe on all 60,000 digits: an hour on one core. --epochs is
the short budget. --models keeps the model files, and measures those that are there instead of training anew.
--write puts the table into docs/kinds.md. All figures are of the 10,000 test digits, which no choice was made on.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from diabolo import Autoencoder, load, open_data
from diabolo.app.output.tables import columns_text, markdown
from diabolo.data.source import ArraySource, Dataset
from diabolo.jobs.apply import score
from diabolo.model.bottlenecks.contractive import slope
from diabolo.model.summary import count_parameters
from diabolo.presets.presets import PRESETS
from diabolo.training.history import kept

ROOT = Path(__file__).resolve().parent.parent
BEFORE = {"dense": "the lecture", "vae": "Kingma and Welling 2014"}
KINDS = ["dense", *(name for name, preset in PRESETS.items() if preset.reference), "vae"]
HEADS = (
    "preset", "source", "weights", "numbers in the code", "not 0 in a sample", "squared error of a digit", "MSE",
    "rate, nats", "slope", "epochs", "seconds",
)  # fmt: skip
SEEN = 1e-3
"""From here on a number of the code counts as not 0."""


def trained(kind: str, data: Dataset, given: argparse.Namespace) -> Autoencoder:
    """Return the model of a kind: the one in the folder of models, or one that is trained now."""
    place = None if given.models is None else given.models / f"{kind}.safetensors"
    if place is not None and place.exists():
        return load(place, device="cpu")
    rows = np.linspace(0, len(data.train) - 1, given.samples or len(data.train)).astype(np.int64)
    found = Autoencoder(kind, epochs=given.epochs, device="cpu").fit(ArraySource(data.train.take(rows)))
    if place is not None:
        place.parent.mkdir(parents=True, exist_ok=True)
        found.save(place)
    return found


@torch.inference_mode()
def row(kind: str, model: Autoencoder, digits: np.ndarray) -> tuple[str, ...]:
    """Return the figures of a kind on test digits (n, 28, 28) in grey levels."""
    x = digits / 255
    error = float(np.square(model.autoencoder(torch.from_numpy(x).float()).double().numpy() - x).sum() / len(x))
    codes, config = model.encode(digits), model.autoencoder.config
    shown = torch.from_numpy(x[:1000]).float()
    steepness = float(slope(model.encoder, shown, torch.Generator().manual_seed(0)).mean())
    rate = float(score(model.trained_, ArraySource(digits)).rate.mean()) if config.bottleneck.has_rate else None
    last = kept(model.history_)
    assert last is not None
    return (
        kind, PRESETS[kind].reference or BEFORE[kind],
        f"{count_parameters(model.autoencoder):,}", str(config.latent), f"{(np.abs(codes) > SEEN).sum(1).mean():.1f}",
        f"{error:.2f}", f"{error / x[0].size:.4f}", "-" if rate is None else f"{rate:.1f}", f"{steepness:.2f}",
        str(len(model.history_)), f"{model.trained_.about['seconds']:.0f}",
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=KINDS, choices=KINDS)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--samples", type=int)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    data = open_data("mnist")
    assert data.test is not None
    digits = data.test.take(np.arange(len(data.test)))
    table = [HEADS]
    for kind in given.kinds:
        table.append(row(kind, trained(kind, data, given), digits))
        print(*table[-1], sep=" | ", flush=True)
    print(columns_text(table))
    if given.write:
        from pages import write

        write(ROOT / "docs/kinds.md", "kinds", markdown(table).rstrip())


if __name__ == "__main__":
    main()
