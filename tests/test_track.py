"""Trackers get each epoch's numbers."""

from pathlib import Path

import pytest

from diabolo.app.track import Tracker, tracker
from diabolo.errors import ArgumentError
from diabolo.training.history import Record

RECORD = Record(epoch=2, loss=3.0, validation=2.0, distortion=1.5, rate=0.5, learning_rate=0.1, seconds=1.0, best=True)


def test_numbers_are_sent_and_the_run_is_closed() -> None:
    sent: list[object] = []
    watcher = Tracker(lambda numbers, epoch: sent.append((numbers, epoch)), lambda: sent.append("end"))
    watcher.on_start(5, 10, 0)
    watcher.on_batch()
    watcher.on_epoch(RECORD)
    watcher.on_end()
    numbers = {"loss": 3.0, "validation": 2.0, "distortion": 1.5, "rate": 0.5, "learning_rate": 0.1, "seconds": 1.0}
    numbers["active"] = 0.0
    assert sent == [(numbers, 2), "end"]


def test_tensorboard_has_the_curve(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    watcher = tracker(f"tensorboard:{tmp_path}")
    watcher.on_epoch(RECORD)
    watcher.on_end()
    events = EventAccumulator(str(tmp_path)).Reload()
    assert [(event.step, event.value) for event in events.Scalars("validation")] == [(2, 2.0)]


def test_mlflow_has_the_curve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    watcher = tracker(f"mlflow:{(tmp_path / 'runs').as_uri()}")
    watcher.on_epoch(RECORD)
    watcher.on_end()
    (run,) = mlflow.search_runs(output_format="list")
    assert run.data.metrics["validation"] == 2.0


def test_a_target_that_its_library_refuses_is_one_line() -> None:
    pytest.importorskip("mlflow")
    with pytest.raises(ArgumentError, match="cannot be used"):
        tracker("mlflow:nonsense://")


@pytest.mark.parametrize("target", ["", "tensorboard", "tensorboard:", "wandb:x"])
def test_another_target_is_refused(target: str) -> None:
    with pytest.raises(ArgumentError, match="tensorboard:FOLDER or mlflow:URI"):
        tracker(target)
