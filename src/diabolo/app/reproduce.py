"""The lecture's experiments by the lecture's own recipes, beside what the lecture claims."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from diabolo.app.fit_and_measure import evaluation_of, fitted, normal_of
from diabolo.app.output.tables import number
from diabolo.data.source import Dataset
from diabolo.errors import InputError
from diabolo.estimator import Autoencoder
from diabolo.jobs.apply import score
from diabolo.jobs.detect import members
from diabolo.jobs.detect.baselines import baseline_scores
from diabolo.jobs.detect.labels import anomalous
from diabolo.jobs.detect.ranking import Method, flat, normal_rows, ranked_beside
from diabolo.jobs.evaluate.measure import learnt
from diabolo.jobs.evaluate.record import Evaluation
from diabolo.training.loop import Callback

HEADS = (
    "preset",
    "parameters",
    "latent",
    "epochs",
    "lecture's BCE",
    "reached BCE",
    "seconds",
    "PCA's BCE",
    "MSE",
    "PCA's MSE",
    "PSNR",
    "SSIM",
)
ALERTS = 100
RANKED_HEADS = ("ranked by", "average precision", "AUROC", f"frauds in {ALERTS} alerts")
Table = list[tuple[str, ...]]
Watch = Callable[[str, Dataset], Sequence[Callback]]
Measure = Callable[[Autoencoder, Dataset, Sequence[Callback]], Evaluation]


def restored(estimator: Autoencoder, data: Dataset, watch: Sequence[Callback]) -> Evaluation:
    """Train, and measure how well samples of the test set are restored, which training never saw."""
    return evaluation_of(fitted(estimator, data, watch)[0], data)


def frauds(estimator: Autoencoder, data: Dataset, watch: Sequence[Callback]) -> Evaluation:
    """Train on the normal payments of the past, and rank those that came later by how badly they are restored.

    Beside it: the preset `table` by its own score, and the baselines, all from the same payments.
    """
    if data.test is None or data.test_labels is None:
        raise InputError(f"{data.name} has no labelled test set; give the card payments.")
    normal = normal_of(data)
    trained, _ = fitted(estimator, normal, watch)
    own = Autoencoder("table", device=estimator.device, random_state=estimator.random_state).fit(normal.train)
    known, fitted_on = normal_rows(trained, learnt(trained, normal.train))
    others = baseline_scores(known, flat(data.test, np.arange(len(data.test))))
    marked = anomalous(data.test_labels)
    found = ranked_beside(
        (f"{trained.model.config.preset}, squared error", score(trained, data.test).distortion.double().numpy()),
        {"table": members.score(own.trained_, data.test), **others},
        marked,
        np.where(marked, 1.0, data.weight),
        least=None,
        raised=ALERTS,
        fitted=fitted_on,
    )
    return replace(evaluation_of(trained, data), name="fraud", detection=found)


@dataclass(frozen=True)
class Experiment:
    """preset, data: what is trained on which set. epochs, figure: what the lecture says. measure: what is done."""

    preset: str
    data: str
    epochs: int
    figure: str
    measure: Measure = restored


EXPERIMENTS = {
    "dense": Experiment("dense", "mnist", 50, "about 0.09"),
    "deep": Experiment("deep", "mnist", 100, "about 0.08"),
    "conv": Experiment("conv", "mnist", 10, "a picture"),
    "denoise": Experiment("denoise", "mnist", 100, "a picture"),
    "fraud": Experiment("deep", "creditcard", 100, "none", frauds),
}
"""For the frauds the slides name a notebook, and no network: the deep one stands in."""


def reproduce(
    names: Sequence[str], opened: Mapping[str, Dataset], *, seed: int, device: str, watch: Watch
) -> dict[str, Evaluation]:
    """Repeat each experiment by the lecture's recipe. opened: the data sets, by name."""
    found = {}
    for name in names:
        experiment = EXPERIMENTS[name]
        data = opened[experiment.data]
        estimator = Autoencoder(
            experiment.preset, recipe="lecture", epochs=experiment.epochs, device=device, random_state=seed
        )
        found[name] = experiment.measure(estimator, data, watch(name, data))
    return found


def tables(found: Mapping[str, Evaluation]) -> list[Table]:
    """Return the tables of claims and figures, each with its heads first: what was restored, what was ranked."""
    rows = [_restored(name, item) for name, item in found.items() if item.detection is None]
    ranked = [_ranked(method) for item in found.values() if item.detection for method in item.detection.methods]
    return [[heads, *body] for heads, body in ((HEADS, rows), (RANKED_HEADS, ranked)) if body]


def _ranked(method: Method) -> tuple[str, ...]:
    return method.name, number(method.average_precision), number(method.auroc), str(method.caught)


def _restored(name: str, item: Evaluation) -> tuple[str, ...]:
    pca = item.baselines[0]
    return (
        name,
        f"{item.model.parameters:,}",
        str(item.model.latent),
        str(len(item.history)),
        EXPERIMENTS[name].figure,
        f"{item.model.bce:.4f}",
        f"{item.seconds:.1f}",
        f"{pca.bce:.4f}",
        f"{item.model.mse:.4f}",
        f"{pca.mse:.4f}",
        number(item.model.psnr, 2),
        number(item.model.ssim),
    )
