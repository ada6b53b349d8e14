"""What codes of a codebook's indices reach on MNIST beside the codec: whole archives of the 10,000 test digits.

    python bench/quantised.py --write docs/quantised.md

Nothing is chosen here: each preset trains by its own recipe on the training set. Bytes are those of the archive,
without the model.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from diabolo import Autoencoder, open_data

PRESETS = ("codec", "vq", "conv-vq")
HEAD = "| preset | code | bytes a digit | PSNR, dB | rate, bytes | training, s |\n|---|---|---|---|---|---|\n"
PAGE = """# Codes of indices

The presets `vq` and `conv-vq` have a vector-quantised bottleneck (van den Oord et al. 2017): each number of the code is
the index of the nearest vector of a codebook. The vectors are moving averages of the latents nearest to them; a vector
that is not used is replaced. `compress` writes the indices under the frequencies of each position. `generate` draws
them from these frequencies, or from a mixture of categories that `--fit` learns.

Written by `python bench/quantised.py --write docs/quantised.md`: whole archives of the 10,000 test digits of MNIST.
Each preset learnt from {count:,} training digits (`--samples`), by its own recipe.

"""
END = """
The rate is the entropy of the indices in training's moving averages. `codec` has the highest PSNR of the three, and
needs fewer bytes than `vq`: training weights its rate, and the rate of a codebook has no gradient. Use `codec` to
compress, and `vq` to learn how indices work.
"""


def row(preset: str, train: np.ndarray, test: np.ndarray, seed: int) -> str:
    start = time.perf_counter()
    model = Autoencoder(preset, random_state=seed).fit(train)
    seconds = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        found = model.compress(test, Path(folder) / "a.dbo")
    config = model.autoencoder.config
    rate = model.history_[-1].rate / np.log(2) / 8
    size = found.size / len(test)
    return f"| {preset} | {config.latent} numbers | {size:.2f} | {found.psnr:.2f} | {rate:.1f} | {seconds:.0f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--samples", type=int, help="Training digits to use; all if not given.")
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    data = open_data("mnist")
    train = data.train.take(np.arange(given.samples or len(data.train))).astype(np.float32) / 255  # no pixel network
    test = data.test.take(np.arange(len(data.test))).astype(np.float32) / 255
    lines = []
    for preset in PRESETS:
        lines.append(row(preset, train, test, given.seed))
        print(lines[-1], flush=True)
    if given.write is not None:
        given.write.write_text(PAGE.format(count=len(train)) + HEAD + "\n".join(lines) + "\n" + END, encoding="utf-8")


if __name__ == "__main__":
    main()
