"""The Studio in a real browser: every tab used, bad input told in the page, no request that leaves this machine."""

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diabolo import Autoencoder, open_data
from diabolo.app.cli import main
from diabolo.app.studio.shelf import Shelf
from diabolo.errors import FileError, FormatError, InputError
from diabolo.jobs.detect.rows.rows import calibrate

pytest.importorskip("gradio", reason="the studio extra is not installed")

from diabolo.app.studio.atlas import Atlas
from diabolo.app.studio.server import application

pytestmark = pytest.mark.xdist_group("studio")
"""One worker has them all, and with them the one server and browser."""

MODELS = ("vae", "dense", "conv", "codec", "table")
WAIT = 60.0
POINTER = """
const done = arguments[2], map = document.getElementById("map"), picture = document.getElementById("picture");
const box = map.getBoundingClientRect(), start = performance.now();
delete picture.dataset.milliseconds;
map.dispatchEvent(new PointerEvent("pointermove",
  { clientX: box.left + box.width * arguments[0], clientY: box.top + box.height * arguments[1] }));
const look = () => {
  if (!picture.dataset.milliseconds) return setTimeout(look, 1);
  const pixels = picture.getContext("2d").getImageData(0, 0, picture.width, picture.height).data;
  done([performance.now() - start, [...pixels].filter((_, i) => i % 4 === 0)]);
};
look();
"""
INSIDE = ("data:", "blob:", "chrome:", "chrome-untrusted:")
"""Addresses that are no network's; the last two are of the browser's own first page."""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of small models, trained in seconds."""
    folder, digits = tmp_path_factory.mktemp("models"), open_data("digits")
    for name, preset, latent in (
        ("vae", "vae", 2),
        ("dense", "dense", 8),
        ("conv", "conv", None),
        ("codec", "codec", 4),
    ):
        estimator = Autoencoder(preset, latent=latent, epochs=2).fit(digits)
        if name == "dense":
            estimator.trained_ = calibrate(estimator.trained_, digits.train)
        estimator.save(folder / f"{name}.safetensors")
    rows = np.random.default_rng(0).normal(size=(100, 5)).astype(np.float32)
    Autoencoder("table", latent=2, epochs=1).fit(rows).save(folder / "table.safetensors")
    return folder


@pytest.fixture(scope="module")
def address(models: Path) -> Iterator[str]:
    """Start one server for the module; at the end it must go quietly when it is told to."""
    given = [part for name in MODELS for part in ("-m", str(models / f"{name}.safetensors"))]
    command = [sys.executable, "-m", "diabolo", "studio", *given, "digits", "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        assert server.stdout
        line = server.stdout.readline()
        if "http://127.0.0.1:" not in line:
            server.kill()
            pytest.fail(f"the first line was {line}{server.stdout.read()}")
        yield line.split()[2]
        assert server.poll() is None, server.stdout.read()
        server.send_signal(signal.SIGTERM)
        rest, _ = server.communicate(timeout=WAIT)
    assert (server.returncode, rest) == (0, "The Studio has stopped.\n")


@pytest.fixture
def page(browser, address: str) -> Iterator[object]:
    """Yield the browser at a fresh page; afterwards nothing may be on its console, and no request have left."""
    browser.get("about:blank")
    browser.get_log("browser")  # what Gradio says of streams that were cut by leaving its page
    browser.get(address)
    until(lambda: browser.find_elements("id", "map-frame"))
    yield browser
    browser.switch_to.default_content()
    # Gradio 6.31 itself warns "Method not implemented." after each upload.
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    opened = [event["params"]["url"] for event in events if event["method"] == "Network.webSocketCreated"]
    assert sent
    assert [url for url in sent + opened if not url.startswith((address, *INSIDE))] == []


def until(ready: Callable[[], object], *, seconds: float = WAIT) -> object:
    """Return what `ready` finds, as soon as it finds something."""
    end = time.monotonic() + seconds
    while True:
        found = ready()
        if found or time.monotonic() > end:
            assert found, f"nothing came in {seconds} s"
            return found
        time.sleep(0.05)


def into_map(page) -> None:
    page.switch_to.default_content()
    until(lambda: page.find_elements("id", "map-frame"))
    page.switch_to.frame(page.find_element("id", "map-frame"))
    until(lambda: page.find_elements("id", "map"))


def open_tab(page, name: str) -> None:
    page.switch_to.default_content()
    tabs = page.find_elements("css selector", "button[role=tab]")
    next(tab for tab in tabs if tab.text == name).click()


def choose_model(page, name: str) -> None:
    page.switch_to.default_content()
    page.find_element("css selector", "#head input").click()
    option = f"[role=option][aria-label^='{name}']"
    until(lambda: page.find_elements("css selector", option))
    page.find_element("css selector", option).click()
    until(lambda: name in page.find_element("id", "about").text)


def drop(page, tab: str, path: Path) -> None:
    """Give a file to the drop place of the open tab."""
    page.find_element("css selector", f"#{tab} input[type=file]").send_keys(str(path))


def shown(page, place: str) -> str:
    """Return the HTML at a place, empty where there is none (yet)."""
    return str(page.execute_script("return (document.querySelector(arguments[0]) || {}).innerHTML || ''", place))


def test_moving_over_the_map_decodes_and_everything_on_it_works(page) -> None:
    into_map(page)
    first, second = (page.execute_async_script(POINTER, *at)[1] for at in ((0.2, 0.3), (0.8, 0.7)))
    assert np.abs(np.subtract(first, second)).max() > 8
    took = sorted(page.execute_async_script(POINTER, 0.1 + 0.04 * step, 0.5)[0] for step in range(20))
    assert took[0] < 100, took  # docs/studio.md has the figures; here other tests run beside
    until(lambda: page.find_elements("css selector", "#nearest img"))
    assert "labels" in page.find_element("id", "nearest").text
    page.execute_script(
        "const s = document.querySelector('#sliders input'); s.value = s.max; s.dispatchEvent(new Event('input'));"
    )
    until(lambda: "decoded in" in page.find_element("id", "where").text)
    page.find_element("id", "reset").click()
    canvas = page.find_element("id", "map")
    from selenium.webdriver.common.action_chains import ActionChains

    for offset in ((-100, 50), (120, -60)):
        ActionChains(page).move_to_element_with_offset(canvas, *offset).click().perform()
    before = page.find_element("id", "where").text
    until(lambda: page.find_element("id", "where").text != before)
    assert page.find_element("id", "walk").is_enabled()


@pytest.mark.parametrize("name", ["dense", "conv"])
def test_every_preset_has_a_live_map(page, name: str) -> None:
    choose_model(page, name)
    into_map(page)
    first, second = (page.execute_async_script(POINTER, *at)[1] for at in ((0.05, 0.1), (0.95, 0.9)))
    assert np.abs(np.subtract(first, second)).max() > 2


def test_a_training_is_seen_stopped_and_gone_on_with(page) -> None:
    open_tab(page, "Train")
    until(lambda: page.find_elements("css selector", "#train-start"))
    epochs = page.find_element("css selector", "#train-epochs input[type=number]")
    page.execute_script("arguments[0].select()", epochs)
    epochs.send_keys("100", "\n")
    page.find_element("id", "train-start").click()
    html = str(until(lambda: shown(page, "#trained").count("<svg") == 2 and shown(page, "#trained")))
    for words in ("vae on digits", "of 100", "samples it does not learn from", "<img", "held-out loss", "rate"):
        assert words in html
    commands = [area.get_attribute("value") for area in page.find_elements("css selector", "#train-tab textarea")]
    assert "diabolo train digits --preset vae --latent 2 --epochs 100 --out vae.safetensors" in commands
    until(lambda: page.find_element("id", "train-stop").is_enabled())
    page.find_element("id", "train-stop").click()
    until(lambda: 'data-state="stopped"' in shown(page, "#trained"))
    until(lambda: page.find_element("id", "train-on").is_enabled())
    page.find_element("id", "train-on").click()
    until(lambda: 'data-state="running"' in shown(page, "#trained"))
    until(lambda: page.find_element("id", "train-stop").is_enabled())
    page.find_element("id", "train-stop").click()
    until(lambda: 'data-state="stopped"' in shown(page, "#trained"))
    assert ".safetensors" in shown(page, "#train-tab")


def test_a_picture_that_is_dropped_comes_back_with_its_code(page, tmp_path: Path) -> None:
    open_tab(page, "Reconstruct")
    until(lambda: "row 0" in shown(page, "#reconstructed"))
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 40, 3), np.uint8)).save(tmp_path / "noise.png")
    drop(page, "reconstruct-tab", tmp_path / "noise.png")
    html = str(until(lambda: "was cut and scaled" in shown(page, "#reconstructed") and shown(page, "#reconstructed")))
    assert html.count("<img") == 3
    for words in ("reconstruction", "what differs", "PSNR", "2 numbers", "8 bytes", "<svg"):
        assert words in html


def test_a_file_that_is_no_picture_is_told_in_the_page(page, tmp_path: Path) -> None:
    open_tab(page, "Reconstruct")
    until(lambda: "row 0" in shown(page, "#reconstructed"))
    (tmp_path / "words.png").write_text("no picture")
    drop(page, "reconstruct-tab", tmp_path / "words.png")
    until(lambda: "words.png" in shown(page, "#reconstruct-tab .warning"))
    Image.new("L", (5000, 4000)).save(tmp_path / "large.png")
    page.find_element("css selector", "#reconstruct-tab [aria-label='Clear']").click()
    until(lambda: page.find_elements("css selector", "#reconstruct-tab input[type=file]"))
    drop(page, "reconstruct-tab", tmp_path / "large.png")
    until(lambda: "16 megapixels" in shown(page, "#reconstruct-tab .warning"))


def test_a_file_of_more_than_20_mb_is_told_in_the_page(page, tmp_path: Path) -> None:
    open_tab(page, "Reconstruct")
    assert "at most 20 MB" in shown(page, "#reconstruct-tab")
    until(lambda: "row 0" in shown(page, "#reconstructed"))
    (tmp_path / "huge.png").write_bytes(bytes((20 << 20) + 1))
    drop(page, "reconstruct-tab", tmp_path / "huge.png")
    until(lambda: "huge.png is too large" in shown(page, "#reconstruct-tab .too-large"))
    Image.new("L", (8, 8), 200).save(tmp_path / "small.png")  # the page takes another afterwards
    until(lambda: page.find_elements("css selector", "#reconstruct-tab input[type=file]"))
    drop(page, "reconstruct-tab", tmp_path / "small.png")
    until(lambda: "the picture" in shown(page, "#reconstructed"))
    assert not shown(page, "#reconstruct-tab .too-large")


def press(page, place: str) -> None:
    """Click the middle of a slider."""
    from selenium.webdriver.common.action_chains import ActionChains

    bar = page.find_element("css selector", f"{place} input[type=range]")
    ActionChains(page).move_to_element(bar).click().perform()


def test_what_is_drawn_with_the_pointer_is_reconstructed(page) -> None:
    open_tab(page, "Reconstruct")
    until(lambda: "row 0" in shown(page, "#reconstructed"))
    stroke(page, "#pad canvas", [(-60, -60), (60, -60), (0, 80)])
    given, found, apart = until(lambda: "what was drawn" in shown(page, "#reconstructed") and pictures(page))
    assert given.shape == found.shape == (8, 8)
    assert given[2, 2:6].min() > 128  # the stroke across, bright on black
    assert given[5:, :2].max() == 0
    assert apart.any()
    page.find_element("css selector", "#reconstruct-tab input[value='dark on white']").click()
    until(lambda: np.abs(255.0 - given - (pictures(page) or [given])[0]).max() <= 1)
    page.find_element("css selector", "#pad button").click()
    until(lambda: "Draw something first" in shown(page, "#reconstruct-tab .warning"))


def stroke(page, place: str, points: list[tuple[int, int]]) -> None:
    """Draw a line through points, counted from the middle of a canvas, with the pointer held down."""
    from selenium.webdriver.common.action_chains import ActionChains

    canvas = next(each for each in page.find_elements("css selector", place) if each.is_displayed())
    hand = ActionChains(page, duration=100).move_to_element_with_offset(canvas, *points[0]).click_and_hold()
    for (left, top), (x, y) in pairwise(points):
        for step in range(1, 9):
            hand.move_to_element_with_offset(canvas, left + (x - left) * step // 8, top + (y - top) * step // 8)
    hand.release().perform()


def pictures(page) -> list[np.ndarray]:
    """Return what is reconstructed, the reconstruction, and what differs, as the page shows them."""
    found = re.findall(r"base64,([^\"]+)", shown(page, "#reconstructed"))
    return [np.asarray(Image.open(BytesIO(base64.b64decode(picture)))) for picture in found]


def test_compress_tells_bytes_beside_other_codecs(page) -> None:
    open_tab(page, "Compress")
    until(lambda: "no probability tables" in shown(page, "#compress-tab .warning"))
    choose_model(page, "codec")
    first = until(lambda: "bytes of the archive" in shown(page, "#compressed") and shown(page, "#compressed"))
    assert all(codec in str(first) for codec in ("PNG", "WebP", "JPEG"))
    assert "warning" not in shown(page, "#compress-tab")
    press(page, "#quality")
    until(lambda: shown(page, "#compressed") not in ("", first) and "PSNR" in shown(page, "#compressed"))


def test_denoise_shows_before_and_after(page, tmp_path: Path) -> None:
    open_tab(page, "Denoise")
    Image.fromarray(np.tile(np.arange(0, 256, 4, np.uint8), (48, 1))).save(tmp_path / "slope.png")
    until(lambda: "noise found" in shown(page, "#denoised"))
    first = shown(page, "#denoised")
    drop(page, "denoise-tab", tmp_path / "slope.png")
    until(lambda: shown(page, "#denoised") not in ("", first))
    press(page, "#noise")
    until(lambda: "PSNR after" in shown(page, "#denoised"))
    until(lambda: len(page.find_elements("css selector", "#before-after img")) >= 2)


def test_detect_ranks_and_its_dial_changes_the_alerts(page) -> None:
    open_tab(page, "Detect")
    until(lambda: "has no detector" in shown(page, "#detect-tab .warning"))
    choose_model(page, "dense")
    first = until(lambda: shown(page, "#detected"))
    assert "<td" in str(first)
    press(page, "#rate")
    until(lambda: shown(page, "#detected") not in ("", first))


def test_a_model_of_another_kind_than_the_data_is_told_on_every_tab(page, tmp_path: Path) -> None:
    choose_model(page, "table")
    page.switch_to.frame(page.find_element("id", "map-frame"))
    until(lambda: "shape (5,)" in shown(page, "#where"))
    for tab in ("Reconstruct", "Compress", "Denoise", "Detect"):
        open_tab(page, tab)
        until(lambda tab=tab: shown(page, f"#{tab.lower()}-tab .warning"))
    open_tab(page, "Reconstruct")
    Image.new("L", (8, 8)).save(tmp_path / "grey.png")
    drop(page, "reconstruct-tab", tmp_path / "grey.png")
    until(lambda: "takes tables (5 columns), no pictures" in shown(page, "#reconstruct-tab .warning"))


def test_all_tabs_fit_a_telephone(page) -> None:
    size = {"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        tabs = ["Explore", "Reconstruct", "Compress", "Denoise", "Detect", "Train"]
        until(lambda: [tab.text for tab in page.find_elements("css selector", "button[role=tab]") if tab.text] == tabs)
        for tab in tabs:
            open_tab(page, tab)
            assert page.execute_script("return document.documentElement.scrollWidth") <= 400
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_two_sessions_do_not_meet(page, address: str) -> None:
    own = page.current_window_handle
    choose_model(page, "dense")
    page.switch_to.new_window("tab")
    try:
        page.get(address)
        until(lambda: page.find_elements("id", "map-frame"))
        assert "vae.safetensors" in page.find_element("id", "about").text
        into_map(page)
        page.execute_async_script(POINTER, 0.4, 0.4)
        assert len(page.find_elements("css selector", "#sliders input")) == 2
    finally:
        page.get("about:blank")
        page.get_log("browser")
        page.close()
        page.switch_to.window(own)
    assert "dense" in page.find_element("id", "about").text
    into_map(page)
    page.execute_async_script(POINTER, 0.4, 0.4)
    assert len(page.find_elements("css selector", "#sliders input")) == 8


def test_whatever_goes_wrong_on_the_map_is_told(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from starlette.testclient import TestClient

    def fails(*_: object) -> None:
        raise RuntimeError("out of\nluck")

    shelf = Shelf([models / "vae.safetensors"])
    client = TestClient(application(shelf), base_url="http://127.0.0.1")
    asked = {"model": "vae.safetensors", "version": shelf.opened("vae.safetensors").version, "what": "decode"}
    code = np.zeros(2, "<f4").tobytes()
    assert len(client.post("/explore", params=asked, content=code).content) == 64
    for name in ("page", "decoded", "nearest"):
        monkeypatch.setattr(Atlas, name, fails)
    for what in ("decode", "nearest"):
        answer = client.post("/explore", params={**asked, "what": what}, content=code)
        assert (answer.status_code, answer.text) == (200, "Unexpected RuntimeError: out of luck")
    page = client.get("/explore", params={"model": "vae.safetensors"})
    assert (page.status_code, "Unexpected RuntimeError: out of luck" in page.text) == (200, True)
    assert client.get("/explore", headers={"host": "example.org"}).status_code == 400


def test_a_model_that_is_replaced_or_goes_is_told_in_the_page(page, models: Path) -> None:
    file = models / "vae.safetensors"
    into_map(page)
    page.execute_async_script(POINTER, 0.5, 0.5)
    kept = file.read_bytes()
    try:
        os.utime(file, ns=(1, 1))
        page.execute_script(POINTER.replace("arguments[2]", "() => {}"), 0.2, 0.2)
        until(lambda: "was replaced" in page.find_element("id", "where").text)
        file.unlink()
        page.execute_script(POINTER.replace("arguments[2]", "() => {}"), 0.3, 0.2)
        until(lambda: "is gone" in page.find_element("id", "where").text)
        open_tab(page, "Reconstruct")
        until(lambda: "is gone" in shown(page, "#reconstruct-tab .warning"))
    finally:
        file.write_bytes(kept)
    own = page.current_url
    page.get("about:blank")
    page.get_log("browser")
    page.get(own)
    into_map(page)
    page.execute_async_script(POINTER, 0.5, 0.5)


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    return int(end.value.code or 0)


def test_what_cannot_be_served_is_one_line(models: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    assert run("studio", "-m", models / "nothing.safetensors") == 1
    assert "nothing.safetensors is gone" in capsys.readouterr().err
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert run("studio", "-m", models / "vae.safetensors", "--port", port, "--no-browser") == 1
    assert capsys.readouterr().err == f"diabolo: Port {port} cannot be had (Address already in use); " + (
        "choose another with --port.\n"
    )
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert run("studio", "-m", models / "vae.safetensors") == 1
    assert "pip install 'gradio>=6.20'" in capsys.readouterr().err


def test_a_shelf_reads_a_model_anew_when_its_file_changes(models: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    shutil.copy(models / "vae.safetensors", path)
    shelf = Shelf([path, path], open_data("digits"))
    assert shelf.names == ["m.safetensors"]
    first = shelf.opened("m.safetensors")
    assert shelf.opened("m.safetensors") is first
    shutil.copy(models / "dense.safetensors", path)
    assert shelf.opened("m.safetensors").trained.model.config.latent == 8
    path.write_bytes(b"damaged")
    with pytest.raises(FormatError):
        shelf.opened("m.safetensors")
    path.unlink()
    with pytest.raises(FileError, match="is gone"):
        shelf.opened("m.safetensors")
    with pytest.raises(InputError, match="no model 'other'"):
        shelf.opened("other")
