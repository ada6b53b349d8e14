"""The model that comes with the package: a blind denoiser of photos (bench/train_denoiser.py made it)."""

from functools import cache
from importlib.resources import as_file, files

from diabolo.training.files.model_file import Trained, load_model

NAME = "denoiser.safetensors"


@cache
def bundled_denoiser() -> Trained:
    """Return the bundled model for Gaussian noise of 0 to 55/255 in grey and colour images of any size."""
    with as_file(files("diabolo.jobs.denoise") / NAME) as path:
        return load_model(path)
