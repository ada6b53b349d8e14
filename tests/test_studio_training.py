"""The Studio's training, without a browser: what is seen of it, stopping, going on, and what cannot be trained."""

import runpy
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diabolo import Autoencoder, load, open_data
from diabolo.app.cli import main
from diabolo.data.opening import open_data as opened
from diabolo.data.source import ArraySource, Dataset
from diabolo.errors import InputError

pytest.importorskip("gradio", reason="the studio extra is not installed")

from diabolo.app.studio.training.run import Bench
from diabolo.app.studio.training.tab import NONE_YET, OFFERED, lines, shown

OPTIONS = {"preset": "vae", "latent": 2, "epochs": 3, "device": "cpu"}
ROWS = Dataset("rows", ArraySource(np.random.default_rng(0).normal(size=(80, 5))))


def until_seen(bench: Bench, epochs: int) -> None:
    for _ in range(600):
        if bench.view is not None and len(bench.view.history) >= epochs:
            return
        bench.wait(0.05)
    pytest.fail("no epoch was seen")


def test_each_epoch_is_seen_and_the_model_is_the_one_that_fit_gives() -> None:
    bench, data = Bench(), open_data("digits")
    assert bench.view is None
    assert shown(bench.view) == NONE_YET
    bench.start(data, OPTIONS, "vae on digits")
    bench.wait()
    view = bench.view
    assert view is not None
    assert view.over
    assert view.state == "finished"
    assert (len(view.history), view.held_out, view.codes.shape) == (3, True, (len(data.test), 2))  # type: ignore[union-attr, arg-type]
    html = shown(view)
    assert html.count("<svg") == 2
    assert "3 of 3" in html
    assert view.model is not None
    whole = Autoencoder("vae", latent=2, epochs=3, device="cpu").fit(data.train)
    samples = data.train.take(np.arange(9))
    assert np.array_equal(load(view.model).encode(samples), whole.encode(samples))


def test_it_stops_and_goes_on_and_trains_one_at_a_time() -> None:
    bench, data = Bench(), open_data("digits")
    with pytest.raises(InputError, match="no training that was stopped"):
        bench.go_on()
    bench.start(data, {**OPTIONS, "epochs": 500}, "vae on digits")
    with pytest.raises(InputError, match=r"one is running \(vae on digits\)"):
        bench.start(data, OPTIONS, "another")
    until_seen(bench, 1)
    bench.stop()
    bench.wait()
    view = bench.view
    assert view is not None
    assert view.state == "stopped"
    done = len(view.history)
    bench.go_on()
    until_seen(bench, done + 1)
    bench.stop()
    bench.wait()
    later = bench.view
    assert later is not None
    assert later.history[:done] == view.history
    assert len(later.history) > done


def test_rows_of_numbers_are_shown_and_what_fails_is_told() -> None:
    bench = Bench()
    bench.start(ROWS, {**OPTIONS, "preset": "dense"}, "dense on rows")
    bench.wait()
    assert "The first of the samples it learns from" in shown(bench.view)
    bench.start(ROWS, {**OPTIONS, "latent": 0}, "vae on rows")
    bench.wait()
    assert bench.view is not None
    assert "latent must be an integer" in bench.view.state
    assert "table" not in OFFERED


def test_the_command_and_the_program_do_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options: dict[str, Any] = {**OPTIONS, "epochs": 1}
    command, program = lines(opened("digits"), options)
    with pytest.raises(SystemExit) as end:
        main([*shlex.split(command)[1:], "--quiet", "--device", "cpu"])
    assert end.value.code in (0, None)
    samples = open_data("digits").train.take(np.arange(9))
    first = load("vae.safetensors").encode(samples)
    Path("vae.safetensors").unlink()
    Path("program.py").write_text(program)
    runpy.run_path("program.py")
    assert np.array_equal(load("vae.safetensors").encode(samples), first)
