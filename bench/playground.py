"""The playground's figures, measured in headless Chromium: python bench/playground.py [--write docs/playground.md]

Size of the page; error of its gradients beside PyTorch's; for each step of the lesson the pictures drawn and the
batches trained in a second; and how many reconstructions of held-out digits are recognised after 20 seconds with K = 2:
a logistic regression learnt from the page's training digits names the reconstruction, and it must be the digit's label.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from diabolo.app.pages.playground.playground import playground_page
from diabolo.app.pages.playground.sample import Sample, sample_of
from diabolo.data.opening import open_data
from pages import write

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
K2_SECONDS, LESSON_SECONDS = 20.0, 6.0


def browser() -> Any:
    """Return headless Chromium as the tests start it."""
    from conftest import browser as fixture

    folder = SimpleNamespace(mktemp=lambda _: tempfile.mkdtemp())
    return next(fixture.__wrapped__(folder))


def trained(driver: Any, page: Path, lesson: int, seconds: float) -> tuple[float, float]:
    """Train a step of the lesson for so long; return pictures and batches a second."""
    from test_playground import load

    load(driver, page, f"lang=en&lesson={lesson}" if lesson > 1 else "lang=en")
    count = "return [playground.updates, playground.steps, performance.now()]"
    driver.execute_script("playground.go()")
    start = driver.execute_script(count)
    time.sleep(seconds)
    end = driver.execute_script(count)
    driver.execute_script("playground.pause()")
    updates, steps, milliseconds = (after - before for before, after in zip(start, end, strict=True))
    return updates / milliseconds * 1e3, steps / milliseconds * 1e3


def recognised(driver: Any, sample: Sample) -> tuple[float, float, float, float]:
    """Return the share of held-out digits that a classifier names rightly, and PCA's squared error per pixel.

    By their reconstructions, by those of PCA with 2 components, by themselves.
    """
    flat = sample.pictures.reshape(len(sample.pictures), -1) / 15
    held = sample.held_out
    labels = np.asarray(sample.labels)
    classifier = LogisticRegression(C=0.05, max_iter=200).fit(flat[:-held], labels[:-held])
    script = "return Array.from(playground.view.look(playground.views.heldPixels, playground.data.held).means, "
    means = np.array(driver.execute_script(script + "(value) => Number(value.toFixed(4)))")).reshape(held, -1)
    pca = PCA(2).fit(flat[:-held])
    restored = pca.inverse_transform(pca.transform(flat[-held:]))
    shares = [classifier.score(x, labels[-held:]) for x in (means, restored, flat[-held:])]
    return shares[0], shares[1], shares[2], float(((restored - flat[-held:]) ** 2).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, metavar="PAGE")
    target = parser.parse_args().write
    from test_playground import MODELS, gradient_error, load, until

    sample = sample_of(open_data("mnist"))
    page = Path(tempfile.mkdtemp()) / "page.html"
    page.write_text(playground_page(sample), encoding="utf-8")
    driver = browser()
    load(driver, page)
    errors = {name: max(gradient_error(driver, name, fast=fast) for fast in (True, False)) for name in MODELS}
    rows = [("size of the page with 4,500 digits of MNIST", f"{page.stat().st_size / 1e3:,.0f} kB", "at most 1,000 kB")]
    worst = max(errors, key=lambda name: errors[name])
    rows.append(("largest error of a loss or gradient beside PyTorch", f"{errors[worst]:.1e} ({worst})", "1e-5"))
    trained(driver, page, 3, K2_SECONDS)
    until(driver, "return !playground.running")
    share, by_pca, own, pca_error = recognised(driver, sample)
    steps, squared = driver.execute_script("return [playground.steps, playground.records.at(-1).squared / 784]")
    found = f"{share:.0%} of 500 (PCA with 2 components {by_pca:.0%}, the digits themselves {own:.0%}, by chance 10%)"
    rows.append((f"K = 2, {K2_SECONDS:.0f} s, {steps:,} batches: reconstructions recognised", found, "recognisable"))
    error = f"{squared:.4f} (PCA with 2 components {pca_error:.4f})"
    rows.append((f"K = 2, {K2_SECONDS:.0f} s: squared error per pixel, held out", error, ""))
    for lesson in range(1, 9):
        pictures, batches = trained(driver, page, lesson, LESSON_SECONDS)
        rows.append((f"lesson, step {lesson}", f"{pictures:.0f} pictures/s, {batches:.0f} batches/s", "20 pictures/s"))
    driver.quit()
    lines = ["| figure | measured | bar |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]
    lines.append(f"\n{os.getloadavg()[0]:.1f} programs at work on {os.cpu_count()} cores at the end of the run.")
    print("\n".join(lines))
    if target is not None:
        write(target, "figures", "\n".join(lines))


if __name__ == "__main__":
    main()
