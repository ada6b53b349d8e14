"""Draw docs/playground.png, the lesson's last step as a link opens it: python bench/playground_picture.py"""

import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image

from diabolo.app.pages.playground.playground import playground_page
from diabolo.app.pages.playground.sample import sample_of
from diabolo.data.opening import open_data
from playground import browser

PICTURE = Path(__file__).resolve().parent.parent / "docs/playground.png"
STATE = "widths=128-32&latent=2&rate=0.005&bottleneck=variational&grid=yes&lesson=8&lang=en&steps=1500"

if __name__ == "__main__":
    from test_playground import load, until

    page = Path(tempfile.mkdtemp()) / "page.html"
    page.write_text(playground_page(sample_of(open_data("mnist"))), encoding="utf-8")
    driver = browser()
    size = {"width": 1280, "height": 1290, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    load(driver, page, STATE)
    until(driver, "return playground.steps === 1500 && !playground.running", 300)
    driver.execute_script("document.querySelector('.bar').style.position = 'static'")
    screen = Image.open(BytesIO(driver.get_screenshot_as_png())).convert("RGB")
    screen.quantize(128, dither=Image.Dither.NONE).save(PICTURE, optimize=True)
    driver.quit()
    print(PICTURE, f"{PICTURE.stat().st_size:,} bytes")
