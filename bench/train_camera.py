"""Train the denoiser of real noise that comes with the package, on photos that are made noisy on the device.

The data are the zip that bench/pack_photos.py writes; every 20th photo is held out. The learning rate follows a cosine
to the end of the time that is given, and a run that is ended goes on from its checkpoint.

    python bench/train_camera.py --data photos.zip --minutes 7 --out denoiser.safetensors
"""

import argparse
import io
import math
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from diabolo.config.corruption import PhotoNoiseConfig
from diabolo.config.likelihoods import PixelGaussianConfig
from diabolo.config.model import ModelConfig
from diabolo.config.networks import UShapedConfig
from diabolo.data.preprocessing import Preprocessing
from diabolo.model.autoencoder import AutoencoderModel
from diabolo.model.corruption.draws import Numbers
from diabolo.model.corruption.filters import blurred
from diabolo.model.corruption.photo_noise import Mixture, spoiled
from diabolo.model.likelihoods import PixelGaussian
from diabolo.model.networks.sizes import code_size
from diabolo.model.summary import count_parameters
from diabolo.training.files.model_file import Trained, save_model
from diabolo.training.optimizer import BIAS_BETAS, BIAS_SHARE, MOMENTUM, POLAR_EXPRESS, Adam
from diabolo.version import __version__

HELD_OUT_EVERY, LOOKED = 20, 160
WARM_UP, AVERAGED = 200, 0.999
LEAST_ERROR = (0.4 / 255) ** 2
"""Added to the squared error before its logarithm: below it better is not worth much."""
GREY, GREY_OWN = (0.15, 0.45), 0.6
"""Share of grey images among those with a camera's noise and among the others, and of them those of train400."""
TOLD_SHARE, TOLD_JITTER, TOLD_WIDTH, SPREAD_WEIGHT = 0.4, 0.15, 12.0, 0.03


@dataclass(frozen=True)
class Bank:
    """Photos on the device: images (n, 3, side, side), uint8, mirrored beyond each one's sizes (n, 2)."""

    images: Tensor
    sizes: Tensor
    grey: Tensor

    @cached_property
    def greys(self) -> Tensor:
        return self.grey.nonzero().flatten()

    @cached_property
    def colours(self) -> Tensor:
        return (~self.grey).nonzero().flatten()

    def part(self, chosen: Tensor) -> "Bank":
        return Bank(self.images[chosen], self.sizes[chosen], self.grey[chosen])


def opened(path: Path, device: torch.device) -> Bank:
    """Read the packed photos."""
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".webp"))
        pictures = [np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("RGB")) for name in names]
    side = max(max(picture.shape[:2]) for picture in pictures)
    padded = [np.pad(p, ((0, side - p.shape[0]), (0, side - p.shape[1]), (0, 0)), "reflect") for p in pictures]
    images = torch.from_numpy(np.stack(padded)).permute(0, 3, 1, 2).contiguous()
    grey = torch.tensor([name.startswith("train400") for name in names])
    sizes = torch.tensor([picture.shape[:2] for picture in pictures], dtype=torch.float32)
    return Bank(images.to(device), sizes.to(device), grey.to(device))


def drawn(bank: Bank, count: int, side: int, generator: torch.Generator) -> Tensor:
    """Return pieces (n, 3, side, side) in [0, 1]: turned, mirrored, some enlarged, darker or grey."""
    device = bank.images.device
    draws = Numbers(count, generator, device)
    shares = torch.where(torch.arange(count, device=device) < Mixture().camera * count, *GREY).view(-1, 1, 1, 1)
    from_grey = (draws.even(0, 1) < GREY_OWN * shares).flatten()
    places = [(draws.even(0, 1).flatten() * len(rows)).long() for rows in (bank.colours, bank.greys)]
    chosen = torch.where(from_grey, bank.greys[places[1]], bank.colours[places[0]])
    zoom = torch.where(draws.coin(0.5), draws.scale(1, 2.5), 1.0)
    zoom = torch.where(draws.coin(0.06), draws.scale(2, 8), zoom).view(-1, 1, 1)
    whole = bank.images[chosen].float().div_(255)
    most = (bank.sizes[chosen].view(-1, 2, 1, 1) - (side - 1) / zoom.view(-1, 1, 1, 1) - 1).clamp_min_(0)
    corner = torch.cat([draws.even(0, 1), draws.even(0, 1)], 1) * most
    corner = torch.where(zoom.view(-1, 1, 1, 1) == 1, corner.round(), corner).view(-1, 2, 1, 1)
    numbers = torch.arange(side, device=device, dtype=torch.float32)
    flips = [torch.where(draws.coin(0.5).view(-1, 1), numbers, side - 1 - numbers) for _ in range(2)]
    down, across = (flip.view(count, *shape) for flip, shape in zip(flips, ((-1, 1), (1, -1)), strict=True))
    turned = draws.coin(0.5).view(-1, 1, 1)
    down, across = torch.where(turned, across, down), torch.where(turned, down, across)
    scale = 2 / (whole.shape[2] - 1)
    places = torch.stack([across / zoom + corner[:, 1], down / zoom + corner[:, 0]], 3) * scale - 1
    pieces = functional.grid_sample(whole, places, "bicubic", "border", align_corners=True).clamp_(0, 1)
    pieces = pieces * torch.where(draws.coin(0.2), draws.even(0.2, 1), 1.0)
    luma = (pieces * pieces.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    grey = (draws.even(0, 1) < (1 - GREY_OWN) * shares) | from_grey.view(-1, 1, 1, 1)
    return torch.where(grey, luma, pieces)


def told(given: Tensor, wanted: Tensor, draws: Numbers, share: float) -> Tensor:
    """Return the level of the noise near each pixel, and whether it is told, (n, 2, h, w)."""
    level = blurred((given - wanted).square().mean(1, keepdim=True), torch.full_like(draws.even(0, 1), TOLD_WIDTH))
    level = level.clamp_min(0).sqrt() * (TOLD_JITTER * draws.normal(0, 1)).exp()
    known = draws.coin(share).float().expand_as(level)
    return torch.cat([level * known, known], 1)


class Orthogonal:
    """Muon as in the package, with the matrices of one shape taken together; Adam for biases."""

    def __init__(self, parameters: list[nn.Parameter]) -> None:
        groups: dict[tuple[int, int], list[nn.Parameter]] = {}
        for weights in parameters:
            if weights.dim() > 1:
                groups.setdefault((len(weights), weights[0].numel()), []).append(weights)
        self.groups = groups
        self.momenta = {size: torch.zeros(len(g), *size, device=g[0].device) for size, g in groups.items()}
        self.biases = Adam([weights for weights in parameters if weights.dim() <= 1], betas=BIAS_BETAS)

    @torch.no_grad()
    def step(self, number: int, rate: float) -> None:
        self.biases.step(number, rate * BIAS_SHARE)
        for size, group in self.groups.items():
            gradient = torch.stack([w.grad.reshape(size) for w in group if w.grad is not None])
            momentum = self.momenta[size]
            momentum.lerp_(gradient, 1 - MOMENTUM)
            update = orthogonal(gradient.lerp(momentum, MOMENTUM)) * (-rate * math.sqrt(max(1.0, size[0] / size[1])))
            torch._foreach_add_(group, [one.view(w.shape) for one, w in zip(update, group, strict=True)])

    def state(self) -> dict[str, Tensor]:
        return {f"momentum.{a}.{b}": m for (a, b), m in self.momenta.items()} | {
            f"bias.{name}": tensor for name, tensor in self.biases.state().items()
        }


def orthogonal(matrix: Tensor) -> Tensor:
    """Return U V^T of matrices (k, rows, columns), as `diabolo.training.optimizer.orthogonal` does for one."""
    turned = matrix.transpose(1, 2)
    wide = matrix.shape[1] <= matrix.shape[2]
    gram = matrix @ turned if wide else turned @ matrix
    norm = gram.diagonal(dim1=1, dim2=2).sum(1).add_(1e-30).view(-1, 1, 1)
    gram = gram / norm
    unit = torch.eye(gram.shape[1], device=matrix.device)
    root: Tensor | None = None
    for constant, linear, square in POLAR_EXPRESS:
        factor = constant * unit + linear * gram + square * (gram @ gram)
        root = factor if root is None else factor @ root
        gram = factor @ gram @ factor
    assert root is not None
    root = root * norm.rsqrt()
    return root @ matrix if wide else matrix @ root


def loss_of(model: AutoencoderModel, given: Tensor, wanted: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return (the loss, its mean PSNR in dB): log of each sample's squared error, and the expected error's likelihood.

    The error that the spread learns from has no gradient, so that hard pixels are not given up.
    """
    with torch.autocast(device.type, torch.bfloat16):
        parameters = model.decoder.network(model.encoder.network(given.permute(0, 2, 3, 1)))
    parameters = parameters.float()
    likelihood = model.decoder.likelihood
    assert isinstance(likelihood, PixelGaussian)
    error = parameters[..., :-1] - wanted.permute(0, 2, 3, 1)
    square = error.square().flatten(1).mean(1)
    spread = likelihood.log_spread(parameters)
    nll = (error.detach().square().mean(3) * torch.exp(-2 * spread) / 2 + spread).mean()
    return 0.5 * (square + LEAST_ERROR).log().mean() + SPREAD_WEIGHT * nll, -10 * square.detach().log10().mean()


def looked_at(bank: Bank, device: torch.device, most: int) -> list[tuple[str, Tensor, Tensor]]:
    """Return held-out photos and what they look like with several kinds of noise, always the same."""
    generator = torch.Generator(device).manual_seed(12345)
    middle = bank.images[..., :LOOKED, :LOOKED].float() / 255
    colour, grey = middle[~bank.grey][:most], middle[bank.grey][:most]
    cases = [("camera", *spoiled(colour, generator, Mixture(camera=1, white=0, photons=0)))]
    for name, images in (("colour", colour), ("grey", grey)):
        noise = torch.empty_like(images).normal_(generator=generator) * 25 / 255
        cases.append((f"{name} 25", images + (noise[:, :1] if name == "grey" else noise), images))
    cases.append(("photons", *spoiled(colour, generator, Mixture(camera=0, white=0, photons=1))))
    return cases


@torch.no_grad()
def measured(model: AutoencoderModel, cases: list[tuple[str, Tensor, Tensor]]) -> tuple[str, float]:
    """Return the mean PSNR of each case before and after, and how many times the expected error the true one is."""
    found, ratios = [], []
    for name, given, wanted in cases:
        square, before, trust = [], [], []
        for some, clean in zip(given.split(16), wanted.split(16), strict=True):
            out = resized_network(model, some)
            error = (out[..., :-1].clamp(0, 1) - clean.permute(0, 2, 3, 1)).square()
            square.append(error.flatten(1).mean(1))
            before.append((some.clamp(0, 1) - clean).square().flatten(1).mean(1))
            trust.append((error.mean(3) * torch.exp(-2 * model.decoder.likelihood.log_spread(out))).mean((1, 2)))
        decibels = [float(-10 * torch.cat(values).clamp_min(1e-9).log10().mean()) for values in (before, square)]
        ratio = float(torch.cat(trust).mean().sqrt())
        ratios.append(ratio)
        found.append(f"{name} {decibels[0]:.2f} -> {decibels[1]:.2f} (error / expected {ratio:.2f})")
    return "; ".join(found), float(np.exp(np.mean(np.log(ratios))))


def resized_network(model: AutoencoderModel, images: Tensor) -> Tensor:
    from diabolo.model.networks.resizing import resized

    other = resized(model, *images.shape[2:])
    return other.decoder.network(other.encoder.network(images.permute(0, 2, 3, 1)))


def batches(bank: Bank, given: argparse.Namespace, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield what is seen, with what is told, and what is wanted; made for several steps at once."""
    while True:
        count = given.batch * given.together
        seen, wanted = spoiled(drawn(bank, count, given.patch, generator), generator)
        draws = Numbers(count, generator, seen.device)
        seen = torch.cat([seen, told(seen, wanted, draws, TOLD_SHARE)], 1)
        mixed = torch.arange(count, device=seen.device).view(given.batch, -1).T  # each step gets all kinds
        for rows in mixed:
            yield seen[rows].contiguous(memory_format=torch.channels_last), wanted[rows]


def configured(channels: tuple[int, ...], depths: tuple[int, ...], side: int) -> ModelConfig:
    network = UShapedConfig(channels, depths=depths, bias=True, told=True)
    shape = (side, side, 3)
    size = code_size(channels, (3, side, side))
    return ModelConfig(
        "denoise-photo", shape, size, network, likelihood=PixelGaussianConfig(), corruption=PhotoNoiseConfig()
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=7.0)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--patch", type=int, default=96)
    parser.add_argument("--together", type=int, default=2, help="steps whose samples are made at once")
    parser.add_argument("--rate", type=float, default=0.008)
    parser.add_argument("--channels", default="40,64,128")
    parser.add_argument("--depths", default="1,2,3")
    parser.add_argument("--look", type=float, default=60.0, help="seconds between looks at the held-out photos")
    parser.add_argument("--shown", type=int, default=100, help="held-out photos of each kind that are looked at")
    parser.add_argument("--save", type=float, default=30.0, help="seconds between checkpoints")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    given = arguments()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    bank = opened(given.data, device)
    held = torch.arange(len(bank.images), device=device) % HELD_OUT_EVERY == 0
    cases, bank = looked_at(bank.part(held), device, given.shown), bank.part(~held)
    sizes = [tuple(int(word) for word in text.split(",")) for text in (given.channels, given.depths)]
    config = configured(sizes[0], sizes[1], given.patch)
    model = AutoencoderModel(config, torch.Generator(device).manual_seed(given.seed))
    optimizer = Orthogonal(list(model.parameters()))
    average = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state = {f"model.{k}": v for k, v in model.state_dict().items()} | {f"average.{k}": v for k, v in average.items()}
    state |= {f"optimizer.{k}": v for k, v in optimizer.state().items()}
    checkpoint = given.out.with_suffix(".checkpoint")
    step, spent = resumed(checkpoint, state)
    print(f"{device}: {count_parameters(model):,} parameters, {len(bank.images)} photos, from step {step}", flush=True)
    generator = torch.Generator(device).manual_seed(given.seed + 1 + step)
    start = time.perf_counter() - spent
    looked = saved = time.perf_counter()
    decibels: list[Tensor] = []
    for seen, wanted in batches(bank, given, generator):
        now = time.perf_counter()
        share = (now - start) / max(1e-9, 60 * given.minutes)
        if share >= 1 or not given.minutes:
            break
        rate = given.rate * min(1.0, (step + 1) / WARM_UP) * (0.5 + 0.5 * math.cos(math.pi * share))
        loss, psnr = loss_of(model, seen, wanted, device)
        for weights in model.parameters():
            weights.grad = None
        loss.backward()
        optimizer.step(step, rate)
        keep = min(AVERAGED, (step + 1) / (step + 10))
        torch._foreach_lerp_(list(average.values()), list(model.state_dict().values()), 1 - keep)
        decibels.append(psnr)
        step += 1
        if step % 20 == 0 and device.type == "cuda":
            torch.cuda.synchronize()
        if now - saved > given.save:
            saved = now
            save_file(
                {k: v.contiguous() for k, v in state.items()},
                checkpoint,
                {"step": str(step), "spent": str(now - start)},
            )
        if now - looked > given.look:
            looked = now
            mean, decibels = float(torch.stack(decibels).mean()), []
            found, trust = looked_with(model, average, cases)
            print(f"{now - start:6.0f} s step {step:6d} training {mean:.3f} dB; {found}", flush=True)
            export(given, model, average, step, found, trust)
    last, trust = looked_with(model, average, cases)
    print(f"{step} steps; {last}", flush=True)
    export(given, model, average, step, last, trust)


def looked_with(
    model: AutoencoderModel, average: dict[str, Tensor], cases: list[tuple[str, Tensor, Tensor]]
) -> tuple[str, float]:
    """Return what averaged weights reach on the held-out photos, as `measured` does."""
    own = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.load_state_dict(average)
    found = measured(model, cases)
    model.load_state_dict(own)
    return found


def resumed(checkpoint: Path, state: dict[str, Tensor]) -> tuple[int, float]:
    """Fill the state from a checkpoint, if there is one; return its step and the seconds spent."""
    if not checkpoint.exists():
        return 0, 0.0
    with safe_open(checkpoint, "pt") as file:
        about = file.metadata()
    for name, tensor in load_file(checkpoint).items():
        state[name].copy_(tensor)
    return int(about["step"]), float(about["spent"])


def export(
    given: argparse.Namespace, model: AutoencoderModel, average: dict[str, Tensor], step: int, last: str, trust: float
) -> None:
    """Write the model file of the averaged weights, in float16."""
    kept = AutoencoderModel(replace(model.config, likelihood=PixelGaussianConfig(trust)))
    kept.load_state_dict({name: tensor.cpu().clone() for name, tensor in average.items()}, assign=True)
    about = {
        "diabolo": __version__,
        "data": "photos_train, train400",
        "seed": given.seed,
        "steps": step,
        "minutes": given.minutes,
        "batch": given.batch,
        "held_out": last,
    }
    preprocessing = Preprocessing(np.array(0.0), np.array(255.0), np.dtype(np.uint8), True)
    save_model(given.out, Trained(kept.half().eval(), preprocessing, (), about), force=True)
    print(f"{given.out}: {given.out.stat().st_size / 1e6:.2f} MB", flush=True)


if __name__ == "__main__":
    main()
