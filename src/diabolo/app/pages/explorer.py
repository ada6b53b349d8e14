"""A page to walk through the space of codes: one file that holds the decoder itself, or a grid of what it decodes."""

import base64
import json
import math
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from torch import nn

from diabolo.app.drawing.palette import categories
from diabolo.app.drawing.pictures import data_uri, file_of
from diabolo.app.drawing.sheets import sheet
from diabolo.app.fit_and_measure import shape_text
from diabolo.data.source import Dataset, Subset, spaced
from diabolo.data.writing import are_pictures
from diabolo.errors import InputError
from diabolo.jobs.apply import decode, encode
from diabolo.jobs.generate.density import source_of_codes
from diabolo.jobs.generate.sample import ranked_numbers
from diabolo.model.likelihoods import Bernoulli, Logistic
from diabolo.training.files.model_file import Trained
from diabolo.training.labelled import one_hot

POINTS, SIDE, SLIDERS, REACH = 2000, 24, 12, 2.5
MOST_WEIGHTS, MOST_PIXELS = 4_000_000, 4 << 20
OUTPUTS: dict[type, str] = {Bernoulli: "sigmoid", Logistic: "clamp"}
Floats = NDArray[np.float32]


def explorer_page(
    trained: Trained, data: Dataset | None = None, *, label: str | None = None, live: str | None = None
) -> str:
    """Return one self-contained HTML page: a map of codes; the picture of the code that is pointed at; walks.

    data: samples whose codes are shown on the map, and whose components span it if a code has more than 2 numbers.
    label: what a conditional model's decoder is told. The decoder is in the page where it is fully connected and has
    at most 4 million weights; else a grid of decoded codes is, and what lies between is blended.
    live: address of a server that decodes for the page instead, and shows tables and the nearest samples too.
    Raises InputError if the model's samples are no pictures, and there is no such server.
    """
    config, prepared = trained.model.config, trained.preprocessing
    shown = are_pictures(config.shape, prepared.dtype, unit=prepared.unit)
    if not shown and live is None:
        raise InputError(f"The page shows pictures, and this model's samples ({shape_text(config.shape)}) are none.")
    codes = _codes(trained, data)
    mean, spread = _middle(trained, codes)
    plane = _plane(trained, codes, mean, spread)
    content: dict[str, Any] = {
        "shape": [*config.shape, 1, 1][:3],
        "mean": _rounded(mean),
        "spread": _rounded(spread),
        "plane": plane,
        "points": _points(codes, plane, mean),
        **_groups(data),
        "grid": _grid(trained, plane, mean, label) if shown else None,
        "decoder": _decoder(trained, label) if live is None else None,
        "live": live,
        "sliders": ranked_numbers(trained, mean, spread)[:SLIDERS],
    }
    told = "" if label is None else f", label {label}"
    subtitle = f"{config.preset}: {shape_text(config.shape)}, codes of {config.latent} numbers{told}"
    if data is not None:
        subtitle += f"; codes of {data.name}"
    template = Template(files("diabolo.app.pages").joinpath("explorer.html").read_text(encoding="utf-8"))
    safe = json.dumps(content, allow_nan=False).replace("<", "\\u003c")
    script = files("diabolo.app.pages").joinpath("explorer.js").read_text(encoding="utf-8")
    return template.substitute(subtitle=escape(subtitle), content=safe, script=script)


def _codes(trained: Trained, data: Dataset | None) -> Floats:
    if data is None:
        return np.zeros((0, trained.model.config.latent), np.float32)
    return encode(trained, Subset(data.train, spaced(len(data.train), POINTS)))


def _middle(trained: Trained, codes: Floats) -> tuple[Floats, Floats]:
    """Return the mean and the spread of codes: of those shown, else of the fitted density, else of the prior."""
    if len(codes) > 1:
        return codes.mean(0), np.maximum(codes.std(0), 1e-3)
    try:
        density = source_of_codes(trained)
    except InputError as error:
        raise InputError(f"Where this model's codes lie is not known: give DATA. {error}") from error
    return density.mean, density.spread


def _plane(trained: Trained, codes: Floats, mean: Floats, spread: Floats) -> dict[str, Any]:
    """Return two axes (2, latent) through the mean, and how far (x, y) the map reaches on both sides of it."""
    latent = len(mean)
    if latent > 2 and len(codes) > 2:
        pca = PCA(2, svd_solver="full").fit(codes)
        return {"axes": _rounded(pca.components_), "reach": _rounded(REACH * np.sqrt(pca.explained_variance_) + 1e-6)}
    axes = np.zeros((2, latent), np.float32)
    chosen = ranked_numbers(trained, mean, spread)[:2] if latent > 2 else list(range(latent))
    for row, number in enumerate(chosen):
        axes[row, number] = 1
    reach = [REACH * float(spread[number]) for number in chosen]
    return {"axes": _rounded(axes), "reach": _rounded(np.array([*reach, 1.0])[:2])}


def _points(codes: Floats, plane: dict[str, Any], mean: Floats) -> list[Any]:
    return _rounded((codes - mean) @ np.array(plane["axes"]).T)


def _groups(data: Dataset | None) -> dict[str, Any]:
    """Return the group of each point, and the groups' names and colours."""
    if data is None or data.labels is None:
        return {"group": [], "groups": []}
    found = categories(data.labels[spaced(len(data.train), POINTS)])
    if found is None:
        return {"group": [], "groups": []}
    return {"group": found.index.tolist(), "groups": [[entry.name, entry.colour] for entry in found.entries]}


def _grid(trained: Trained, plane: dict[str, Any], mean: Floats, label: str | None) -> dict[str, Any]:
    """Return a grid of pictures over the map, from the top left, as one picture with a line between."""
    height, width = trained.model.config.shape[:2]
    side = int(max(2, min(SIDE, math.sqrt(MOST_PIXELS / (height * width)))))
    steps = np.linspace(-1, 1, side)
    x, y = np.meshgrid(steps * plane["reach"][0], steps[::-1] * plane["reach"][1])
    codes = mean + np.stack([x, y], -1).reshape(-1, 2) @ np.array(plane["axes"])
    pictures = decode(trained, codes.astype(np.float32), label=label)
    return {"side": side, "picture": data_uri(file_of(sheet(pictures, columns=side)))}


def _decoder(trained: Trained, label: str | None) -> dict[str, Any] | None:
    """Return the decoder's layers with their weights in 16 bits, or None where the page cannot compute it."""
    decoder = trained.model.decoder
    layers: list[dict[str, Any]] = []
    kinds = (nn.Linear, nn.ReLU, nn.SiLU, nn.Unflatten)
    weights = sum(tensor.numel() for tensor in decoder.parameters())
    if type(decoder.likelihood) not in OUTPUTS or weights > MOST_WEIGHTS:
        return None
    for layer in decoder.network:
        if not isinstance(layer, kinds):
            return None
        if isinstance(layer, nn.Linear):
            matrix, bias = (_half(tensor) for tensor in (layer.weight, layer.bias))
            layers.append({"inputs": layer.in_features, "outputs": layer.out_features, "weights": matrix, "bias": bias})
        elif not isinstance(layer, nn.Unflatten):
            layers[-1]["activation"] = type(layer).__name__
    classes = trained.model.config.classes
    told = [] if not classes else [0.0] * len(classes) if label is None else one_hot(classes, label, 1)[0].tolist()
    return {"layers": layers, "output": OUTPUTS[type(decoder.likelihood)], "told": told}


def _half(tensor: torch.Tensor) -> str:
    return base64.b64encode(tensor.detach().cpu().numpy().astype("<f2").tobytes()).decode("ascii")


def _rounded(values: NDArray[Any]) -> list[Any]:
    found: list[Any] = np.round(values.astype(np.float64), 4).tolist()
    return found
