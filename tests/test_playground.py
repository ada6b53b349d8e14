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
from diabolo.app.pages.playground.trained import page_model
from diabolo.data.opening import open_data
from diabolo.data.source import ArraySource, Dataset
from diabolo.errors import InputError
from diabolo.estimator import Autoencoder

INPUTS, SAMPLES = 21, 6
INSIDE = ("file:", "data:", "blob:", "chrome:", "chrome-untrusted:")
"""Addresses that leave no machine; the browser opens its own pages by the last two."""
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
    assert [url for url in sent if not url.startswith(INSIDE)] == []


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


def run_for(browser, steps: int) -> None:
    """Train until at least so many batches are done and drawn, and pause."""
    click(browser, "play")
    until(browser, f"return playground.steps >= {steps}")
    click(browser, "play")
    until(browser, "return !playground.running")


def test_it_learns_and_stops_and_starts_again(opened, page: Path) -> None:
    before = seen(opened, "diabolo")
    click(opened, "step")
    until(opened, "return playground.steps === 1 && !playground.running")
    first = opened.execute_script("return playground.records[0]")
    run_for(opened, 200)
    last = opened.execute_script("return playground.records.at(-1)")
    assert last["loss"] < 0.8 * first["loss"]
    assert last["squared"] < 0.6 * first["squared"]
    assert np.abs(seen(opened, "diabolo") - before).max() > 8
    steps = opened.execute_script("return playground.steps")
    assert f"{steps:,}" in opened.find_element("id", "figures").text
    until(opened, f"return location.hash.includes('steps={steps}')")
    click(opened, "anew")
    until(opened, "return playground.steps === 0")
    assert opened.execute_script("return [playground.records.length, playground.previous.length > 5]") == [0, True]
    load(opened, page, f"lang=en&steps={steps}")  # the address alone: the same training, to the same numbers
    until(opened, f"return playground.steps === {steps} && !playground.running")
    again = opened.execute_script(
        "return playground.records.findLast((record) => record.step === arguments[0])", last["step"]
    )
    assert again == last


def seen(browser, name: str) -> np.ndarray:
    """Return the numbers of the pixels of a canvas."""
    script = """const canvas = document.getElementById(arguments[0]), copy = document.createElement("canvas");
    copy.width = canvas.width;
    copy.height = canvas.height;
    const pen = copy.getContext("2d", { willReadFrequently: true });
    pen.drawImage(canvas, 0, 0);
    return [...pen.getImageData(0, 0, copy.width, copy.height).data];"""
    return np.array(browser.execute_script(script, name), float)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_lesson_sets_the_state_in_eight_clicks(opened, page: Path, language: str) -> None:
    load(opened, page, f"lang={language}")
    questions = set()
    for number in range(1, 9):
        opened.execute_script(f"document.querySelector('[data-lesson=\"{number}\"]').click()")
        click(opened, "step")
        until(opened, "return playground.steps === 1 && !playground.running")
        wanted = opened.execute_script(f"return {{ ...startState(), ...LESSON[{number - 1}], lesson: {number} }}")
        state = opened.execute_script("return playground.state")
        assert {**wanted, "lang": language, "steps": 1} == state
        assert opened.execute_script("return readAddress(writeAddress(playground.state))") == state
        text = opened.execute_script("return document.body.innerText")
        assert "undefined" not in text
        assert "{" not in text
        questions.add(opened.find_element("id", "lesson-question").text)
    assert len(questions) == 8
    assert opened.execute_script("return document.documentElement.lang") == language


def test_what_an_address_names_wrongly_is_as_at_the_start(opened) -> None:
    found = opened.execute_script(
        "return readAddress('#latent=7&hidden=other&widths=9-900&beta=-3&rate=1&steps=x&constructor=1&pad=<b>')"
    )
    assert found == {**opened.execute_script("return startState()"), "latent": 7, "beta": 0}


def test_the_controls_change_the_network(opened) -> None:
    from selenium.webdriver.support.select import Select

    field = opened.find_element("id", "set-widths")
    field.send_keys("24 12\t")
    until(opened, "return playground.view.layers.length === 6 && playground.steps === 0")
    field.send_keys("9999\t")
    assert field.get_attribute("aria-invalid") == "true"
    assert not opened.find_element("id", "set-noise").is_displayed()
    Select(opened.find_element("id", "set-corruption")).select_by_value("mask")
    assert opened.find_element("id", "set-noise").is_displayed()
    assert opened.execute_script("return playground.views.table.rows.noisy.hidden === false") or until(
        opened, "return playground.views.table.rows.noisy.hidden === false"
    )
    Select(opened.find_element("id", "set-bottleneck")).select_by_value("variational")
    until(opened, "return playground.view.model.variational")
    assert not opened.find_element("id", "set-sparsity").is_displayed()
    run_for(opened, 20)
    assert opened.execute_script("return playground.records.at(-1).rate") > 0
    until(opened, "return location.hash.includes('corruption=mask')")


def test_a_digit_is_drawn_and_a_point_is_moved(opened) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    run_for(opened, 30)
    pad = opened.find_element("id", "pad")
    opened.execute_script("arguments[0].scrollIntoView({ block: 'center' })", pad)
    empty = seen(opened, "pad-out")
    ActionChains(opened).move_to_element_with_offset(pad, 0, -50).click_and_hold().move_by_offset(
        0, 100
    ).release().perform()
    assert np.abs(seen(opened, "pad-out") - empty).max() > 8
    drawn = opened.execute_script("return [...playground.pad]")
    assert max(drawn) == 1
    kept = opened.execute_script("return [...unpackPixels(playground.state.pad, playground.data.size)]")
    assert np.abs(np.array(kept) - np.clip(drawn, 0, 1)).max() <= 0.5 / 15 + 1e-6
    pad.send_keys(*[Keys.ARROW_RIGHT] * 3, Keys.SPACE)
    by_keys = opened.execute_script("return [...playground.pad]")
    assert sum(by_keys) > sum(drawn)
    click(opened, "pad-noise")
    noisy = opened.execute_script("return [...playground.pad]")
    click(opened, "pad-remove")
    restored = opened.execute_script("return [...playground.pad]")
    assert len({tuple(drawn), tuple(noisy), tuple(restored)}) == 3
    before, point = seen(opened, "decoded"), opened.find_element("id", "point").text
    opened.find_element("id", "plane").send_keys(*[Keys.ARROW_RIGHT] * 12)
    assert opened.find_element("id", "point").text != point
    assert np.abs(seen(opened, "decoded") - before).max() > 8


def test_a_telephone_and_a_browser_without_workers(opened, page: Path) -> None:
    size = {"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    script = opened.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": "delete globalThis.Worker"})
    try:
        for language in LANGUAGES:
            load(opened, page, f"lesson=4&lang={language}")
            assert opened.execute_script("return document.documentElement.scrollWidth") <= 400
        run_for(opened, 20)
        assert opened.execute_script("return playground.records.length") > 2
    finally:
        opened.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", {"identifier": script["identifier"]})
        opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_every_control_has_a_name(opened) -> None:
    nameless = opened.execute_script("""
    const named = (e) => e.getAttribute("aria-label") || e.textContent.trim() || e.closest("label")?.textContent.trim();
    const all = document.querySelectorAll("button, input, select, canvas[role]");
    return [...all].filter((e) => !named(e)).map((e) => e.id);
    """)
    assert nameless == []


def test_the_catalogues_have_the_same_words() -> None:
    import re
    from importlib.resources import files

    folder = files("diabolo.app.pages.playground")
    words = [json.loads(folder.joinpath(f"words.{name}.json").read_text(encoding="utf-8")) for name in LANGUAGES]
    assert [list(catalogue) for catalogue in words] == [list(words[0])] * len(LANGUAGES)
    for name, text in words[0].items():
        holes = [sorted(re.findall(r"\{\w+\}", catalogue[name])) for catalogue in words]
        assert holes == [holes[0]] * len(LANGUAGES), name
        assert text


def test_the_kernels_are_their_source_assembled() -> None:
    from importlib.resources import files

    wasmtime = pytest.importorskip("wasmtime", reason="wasmtime is not installed")
    folder = files("diabolo.app.pages.playground")
    assert wasmtime.wat2wasm(folder.joinpath("kernels.wat").read_text()) == folder.joinpath("kernels.wasm").read_bytes()


def test_the_sample_is_the_data_in_four_bits() -> None:
    import zlib

    pictures = np.random.default_rng(0).integers(0, 256, (135, 5, 7)).astype(np.uint8)
    data = Dataset("some", ArraySource(pictures), labels=np.arange(135) % 4)
    sample = sample_of(data)
    content = sample.content()
    assert (content["train"], content["held"], content["shape"]) == (120, 15, [5, 7])
    assert [name for name, _ in content["groups"]] == ["0", "1", "2", "3"]
    held = np.zeros(135, bool)
    held[4::9] = True
    wanted = np.rint(np.concatenate([pictures[~held], pictures[held]]) / 17.0)
    assert (sample.pictures == wanted).all()
    import base64

    raw = np.frombuffer(zlib.decompress(base64.b64decode(content["greys"])), np.uint8)
    assert (np.stack([raw >> 4, raw & 15], 1).ravel()[: wanted.size] == wanted.ravel()).all()
    assert "</script" not in playground_page(sample).split('id="content">')[1].split("</script>")[0]


@pytest.mark.parametrize("shape", [(200, 40, 40), (200, 8, 8, 3), (200, 64), (20, 8, 8)])
def test_other_data_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="The playground needs"):
        sample_of(Dataset("other", ArraySource(np.zeros(shape, np.uint8))))


@pytest.mark.parametrize(("preset", "latent"), [("deep", 5), ("vae", 2), ("denoise", None), ("conv", 6)])
def test_a_trained_model_is_opened(browser, tmp_path: Path, preset: str, latent: int | None) -> None:
    data = open_data("digits")
    trained = Autoencoder(preset, latent=latent, epochs=1).fit(data.train.take(np.arange(256))).trained_
    sample = sample_of(data)
    path = tmp_path / "page.html"
    path.write_text(playground_page(sample, model=page_model(trained, "mine", data.train.shape)), encoding="utf-8")
    load(browser, path, "")
    assert browser.find_element("css selector", "[data-lesson='0']").text == "mine"
    x = sample.pictures[:8].astype(np.float32) / 15
    script = "const found = playground.view.look(Float32Array.from(arguments[0]), 8);"
    script += "return [[...found.code], [...found.means], playground.frozen];"
    code, means, frozen = browser.execute_script(script, x.ravel().tolist())
    with torch.inference_mode():
        wanted = trained.model.encoder(torch.from_numpy(x))
        decoded = trained.model.decoder(wanted)
    assert np.allclose(np.array(code), wanted.numpy().ravel(), rtol=2e-2, atol=2e-2 * float(wanted.abs().max()))
    assert np.abs(np.array(means) - decoded.numpy().ravel()).max() < 0.02  # weights of 16 bits
    assert frozen == (preset in ("conv", "denoise"))
    if not frozen:
        bias = "return [...playground.view.layers.at(-1).b]"
        first = browser.execute_script(bias)
        run_for(browser, 20)
        assert 0 < np.abs(np.array(browser.execute_script(bias)) - first).max() < 0.2
    else:
        browser.execute_script("playground.set('corruption', 'mask')")
        assert browser.execute_script("return playground.frozen")
    browser.execute_script("document.querySelector('[data-lesson=\"3\"]').click()")
    click(browser, "step")
    until(browser, "return playground.steps === 1 && !playground.running")
    assert browser.get_log("browser") == []


def test_models_that_the_page_cannot_compute_are_refused() -> None:
    pictures = open_data("digits").train.take(np.arange(64))
    codec = Autoencoder("codec", latent=4, epochs=1).fit(pictures).trained_
    with pytest.raises(InputError, match="The playground opens"):
        page_model(codec, "codec", (8, 8))
    with pytest.raises(InputError, match="one size"):
        page_model(codec, "codec", (28, 28))
