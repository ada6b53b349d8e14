"""Train the photo codec for a time, on a processor or an accelerator, with all pictures in its memory.

Training needs torch, numpy, Pillow and safetensors alone. The bits that it prints are those of rounded numbers. It goes
on from its last checkpoint with --resume. Learning rates fall to 0 with the time, whatever the number of steps. With
--export it turns the trained weights into the packed model file that comes with the package.
"""

import argparse
import io
import json
import math
import os
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))
from diabolo.config.bottlenecks import HyperpriorConfig
from diabolo.config.json import to_json
from diabolo.config.likelihoods import GaussianConfig
from diabolo.config.model import ModelConfig
from diabolo.config.networks import PhotoConfig
from diabolo.model.autoencoder import AutoencoderModel
from diabolo.model.bottlenecks.hyperprior import BALANCE, RANGE, Hyperprior
from diabolo.model.networks.sizes import photo_code_size, photo_map
from diabolo.model.networks.starts import start_at
from diabolo.presets.codecs import PHOTO_BETA
from diabolo.training.optimizer import orthogonal

STARTED = time.perf_counter()
LEAST_WEIGHT = 1e-3
"""Weight of the squared error (of levels from 0 to 255) against bits a pixel at quality 0."""
MIDDLE = 0.02
HELD_OUT_EVERY = 40
BIAS_FACTOR = 4.0
SMALL = PhotoConfig(96, (16, 48, 96), (0, 1, 1), 32, 48), {"side": 16, "hidden": 48, "features": 16}


def built(side: int, *, small: bool = False) -> AutoencoderModel:
    """Return the model of the preset, without weights, or a small one to try things."""
    shape = (side, side, 3)
    network, widths = SMALL if small else (PhotoConfig(), {})
    bottleneck = HyperpriorConfig(network.places, *photo_map(shape), **widths)
    size = photo_code_size(network, shape)
    return AutoencoderModel(
        ModelConfig("codec-photo", shape, size, network, bottleneck, GaussianConfig(), beta=PHOTO_BETA)
    )


def pictures_of(path: Path, folder: str) -> list[np.ndarray]:
    """Return the pictures of a zip, (h, w, 3) of 8 bits."""
    archive = zipfile.ZipFile(path)
    names = [name for name in sorted(archive.namelist()) if name.startswith(folder) and not name.endswith("/")]
    files = [archive.read(name) for name in names if name.rpartition(".")[2].lower() in ("webp", "png")]

    def decoded(data: bytes) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(decoded, files))


class Pictures:
    """Pictures one after the other in a device's memory, and random squares of them."""

    def __init__(self, pictures: list[np.ndarray], size: int, device: torch.device) -> None:
        shaped = [np.pad(x, [(0, max(0, size - n)) for n in x.shape[:2]] + [(0, 0)], "symmetric") for x in pictures]
        self.size, self.device = size, device
        self.values = torch.from_numpy(np.concatenate([x.reshape(-1, 3) for x in shaped])).to(device)
        sizes = torch.tensor([x.shape[:2] for x in shaped], device=device)
        areas = sizes.prod(1)
        self.orders = torch.tensor(list(permutations(range(3))), device=device)
        self.heights, self.widths, self.starts = sizes[:, 0], sizes[:, 1], areas.cumsum(0) - areas

    def middles(self) -> Tensor:
        """Return the middle square (n, size, size, 3) of each picture, as it is."""
        grid = torch.arange(self.size, device=self.device)
        rows = (self.heights - self.size)[:, None] // 2 + grid
        columns = (self.widths - self.size)[:, None] // 2 + grid
        place = self.starts[:, None, None] + rows[:, :, None] * self.widths[:, None, None] + columns[:, None]
        return self.values[place].float() / 255

    def draw(self, count: int) -> Tensor:
        """Return squares (count, size, size, 3), from 0 to 1, turned, mirrored and recoloured at random."""
        chance = torch.rand(count, 11, device=self.device)
        number = (chance[:, 0] * len(self.starts)).long().clamp_max(len(self.starts) - 1)
        height, width = self.heights[number], self.widths[number]
        top = (chance[:, 1] * (height - self.size + 1)).long().minimum(height - self.size)
        left = (chance[:, 2] * (width - self.size + 1)).long().minimum(width - self.size)
        grid = torch.arange(self.size, device=self.device)
        rows, columns = grid[None, :, None], grid[None, None, :]
        flip, mirror, turn = (chance[:, k, None, None] < 0.5 for k in (3, 4, 5))
        rows = torch.where(flip, self.size - 1 - rows, rows)
        columns = torch.where(mirror, self.size - 1 - columns, columns)
        down, across = torch.where(turn, columns, rows), torch.where(turn, rows, columns)
        place = self.starts[number, None, None] + (top[:, None, None] + down) * width[:, None, None]
        place = place + left[:, None, None] + across
        x = self.values[place].permute(0, 3, 1, 2).float() / 255
        order = self.orders[(chance[:, 10] * len(self.orders)).long().clamp_max(len(self.orders) - 1)]
        return recoloured(zoomed(x, chance[:, 6], chance[:, 9]), chance[:, 7:9], order).permute(0, 2, 3, 1)


def zoomed(x: Tensor, chance: Tensor, place: Tensor) -> Tensor:
    """Return half of the squares enlarged by up to 2, as large pictures are smoother than these; the others as such."""
    scale = torch.where(chance < 0.5, 1 - chance, torch.ones_like(chance))
    free, none = 1 - scale, torch.zeros_like(scale)
    rows = torch.stack([scale, none, free * (2 * place - 1)], 1), torch.stack([none, scale, free * (1 - 2 * place)], 1)
    grid = functional.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=True)
    return functional.grid_sample(x, grid, mode="bicubic", padding_mode="border", align_corners=True).clamp(0, 1)


def recoloured(x: Tensor, chance: Tensor, order: Tensor) -> Tensor:
    """Return a third of the pictures with weaker or stronger colours, in any order; the others as they are."""
    strength = 1.5 * chance[:, 0, None, None, None]
    grey = x.mean(1, keepdim=True)
    changed = (grey + strength * (x - grey)).clamp(0, 1)
    changed = torch.where(
        chance[:, 1, None, None, None] < 0.3, changed.gather(1, order[:, :, None, None].expand_as(x)), x
    )
    return (changed * 255).round() / 255


class Optimizer:
    """Muon for convolutions and Adam for the rest, all state on the device, so that a graph can hold the step."""

    def __init__(self, model: AutoencoderModel, rate: float, adam_rate: float, prior_factor: float) -> None:
        named = list(model.named_parameters())
        chosen = [(name, weights) for name, weights in named if weights.dim() == 4 and rate > 0]
        self.matrices = [weights for _, weights in chosen]
        self.rates = [rate * (prior_factor if "prior" in name or "side" in name else 1.0) for name, _ in chosen]
        self.momenta = [torch.zeros_like(weights).flatten(1) for weights in self.matrices]
        others = [weights for _, weights in named if weights.dim() < 4 or not rate > 0]
        device = named[0][1].device
        self.factors = [1.0 if weights.dim() == 4 else BIAS_FACTOR for weights in others]
        self.share = torch.ones((), device=device)
        self.adam_rate = adam_rate
        self.others = others
        self.first = [torch.zeros_like(weights) for weights in others]
        self.second = [torch.zeros_like(weights) for weights in others]
        self.count = torch.zeros((), device=device)

    @torch.no_grad()
    def step(self) -> None:
        for weights, rate, momentum in zip(self.matrices, self.rates, self.momenta, strict=True):
            assert weights.grad is not None
            gradient = torch.nan_to_num(weights.grad.flatten(1), 0, 0, 0)
            momentum.lerp_(gradient, 0.05)
            update = orthogonal(gradient.lerp(momentum, 0.95))
            scale = -rate * math.sqrt(max(1.0, update.shape[0] / update.shape[1]))
            weights.add_(update.view_as(weights) * (scale * self.share))
        self.count += 1
        for weights, factor, first, second in zip(self.others, self.factors, self.first, self.second, strict=True):
            assert weights.grad is not None
            gradient = torch.nan_to_num(weights.grad, 0, 0, 0)
            first.lerp_(gradient, 0.1)
            second.lerp_(gradient.square(), 0.01)
            mean, square = first / (1 - 0.9**self.count), second / (1 - 0.99**self.count)
            weights.sub_(mean / (square.sqrt() + 1e-10) * (factor * self.adam_rate * self.share))

    def state(self) -> dict[str, Tensor]:
        found = {f"momentum.{n}": x for n, x in enumerate(self.momenta)}
        found |= {f"first.{n}": x for n, x in enumerate(self.first)}
        return {**found, **{f"second.{n}": x for n, x in enumerate(self.second)}, "count": self.count}


def weight_of(quality: Tensor) -> Tensor:
    """Return the weight of the squared error at qualities from 0 to 1."""
    return LEAST_WEIGHT * RANGE**quality


def coded(model: AutoencoderModel, x: Tensor, quality: Tensor, noise: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """Return pictures (n, h, w, 3) as they come back, and their bits a pixel (n,); of rounded numbers without noise."""
    with torch.autocast(x.device.type, torch.bfloat16, enabled=model.training):
        latent = model.encoder.network(x)
    bottleneck = model.encoder.bottleneck
    assert isinstance(bottleneck, Hyperprior)
    code, nats = bottleneck.coded(torch.cat([latent[:, :-1], quality[:, None]], 1), noise)
    return model.decoder(code), nats / (math.log(2) * x.shape[1] * x.shape[2])


class Training:
    """The model, its pictures and one step, replayed as a graph where the device has them."""

    def __init__(self, model: AutoencoderModel, pictures: Pictures, given: argparse.Namespace) -> None:
        self.model, self.pictures, self.batch = model, pictures, given.batch
        self.optimizer = Optimizer(model, given.rate, given.adam_rate, given.prior_factor)
        self.shown = torch.zeros(3, device=pictures.device)
        self.graph: torch.cuda.CUDAGraph | None = None
        cuda = pictures.device.type == "cuda"
        self.generator = torch.cuda.default_generators[pictures.device.index or 0] if cuda else torch.default_generator

    def step(self) -> None:
        if self.graph is not None:
            self.graph.replay()
        else:
            self._step()

    def _step(self) -> None:
        x = self.pictures.draw(self.batch)
        quality = (torch.arange(self.batch, device=x.device) + torch.rand(self.batch, device=x.device)) / self.batch
        for weights in self.model.parameters():
            weights.grad = None
        picture, bits = coded(self.model, x, quality, self.generator)
        error = (picture - x).square().mean((1, 2, 3)) * 255**2
        weight = weight_of(quality)
        loss = ((weight * error + bits) * (weight / MIDDLE) ** -BALANCE).mean()
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            psnr = (-10 * torch.log10(error / 255**2)).mean()
            self.shown.lerp_(torch.stack([loss.detach(), bits.mean(), psnr]), 0.02)

    def record(self) -> None:
        """Capture a step as a graph."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                self._step()
        torch.cuda.current_stream().wait_stream(stream)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._step()
        self.graph = graph
        self.step()
        torch.cuda.synchronize()


@torch.no_grad()
def measured(model: AutoencoderModel, pictures: Tensor) -> list[tuple[float, float, float]]:
    """Return (quality, mean PSNR in dB, mean bits a pixel) of held-out squares (n, h, w, 3) at nine qualities."""
    model.eval()
    found = []
    for quality in np.linspace(0, 1, 9):
        picture, bits = coded(
            model, pictures, torch.full((len(pictures),), float(quality), device=pictures.device), None
        )
        whole = (picture.clamp(0, 1) * 255).round() / 255
        psnr = -10 * torch.log10((whole - pictures).square().mean((1, 2, 3)))
        found.append((float(quality), float(psnr.mean()), float(bits.mean())))
    model.train()
    return found


def save(path: Path, model: AutoencoderModel, about: dict[str, object]) -> None:
    """Write the weights, whole or not at all."""
    kept = {name: weights.detach().cpu().contiguous() for name, weights in model.state_dict().items()}
    save_file(kept, path.with_suffix(".part"), metadata={"photo-codec": json.dumps(about)})
    path.with_suffix(".part").replace(path)


def save_state(path: Path, training: Training) -> None:
    kept = {
        name: x.detach().cpu().to(torch.bfloat16 if x.dim() else x.dtype).contiguous()
        for name, x in training.optimizer.state().items()
    }
    save_file(kept, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--folder", default="photos/")
    parser.add_argument("--out", type=Path, required=True, help="folder of the model and its checkpoint")
    parser.add_argument("--minutes", type=float, default=7.0, help="from the program's start to its end")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--crop", type=int, default=160)
    parser.add_argument("--rate", type=float, default=0.002)
    parser.add_argument("--adam-rate", type=float, default=1e-3)
    parser.add_argument("--prior-factor", type=float, default=5.0, help="rate of the prior's weights over the others'")
    parser.add_argument("--small", action="store_true", help="a small model, to try things")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--no-graph", action="store_true")
    parser.add_argument("--export", type=Path, metavar="FILE", help="write the packed model file of --out, and end")
    given = parser.parse_args()
    if given.export is not None:
        export(given.out / "photo_codec.safetensors", pictures_of(given.data, given.folder), given.export, given.crop)
        return
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    given.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(given.seed)
    everything = pictures_of(given.data, given.folder)
    learnt = [x for n, x in enumerate(everything) if n % HELD_OUT_EVERY]
    held_out = Pictures(everything[::HELD_OUT_EVERY], given.crop, device).middles()
    model = AutoencoderModel(built(given.crop, small=given.small).config, torch.Generator().manual_seed(given.seed))
    start_at(model, Pictures(learnt[:64], given.crop, torch.device("cpu")).middles(), torch.Generator().manual_seed(1))
    model = model.to(device).train()
    pictures = Pictures(learnt, given.crop, device)
    training = Training(model, pictures, given)
    file, state_file = given.out / "photo_codec.safetensors", given.out / "photo_codec_state.safetensors"
    before, steps = 0.0, 0
    if given.resume and file.exists() and state_file.exists():
        before, steps = resumed(training, file, state_file)
    print(f"{device}, {len(everything)} pictures, {sum(p.numel() for p in model.parameters()):,} weights", flush=True)
    if device.type == "cuda" and not given.no_graph:
        try:
            training.record()
            print("a step is a graph", flush=True)
        except Exception as error:
            print(f"no graph: {error}", flush=True)
            left = given.minutes - (time.perf_counter() - STARTED) / 60
            os.execv(sys.executable, [sys.executable, *sys.argv, "--no-graph", "--minutes", f"{left:.3f}"])
    run(training, held_out, given, file, state_file, before=before, steps=steps)


def export(file: Path, pictures: list[np.ndarray], out: Path, side: int) -> None:
    """Write the packed model file of trained weights, its tables counted on pictures that were learnt from."""
    from safetensors import safe_open

    from diabolo.config.json import from_json
    from diabolo.data.preprocessing import Preprocessing
    from diabolo.data.source import ArraySource
    from diabolo.jobs.compress.packed_model import write_packed
    from diabolo.jobs.compress.photos import PHOTO, fit_photos
    from diabolo.training.files.model_file import Trained, in_memory_format

    with safe_open(file, "pt") as opened:
        about = json.loads(opened.metadata()["photo-codec"])
    model = AutoencoderModel(from_json(ModelConfig, about.pop("config")))
    model.load_state_dict(load_file(file), assign=True)
    scale = Preprocessing(np.zeros(()), np.array(255.0), np.dtype(np.uint8), True, ())
    trained = Trained(in_memory_format(model).eval(), scale, (), {**about, "data": "photos_train", "seed": 0})
    seen = Pictures([x for n, x in enumerate(pictures) if n % HELD_OUT_EVERY][::12], side, torch.device("cpu"))
    squares = (seen.middles() * 255).round().to(torch.uint8).numpy()
    write_packed(out, replace(trained, extras={PHOTO: fit_photos(trained, ArraySource(squares))}), force=True)


def resumed(training: Training, file: Path, state_file: Path) -> tuple[float, int]:
    """Load the last checkpoint; return the seconds and steps it took."""
    from safetensors import safe_open

    with safe_open(file, "pt") as opened:
        about = json.loads(opened.metadata()["photo-codec"])
    training.model.load_state_dict(load_file(file))
    kept = load_file(state_file)
    for name, tensor in training.optimizer.state().items():
        tensor.copy_(kept[name].to(tensor.dtype))
    return float(about["seconds"]), int(about["steps"])


def run(
    training: Training,
    held_out: Tensor,
    given: argparse.Namespace,
    file: Path,
    state_file: Path,
    *,
    before: float,
    steps: int,
) -> None:
    """Train until the time is over; write the model every half a minute and at the end."""
    device, reserve = training.pictures.device, 3 + 0.03 * 60 * given.minutes
    began = time.perf_counter()
    total = before + 60 * given.minutes - (began - STARTED) - reserve
    kept_at = looked_at = began

    def about() -> dict[str, object]:
        seconds = before + time.perf_counter() - began
        return {
            "config": to_json(training.model.config),
            "seconds": seconds,
            "steps": steps,
            "device": str(device),
            "batch": given.batch,
            "crop": given.crop,
            "least_weight": LEAST_WEIGHT,
            "range": RANGE,
        }

    while True:
        share = (before + time.perf_counter() - began) / total
        if share >= 1:
            break
        warm = min(1.0, (steps + 1) / 200)
        training.optimizer.share.fill_(warm * min(1.0, (1 - share) / 0.7))
        training.step()
        steps += 1
        now = time.perf_counter()
        if steps % 100 == 0 or now - looked_at > 30:
            if device.type == "cuda":
                torch.cuda.synchronize()
            if now - looked_at > 15:
                looked_at = now
                loss, bits, psnr = training.shown.tolist()
                print(
                    f"{now - began:6.0f} s {steps:7d} steps: loss {loss:.4f}, {bits:.3f} bits a pixel, {psnr:.2f} dB",
                    flush=True,
                )
        if now - kept_at > 45:
            save(file, training.model, about())
            save_state(state_file, training)
            kept_at = now
    save(file, training.model, about())
    save_state(state_file, training)
    for quality, psnr, bits in measured(training.model, held_out):
        print(f"quality {quality:.3f}: {psnr:.2f} dB at {bits:.4f} bits a pixel", flush=True)
    print(f"{steps} steps, {time.perf_counter() - STARTED:.0f} s in all", flush=True)


if __name__ == "__main__":
    main()
