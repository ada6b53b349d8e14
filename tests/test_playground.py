"""The playground: its mathematics against PyTorch and scikit-learn, and the page in a browser, by its file."""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from diabolo.app.cli import main
from diabolo.app.pages.playground.playground import LANGUAGES, playground_page
from diabolo.app.pages.playground.sample import sample_of
from diabolo.data.opening import open_data
from diabolo.data.source import ArraySource, Dataset
from diabolo.errors import InputError

INPUTS, SAMPLES = 21, 6
PLAIN = {
    "inputs": INPUTS,
    "widths": [7, 5],
    "latent": 3,
    "hidden": "relu",
    "code": "linear",
    "likelihood": "bernoulli",
    "variational": False,
    "beta": 1.0,
    "sparsity": "none",
    "amount": 0.0,
}
MODELS: dict[str, dict[str, Any]] = {
    "one layer, ReLU": {"widths": [], "code": "relu", "latent": 9},
    "linear, squared error": {"hidden": "linear", "likelihood": "gaussian"},
    "tanh, sigmoid": {"hidden": "tanh", "code": "sigmoid"},
    "sigmoid, tanh": {"hidden": "sigmoid", "code": "tanh"},
    "SiLU, squared error": {"hidden": "silu", "likelihood": "gaussian"},
    "L1": {"code": "relu", "sparsity": "l1", "amount": 0.7},
    "L1, signed": {"hidden": "tanh", "sparsity": "l1", "amount": 0.3},
    "k largest": {"hidden": "tanh", "latent": 8, "sparsity": "top", "amount": 3},
    "variational": {"variational": True, "beta": 0.6},
    "variational, squared error": {"variational": True, "beta": 3.0, "likelihood": "gaussian", "hidden": "tanh"},
}
TORCH = {
    "linear": lambda z: z,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "silu": functional.silu,
}
MEASURE = """
const [model, fast, layers, x, target, noise, n] = arguments;
const program = fast ? compiled(playground.content.kernels) : null;
if (fast && program === null) throw new Error("no kernels");
const network = new Network(model, program, n);
network.layers.forEach((layer, i) => { layer.w.set(layers[i][0]); layer.b.set(layers[i][1]); });
const floats = (numbers) => numbers && Float32Array.from(numbers);
const found = network.measure(floats(x), floats(target), n, floats(noise), true);
return [found, network.layers.map(({ dw, db }) => [[...dw], [...db]])];
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page that the command line writes of scikit-learn's digits."""
    path = tmp_path_factory.mktemp("playground") / "page.html"
    with pytest.raises(SystemExit) as end:
        main(["playground", "digits", "--out", str(path), "--no-browser"])
    assert not end.value.code
    return path


@pytest.fixture
def opened(browser, page: Path) -> Iterator[Any]:
    """Yield the browser at the page by its file; afterwards nothing may be on the console, or have been asked for."""
    browser.get_log("performance")
    load(browser, page)
    yield browser
    assert browser.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert [url for url in sent if not url.startswith(("file:", "data:", "blob:"))] == []


def load(browser, page: Path, state: str = "lang=en") -> None:
    browser.get("about:blank")
    browser.get(f"{page.as_uri()}#{state}")
    until(browser, "return globalThis.playground?.updates > 0")


def until(browser, script: str, seconds: float = 20) -> Any:
    from selenium.webdriver.support.wait import WebDriverWait

    return WebDriverWait(browser, seconds, 0.02).until(lambda _: browser.execute_script(script))


def click(browser, name: str) -> None:
    browser.execute_script("document.getElementById(arguments[0]).click()", name)


def torch_loss(
    model: dict[str, Any], layers: list[list[torch.Tensor]], x: torch.Tensor, target: torch.Tensor, noise: torch.Tensor
) -> dict[str, torch.Tensor]:
    """Return the terms of the loss, averaged over the samples, as PyTorch computes them in 64 bits."""
    depth = len(model["widths"]) + 1
    for number, (weight, bias) in enumerate(layers[:depth]):
        last = number == depth - 1
        kind = ("linear" if model["variational"] else model["code"]) if last else model["hidden"]
        x = TORCH[kind](x @ weight + bias)
    rate = penalty = torch.zeros((), dtype=torch.float64)
    code = x
    if model["variational"]:
        mean, log_variance = x.chunk(2, 1)
        code = mean + noise * torch.exp(log_variance / 2)
        posterior = torch.distributions.Normal(mean, torch.exp(log_variance / 2))
        prior = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
        rate = torch.distributions.kl_divergence(posterior, prior).sum(1).mean()
    if model["sparsity"] == "top":
        kept = torch.zeros_like(code).scatter(1, code.topk(model["amount"], 1).indices, 1.0)
        code = code * kept
    if model["sparsity"] == "l1":
        penalty = model["amount"] * code.abs().sum(1).mean()
    y = code
    for number, (weight, bias) in enumerate(layers[depth:]):
        y = TORCH["linear" if number == depth - 1 else model["hidden"]](y @ weight + bias)
    if model["likelihood"] == "bernoulli":
        distortion = functional.binary_cross_entropy_with_logits(y, target, reduction="none").sum(1).mean()
    else:
        distortion = ((y - target) ** 2).sum(1).mean() / 2
    loss = distortion + model["beta"] * rate + penalty
    return {"distortion": distortion, "rate": rate, "penalty": penalty, "loss": loss}


def drawn_layers(model: dict[str, Any], generator: torch.Generator) -> list[list[torch.Tensor]]:
    """Return [weight (inputs, outputs), bias] of each layer, with numbers that 32 bits hold exactly."""
    down = [model["inputs"], *model["widths"]]
    up = [model["latent"], *reversed(model["widths"]), model["inputs"]]
    code = (2 if model["variational"] else 1) * model["latent"]
    sizes = [*pairwise([*down, code]), *pairwise(up)]
    return [
        [torch.randn(shape, generator=generator).mul_(0.5).double().requires_grad_() for shape in (size, size[1:])]
        for size in sizes
    ]


def gradient_error(browser, name: str, *, fast: bool) -> float:
    """Return the largest difference between the page's terms and slopes and PyTorch's, for a model of MODELS.

    Terms are compared by their size, the slopes of a layer by the largest of them, where that is over 1.
    """
    model = {**PLAIN, **MODELS[name]}
    generator = torch.Generator().manual_seed(3)
    layers = drawn_layers(model, generator)
    target = torch.rand(SAMPLES, INPUTS, generator=generator).double()
    x = target * torch.rand(SAMPLES, INPUTS, generator=generator).gt(0.3)
    noise = torch.randn(SAMPLES, model["latent"], generator=generator).double()
    wanted = torch_loss(model, layers, x, target, noise)
    wanted["loss"].backward()
    numbers = [[part.detach().flatten().tolist() for part in layer] for layer in layers]
    inputs = [part.flatten().tolist() for part in (x, target, noise)]
    found, slopes = browser.execute_script(MEASURE, model, fast, numbers, *inputs, SAMPLES)
    errors = [abs(found[term] - value.item()) / max(1, abs(value.item())) for term, value in wanted.items()]
    for layer, given in zip(layers, slopes, strict=True):
        for part, slope in zip(layer, given, strict=True):
            assert part.grad is not None
            assert part.grad.abs().max() > 0
            size = max(1.0, float(part.grad.abs().max()))
            errors.append(float((part.grad.flatten() - torch.tensor(slope).double()).abs().max()) / size)
    return max(errors)


@pytest.mark.parametrize("fast", [True, False], ids=["webassembly", "javascript"])
def test_losses_and_gradients_are_pytorchs(opened, fast: bool) -> None:
    errors = {name: gradient_error(opened, name, fast=fast) for name in MODELS}
    assert max(errors.values()) < 1e-5, errors


OPTIMIZE = """
const [kind, fast, slopes, rate] = arguments, program = fast ? compiled(playground.content.kernels) : null;
const kernels = new Kernels(program, 1000), size = slopes[0].length;
const network = { kernels, parameters: kernels.floats(size), slopes: kernels.floats(size) };
const step = OPTIMIZERS[kind](network);
for (const slope of slopes) { network.slopes.set(slope); step(rate); }
return [...network.parameters];
"""


@pytest.mark.parametrize("kind", ["adam", "sgd"])
def test_optimizers_are_pytorchs(opened, kind: str) -> None:
    slopes = torch.randn(5, 10, generator=torch.Generator().manual_seed(1))
    parameter = torch.zeros(10, requires_grad=True)
    made = torch.optim.Adam([parameter], lr=0.01) if kind == "adam" else torch.optim.SGD([parameter], 0.01, 0.9)
    for slope in slopes:
        parameter.grad = slope.clone()
        made.step()
    for fast in (True, False):
        found = opened.execute_script(OPTIMIZE, kind, fast, slopes.tolist(), 0.01)
        assert np.abs(np.array(found) - parameter.detach().numpy()).max() < 1e-6


def test_principal_components_are_scikit_learns(opened) -> None:
    from sklearn.decomposition import PCA

    x = np.random.default_rng(0).normal(size=(200, 6)) @ np.diag([5, 3, 2, 1, 0.5, 0.2]) + 1
    script = "const [x, n, d] = arguments; const f = principal(Float32Array.from(x), n, d, 2, { rounds: 60 });"
    script += "return [f.axes.map((axis) => [...axis]), f.spreads, [...f.mean]];"
    axes, spreads, mean = opened.execute_script(script, x.ravel().tolist(), *x.shape)
    pca = PCA(2, svd_solver="full").fit(x)
    assert np.abs(np.abs(np.sum(np.array(axes) * pca.components_, 1)) - 1).max() < 1e-4
    assert np.allclose(spreads, np.sqrt(pca.explained_variance_ * 199 / 200), rtol=1e-3)
    assert np.allclose(mean, x.mean(0), atol=1e-5)
