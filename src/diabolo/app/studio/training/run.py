"""One training of the Studio: in a thread of its own, seen after each epoch, stopped and gone on with."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock, Thread
from typing import Any

import numpy as np

from diabolo.app.studio.atlas import reason
from diabolo.data.preprocessing import Preprocessing
from diabolo.data.source import Array, Dataset, Source, Subset, spaced
from diabolo.errors import InputError
from diabolo.estimator import Autoencoder
from diabolo.jobs.apply import decode, encode
from diabolo.jobs.table_input import as_rows
from diabolo.model.autoencoder import AutoencoderModel
from diabolo.training.files.model_file import Trained, save_model
from diabolo.training.history import Record

SHOWN, ON_MAP = 10, 1000


@dataclass(frozen=True)
class View:
    """What is seen of a training after an epoch.

    state: 'running', 'stopped', 'finished' or why it failed. originals, reconstructions: (n, *shape), of samples that
    it does not learn from, if `held_out`. codes: (m, latent). labels: (m,) or None. model: the file, once it has ended.
    """

    number: int
    title: str
    state: str
    epochs: int
    history: tuple[Record, ...] = ()
    originals: Array | None = None
    reconstructions: Array | None = None
    codes: Array | None = None
    labels: Array | None = None
    held_out: bool = False
    model: Path | None = None

    @property
    def over(self) -> bool:
        return self.state != "running"


class Watch:
    """Looks at the model after each epoch, and ends the run where it is asked to."""

    def __init__(self, tell: Callable[..., None], data: Dataset) -> None:
        self.tell, self.stopping = tell, False
        held_out = data.test is not None
        self.source: Source = data.train if data.test is None else data.test
        self.labels = data.test_labels if held_out else data.labels
        self.held_out, self.history = held_out, list[Record]()

    def on_model(self, model: AutoencoderModel, preprocessing: Preprocessing) -> None:
        self.model, self.preprocessing = model, preprocessing

    def on_start(self, epochs: int, batches: int, done: int) -> None:
        del batches
        self.history = self.history[:done]
        self.tell(epochs=epochs)

    def on_batch(self) -> None:
        if self.stopping:
            raise KeyboardInterrupt

    def on_epoch(self, record: Record) -> None:
        self.history.append(record)
        trained = Trained(self.model, self.preprocessing, tuple(self.history))
        some = spaced(len(self.source), ON_MAP)
        first = Subset(self.source, some[:SHOWN])
        codes = encode(trained, Subset(self.source, some))
        self.tell(
            history=trained.history,
            originals=as_rows(trained, first.take(np.arange(len(first)))),
            reconstructions=as_rows(trained, decode(trained, codes[: len(first)])),
            codes=codes,
            labels=None if self.labels is None else self.labels[some],
            held_out=self.held_out,
        )

    def on_message(self, text: str) -> None:
        """The loss says it too."""

    def on_end(self) -> None:
        """The thread tells it."""


class Bench:
    """The one training that the server does at a time; every page sees it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._folder = TemporaryDirectory(prefix="diabolo-train-")
        self._view: View | None = None
        self._started: tuple[dict[str, Any], Dataset] | None = None
        self._watch: Watch | None = None
        self._thread: Thread | None = None

    @property
    def view(self) -> View | None:
        """What there is to see, None before the first training."""
        with self._lock:
            return self._view

    def start(self, data: Dataset, options: dict[str, Any], title: str) -> None:
        """Start a training. Raises InputError while another one runs."""
        self._run(data, options, title, resume=False)

    def go_on(self) -> None:
        """Go on with the training that was stopped. Raises InputError if there is none."""
        view = self.view
        if self._started is None or view is None or view.state != "stopped":
            raise InputError("There is no training that was stopped; start one.")
        options, data = self._started
        self._run(data, options, view.title, resume=True)

    def stop(self) -> None:
        """Ask the training to end after this batch."""
        if self._watch is not None:
            self._watch.stopping = True

    def wait(self, seconds: float = 60.0) -> None:
        """Wait until the training has ended."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _run(self, data: Dataset, options: dict[str, Any], title: str, *, resume: bool) -> None:
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                running = "" if self._view is None else f" ({self._view.title})"
                raise InputError(
                    f"The server trains one model at a time, and one is running{running}: stop it or wait."
                )
            before = () if self._view is None or not resume else self._view.history
            self._started, self._watch = (options, data), Watch(self._tell, data)
            self._watch.history = list(before)
            number = 1 if self._view is None else self._view.number + 1
            self._view = View(number, title, "running", options["epochs"] or 0, before)
            self._thread = Thread(target=self._train, args=(data, options, resume), daemon=True)
            self._thread.start()

    def _train(self, data: Dataset, options: dict[str, Any], resume: bool) -> None:
        """Train to the end, and keep the model's file; whatever goes wrong becomes the state."""
        checkpoint = Path(self._folder.name) / "run.checkpoint"
        try:
            if not resume:
                checkpoint.unlink(missing_ok=True)
            estimator = Autoencoder(**options)
            assert self._watch is not None
            estimator.fit(data.train, callbacks=[self._watch], checkpoint=checkpoint, resume=resume)
            trained = replace(estimator.trained_, about={**estimator.trained_.about, "data": data.name})
            place = Path(self._folder.name) / f"{options['preset']}.safetensors"
            save_model(place, trained, force=True)
            ended = "stopped" if trained.about["stopped"] == "interrupted" else "finished"
            self._tell(state=ended, model=place)
        except KeyboardInterrupt:
            self._tell(state="Stopped before the first epoch was done; start anew.")
        except Exception as error:
            self._tell(state=reason(error))

    def _tell(self, **changes: Any) -> None:
        with self._lock:
            assert self._view is not None
            self._view = replace(self._view, number=self._view.number + 1, **changes)
