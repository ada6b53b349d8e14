"""Dropout in networks of the user's own draws from torch's own generators: they are seeded, and set back at the end."""

from contextlib import ExitStack

from diabolo.model.networks.own import global_draws
from diabolo.training.history import Record


class GlobalDraws:
    """Seeds torch's own generators anew for each epoch, so that a run that was cut off goes on to the same weights."""

    def __init__(self, seed: int) -> None:
        self.seed, self.seeded = seed, ExitStack()

    def on_start(self, epochs: int, batches: int, done: int) -> None:
        del epochs, batches
        self._seed(done)

    def on_batch(self) -> None:
        """Nothing is to be done."""

    def on_epoch(self, record: Record) -> None:
        self._seed(record.epoch)

    def on_message(self, text: str) -> None:
        """Nothing is to be done."""

    def on_end(self) -> None:
        self.seeded.close()

    def _seed(self, epoch: int) -> None:
        self.seeded.close()
        self.seeded.enter_context(global_draws(self.seed, 5, epoch))
