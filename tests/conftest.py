"""One thread a worker, so that two workers do not fight over two cores; the same generated cases in every run."""

import os
import shutil
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is imported; programs that tests start inherit it
settings.register_profile("diabolo", deadline=None, derandomize=True)
settings.load_profile("diabolo")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put tests that one worker has to itself first, so that the other never waits for them at the end."""
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Hold torch to one thread, without importing it for tests that do not need it."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Headless Chromium that asks nothing of the network by itself, and keeps its console and its requests."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    programs = [shutil.which("chromium"), shutil.which("chromedriver")]
    if None in programs:
        pytest.skip("chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = programs[0]
    switches = "headless no-sandbox disable-gpu disable-quic no-first-run disable-background-networking "
    for switch in (switches + "disable-component-update disable-sync window-size=1280,1040").split():
        options.add_argument(f"--{switch}")
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('chromium')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(programs[1]))
    driver.set_script_timeout(60)
    yield driver
    driver.quit()
