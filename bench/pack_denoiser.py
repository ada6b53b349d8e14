"""Make the file of a trained denoiser small: large matrices of weights in int8 with a step of each output.

The other weights are kept in float16. The expected error is calibrated on the held-out photos of bench/train_camera.py
(`--trust`, `--floor` in grey levels), which prints how far it can be trusted.

    python bench/pack_denoiser.py denoiser.safetensors --out src/diabolo/jobs/denoise/denoiser.safetensors
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from diabolo.config.likelihoods import PixelGaussianConfig
from diabolo.model.autoencoder import AutoencoderModel
from diabolo.training.files.model_file import from_steps, load_model, save_model, stepped


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--whole", type=int, default=100_000, help="weights of a matrix up to which it stays float16")
    parser.add_argument("--trust", type=float, default=1.0)
    parser.add_argument("--floor", type=float, default=0.5)
    given = parser.parse_args()
    trained = load_model(given.model)
    model = trained.model
    if isinstance(model.config.likelihood, PixelGaussianConfig):
        model = AutoencoderModel(replace(model.config, likelihood=PixelGaussianConfig(given.trust, given.floor / 255)))
        model.load_state_dict(trained.model.state_dict(), assign=True)
    counts = [0, 0]
    for weights in model.parameters():
        small = weights.dim() > 1 and weights.numel() > given.whole
        weights.copy_(from_steps(*stepped(weights)) if small else weights.half().float())
        counts[small] += weights.numel()
    save_model(given.out, replace(trained, model=model.eval()), force=True)
    print(f"{given.out}: {counts[0]:,} weights in float16, {counts[1]:,} in int8, {given.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
