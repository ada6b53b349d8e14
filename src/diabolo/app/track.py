"""Trackers: each epoch's record sent to TensorBoard or MLflow (the `track` extra)."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from diabolo.errors import ArgumentError, MissingExtraError
from diabolo.training.history import Record

Log = Callable[[dict[str, float], int], None]


class Tracker:
    """A callback that sends numbers and leaves everything else alone."""

    def __init__(self, log: Log, end: Callable[[], None]) -> None:
        self.log, self.end = log, end

    def on_start(self, epochs: int, batches: int, done: int) -> None:
        del epochs, batches, done

    def on_batch(self) -> None:
        pass

    def on_epoch(self, record: Record) -> None:
        numbers = {name: float(value) for name, value in asdict(record).items() if name not in ("epoch", "best")}
        self.log(numbers, record.epoch)

    def on_message(self, text: str) -> None:
        del text

    def on_end(self) -> None:
        self.end()


def tracker(target: str) -> Tracker:
    """Return the tracker of 'tensorboard:FOLDER' or 'mlflow:URI'.

    Raises ArgumentError for a target that cannot be used, MissingExtraError if its package is not installed.
    """
    kind, _, place = target.partition(":")
    if kind not in TRACKERS or not place:
        raise ArgumentError(f"--track must be tensorboard:FOLDER or mlflow:URI, got {target!r}.")
    try:
        return TRACKERS[kind](place)
    except ImportError as error:
        package = {"mlflow": "mlflow-skinny"}.get(kind, kind)
        raise MissingExtraError(f"--track {kind} needs a package ({error}); pip install {package}.") from error
    except Exception as error:
        raise ArgumentError(f"--track {target} cannot be used: {error}") from error


def _tensorboard(folder: str) -> Tracker:
    from torch.utils.tensorboard import SummaryWriter

    writer: Any = SummaryWriter(folder)

    def log(numbers: dict[str, float], epoch: int) -> None:
        for name, value in numbers.items():
            writer.add_scalar(name, value, epoch)

    return Tracker(log, writer.close)


def _mlflow(uri: str) -> Tracker:
    import mlflow

    mlflow.set_tracking_uri(uri)
    run = mlflow.start_run()

    def log(numbers: dict[str, float], epoch: int) -> None:
        mlflow.log_metrics(numbers, step=epoch, run_id=run.info.run_id)

    return Tracker(log, mlflow.end_run)


TRACKERS: dict[str, Callable[[str], Tracker]] = {"tensorboard": _tensorboard, "mlflow": _mlflow}
