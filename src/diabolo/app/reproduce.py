"""The lecture's experiments by the lecture's own recipes, beside what the lecture claims."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from diabolo.app.text import number
from diabolo.app.train import evaluation_of, fitted
from diabolo.data.source import Dataset
from diabolo.estimator import Autoencoder
from diabolo.jobs.evaluation import Evaluation
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


@dataclass(frozen=True)
class Claim:
    """What the lecture says of an experiment: the epochs and the cross-entropy per pixel."""

    epochs: int
    figure: str


CLAIMS = {
    "dense": Claim(50, "about 0.09"),
    "deep": Claim(100, "about 0.08"),
    "conv": Claim(10, "a picture"),
    "denoise": Claim(100, "a picture"),
}


def reproduce(
    presets: Sequence[str], data: Dataset, *, seed: int, device: str, watch: Callable[[str], Sequence[Callback]]
) -> list[Evaluation]:
    """Train each preset by the lecture's recipe and measure it on the test set, which training never saw."""
    found = []
    for preset in presets:
        estimator = Autoencoder(
            preset, recipe="lecture", epochs=CLAIMS[preset].epochs, device=device, random_state=seed
        )
        trained, _ = fitted(estimator, data, watch(preset))
        found.append(evaluation_of(trained, data))
    return found


def rows(evaluations: Sequence[Evaluation]) -> list[tuple[str, ...]]:
    """Return the table of claims and figures, its heads first."""
    table: list[tuple[str, ...]] = [HEADS]
    for item in evaluations:
        claim, pca = CLAIMS[item.name], item.baselines[0]
        table.append(
            (
                item.name,
                f"{item.model.parameters:,}",
                str(item.model.latent),
                str(len(item.history)),
                claim.figure,
                f"{item.model.bce:.4f}",
                f"{item.seconds:.1f}",
                f"{pca.bce:.4f}",
                f"{item.model.mse:.4f}",
                f"{pca.mse:.4f}",
                number(item.model.psnr, 2),
                number(item.model.ssim),
            )
        )
    return table
