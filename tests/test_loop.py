"""The loop: same seed same bits, the best weights kept, failures gone back from, cut-off runs gone on with."""

import json
import math
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from sklearn.decomposition import PCA
from torch import Tensor

from diabolo.app.cli import main
from diabolo.config.likelihoods import GaussianConfig
from diabolo.config.model import ModelConfig
from diabolo.config.networks import DenseConfig
from diabolo.config.recipe import Recipe
from diabolo.data.preprocessing import CHUNK_BYTES, Preprocessing, sample_bytes
from diabolo.data.source import Array, ArraySource, Source
from diabolo.errors import FormatError, InputError, TrainingError
from diabolo.jobs.apply import encode, score
from diabolo.model.autoencoder import AutoencoderModel, Terms
from diabolo.presets.presets import PRESETS, configure
from diabolo.training import batches as batches_module
from diabolo.training import loop
from diabolo.training.batches import Batches
from diabolo.training.devices import choose_device
from diabolo.training.files.model_file import Trained
from diabolo.training.fitting import Dials, fit
from diabolo.training.history import Record
from diabolo.training.loop import Held, Run, generator_for
from diabolo.training.split import draw_split

RECIPE = Recipe(5, 32, 0.02)
CPU = torch.device("cpu")


def numbers(count: int = 300, columns: int = 10, seed: int = 0) -> NDArray[np.float64]:
    """Return samples near a plane of three dimensions."""
    random = np.random.default_rng(seed)
    plane = random.normal(size=(count, 3)) @ random.normal(size=(3, columns))
    return plane + 0.1 * random.normal(size=(count, columns))


X = numbers()


@dataclass
class Watcher:
    """Notes what it is told; raises `stop` (once) at an event when `when` says so."""

    when: Callable[["Watcher", str], bool] = lambda *_: False
    stop: type[BaseException] = KeyboardInterrupt
    events: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    started: tuple[int, ...] = ()

    def told(self, event: str) -> None:
        self.events.append(event)
        if self.when(self, event):
            raise self.stop

    def on_start(self, epochs: int, batches: int, done: int) -> None:
        self.started = epochs, batches, done
        self.told("start")

    def on_batch(self) -> None:
        self.told("batch")

    def on_epoch(self, record: Record) -> None:
        self.records.append(record)
        self.told("epoch")

    def on_message(self, text: str) -> None:
        self.messages.append(text)
        self.told("message")

    def on_end(self) -> None:
        self.told("end")


def trained(
    x: Array | Source = X, preset: str = "dense", *, recipe: Recipe = RECIPE, latent: int = 3, **dials: Any
) -> Trained:
    source: Any = ArraySource(x) if isinstance(x, np.ndarray) else x
    return fit(
        source,
        lambda shape, unit: configure(preset, shape, latent=latent if PRESETS[preset].free_latent else None, unit=unit),
        lambda _: recipe,
        Dials(**dials),
    )


def same(one: Trained, other: Trained) -> bool:
    theirs = other.model.state_dict()
    return all(torch.equal(weights, theirs[name]) for name, weights in one.model.state_dict().items())


def losses(found: Trained) -> list[tuple[float, ...]]:
    return [(record.loss, record.validation, record.distortion, record.rate) for record in found.history]


@pytest.mark.parametrize("preset", PRESETS)
def test_the_same_seed_gives_the_same_bits_and_another_gives_others(preset: str) -> None:
    x = numbers(120, 12).reshape(120, 4, 3)
    recipe = replace(RECIPE, epochs=2)
    one, again, other = (trained(x, preset, recipe=recipe, seed=seed) for seed in (7, 7, 8))
    assert same(one, again)
    assert losses(one) == losses(again)
    assert not same(one, other)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("optimizer", ["muon", "adam"])
def test_training_improves_the_loss(preset: str, optimizer: str) -> None:
    recipe = replace(RECIPE, epochs=4, optimizer=optimizer, learning_rate=0.01, informed_start=False)
    found = trained(preset=preset, recipe=recipe)
    first, *_, last = found.history
    assert last.loss < first.loss
    if (optimizer, preset) != ("muon", "faces"):  # its recipe is Adam's; these are too few samples for Muon's steps
        assert last.validation < first.validation
    least = 10 * math.log(2 * math.pi) / 2
    assert all(record.distortion > least for record in found.history)
    assert [record.epoch for record in found.history] == [1, 2, 3, 4]
    assert found.about["stopped"] == "finished"


def test_the_history_is_consistent() -> None:
    found = trained(preset="vae", recipe=replace(RECIPE, batch_size=128))
    for record in found.history:
        assert record.validation == pytest.approx(record.distortion + record.rate)
        assert record.rate > 0
    best = [record.epoch for record in found.history if record.best]
    assert found.history[best[-1] - 1].validation == min(record.validation for record in found.history)
    assert [record.seconds for record in found.history] == sorted(record.seconds for record in found.history)


def test_the_recorded_validation_is_that_of_the_held_out_samples() -> None:
    found = trained()
    rows = draw_split(len(X), RECIPE.validation, 0).held_out
    mean = float(score(found, ArraySource(X[rows])).distortion.mean())
    assert mean == pytest.approx(min(record.validation for record in found.history), rel=1e-5)


def test_callbacks_are_told_everything_in_order() -> None:
    watcher = Watcher()
    trained(recipe=replace(RECIPE, epochs=2), callbacks=[watcher])
    each = ["batch"] * 9 + ["epoch"]  # 285 samples in batches of 32
    assert watcher.events == ["start", *each, *each, "end"]
    assert watcher.started == (2, 9, 0)


def scripted(monkeypatch: pytest.MonkeyPatch, values: list[float]) -> list[dict[str, Tensor]]:
    """Let the held-out loss be as told, and return the list that every epoch's weights are put in."""
    kept: list[dict[str, Tensor]] = []

    def evaluate(run: Run) -> Held:
        kept.append({name: weights.clone() for name, weights in run.model.state_dict().items()})
        return Held(values[len(kept) - 1], values[len(kept) - 1], 0.0)

    monkeypatch.setattr(Run, "_evaluate", evaluate)
    return kept


def test_early_stopping_keeps_the_best_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = scripted(monkeypatch, [5, 3, 4, 3.5, 9, 9, 9, 9])
    found = trained(recipe=replace(RECIPE, epochs=8, patience=2))
    assert found.about["stopped"] == "early"
    assert [record.best for record in found.history] == [True, True, False, False]
    assert all(torch.equal(weights, kept[1][name]) for name, weights in found.model.state_dict().items())


def test_overfitting_is_stopped_at_its_best() -> None:
    x = numbers(30, 20)
    recipe = Recipe(60, 8, 0.1, schedule="constant", patience=3, validation=0.3)
    found = trained(x, "deep", recipe=recipe)
    rows = draw_split(30, 0.3, 0).held_out
    assert found.about["stopped"] == "early"
    best = min(record.validation for record in found.history)
    assert found.history[-4].validation == best
    assert float(score(found, ArraySource(x[rows])).distortion.mean()) == pytest.approx(best, rel=1e-5)


def test_without_held_out_samples_the_last_weights_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = scripted(monkeypatch, [1, 2, 3, 4, 5])
    found = trained(recipe=replace(RECIPE, validation=0))
    assert all(torch.equal(weights, kept[-1][name]) for name, weights in found.model.state_dict().items())


def failing(monkeypatch: pytest.MonkeyPatch, calls: set[int], value: float) -> None:
    """Let the loss be `value` at the given calls, counted over the run, with every batch's loss measured."""
    count, real = [0], AutoencoderModel.terms
    monkeypatch.setattr(loop, "MEASURED_EVERY", 1)

    def terms(model: AutoencoderModel, x: Tensor, generator: torch.Generator, *, measured: bool) -> Terms:
        count[0] += 1
        found = real(model, x, generator, measured=measured)
        return found._replace(distortion=found.distortion * value) if count[0] in calls else found

    monkeypatch.setattr(AutoencoderModel, "terms", terms)


def test_a_batch_whose_loss_is_not_measured_has_the_same_gradient() -> None:
    x = torch.rand(6, 4, 4, generator=torch.Generator().manual_seed(1))
    gradients = []
    for measured in (True, False):
        model = AutoencoderModel(configure("deep", (4, 4)), torch.Generator().manual_seed(0))
        model.loss(model.terms(x, torch.Generator(), measured=measured)).mean().backward()
        gradients.append([weights.grad for weights in model.parameters()])
    for one, other in zip(*gradients, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(("value", "words"), [(math.nan, "not finite"), (math.inf, "not finite"), (1e9, "a hundred")])
def test_a_failed_epoch_is_gone_back_from_once(value: float, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, {9 + 3}, value)
    watcher = Watcher()
    found = trained(recipe=replace(RECIPE, schedule="constant"), callbacks=[watcher])
    assert len(watcher.messages) == 1
    assert words in watcher.messages[0]
    assert "in epoch 2: back to its start, at rate 0.002" in watcher.messages[0]
    assert [record.epoch for record in found.history] == [1, 2, 3, 4, 5]
    assert [record.learning_rate for record in found.history] == pytest.approx([0.02, *[0.002] * 4])
    assert all(math.isfinite(record.validation) for record in found.history)
    assert all(torch.isfinite(weights).all() for weights in found.model.state_dict().values())


def test_going_back_is_to_the_weights_and_moments_of_the_epochs_start(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, {9 + 3}, math.nan)
    starts: list[dict[str, Tensor]] = []
    real = Run._epoch

    def epoch(run: Run, number: int) -> float:
        state = {**run.model.state_dict(), **run.optimizer.state()}
        starts.append({name: tensor.clone() for name, tensor in state.items()})
        return real(run, number)

    monkeypatch.setattr(Run, "_epoch", epoch)
    trained(recipe=replace(RECIPE, epochs=2))
    assert len(starts) == 3
    assert all(torch.equal(tensor, starts[2][name]) for name, tensor in starts[1].items())


def test_a_second_failure_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, {12, 21}, math.nan)
    watcher = Watcher()
    with pytest.raises(TrainingError, match=r"not finite in epoch 2 again, .*; give a lower one than 0.002, or look"):
        trained(callbacks=[watcher])
    assert len(watcher.messages) == 1
    assert watcher.events[-1] == "end"


@pytest.mark.parametrize("preset", PRESETS)
def test_an_exploding_learning_rate_is_noticed(preset: str) -> None:
    """What comes out is no worse than the mean of the data, or it is refused: never a wreck without a word."""
    watcher = Watcher()
    x = numbers(400, 20)
    recipe = Recipe(5, 40, 1000)
    try:
        found = trained(x, preset, recipe=recipe, callbacks=[watcher])
    except TrainingError:
        assert len(watcher.messages) == 1
        return
    rows = draw_split(len(x), recipe.validation, 0).held_out
    prepared = found.preprocessing.prepare(x[rows])
    mean = float((prepared**2).sum(1).mean() / 2 + 10 * math.log(2 * math.pi))
    assert watcher.messages or min(record.validation for record in found.history) <= mean


def stop_in(epoch: int, event: str) -> Callable[[Watcher, str], bool]:
    return lambda watcher, told: told == event and len(watcher.records) == epoch - (event == "batch")


@pytest.mark.parametrize("event", ["epoch", "batch"])
def test_ctrl_c_keeps_the_best_so_far(event: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = scripted(monkeypatch, [5, 3, 4, 6, 7])
    watcher = Watcher(stop_in(4, event))
    found = trained(callbacks=[watcher])
    assert found.about["stopped"] == "interrupted"
    assert len(found.history) == (4 if event == "epoch" else 3)
    assert all(torch.equal(weights, kept[1][name]) for name, weights in found.model.state_dict().items())
    assert watcher.events[-1] == "end"
    assert np.isfinite(encode(found, ArraySource(X))).all()


def test_ctrl_c_before_there_is_anything_to_keep_ends_the_program() -> None:
    watcher = Watcher(stop_in(1, "batch"))
    with pytest.raises(KeyboardInterrupt):
        trained(callbacks=[watcher])
    assert watcher.events[-1] == "end"


@pytest.mark.parametrize("preset", ["deep", "vae"])
@pytest.mark.parametrize("optimizer", ["muon", "adam"])
def test_a_run_that_was_cut_off_ends_with_the_same_bits(preset: str, optimizer: str, tmp_path: Path) -> None:
    recipe = replace(RECIPE, optimizer=optimizer, batch_size=128)
    whole = trained(preset=preset, recipe=recipe)
    path = tmp_path / "checkpoint"
    for epoch, event in ((1, "epoch"), (3, "batch"), (4, "epoch")):
        watcher = _continued(Watcher(stop_in(epoch, event), ZeroDivisionError), path)
        with pytest.raises(ZeroDivisionError):
            trained(preset=preset, recipe=recipe, checkpoint=path, resume=True, callbacks=[watcher])
    found = trained(preset=preset, recipe=recipe, checkpoint=path, resume=True)
    assert same(found, whole)
    assert losses(found) == losses(whole)
    assert found.about["stopped"] == "finished"


def _continued(watcher: Watcher, path: Path) -> Watcher:
    """Let the watcher count the epochs before its own."""
    if path.exists():
        with safe_open(path, "pt") as file:
            watcher.records = [
                Record(**record) for record in json.loads(file.metadata()["diabolo.checkpoint"])["history"]
            ]
    return watcher


def test_a_failure_before_the_cut_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "checkpoint"
    with monkeypatch.context() as patch:
        failing(patch, {12}, math.nan)
        whole = trained()
    failing(monkeypatch, {12}, math.nan)
    with pytest.raises(ZeroDivisionError):
        trained(checkpoint=path, callbacks=[Watcher(stop_in(3, "epoch"), ZeroDivisionError)])
    assert same(trained(checkpoint=path, resume=True), whole)


def test_a_run_that_is_done_needs_no_further_step(tmp_path: Path) -> None:
    one = trained(checkpoint=tmp_path / "checkpoint")
    watcher = Watcher()
    again = trained(checkpoint=tmp_path / "checkpoint", resume=True, callbacks=[watcher])
    assert same(one, again)
    assert watcher.events == ["start", "end"]


ARGUMENTS = [
    "train",
    "digits",
    "--batch-size",
    "64",
    "--preset",
    "deep",
    "--epochs",
    "12",
    "--patience",
    "12",
    "--quiet",
    "--out",
]


def killed_after(epochs: int, out: Path) -> None:
    """Start a run and kill it, with no chance to clean up, once its checkpoint holds that many epochs."""
    checkpoint = out.with_name(f"{out.name}.checkpoint")
    program = [sys.executable, "-c", "from diabolo.app.cli import main; main()", *ARGUMENTS, str(out)]
    process = subprocess.Popen(program)
    try:
        while process.poll() is None and not _holds(checkpoint, epochs):
            time.sleep(0.005)
    finally:
        process.kill()
    assert process.wait() == -signal.SIGKILL, "the run ended before it could be killed"


def _holds(checkpoint: Path, epochs: int) -> bool:
    try:
        with safe_open(checkpoint, "pt") as file:
            return len(json.loads(file.metadata()["diabolo.checkpoint"])["history"]) >= epochs
    except (OSError, SafetensorError):
        return False


def done(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert not ended.value.code


def test_kill_9_and_resume_give_the_weights_of_a_run_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # `main` sets it
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    cut, whole = tmp_path / "cut.safetensors", tmp_path / "whole.safetensors"
    killed_after(3, cut)
    assert not cut.exists()
    with pytest.raises(SystemExit) as ended:
        main([*ARGUMENTS, str(cut)])
    assert ended.value.code == 1
    assert "pass --resume to go on with it, or --force" in capsys.readouterr().err
    done([*ARGUMENTS, str(cut), "--resume"])
    done([*ARGUMENTS, str(whole)])
    with safe_open(cut, "pt") as one, safe_open(whole, "pt") as other:
        assert set(one.keys()) == set(other.keys())
        assert all(torch.equal(one.get_tensor(name), other.get_tensor(name)) for name in one.keys())  # noqa: SIM118
        first, second = (json.loads(file.metadata()["diabolo"])["history"] for file in (one, other))
    assert [{**record, "seconds": 0} for record in first] == [{**record, "seconds": 0} for record in second]
    assert not cut.with_name(f"{cut.name}.checkpoint").exists()
    left = {path.name for path in tmp_path.iterdir()} - {cut.name, whole.name}
    assert all(name.startswith(".") for name in left)  # only what the kill left half-written


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"recipe": replace(RECIPE, learning_rate=0.01)},
        {"preset": "deep"},
        {"latent": 2},
        {"x": X + 1},
        {"x": X[:-1]},
    ],
    ids=str,
)
def test_the_checkpoint_of_another_run_is_refused(change: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    trained(checkpoint=path)
    before = path.read_bytes()
    with pytest.raises(InputError, match="belongs to a run with other data or options"):
        trained(**{**change, "checkpoint": path, "resume": True})
    assert path.read_bytes() == before


@pytest.mark.parametrize("cut", [0, 1, 8, 100, 500, -1, -100])
def test_a_damaged_checkpoint_is_refused(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    trained(checkpoint=path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(FormatError, match=r"is not a readable checkpoint .*; delete it and train anew"):
        trained(checkpoint=path, resume=True)


def test_random_bytes_and_other_files_are_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    trained(checkpoint=path)
    good = bytearray(path.read_bytes())
    random = np.random.default_rng(0)
    for _ in range(60):
        bad = good.copy()
        for place in random.integers(0, 2000, 3):
            bad[place] = random.integers(256)
        path.write_bytes(bad)
        try:
            trained(checkpoint=path, resume=True, recipe=replace(RECIPE))
        except InputError:  # FormatError is one of them
            continue


def test_a_linear_autoencoder_reaches_principal_components() -> None:
    """Baldi and Hornik 1989: the least squared error of a linear autoencoder is that of PCA."""
    x = numbers(1000, 12)

    def linear(shape: tuple[int, ...], unit: bool) -> ModelConfig:
        assert not unit
        return ModelConfig("linear", shape, 3, DenseConfig(code="linear"), likelihood=GaussianConfig())

    found = fit(ArraySource(x), linear, lambda _: Recipe(40, 64, 0.03, patience=40, validation=0), Dials())
    prepared = found.preprocessing.prepare(x)
    with torch.inference_mode():
        error = float((found.model(torch.from_numpy(prepared)) - torch.from_numpy(prepared)).square().mean())
    pca = PCA(3).fit(prepared)
    least = float(((pca.inverse_transform(pca.transform(prepared)) - prepared) ** 2).mean())
    assert least * 0.9999 <= error <= least * 1.01


@pytest.mark.parametrize("count", [2, 3, 4, 5])
@pytest.mark.parametrize("validation", [0, 0.05, 0.9])
def test_very_few_samples_can_be_learnt_from(count: int, validation: float) -> None:
    found = trained(np.linspace(-1, 1, count * 4).reshape(count, 4), recipe=replace(RECIPE, validation=validation))
    assert len(found.history) == 5


class FarSource:
    """Samples that are not in memory: number i is [i, i]; notes how many rows each `take` asks for."""

    in_memory = False
    dtype: np.dtype[np.generic] = np.dtype(np.float32)

    def __init__(self, count: int, block: int, shape: tuple[int, ...] = (2,)) -> None:
        self.count, self.block, self.shape = count, block, shape
        self.asked: list[int] = []

    def __len__(self) -> int:
        return self.count

    def take(self, rows: NDArray[np.int64]) -> Array:
        self.asked.append(len(rows))
        return np.broadcast_to(
            rows.astype(self.dtype).reshape(-1, *[1] * len(self.shape)), (len(rows), *self.shape)
        ).copy()


IDENTITY = Preprocessing(np.asarray(0.0), np.asarray(1.0), np.dtype(np.float32), unit=False)


@settings(max_examples=60)
@example(count=268, block=3, size=4, chunk=1368, seed=0)
@given(
    count=st.integers(1, 300),
    block=st.integers(1, 70),
    size=st.integers(1, 50),
    chunk=st.integers(1, 3000),
    seed=st.integers(0, 3),
)
def test_every_row_comes_once_an_epoch_from_any_source(
    count: int, block: int, size: int, chunk: int, seed: int
) -> None:
    source = FarSource(count, block)
    rows = draw_split(count + 1, 0.2, seed).rows if count > 3 else np.arange(count)
    rows = rows[rows < count]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches_module, "CHUNK_BYTES", chunk)
        batches = Batches(source, rows, IDENTITY, size, CPU)
        epochs = [list(batches.epoch(generator_for("cpu", seed, epoch))) for epoch in (1, 2)]
        again = list(batches.epoch(generator_for("cpu", seed, 1)))
        steps = len(batches)
    for found in epochs:
        assert sorted(torch.cat(found)[:, 0].int().tolist()) == rows.tolist()
        assert all(1 <= len(batch) <= size for batch in found)
        assert len(found) == steps, "the schedule counts on as many steps as `len` says"
    assert all(torch.equal(one, other) for one, other in zip(epochs[0], again, strict=True))
    assert max(source.asked) <= max(block, chunk // sample_bytes(source))


def test_rows_are_shuffled_between_and_inside_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches_module, "CHUNK_BYTES", 8 * 100)
    batches = Batches(FarSource(1000, 10), np.arange(1000), IDENTITY, 100, CPU)
    one, other = (torch.cat(list(batches.epoch(generator_for("cpu", 0, epoch))))[:, 0] for epoch in (1, 2))
    assert not torch.equal(one, other)
    assert (one[1:] - one[:-1]).abs().median() > 20
    assert abs(float(np.corrcoef(one.numpy(), np.arange(1000))[0, 1])) < 0.3


@pytest.mark.parametrize("count", [1, 2, 31, 32, 33, 100])
def test_every_row_comes_once_an_epoch_from_memory(count: int) -> None:
    x = np.arange(count, dtype=np.float32)[:, None]
    batches = Batches(ArraySource(x), np.arange(count), IDENTITY, 32, CPU)
    found = list(batches.epoch(generator_for("cpu", 0)))
    assert len(found) == len(batches)
    assert sorted(torch.cat(found)[:, 0].int().tolist()) == list(range(count))


def test_bytes_are_expanded_as_they_are_prepared() -> None:
    x = np.arange(256, dtype=np.uint8).reshape(256, 1)
    preprocessing = Preprocessing(np.asarray(0.0), np.asarray(255.0), x.dtype, unit=True)
    (batch,) = Batches(ArraySource(x), np.arange(256), preprocessing, 256, CPU).epoch(generator_for("cpu", 0))
    wanted = torch.from_numpy(preprocessing.prepare(x))
    torch.testing.assert_close(batch.sort(0).values, wanted, rtol=1e-6, atol=0)


def mapped(path: Path, x: Array) -> ArraySource:
    np.save(path, x)
    return ArraySource(np.load(path, mmap_mode="r"))


@pytest.mark.parametrize("dtype", ["f4", "u1"])
def test_a_mapped_array_is_learnt_from(dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches_module, "CHUNK_BYTES", 1024 * 40)
    x = (numbers(3000) * 9 + 100).clip(0, 255).astype(dtype)
    source = mapped(tmp_path / "x.npy", x)
    assert not source.in_memory
    watcher = Watcher()
    found = trained(source, recipe=replace(RECIPE, batch_size=256), callbacks=[watcher])
    inside = trained(x, recipe=replace(RECIPE, batch_size=256))
    assert found.about["fingerprint"] == inside.about["fingerprint"]
    assert watcher.events.count("batch") == 5 * watcher.started[1]
    assert found.history[-1].validation == pytest.approx(inside.history[-1].validation, rel=0.1)
    np.testing.assert_array_equal(encode(found, source), encode(found, ArraySource(x)))
    assert same(found, trained(source, recipe=replace(RECIPE, batch_size=256)))


def test_the_chunks_of_a_mapped_array_of_large_samples_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = (2048, 256, 256, 3)  # 400 MB that are never written: the file has holes
    source = ArraySource(np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.uint8, shape))
    asked: list[int] = []

    def compacted(_: Source, rows: NDArray[np.int64], __: Preprocessing) -> Tensor:
        asked.append(len(rows))
        return torch.empty(len(rows), 1)

    monkeypatch.setattr(batches_module, "compacted", compacted)
    preprocessing = Preprocessing(np.asarray(0.0), np.asarray(255.0), source.dtype, unit=True)
    for _ in Batches(source, np.arange(len(source)), preprocessing, 32, CPU).epoch(generator_for("cpu", 0)):
        pass
    assert sum(asked) == len(source)
    assert max(asked) * math.prod(source.shape) <= CHUNK_BYTES


def test_a_whole_run_asks_a_source_of_large_samples_for_bounded_pieces() -> None:
    shape = (256, 256, 3)
    source = FarSource(3000, 1, shape)

    def take(rows: NDArray[np.int64]) -> Array:
        assert len(rows) * 4 * math.prod(shape) <= 8 * CHUNK_BYTES
        return np.zeros((len(rows), *shape), np.uint8)

    source.dtype, source.take = np.dtype(np.uint8), take  # type: ignore[method-assign]
    watcher = Watcher(lambda _, event: event == "batch", ZeroDivisionError)
    with pytest.raises(ZeroDivisionError):
        trained(source, latent=1, recipe=Recipe(1, 2, 0.01), callbacks=[watcher])


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "", "meta!"])
def test_a_device_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="device must be 'auto', 'cpu' or a GPU that is there"):
        choose_device(name)


def test_generators_of_other_numbers_draw_others() -> None:
    """(0, 3) draws the codes that the held-out loss needs, (0, 3, 0) the order of epoch 3."""
    keys = [(0,), (1,), (0, 1), (1, 0), (0, 3), (0, 3, 0), (0, 3, 0, 2)]
    draws = [tuple(torch.rand(4, generator=generator_for("cpu", *key)).tolist()) for key in keys]
    assert draws[0] == tuple(torch.rand(4, generator=generator_for(CPU, 0)).tolist())
    assert len(set(draws)) == len(keys)
