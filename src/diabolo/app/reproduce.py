"""The lecture's experiments by its own recipes, and the kinds of the textbooks, beside what their sources claim."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from diabolo.app.fit_and_measure import evaluation_of, fitted, normal_of
from diabolo.app.output.tables import number
from diabolo.data.source import Dataset, Subset, spaced
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
    "source's claim",
    "reached BCE",
    "seconds",
    "PCA's BCE",
    "MSE",
    "PCA's MSE",
    "PSNR",
    "SSIM",
)
RATED_HEADS = ("preset", "rate, nats", "distortion, nats", "active numbers")
TRIED = 4096
"""Samples that the time is estimated on."""
ALERTS = 100
RANKED_HEADS = ("ranked by", "average precision", "AUROC", f"frauds in {ALERTS} alerts")
Table = list[tuple[str, ...]]
Watch = Callable[[str, Dataset], Sequence[Callback]]
Measure = Callable[[Autoencoder, Dataset, Sequence[Callback]], Evaluation]


def interrupted(estimator: Autoencoder) -> bool:
    """Return whether Ctrl-C ended a training before its time."""
    return bool(estimator.trained_.about["stopped"] == "interrupted")


def restored(estimator: Autoencoder, data: Dataset, watch: Sequence[Callback]) -> Evaluation:
    """Train, and measure how well samples of the test set are restored, which training never saw."""
    labels = data.labels if estimator.conditional else None
    return evaluation_of(fitted(estimator, data, watch, labels=labels)[0], data)


def frauds(estimator: Autoencoder, data: Dataset, watch: Sequence[Callback]) -> Evaluation:
    """Train on the normal payments of the past, and rank those that came later by how badly they are restored.

    Beside it: the preset `table` by its own score, and the baselines, all from the same payments.
    """
    if data.test is None or data.test_labels is None:
        raise InputError(f"{data.name} has no labelled test set; give the card payments.")
    normal = normal_of(data)
    trained, _ = fitted(estimator, normal, watch)
    if interrupted(estimator):
        return replace(evaluation_of(trained, data), name="fraud")
    own = Autoencoder("table", device=estimator.device, random_state=estimator.random_state).fit(normal.train)
    if interrupted(own):
        raise KeyboardInterrupt
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
    """One row or more of the tables, from one preset.

    preset, data: what is trained on which set. epochs, figure: what the source says. measure: what is done.
    recipe: None for the preset's own. latent, conditional: as of the estimator. betas: a row for each.
    group: 'lecture', or 'kinds' of the textbooks.
    """

    preset: str
    data: str
    epochs: int
    figure: str
    measure: Measure = restored
    recipe: str = "lecture"
    latent: int | None = None
    conditional: bool = False
    betas: tuple[float | None, ...] = (None,)
    group: str = "lecture"


def _kind(preset: str, epochs: int, figure: str = "none", **options: Any) -> Experiment:
    return Experiment(preset, "mnist", epochs, figure, recipe="default", group="kinds", **options)


EXPERIMENTS = {
    "dense": Experiment("dense", "mnist", 50, "about 0.09"),
    "deep": Experiment("deep", "mnist", 100, "about 0.08"),
    "conv": Experiment("conv", "mnist", 10, "a picture"),
    "denoise": Experiment("denoise", "mnist", 100, "a picture"),
    "vae": Experiment("vae", "mnist", 20, "a picture", recipe="default", latent=2),
    "conv-vae": Experiment("conv-vae", "mnist", 8, "a picture", recipe="default", latent=20),
    "fraud": Experiment("deep", "creditcard", 100, "none", frauds),
    "tied": _kind("tied", 15),
    "sparse": _kind("sparse", 15),
    "k-sparse": _kind("k-sparse", 15),
    "contractive": _kind("contractive", 15),
    "wasserstein": _kind("wasserstein", 30),
    "cvae": _kind("vae", 20, latent=10, conditional=True),
    "beta-vae": _kind("vae", 15, latent=10, betas=(0.25, 1.0, 4.0, 16.0)),
    "hinton": _kind("hinton", 26, "MSE 0.0038"),
}
"""For the frauds the slides name a notebook, and no network: the deep one stands in. Hinton and Salakhutdinov's squared
error is 3.00 for a digit, 0.0038 for a pixel."""
QUICK = 8
"""How many times fewer epochs `quick` takes."""
GROUPS = {
    group: tuple(name for name, one in EXPERIMENTS.items() if group in (one.group, "all"))
    for group in ("lecture", "kinds", "all")
}


@dataclass(frozen=True)
class Outcome:
    """Rows that were measured, by their labels; those that Ctrl-C cut short; names that were not started."""

    found: dict[str, Evaluation]
    cut: tuple[str, ...] = ()
    left: tuple[str, ...] = ()

    @property
    def notes(self) -> list[str]:
        """What a reader has to know of a run that Ctrl-C ended."""
        cut = [f"Cut short by Ctrl-C: {label}, after {len(self.found[label].history)} epochs." for label in self.cut]
        return [*cut, *([f"Not done, as Ctrl-C ended the run: {', '.join(self.left)}."] if self.left else [])]


def named(names: Sequence[str], *, quick: bool) -> dict[str, Experiment]:
    """Return experiments by name, with fewer epochs where they are to be quick."""
    chosen = {name: EXPERIMENTS[name] for name in names}
    if not quick:
        return chosen
    return {name: replace(one, epochs=max(1, round(one.epochs / QUICK))) for name, one in chosen.items()}


def estimated(experiment: Experiment, data: Dataset, *, device: str) -> float:
    """Return how many seconds the training of an experiment takes here, from two epochs on a few of its samples."""
    rows = spaced(len(data.train), TRIED)
    estimator = _estimator(replace(experiment, epochs=2), experiment.betas[0], seed=0, device=device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        labels = data.labels[rows] if experiment.conditional and data.labels is not None else None
        estimator.fit(Subset(data.train, rows), labels)
    if interrupted(estimator):
        raise KeyboardInterrupt
    first, last = estimator.history_
    return (last.seconds - first.seconds) * len(data.train) / len(rows) * experiment.epochs * len(experiment.betas)


def reproduce(
    experiments: Mapping[str, Experiment], opened: Mapping[str, Dataset], *, seed: int, device: str, watch: Watch
) -> Outcome:
    """Repeat each experiment. opened: the data sets, by name. One Ctrl-C ends it all, and keeps what is done."""
    found: dict[str, Evaluation] = {}
    cut: list[str] = []
    planned = [(name, beta) for name, one in experiments.items() for beta in one.betas]
    for name, beta in planned:
        experiment, label = experiments[name], name if beta is None else f"{name}, beta {beta:g}"
        data = opened[experiment.data]
        estimator = _estimator(experiment, beta, seed=seed, device=device)
        try:
            found[label] = experiment.measure(estimator, data, watch(label, data))
        except KeyboardInterrupt:
            break
        if interrupted(estimator):
            cut.append(label)
            break
    done = len(found)
    left = dict.fromkeys(name for name, _ in planned[done:])
    return Outcome(found, tuple(cut), tuple(left))


def _estimator(experiment: Experiment, beta: float | None, *, seed: int, device: str) -> Autoencoder:
    return Autoencoder(
        experiment.preset,
        latent=experiment.latent,
        recipe=experiment.recipe,
        epochs=experiment.epochs,
        beta=beta,
        conditional=experiment.conditional,
        device=device,
        random_state=seed,
    )


def tables(outcome: Outcome) -> list[Table]:
    """Return the tables of claims and figures, each with its heads first: restored, of a code with a rate, ranked."""
    found, cut = outcome.found, outcome.cut
    rows = [_restored(name, item, cut=name in cut) for name, item in found.items() if item.detection is None]
    rated = [_rated(name, item) for name, item in found.items() if item.generation is not None]
    ranked = [_ranked(method) for item in found.values() if item.detection for method in item.detection.methods]
    all_of_them = ((HEADS, rows), (RATED_HEADS, rated), (RANKED_HEADS, ranked))
    return [[heads, *body] for heads, body in all_of_them if body]


def _ranked(method: Method) -> tuple[str, ...]:
    return method.name, number(method.average_precision), number(method.auroc), str(method.caught)


def _rated(name: str, item: Evaluation) -> tuple[str, ...]:
    generated = item.generation
    assert generated is not None
    rate, distortion = f"{generated.rate:.2f}", f"{generated.distortion:.2f}"
    return name, rate, distortion, f"{generated.active} of {generated.latent}"


def _restored(name: str, item: Evaluation, *, cut: bool) -> tuple[str, ...]:
    pca = item.baselines[0]
    return (
        name,
        f"{item.model.parameters:,}",
        str(item.model.latent),
        f"{len(item.history)}{' (cut short)' if cut else ''}",
        EXPERIMENTS[name.partition(",")[0]].figure,
        number(item.model.bce),
        f"{item.seconds:.1f}",
        number(pca.bce),
        f"{item.model.mse:.4f}",
        f"{pca.mse:.4f}",
        number(item.model.psnr, 2),
        number(item.model.ssim),
    )
