"""How well the variational presets do: the bound in nats, the 2-D code of MNIST, faces.

    python bench/generate_quality.py [NAME ...] [--epochs N] [--samples 5000] [--count N] --models FOLDER

Trains what is not yet in FOLDER, prints a line of figures for each, and writes FOLDER/NAME.png: the grid of the 2-D
code, or new samples. dense: 784-400-400, 40 numbers, on drawn pixels (published to reach: 87.0 nats). conv: conv-vae
with 40. plane: 2 numbers. faces: UTKFace, whose pictures must not be shipped. FOLDER/NAME.cpu holds the processor's
seconds that training took in all runs.
"""

import argparse
import math
import time
from pathlib import Path

import numpy as np
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier

from diabolo import Autoencoder, load, open_data
from diabolo.app.drawing.sheets import save_sheet
from diabolo.data.source import ArraySource, Dataset, Source, Subset, spaced
from diabolo.jobs.generate.density import fit_density
from diabolo.jobs.generate.frechet import NAME, frechet_distance
from diabolo.jobs.generate.likelihood import measure
from diabolo.jobs.generate.sample import manifold_codes, sample
from diabolo.training.history import Record
from diabolo.training.loop import Callback

MADE = {
    "dense": ("mnist", {"preset": "vae", "latent": 40, "binarise": True, "epochs": 90, "validation": 0.02}),
    "conv": ("mnist", {"preset": "conv-vae", "latent": 40, "binarise": True, "epochs": 24, "validation": 0.02}),
    "plane": ("mnist", {"preset": "vae", "latent": 2, "beta": 0.3, "learning_rate": 8e-3, "epochs": 30}),
    "faces": ("utkface64", {"preset": "faces", "latent": 128, "epochs": 14}),
}
HELD_OUT_FACES = 1000
NEIGHBOURS = (5, 10, 20, 40, 80, 160)
FEW = 4
"""Draws for each sample of a whole test set, where the bound of many is measured on a part."""


class Spent(Callback):
    """Counts the processor's seconds in a file, which a run that is gone on with adds to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.before = float(path.read_text()) if path.is_file() else 0.0
        self.started = time.process_time()

    def on_epoch(self, record: Record) -> None:
        spent = self.before + time.process_time() - self.started
        self.path.write_text(f"{spent:.1f}")
        print(f"  {record.epoch}: {record.validation:.2f}, {record.active} active, {spent:.0f} s", flush=True)


def parts(name: str) -> tuple[Dataset, Source, Source]:
    """Return a data set, what is trained on, and what is measured on: the test set, or every seventh face."""
    data = open_data(name)
    if data.test is not None:
        return data, data.train, data.test
    held = spaced(len(data.train), HELD_OUT_FACES)
    return data, Subset(data.train, np.setdiff1d(np.arange(len(data.train)), held)), Subset(data.train, held)


def made(name: str, folder: Path, epochs: int | None) -> tuple[Autoencoder, Dataset, Source, Source]:
    """Return the model, from the folder or trained now, and its data."""
    named, dials = MADE[name]
    data, train, test = parts(named)
    path = folder / f"{name}.safetensors"
    if not path.is_file():
        if not train.in_memory:
            train = ArraySource(train.take(np.arange(len(train))))
        model = Autoencoder(**{**dials, **({"epochs": epochs} if epochs else {})})  # type: ignore[arg-type]
        spent = Spent(folder / f"{name}.cpu")
        model.fit(train, callbacks=[spent], checkpoint=folder / f"{name}.checkpoint", resume=True)
        model.save(path)
    return load(path), data, train, test


def neighbours_right(model: Autoencoder, data: Dataset) -> tuple[int, float]:
    """Return how many nearest codes vote, chosen among the training set's, and the share of the test set they get."""
    assert data.test is not None
    search = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": NEIGHBOURS}, cv=5)
    search.fit(model.encode(data.train), data.labels)
    right = (search.predict(model.encode(data.test)) == data.test_labels).mean()
    return int(search.best_params_["n_neighbors"]), float(right)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MADE))
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--count", type=int, help="samples of the test set to measure the bound on, evenly spaced")
    parser.add_argument("--models", type=Path, required=True)
    given = parser.parse_args()
    given.models.mkdir(parents=True, exist_ok=True)
    for name in given.names or MADE:
        model, data, train, test = made(name, given.models, given.epochs)
        trained = model.trained_
        about = trained.about
        print(
            f"{name}: {len(trained.history)} epochs, {(given.models / f'{name}.cpu').read_text()} processor seconds of "
            f"{about['threads']} threads, {about['seconds']:.0f} s by the clock",
            flush=True,
        )
        if name == "plane":
            voting, right = neighbours_right(model, data)
            print(f"  {voting} nearest of the 2-D codes vote: {right:.1%} of the test set right", flush=True)
            pictures = model.decode(manifold_codes(trained, 20))
        else:
            fitted = fit_density(trained, train)
            real = test.take(spaced(len(test), 1000))
            for density in ("normal", "fitted"):
                distance = frechet_distance(trained, real, sample(fitted, 1000, density=density))
                print(f"  {NAME}, codes from the {density} density: {distance:.3f}", flush=True)
            pictures = sample(fitted, 400 if name != "faces" else 100)
        save_sheet(given.models / f"{name}.png", pictures, columns=math.isqrt(len(pictures)), force=True)
        chosen = Subset(test, spaced(len(test), given.count or len(test)))
        found = measure(trained, chosen, samples=given.samples)
        error = found.each.std() / math.sqrt(len(found.each))
        bits = "" if found.bits is None else f", {found.bits:.3f} bits per dimension"
        print(
            f"  distortion {found.distortion:.2f} + rate {found.rate:.2f} = {found.elbo:.2f} nats; bound of "
            f"{found.samples:,}: {found.bound:.2f} (standard error {error:.2f}, {len(chosen):,} samples){bits}; "
            f"{found.active} of {found.latent} numbers active",
            flush=True,
        )
        if len(chosen) < len(test):
            whole = measure(trained, test, samples=FEW)
            gap = found.elbo - found.bound
            print(
                f"  all {len(test):,}, by {FEW} draws: distortion {whole.distortion:.2f} + rate {whole.rate:.2f} = "
                f"{whole.elbo:.2f}; less what {found.samples:,} draws gained on those {len(chosen):,}, {gap:.2f}: "
                f"{whole.elbo - gap:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
