"""What a GPU makes of training: steps a second as they are, compiled and as a CUDA graph; the lecture's run; memory.

    python bench/gpu.py --data FOLDER [--device cuda] [--quick] [--out gpu.md]

FOLDER holds the four files of MNIST. It imports nothing that a machine with torch and NumPy alone lacks. `--quick`
takes a few steps of each, so that the script can be tested on a processor.
"""

import argparse
import gzip
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from diabolo.config.model import ModelConfig
from diabolo.config.recipe import Recipe
from diabolo.data.source import ArraySource
from diabolo.presets.presets import configure, recipe_for
from diabolo.training.fitting import Dials, fit
from diabolo.training.history import Record
from diabolo.training.loop import Run

PRESETS = ("dense", "deep", "conv", "vae", "codec", "denoise-photo")
COMPILED = ("dense", "conv")
LECTURE, GOAL = 0.09, 0.0925
"""The lecture's loss of 'dense' in nats per pixel, and the one that counts as reached."""
PIECE = 64
HEAD = """# Training on a GPU

On a GPU a step is recorded as a CUDA graph: its kernels start together. The weights are the same as from plain steps
(tests/test_cuda.py). Written by `python bench/gpu.py --data MNIST_FOLDER --out docs/speed-gpu.md`.
"""
END = """One graph holds one step. The lecture's 50 epochs are 23,450 steps of 128 digits: the aim of 1 s is missed.
torch.compile costs more than it gains here."""


@dataclass
class Clock:
    """Watches a run: the time of each batch, after the device is done with all before it."""

    device: torch.device
    skip: int
    started: float = 0.0
    batches: int = 0

    def on_start(self, epochs: int, batches: int, done: int) -> None: ...

    def on_batch(self) -> None:
        self.batches += 1
        if self.batches == self.skip:
            wait(self.device)
            self.started = time.perf_counter()

    def on_epoch(self, record: Record) -> None: ...

    def on_message(self, text: str) -> None:
        print(f"  ({text})", flush=True)

    def on_end(self) -> None: ...

    def per_second(self) -> float:
        wait(self.device)
        return (self.batches - self.skip) / (time.perf_counter() - self.started)


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def digits(folder: Path) -> NDArray[np.uint8]:
    with gzip.open(next(folder.glob("train-images*"))) as file:
        return np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28).copy()


def pieces(count: int) -> NDArray[np.uint8]:
    """Return smooth random pictures, (count, 64, 64): what a step costs does not hang on what they show."""
    noise = np.random.default_rng(0).normal(size=(count, PIECE, PIECE)).cumsum(1).cumsum(2)
    low, high = noise.min((1, 2), keepdims=True), noise.max((1, 2), keepdims=True)
    return ((noise - low) / (high - low) * 255).astype(np.uint8)


def steps_a_second(preset: str, x: NDArray[Any], device: torch.device, steps: int, *, mode: str) -> float:
    """Return the steps a second of a preset's own recipe. mode: 'plain', 'compiled' or 'graph'."""
    recipe = recipe_for("default", len(x), preset=preset)
    epochs = max(1, -(-steps * recipe.batch_size // len(x)))
    clock, real = Clock(device, max(2, steps // 10)), Run.__init__

    def started(run: Run, *values: Any, **options: Any) -> None:
        real(run, *values, **options)
        run.graphs = run.graphs and mode == "graph"
        if mode == "compiled":
            run.model.terms = torch.compile(run.model.terms)  # type: ignore[method-assign]

    Run.__init__ = started  # type: ignore[method-assign]
    try:
        own = recipe_for("default", len(x), preset=preset, epochs=epochs, validation=0.01)
        fit(
            ArraySource(x), lambda shape, unit: configure(preset, shape, unit=unit), lambda _: own,
            Dials(device=str(device), callbacks=[clock]),
        )  # fmt: skip
    finally:
        Run.__init__ = real  # type: ignore[method-assign]
    return clock.per_second()


def timed_fit(x: NDArray[Any], configured: Callable[..., ModelConfig], recipe: Recipe, device: torch.device) -> Any:
    wait(device)
    start = time.perf_counter()
    found = fit(ArraySource(x), configured, lambda _: recipe, Dials(device=str(device)))
    wait(device)
    return found, time.perf_counter() - start


def rates(x: NDArray[Any], model: Any, device: torch.device) -> dict[str, float]:
    """Return the samples a second that are encoded and scored, the data being on the device."""
    model = model.to(device).eval()
    batch, found = torch.from_numpy(x[:8192]).to(device).float() / 255, {}
    with torch.inference_mode():
        for name, work in (("encoded", model.encoder), ("scored", model.score)):
            work(batch)
            wait(device)
            start = time.perf_counter()
            for _ in range(20):
                work(batch)
            wait(device)
            found[name] = 20 * len(batch) / (time.perf_counter() - start)
    return found


def codes_agree(x: NDArray[Any], model: Any, device: torch.device) -> tuple[float, float]:
    """Return the share of a codec's whole numbers that device and processor give alike, and the largest difference."""
    batch = torch.from_numpy(x[:8192]).float() / 255
    with torch.inference_mode():
        there = model.to(device).encoder(batch.to(device)).cpu()
        here = model.cpu().encoder(batch)
    return float((there == here).float().mean()), float((there - here).abs().max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    device = torch.device(given.device)
    x = digits(given.data)[: 2048 if given.quick else None]
    lines, facts = [], dict[str, Any]()
    name = torch.cuda.get_device_name() if device.type == "cuda" else "processor"
    lines += [
        f"Measured on {name}, torch {torch.__version__}.",
        "",
        "| preset | steps a second | compiled | as a graph |",
    ]
    lines.append("|---|---|---|---|")
    for preset in PRESETS:
        data = pieces(256 if given.quick else 4096) if preset == "denoise-photo" else x[:16384]
        steps = 6 if given.quick else 400
        row = dict.fromkeys(("plain", "compiled", "graph"), 0.0)
        for mode in row:
            if mode == "compiled" and (preset not in COMPILED or given.quick):
                continue
            try:
                row[mode] = steps_a_second(preset, data, device, steps, mode=mode)
            except Exception as error:  # a mode that a preset cannot have is a result, not an end
                print(f"  ({preset}, {mode}: {type(error).__name__}: {str(error)[:300]})", flush=True)
        facts[preset] = row
        lines.append(f"| {preset} | " + " | ".join(f"{value:,.0f}" if value else "-" for value in row.values()) + " |")
        print(lines[-1], flush=True)
    dense = lambda shape, unit: configure("dense", shape, unit=unit)  # noqa: E731
    recipe = recipe_for("lecture", len(x), preset="dense", epochs=1 if given.quick else 50)
    found, seconds = timed_fit(x, dense, recipe, device)
    loss = found.history[-1].validation / 784
    lines += [
        "",
        f"The lecture's {recipe.epochs} epochs of dense: {seconds:.2f} s, loss {loss:.4f} (lecture {LECTURE}).",
    ]
    recipe = recipe_for("default", len(x), preset="dense")
    found, seconds = timed_fit(x, dense, recipe, device)
    best = min(record.validation for record in found.history) / 784
    reached = next((record.seconds for record in found.history if record.validation / 784 <= GOAL), None)
    when = "not reached" if reached is None else f"reached after {reached:.2f} s"
    lines.append(f"The default recipe of dense: {seconds:.2f} s, loss {best:.4f}; {GOAL} {when}.")
    facts |= {"default": seconds, "rates": rates(x, found.model, device)}
    lines.append(
        ", ".join(f"{value:,.0f} samples a second {key}" for key, value in facts["rates"].items()) + " (dense)."
    )
    codec = lambda shape, unit: configure("codec", shape, unit=unit)  # noqa: E731
    made, _ = timed_fit(x, codec, recipe_for("default", len(x), preset="codec", epochs=1), device)
    share, most = codes_agree(x, made.model, device)
    lines.append(
        f"Codes of a codec that device and processor give alike: {share:.6f}; the largest difference is {most:g}."
    )
    if device.type == "cuda":
        lines.append(f"Peak memory on the device: {torch.cuda.max_memory_allocated() / 2**20:,.0f} MiB.")
    print("\n".join(lines))
    if given.out is not None:
        given.out.write_text(f"{HEAD}\n" + "\n".join(lines) + f"\n\n{END}\n", encoding="utf-8")
        given.out.with_suffix(".json").write_text(json.dumps(facts), encoding="utf-8")


if __name__ == "__main__":
    main()
