"""The progress bar of a training run, on standard error."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from diabolo.training.history import Record

TOGETHER = 20


class Messages:
    """Says only what a user should know."""

    def on_start(self, epochs: int, batches: int, done: int) -> None:
        del epochs, batches, done

    def on_batch(self) -> None:
        pass

    def on_epoch(self, record: Record) -> None:
        del record

    def on_message(self, text: str) -> None:
        Console(stderr=True).print(text, highlight=False, markup=False)

    def on_end(self) -> None:
        pass


class ProgressBar(Messages):
    """A bar over all batches of a run, with the held-out loss beside it (nats per dimension)."""

    def __init__(self, name: str, dimensions: int) -> None:
        self.name, self.dimensions, self.pending = name, dimensions, 0
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("epoch"),
            MofNCompleteColumn(),
            TextColumn("{task.fields[loss]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )

    def on_start(self, epochs: int, batches: int, done: int) -> None:
        self.batches, self.done = batches, done
        self.bar.start()
        self.task = self.bar.add_task(self.name, total=epochs, completed=done, loss="")

    def on_batch(self) -> None:
        self.pending += 1
        if self.pending % TOGETHER == 0:
            self.bar.update(self.task, completed=min(self.done + 1, self.done + self.pending / self.batches))

    def on_epoch(self, record: Record) -> None:
        self.done, self.pending = record.epoch, 0
        loss = f"loss {record.validation / self.dimensions:.4f}"
        self.bar.update(self.task, completed=record.epoch, loss=loss)

    def on_end(self) -> None:
        self.bar.stop()


@contextmanager
def counted(name: str, total: int | None, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Yield what to tell how many items more are done; shown as a bar on standard error unless `quiet`."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as bar:
        task = bar.add_task(name, total=total)
        yield lambda items: bar.advance(task, items)
