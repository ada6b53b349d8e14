"""Who trains in bench/train_speed.py: diabolo's `fit`, its loop on the lecture's recipe, Keras and plain PyTorch."""

import json
import statistics
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from diabolo import Autoencoder
from diabolo.data.source import ArraySource
from diabolo.jobs.evaluate.measure import figures
from diabolo.training.split import split_of
from torch_lecture import PlainTorch

ROOT = Path(__file__).parents[1]
KERAS = ROOT / ".venv-keras" / "bin" / "python"
FIGURES, MOST_EPOCHS = {"dense": 0.0925, "deep": 0.0815}, {"dense": 50, "deep": 100}
SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Data:
    """uint8 images (n, 28, 28)."""

    train: np.ndarray
    test: np.ndarray


@dataclass
class Fits:
    """Whole fits of one estimator: seconds, test cross-entropy and microseconds per example and epoch of each."""

    preset: str
    options: dict[str, Any]
    seconds: list[float] = field(default_factory=list)
    bce: list[float] = field(default_factory=list)
    per_example: list[float] = field(default_factory=list)

    def run(self, data: Data) -> None:
        """Fit once as a user would, timed, with the next seed; then measure on the test set, not timed."""
        seed = SEEDS[len(self.seconds) % len(SEEDS)]
        estimator = Autoencoder(self.preset, random_state=seed, device="cpu", **self.options)
        started = time.perf_counter()
        estimator.fit(data.train)
        self.seconds.append(time.perf_counter() - started)
        self.bce.append(test_bce(estimator, data))
        epochs, trained = len(estimator.history_), trained_on(estimator, data)
        self.per_example.append(self.seconds[-1] / epochs / trained * 1e6)

    def row(self, name: str, epochs: int, ours: float, *, reaches: bool = True) -> tuple[str, ...]:
        seconds = statistics.median(self.seconds)
        spread = f"{seconds:.2f} ({min(self.seconds):.2f} to {max(self.seconds):.2f})"
        bce, each = f"{max(self.bce):.4f}", f"{statistics.median(self.per_example):.1f}"
        return name, str(epochs), bce, spread if reaches else "not reached", each, f"{seconds / ours:.1f}"


def test_bce(estimator: Autoencoder, data: Data) -> float:
    bce = figures(estimator.trained_, ArraySource(data.test))[0].bce
    assert bce is not None
    return bce


def trained_on(estimator: Autoencoder, data: Data) -> int:
    """Return how many of the training images were trained on, the held-out ones taken off."""
    return len(split_of(estimator.trained_.about, len(data.train)).rows)


class Keras:
    """bench/keras_lecture.py in its own environment, one epoch at a time."""

    def __init__(self, preset: str, data: Path) -> None:
        figure, epochs = str(FIGURES[preset]), str(MOST_EPOCHS[preset])
        script = Path(__file__).with_name("keras_lecture.py")
        command = [str(KERAS), str(script), preset, str(data), "--figure", figure, "--epochs", epochs, "--paced"]
        self.process = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.versions: dict[str, str] = self._line()

    def _line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{KERAS} ended without an answer; try --setup.")
        return json.loads(line)  # type: ignore[no-any-return]

    def epoch(self) -> tuple[float, float]:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        answer = self._line()
        return answer["seconds"], answer["bce"]

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()


@dataclass
class Peer:
    """A peer on its way to the figure."""

    name: str
    trainer: Keras | PlainTorch
    figure: float
    most: int
    epochs: list[tuple[float, float]] = field(default_factory=list)

    @property
    def reached(self) -> bool:
        return bool(self.epochs) and self.epochs[-1][1] <= self.figure

    @property
    def done(self) -> bool:
        return self.reached or len(self.epochs) >= self.most

    @property
    def seconds(self) -> float:
        """The first epoch, where Keras traces its graph, and the others at their median, as diabolo's fits are."""
        first, *others = (seconds for seconds, _ in self.epochs)
        return first + len(others) * statistics.median(others or [0.0])

    @property
    def per_example(self) -> float:
        """Median microseconds per example and epoch."""
        return statistics.median(seconds for seconds, _ in self.epochs) / 60_000 * 1e6

    def row(self, ours: float) -> tuple[str, ...]:
        seconds = f"{self.seconds:.1f}" if self.reached else f"not in {self.seconds:.1f}"
        ratio = f"{self.seconds / ours:.1f}" if self.reached else f"more than {self.seconds / ours:.1f}"
        return self.name, str(len(self.epochs)), f"{self.epochs[-1][1]:.4f}", seconds, f"{self.per_example:.1f}", ratio


class Lecture:
    """This package on the lecture's recipe: the second of two epochs, its evaluation of 5,000 samples included."""

    def __init__(self, preset: str) -> None:
        self.preset, self.per_example = preset, list[float]()

    def run(self, data: Data) -> None:
        estimator = Autoencoder(self.preset, recipe="lecture", epochs=2, device="cpu").fit(data.train)
        first, second = (record.seconds for record in estimator.history_)
        self.per_example.append((second - first) / len(data.train) * 1e6)

    def row(self) -> tuple[str, ...]:
        each = f"{statistics.median(self.per_example):.1f}"
        return "diabolo, the lecture's recipe", "", "", "", each, ""
