"""How good a trained model is on samples it never saw, with its baseline beside it."""

from dataclasses import dataclass

from diabolo.data.source import Array
from diabolo.jobs.detect.ranking import Detection
from diabolo.jobs.evaluate.choose_latent import Choice
from diabolo.training.history import Record


@dataclass(frozen=True)
class Figures:
    """Means over samples and dimensions, for one way of reconstructing.

    name: the model or baseline. latent: numbers per code. parameters: of the model (0 for none).
    bce: Bernoulli cross-entropy in nats per dimension, for values in [0, 1]; None elsewhere.
    mse: squared error per dimension, in prepared units ([0, 1] for pixels, standard deviations for columns).
    psnr: decibels from the mean squared error, for values in [0, 1]; None elsewhere.
    ssim: structural similarity, for images that noise was taken from; None elsewhere.
    """

    name: str
    latent: int
    parameters: int
    bce: float | None
    mse: float
    psnr: float | None
    ssim: float | None = None


@dataclass(frozen=True)
class Generation:
    """What a report shows of a variational model: means in nats per sample, and new samples.

    distortion + rate = -ELBO. active: numbers of the code that vary with the sample, of `latent`.
    samples: (n, *shape), drawn from the model, in the data's own units.
    """

    distortion: float
    rate: float
    active: int
    latent: int
    samples: Array


@dataclass(frozen=True)
class Evaluation:
    """Everything that a report shows of one model.

    model, baselines: figures on the same unseen samples.
    compression: dimensions of a sample / dimensions of its code (24.5 for 784 / 32).
    split: in words, what the figures were measured on ("test set, 10,000 samples").
    originals, reconstructions: the first samples, (n, *shape), in the data's own units and dtype.
    codes: (m, latent); labels: (m,) or None. distortions: (m,) in nats per sample.
    worst, worst_reconstructions, worst_distortions: the worst samples, worst first.
    columns: names of a table's columns, or None. layers: rows (part, layer, output shape, parameters).
    warnings: plain sentences, for instance that the baseline is better.
    generation: of a variational model, else None.
    choice: of the latent, where the model's run made it.
    detection: the detector's ranking beside others, where the model has one.
    """

    name: str
    data: str
    split: str
    model: Figures
    baselines: tuple[Figures, ...]
    compression: float
    seconds: float
    history: tuple[Record, ...]
    originals: Array
    reconstructions: Array
    codes: Array
    labels: Array | None
    distortions: Array
    worst: Array
    worst_reconstructions: Array
    worst_distortions: Array
    columns: tuple[str, ...] | None
    layers: tuple[tuple[str, str, str, str], ...]
    warnings: tuple[str, ...]
    generation: Generation | None = None
    choice: Choice | None = None
    detection: Detection | None = None
