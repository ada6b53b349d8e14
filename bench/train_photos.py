"""Train the networks of the exact coder of photos, and write its model: python bench/train_photos.py ZIP OUT

ZIP: photos, of which every fifth is kept apart to measure on. --seed, --seconds: of training, for each network.
"""

import argparse
import io
import zipfile
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from diabolo.coding.exact.kernel import Kernel

HIDDEN, INPUTS, NETS = 16, 48, 3
ONE = 1 << 27
LOGISTIC = 0.7213


def tables() -> list[NDArray[np.generic]]:
    """Return the tables of the model file in their order (docs/format.md)."""
    z = np.arange(4096) / 64
    logistic = 1 / (1 + np.exp(np.minimum(z / LOGISTIC, 700)))
    t = z * 2 / np.pi  # of a Student t with 3 degrees, over sqrt(3), whose mean absolute value is 1
    student = 0.5 - (np.arctan(t) + t / (1 + t * t)) / np.pi
    tails = np.maximum(1, np.rint(np.stack([logistic, student]) * ONE)).astype("<u4")
    number = np.arange(8192)
    blend = np.rint(4096 * 16**2 / np.maximum(16, np.arange(512)) ** 2).astype("<i2")
    steps = 2.0 ** (np.arange(256) / 16)
    inverse, scale = np.rint(2**18 / steps).astype("<i4"), np.rint(16 * steps).astype("<i4")
    rate = (65536 // (np.arange(512) + 1.5)).astype("<i4")
    p = (np.arange(4096) + 0.5) / 4096
    stretch = np.clip(np.rint(np.log(p / (1 - p)) * 256), -2047, 2047).astype("<i2")
    squash = np.clip(np.rint(65536 / (1 + np.exp((2048 - np.arange(4096)) / 256))), 24, 65512).astype("<u2")
    log = np.where(number, np.rint(16 * np.log2(np.maximum(number, 1))), -16).astype("<i2")
    return [tails, blend, inverse, scale, rate, stretch, squash, log]


def packed(nets: list[tuple[NDArray[np.float64], ...]]) -> bytes:
    """Return the model file: tables, then biases (int32) and weights (int16) of the networks."""
    biases1 = np.stack([np.rint(net[1] * 2**19) for net in nets]).astype("<i4")
    biases2 = np.stack([np.rint(net[3] * 2**22) for net in nets]).astype("<i4")
    first = np.stack([np.clip(np.rint(net[0] * 2**11), -32767, 32767) for net in nets]).astype("<i2")
    first = first.reshape(NETS, HIDDEN, INPUTS // 2, 2).transpose(0, 2, 1, 3)  # pairs of inputs for all units together
    second = np.stack([np.clip(np.rint(net[2] * 2**12), -32767, 32767) for net in nets]).astype("<i2")
    return b"".join(part.tobytes() for part in (*tables(), biases1, biases2, first, second))


def fitted(rows: NDArray[np.int16], seconds: float, seed: int) -> tuple[NDArray[np.float64], ...]:
    """Return weights and biases that minimise the bits of a discretised logistic distribution."""
    generator = torch.Generator().manual_seed(seed)
    data = torch.from_numpy(rows.astype(np.float32))
    data = data[torch.randperm(len(data), generator=generator)]
    unit = torch.exp2(data[:, 49] / 16)
    x, target, half = data[:, :INPUTS] / 256, data[:, 48] / unit, 8 / unit
    first = torch.randn(HIDDEN, INPUTS, generator=generator) * (2 / INPUTS) ** 0.5
    weights = [first, torch.zeros(HIDDEN), torch.zeros(2, HIDDEN), torch.zeros(2)]
    for part in weights:
        part.requires_grad_()
    optimiser = torch.optim.Adam(weights, 3e-3)

    def bits(of: slice) -> Tensor:
        out = torch.relu(x[of] @ weights[0].T + weights[1]) @ weights[2].T + weights[3]
        off = (target[of] - out[:, 0]).abs()
        spread = LOGISTIC * torch.exp(out[:, 1].clamp(-3, 3))
        mass = torch.sigmoid((half[of] - off) / spread) - torch.sigmoid((-half[of] - off) / spread)
        return -torch.log2(mass.clamp_min(1e-6)).mean()

    started, batch, step, kept = perf_counter(), 2048, 0, min(20_000, len(x) // 10)
    while (passed := (perf_counter() - started) / seconds) < 1:
        optimiser.param_groups[0]["lr"] = 3e-3 * (1 - passed) + 1e-5
        start = kept + step * batch % (len(x) - kept - batch)
        loss = bits(slice(start, start + batch))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        step += 1
    with torch.no_grad():
        print(f"{len(x):,} rows, {step} steps, {bits(slice(kept)).item():.4f} bits on rows kept apart", flush=True)
    return tuple(part.detach().double().numpy() for part in weights)


def photos(path: Path) -> list[NDArray[np.uint8]]:
    """Return the photos of a zip as (1, h, w, 3)."""
    with zipfile.ZipFile(path) as zipped:
        names = sorted(name for name in zipped.namelist() if name.endswith(".png"))
        return [np.asarray(Image.open(io.BytesIO(zipped.read(name))).convert("RGB"))[None] for name in names]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("zip", type=Path)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--seconds", type=float, default=20)
    arguments.add_argument("--photos", type=int, default=200)
    given = arguments.parse_args()
    torch.set_num_threads(1)
    pictures = photos(given.zip)
    apart, seen = pictures[::5], [picture for number, picture in enumerate(pictures) if number % 5]
    empty = (np.zeros((HIDDEN, INPUTS)), np.zeros(HIDDEN), np.zeros((2, HIDDEN)), np.zeros(2))
    kernel = Kernel(packed([empty] * NETS))
    rows = np.concatenate([kernel.dump(p, p.size // 9) for p in seen[:: max(1, len(seen) // given.photos)]])
    nets = [fitted(rows[rows[:, 50] == net], given.seconds, given.seed) for net in range(NETS)]
    given.out.write_bytes(packed(nets))
    for name, model in (("without networks", kernel), ("with networks", Kernel(given.out.read_bytes()))):
        coded = [len(model.encode(picture, 255) or picture.tobytes()) for picture in apart[:40]]
        print(f"{name}: {8 * sum(coded) / sum(p.size for p in apart[:40]):.4f} bits a value on photos kept apart")


if __name__ == "__main__":
    main()
