"""The page of the map in a browser, as one file: where one points, what one clicks, slides or touches."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from diabolo.app.cli import main
from diabolo.app.pages import explorer
from diabolo.app.pages.explorer import explorer_page
from diabolo.data.opening import open_data
from diabolo.errors import InputError
from diabolo.estimator import Autoencoder

PIXELS = """
const canvas = document.getElementById("picture");
return [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data].filter((_, i) => i % 4 === 0);
"""


@pytest.mark.parametrize(("preset", "latent"), [("vae", 2), ("vae", 6), ("dense", 3)])
def test_the_page_decodes_where_one_points(
    browser, tmp_path: Path, preset: str, latent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    data = open_data("digits")
    trained = Autoencoder(preset, latent=latent, epochs=2).fit(data).trained_
    if preset == "dense":  # as a decoder that the page cannot compute: the grid is blended
        monkeypatch.setattr(explorer, "MOST_WEIGHTS", 0)
    page = tmp_path / "page.html"
    page.write_text(explorer_page(trained, data), encoding="utf-8")
    assert "://" not in page.read_text(encoding="utf-8")
    browser.get(page.as_uri())
    canvas = browser.find_element("id", "map")
    seen = []
    for offset in ((-150, 100), (200, -180)):
        ActionChains(browser).move_to_element_with_offset(canvas, *offset).perform()
        seen.append(np.array(browser.execute_script(PIXELS), float))
    assert np.abs(seen[0] - seen[1]).max() > 8
    if preset == "vae":  # the decoder in the page is the model's
        browser.find_element("id", "reset").click()
        content = json.loads(browser.find_element("id", "content").get_attribute("textContent"))
        from diabolo.jobs.apply import decode

        wanted = decode(trained, np.array([content["mean"]], np.float32))[0].ravel().astype(float)
        assert np.abs(np.array(browser.execute_script(PIXELS)) - wanted).max() <= 2
        slider = f"slider-{content['sliders'][0]}"
        move = f"const s = document.getElementById('{slider}'); s.value = s.max; s.dispatchEvent(new Event('input'));"
        browser.execute_script(move)
        assert np.abs(np.array(browser.execute_script(PIXELS)) - wanted).max() > 8
    assert browser.get_log("browser") == []


def test_a_page_needs_pictures_and_codes() -> None:
    table = Autoencoder("vae", latent=2, epochs=1).fit(np.random.default_rng(0).normal(size=(64, 5))).trained_
    with pytest.raises(InputError, match="are none"):
        explorer_page(table)
    plain = Autoencoder("dense", latent=2, epochs=1).fit(open_data("digits")).trained_
    with pytest.raises(InputError, match="give DATA"):
        explorer_page(plain)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page that the command line writes of a plane of digits."""
    folder = tmp_path_factory.mktemp("page")
    Autoencoder("vae", latent=2, epochs=3).fit(open_data("digits")).save(folder / "m.safetensors")
    with pytest.raises(SystemExit) as end:
        main(["map", "digits", "-m", str(folder / "m.safetensors"), "--html", str(folder / "page.html")])
    assert not end.value.code
    return folder / "page.html"


@pytest.fixture
def opened(browser, page: Path) -> Iterator[object]:
    """Yield the browser at the page by its file; afterwards nothing may be on the console, or have been asked for."""
    browser.get_log("performance")
    browser.get(page.as_uri())
    yield browser
    assert browser.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert [url for url in sent if not url.startswith(("file:", "data:", "blob:"))] == []


def seen(browser) -> np.ndarray:
    return np.array(browser.execute_script(PIXELS), float)


def place(browser) -> str:
    return str(browser.find_element("id", "where").text)


def test_two_clicks_walk_and_the_buttons_work(opened) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.wait import WebDriverWait

    canvas, wait = opened.find_element("id", "map"), WebDriverWait(opened, 20, 0.02)
    assert not opened.find_element("id", "walk").is_enabled()
    places = []
    for offset in ((170, -120), (-150, 100)):
        ActionChains(opened).move_to_element_with_offset(canvas, *offset).perform()
        places.append(place(opened))
    end, start = places
    ActionChains(opened).click().move_to_element_with_offset(canvas, 170, -120).click().perform()
    for _ in range(2):
        wait.until(lambda _: place(opened) not in places)
        wait.until(lambda _: place(opened) == end)
        opened.find_element("id", "walk").click()
    assert start != end
    opened.find_element("id", "reset").click()
    assert not opened.find_element("id", "walk").is_enabled()
    middle = place(opened)
    canvas.send_keys(Keys.ARROW_LEFT, Keys.ARROW_UP)
    assert place(opened) != middle
    pictures = opened.find_element("id", "background")
    pictures.click()
    assert pictures.get_attribute("aria-pressed") == "false"


def test_a_finger_points_and_nothing_overflows_a_telephone(opened) -> None:
    from selenium.webdriver.support.wait import WebDriverWait

    def touch(kind: str, *shares: float) -> None:
        points = [{"x": left + share * width, "y": top + 0.5 * width} for share in shares]
        opened.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    size = {"width": 400, "height": 800, "deviceScaleFactor": 2, "mobile": True}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    opened.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    try:
        opened.refresh()
        assert opened.execute_script("return document.documentElement.scrollWidth") <= 400
        corner = "const b = document.getElementById('map').getBoundingClientRect(); return [b.left, b.top, b.width]"
        left, top, width = opened.execute_script(corner)
        places, pictures = [], []
        for kind, share in (("touchStart", 0.2), ("touchMove", 0.4), ("touchMove", 0.7)):
            touch(kind, share)
            WebDriverWait(opened, 10).until(lambda page: place(page) not in places)  # a frame later, on a busy machine
            places.append(place(opened))
            pictures.append(seen(opened))
        touch("touchEnd")
        assert len(set(places)) == 3
        assert np.abs(pictures[0] - pictures[2]).max() > 8
        for share, before in ((0.3, places[-1]), (0.8, "")):
            touch("touchStart", share)
            touch("touchEnd")
            WebDriverWait(opened, 10).until(lambda page, before=before: place(page) != before)
        WebDriverWait(opened, 20, 0.02).until(lambda _: opened.find_element("id", "walk").is_enabled())
    finally:
        opened.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
        opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
