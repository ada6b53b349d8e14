"""Train the lecture's denoiser by the lecture's recipe, and ours, in one process; write the table into docs/denoise.md.

    python bench/denoise_mnist.py                                  all rows (an hour and more)
    python bench/denoise_mnist.py --rows denoise:default:3 ...     other rows: PRESET:RECIPE:EPOCHS

Rows are trained in the order given, on all 60,000 training digits, and measured on the 10,000 test digits with noise
that is drawn once, from seed 1. Seconds are the process's own CPU seconds, so that other work on the machine counts
little. A run that was ended goes on where it was (checkpoints lie beside `--work`), its finished rows are kept.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from denoise_quality import PAGE
from diabolo.data.opening import open_data
from diabolo.data.source import Dataset
from diabolo.estimator import Autoencoder
from diabolo.jobs.evaluate.quality import psnr, ssim
from diabolo.training.history import Record
from diabolo.training.loop import Callback
from pages import write

ROWS = ("denoise:default:9", "denoise:lecture:100", "denoise-deep:default:9")
SIGMA, SSIM_DIGITS = 0.5, 1000
Digits = NDArray[np.float32]


class Clock(Callback):
    """CPU seconds of the epochs, kept in a file, so that a run that goes on counts all of them."""

    def __init__(self, path: Path) -> None:
        self.path, self.before = path, json.loads(path.read_text()) if path.exists() else 0.0
        self.start = time.process_time()

    @property
    def seconds(self) -> float:
        return float(self.before + time.process_time() - self.start)

    def on_epoch(self, record: Record) -> None:
        self.path.write_text(json.dumps(self.seconds))
        print(f"  epoch {record.epoch}: loss {record.loss:.2f}, {self.seconds:.0f} s", flush=True)


def spoilt(clean: Digits) -> Digits:
    noise = np.random.default_rng(1).normal(0, SIGMA, clean.shape)
    return np.clip(clean + noise, 0, 1).astype(np.float32)


def measured(clean: Digits, cleaned: Digits) -> dict[str, float]:
    """Return the mean PSNR and BCE over all digits, and the mean SSIM over the first 1,000."""
    kept = np.clip(cleaned.astype(np.float64), 1e-7, 1 - 1e-7)
    entropy = -(clean * np.log(kept) + (1 - clean) * np.log(1 - kept)).mean()
    # the PSNR of the mean squared error of all pixels, as everywhere in this package
    pairs = zip(clean[:SSIM_DIGITS], cleaned[:SSIM_DIGITS], strict=True)
    return {"bce": float(entropy), "psnr": psnr(clean, cleaned), "ssim": float(np.mean([ssim(x, y) for x, y in pairs]))}


def trained_row(row: str, data: Dataset, work: Path) -> dict[str, Any]:
    preset, recipe, epochs = row.split(":")
    clock = Clock(work / f"{preset}-{recipe}-{epochs}.seconds")
    model = Autoencoder(preset, recipe=recipe, epochs=int(epochs), random_state=0)
    checkpoint = work / f"{preset}-{recipe}-{epochs}.checkpoint"
    model.fit(data.train, callbacks=[clock], checkpoint=checkpoint, resume=checkpoint.exists())
    seconds = clock.seconds
    clean = data.test.take(np.arange(len(data.test))).astype(np.float32) / 255  # type: ignore[union-attr]
    noisy = spoilt(clean)
    with torch.inference_mode():
        parts = [model.trained_.model(torch.from_numpy(part)).numpy() for part in np.array_split(noisy, 20)]
    found = measured(clean, np.concatenate(parts))
    return {"name": f"{preset}, {recipe}", "epochs": epochs, "seconds": seconds, **found}


def table(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| preset, recipe | epochs | CPU seconds | BCE | PSNR, dB | SSIM (1,000 digits) |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        figures = f"{row['bce']:.4f} | {row['psnr']:.2f} | {row['ssim']:.4f}"
        lines.append(f"| {row['name']} | {row['epochs']} | {row['seconds']:.0f} | {figures} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", nargs="*", default=ROWS)
    parser.add_argument("--work", type=Path, default=Path("denoise-mnist"), help="folder for checkpoints and rows")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    data, kept = open_data("mnist"), given.work / "rows.json"
    done: dict[str, dict[str, Any]] = json.loads(kept.read_text()) if kept.exists() else {}
    for row in given.rows:
        if row not in done:
            done[row] = trained_row(row, data, given.work)
            kept.write_text(json.dumps(done))
        print(done[row], flush=True)
        write(PAGE, "digits", table([done[name] for name in given.rows if name in done]))


if __name__ == "__main__":
    main()
