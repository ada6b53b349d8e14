"""Time a frame of the Studio's map: from the pointer's event to the decoded picture painted, in headless Chromium.

python bench/studio_speed.py --write docs/studio.md

On a machine with other work the milliseconds hang on that work; the CPU that a frame takes, of the server and of the
browser's page, does less.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from selenium import webdriver
from selenium.webdriver.support.wait import WebDriverWait

from diabolo import Autoencoder, open_data
from pages import write

PRESETS: dict[str, dict[str, Any]] = {"vae": {"latent": 2}, "dense": {"latent": 32}, "codec": {"latent": 16}}
WARM, WAIT = 10, 120.0
# The map has decoded its first code, has drawn its pictures, and the page has asked nothing more for half a second.
READY = """
const picture = document.getElementById("picture"), now = performance.now();
if (!picture || !picture.dataset.milliseconds || !document.querySelector("#nearest img")) return false;
const count = performance.getEntriesByType("resource").length + parent.performance.getEntriesByType("resource").length;
if (window.seen !== count) [window.seen, window.since] = [count, now];
return now - window.since > 500;
"""
# A picture is painted once the task after the frame that follows its drawing has begun.
ARM = """
const map = document.getElementById("map"), picture = document.getElementById("picture");
window.painted = new Promise((done) => {
  let start = 0;
  map.addEventListener("pointermove", (event) => { start = event.timeStamp; }, { capture: true, once: true });
  const drawn = new MutationObserver(() => {
    drawn.disconnect();
    requestAnimationFrame(() => {
      const after = new MessageChannel();
      after.port1.onmessage = () => done([performance.now() - start, Number(picture.dataset.milliseconds)]);
      after.port2.postMessage(0);
    });
  });
  drawn.observe(picture, { attributeFilter: ["data-milliseconds"] });
});
const box = map.getBoundingClientRect();
return [box.left, box.top, box.width, box.height];
"""


@contextmanager
def served(models: list[Path], data: str) -> Iterator[str]:
    """Yield the address of a Studio that runs as long."""
    given = [part for model in models for part in ("-m", str(model))]
    command = [sys.executable, "-m", "diabolo", "studio", *given, data, "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        try:
            yield next(line for line in server.stdout if "http://" in line).split()[2]
        finally:
            server.terminate()


@contextmanager
def chromium() -> Iterator[webdriver.Chrome]:
    """Yield a headless browser of 1280 x 1040 pixels."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    for switch in ("headless", "no-sandbox", "disable-gpu", "window-size=1280,1040"):
        options.add_argument(f"--{switch}")
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    driver.set_script_timeout(WAIT)
    try:
        yield driver
    finally:
        driver.quit()


def cpu_milliseconds() -> np.ndarray:
    """Return the CPU (2,) that the server and the pages of Chromium have taken, started by this process (Linux)."""
    found: dict[str, tuple[str, int, str]] = {}
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # a process that has ended meanwhile
            fields = (path / "stat").read_text().rpartition(")")[2].split()
            found[path.name] = (fields[1], int(fields[11]) + int(fields[12]), (path / "cmdline").read_text())
    mine, took = [str(os.getpid())], np.zeros(2)
    for parent in mine:
        children = [name for name, (above, *_) in found.items() if above == parent]
        mine += children
        for name in children:
            took += np.array([mark in found[name][2] for mark in ("diabolo", "--type=renderer")]) * found[name][1]
    return took * 1000 / os.sysconf("SC_CLK_TCK")


def frames(driver: webdriver.Chrome, address: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return milliseconds (count, 2) of frames along a spiral over the map, whole and until the server has answered,
    and milliseconds (2,) of CPU a frame: the server's and the page's."""
    driver.get(address)
    wait = WebDriverWait(driver, WAIT)
    frame = wait.until(lambda page: page.find_element("id", "map-frame"))
    driver.switch_to.frame(frame)
    wait.until(lambda page: page.execute_script(READY))
    driver.switch_to.default_content()
    corner = driver.execute_script("const b = arguments[0].getBoundingClientRect(); return [b.left, b.top];", frame)
    driver.switch_to.frame(frame)
    took, before = [], np.zeros(2)
    for step in range(count + WARM):
        before = cpu_milliseconds() if step == WARM else before
        left, top, width, height = driver.execute_script(ARM)
        turn, far = step / 7, 0.1 + 0.35 * step / (count + WARM)
        x, y = (0.5 + far * np.array([np.cos(turn), np.sin(turn)])) * (width, height) + (left, top) + corner
        driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": "mouseMoved", "x": float(x), "y": float(y)})
        took.append(driver.execute_async_script("window.painted.then(arguments[0])"))
    return np.array(took[WARM:]), (cpu_milliseconds() - before) / count


def trained(preset: str, data: str, folder: Path) -> Path:
    """Return the file of a model after one epoch: how well it is trained changes nothing in its speed."""
    path = folder / f"{preset}-{data}.safetensors"
    if path.is_file():
        return path
    Autoencoder(preset, **PRESETS[preset], epochs=1).fit(open_data(data)).save(path)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--models", type=Path, metavar="FOLDER", help="models that are there already, or are kept")
    parser.add_argument("--write", type=Path, metavar="PAGE")
    asked = parser.parse_args()
    head = f"| {asked.data}, {asked.frames} frames | median | 95 % within | until the answer | CPU: server | page |"
    lines = [head, "|---|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as own, chromium() as driver:
        for preset, dials in PRESETS.items():
            model = trained(preset, asked.data, asked.models or Path(own))
            with served([model], asked.data) as address:
                times, cpu = frames(driver, address, asked.frames)
            whole, answer = times.T
            figures = (np.median(whole), np.quantile(whole, 0.95), np.median(answer), *cpu)
            cells = " | ".join(f"{figure:.1f} ms" for figure in figures)
            lines.append(f"| `{preset}`, {dials['latent']} numbers | {cells} |")
            print(lines[-1], flush=True)
    load = f"{os.getloadavg()[0]:.1f} programs at work on {os.cpu_count()} cores at the end of the run."
    text = "\n".join([*lines, "", load])
    print(f"\n{text}")
    if asked.write:
        write(asked.write, "frames", text)


if __name__ == "__main__":
    main()
