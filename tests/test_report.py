"""The report page: one file, nothing from outside, nothing unescaped, and readable in a browser."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from diabolo.app.drawing import markup, pictures, plots
from diabolo.app.drawing.palette import categories
from diabolo.app.pages import samples
from diabolo.app.pages.report import report_page
from diabolo.errors import InputError
from diabolo.jobs.detect.ranking import ranked_beside
from diabolo.jobs.evaluate.record import Evaluation, Figures, Generation
from diabolo.training.history import Record

HOSTILE = "<script>alert('$x$')</script>\"&{}$title"
VOID = {"meta", "link", "img", "br", "wbr"}


class Page(HTMLParser):
    """Tags of a page, with what is wrong with their nesting, and everything that a browser would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.wrong: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self._note(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self._note(tag, attrs)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def _note(self, tag, attrs):
        self.tags.append(tag)
        found = dict(attrs)
        self.ids += [found["id"]] if "id" in found else []
        self.addresses += [found[name] for name in ("src", "href", "xlink:href", "srcset", "action") if name in found]
        if tag == "img" and not found.get("alt"):
            self.wrong.append("img without alt")


def records(count, rate=0.0):
    losses = [10 + 50 / epoch for epoch in range(1, count + 1)]
    return tuple(Record(i + 1, loss - 1, loss, loss - rate, rate, 1e-3, 2.0 * i, True) for i, loss in enumerate(losses))


def evaluation(shape=(8, 8), dtype=np.uint8, n=12, m=150, latent=2, labels=None, **changes):
    random = np.random.default_rng(0)
    top = 1.0 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    originals, worst = ((random.random((n, *shape)) * top).astype(dtype) for _ in range(2))
    figures = Figures("dense", latent, 1234, 0.1, 0.01, 20.0)
    found = Evaluation(
        name="dense", data="noise", split="test set, 150 samples", model=figures,
        baselines=(replace(figures, name="PCA", bce=0.09, psnr=21.0),), compression=32.0, seconds=75.0,
        history=records(9), originals=originals, reconstructions=originals[::-1].copy(),
        codes=random.normal(size=(m, latent)), labels=labels, distortions=random.random(m) * 90,
        worst=worst, worst_reconstructions=originals, worst_distortions=np.linspace(90, 80, n), columns=None,
        layers=(("encoder", "Linear", "(2,)", "1,234"),), warnings=("PCA is better.",),
    )  # fmt: skip
    return replace(found, **changes)


def test_a_variational_models_section_shows_its_bound_and_new_samples():
    images = np.zeros((20, 8, 8), np.uint8)
    page = report_page([evaluation(generation=Generation(70.5, 25.25, 11, 40, images))], title="Digits")
    check(page)
    assert "−ELBO 95.75 nats per sample: distortion 70.50 + rate 25.25. 11 of 40 numbers" in page
    assert 'alt="20 new samples"' in page
    rows = report_page([evaluation(generation=Generation(1.0, 2.0, 1, 2, np.zeros((4, 3))))], title="Rows")
    check(rows)
    assert "As a generator" in rows
    assert "New samples" not in report_page([evaluation()], title="Plain")


def check(text):
    page = Page(text)
    assert page.wrong == []
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert re.search("https?://", text) is None
    assert "@import" not in text
    assert re.search(r"url\((?!#)", text) is None
    for address in page.addresses:
        assert address.startswith("data:") or (address.startswith("#") and address[1:] in page.ids)
    assert "script" not in page.tags
    return page


NAMES = np.array(["a", "b"] * 75)
SCORES = np.linspace(1, 30, 60)
RANKED = ranked_beside(
    ("dense", SCORES), {"a baseline": -SCORES}, SCORES > 20, np.ones(60), least=25.0, raised=10, fitted="some rows"
)
CASES = {
    "a detector": evaluation(detection=RANKED),
    "grey": evaluation(),
    "grey with a channel": evaluation(shape=(8, 6, 1)),
    "colour": evaluation(shape=(9, 8, 3), latent=32, labels=np.arange(150) % 10),
    "colour, float": evaluation(shape=(9, 8, 4), dtype=np.float32),
    "uint16": evaluation(dtype=np.uint16, labels=NAMES),
    "large": evaluation(shape=(200, 90, 3)),
    "table": evaluation(shape=(5,), dtype=np.float64, columns=("one_two", "b", "c", "d", "e")),
    "table without names": evaluation(shape=(5,), dtype=np.float32, latent=1),
    "long vectors": evaluation(shape=(64,), dtype=np.float64),
    "latent 1": evaluation(latent=1),
    "latent 1 with labels": evaluation(latent=1, labels=NAMES),
    "latent 1 with values": evaluation(latent=1, labels=np.linspace(0, 1, 150)),
    "latent 32": evaluation(latent=32, labels=np.linspace(0, 1, 150)),
    "many names": evaluation(labels=np.array([f"name {i}" for i in range(150)])),
    "labels that are not finite": evaluation(labels=np.where(np.arange(150) % 2, np.nan, np.arange(150.0))),
    "no history": evaluation(history=()),
    "one epoch": evaluation(history=records(1)),
    "a rate": evaluation(history=records(5, rate=3.0)),
    "no baseline": evaluation(baselines=(), warnings=()),
    "one sample": evaluation(n=1, m=1),
    "one sample, latent 32": evaluation(n=1, m=1, latent=32, labels=np.array([3])),
    "one sample, latent 1": evaluation(n=1, m=1, latent=1),
    "nothing": evaluation(n=0, m=0, latent=3, labels=np.zeros(0)),
    "the same code for all": evaluation(codes=np.zeros((150, 4)), distortions=np.ones(150)),
    "one far away": evaluation(codes=np.vstack([np.random.default_rng(1).normal(size=(149, 2)), [[1e9, 0]]])),
}


@pytest.mark.parametrize("name", CASES)
def test_page_is_one_sound_file(name):
    text = report_page([CASES[name]], title="A page")
    page = check(text)
    assert "svg" in page.tags
    assert len(text) < 700_000
    assert text == report_page([CASES[name]], title="A page")


def test_several_models_share_one_page_and_warn():
    found = [replace(evaluation(labels=NAMES), name=name, history=records(i + 3)) for i, name in enumerate("abc")]
    found = [replace(e, codes=e.codes + i, distortions=e.distortions + i) for i, e in enumerate(found)]
    text = report_page(found, title="Three", notes=["first note", "second note"])
    check(text)
    assert text.count("PCA is better.") == 6
    assert "second note" in text
    assert "32.0×" in text
    assert "<b>0.0900</b>" in text, "the better BCE is the baseline's"
    assert "<b>21.0</b>" in text, "the better PSNR is the baseline's"


@pytest.mark.parametrize("shape", [(8, 8), (3,), (40,)])
def test_hostile_text_stays_text(shape):
    figures = replace(evaluation().model, name=HOSTILE)
    text = report_page(
        [
            evaluation(
                shape=shape, name=HOSTILE, data=HOSTILE, split=HOSTILE, model=figures, baselines=(figures,),
                columns=(HOSTILE,) * 3 if shape == (3,) else None, layers=((HOSTILE,) * 4,), warnings=(HOSTILE,),
                labels=np.array([HOSTILE, "$\\frac{", "_x", "日本", "]]>"] * 30),
            )
        ],
        title=HOSTILE,
        notes=[HOSTILE],
    )  # fmt: skip
    check(text)
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_numbers_that_are_not_finite_are_shown():
    nan, inf = float("nan"), float("inf")
    broken = Record(1, nan, nan, nan, 0.0, 1e-3, 1.0, False)
    rows = np.array([[nan, 1.0], [inf, 2.0], [0.0, 3.0]])
    found = evaluation(
        shape=(2,), dtype=np.float64, n=3, originals=rows, reconstructions=rows, worst=rows,
        worst_reconstructions=rows + nan, worst_distortions=np.array([inf, nan, 1.0]), history=(broken,) * 3,
        codes=np.full((150, 2), nan), distortions=np.full(150, inf), model=Figures("dense", 2, 1, nan, nan, inf),
    )  # fmt: skip
    text = report_page([found], title="Broken")
    check(text)
    assert "NaN" in text
    assert "∞" in text
    check(report_page([evaluation(shape=(8, 8), dtype=np.float32, originals=np.full((2, 8, 8), nan))], title="Black"))


def test_rows_of_text_are_right_or_wrong():
    rows = np.array([["red", 1.0], ["green", 2.0]], dtype=object)
    found = samples.pairs(rows, np.array([["red", 1.0], ["blue", 9.0]], dtype=object), columns=("colour", "x"))
    assert 'red <span class="e0">red' in found
    assert 'green <span class="e4">blue' in found
    assert '2 <span class="e4">9' in found


def test_only_pca_is_called_pca_and_its_size_is_said():
    (pca,) = evaluation().baselines
    assert "Beside PCA of the same latent size" in report_page([evaluation()], title="One")
    more = report_page([evaluation(baselines=(replace(pca, name="median"), replace(pca, latent=60)))], title="Noise")
    assert "<caption>Beside PCA</caption>" in more
    for others in ((), (replace(pca, name="noisy input"),)):
        page = report_page([evaluation(baselines=others)], title="Other data")
        check(page)
        assert "PCA’s" not in page


def test_no_evaluation_is_refused():
    with pytest.raises(InputError, match="at least one"):
        report_page([], title="Nothing")


def test_demo_of_three_models_stays_small():
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (16, 28, 28)).astype(np.uint8)
    found = evaluation(
        shape=(28, 28), m=10_000, originals=images, reconstructions=images, worst=images, worst_reconstructions=images,
        labels=np.arange(10_000) % 10,
    )  # fmt: skip
    assert len(report_page([replace(found, name=name) for name in "abc"], title="Demo")) < 2_500_000


def test_drawing_leaves_no_trace_in_matplotlib():
    import matplotlib

    before = dict(matplotlib.rcParams)
    assert plots.loss_curves(records(4)) == plots.loss_curves(records(4))
    assert dict(matplotlib.rcParams) == before


def test_plane_says_what_it_moved_and_names_groups():
    far = np.vstack([np.random.default_rng(0).normal(size=(199, 2)), [[1e6, 1e6]]])
    assert "drawn at the border: 1" in plots.latent_plane(far)
    assert ">cat<" in plots.latent_plane(far, np.array(["cat", "dog"] * 100))


@pytest.mark.parametrize(("count", "marker"), [(1, "o"), (10, "o"), (20, "^")])
def test_up_to_twenty_labels_have_entries_of_their_own(count, marker):
    found = categories(np.arange(60) % count)
    assert found is not None
    assert len({(entry.colour, entry.marker) for entry in found.entries}) == count
    assert found.entries[-1].marker == marker
    assert categories(np.arange(21)) is None


def test_sheet_keeps_small_pictures_exactly():
    from io import BytesIO

    from PIL import Image

    images = np.random.default_rng(0).integers(0, 256, (5, 4, 3, 3)).astype(np.uint8)
    page = np.asarray(Image.open(BytesIO(pictures.sheet(images, columns=2))))
    assert page.shape == (3 * 4 + 2, 2 * 3 + 1, 4)
    assert (page[5:9, 4:7, :3] == images[3]).all()
    assert page[4, 0, 3] == 0
    wide = np.asarray(Image.open(BytesIO(pictures.sheet(images.astype(np.uint16) * 257, columns=2))))
    unit = np.asarray(Image.open(BytesIO(pictures.sheet(images / 255, columns=2))))
    assert (wide == page).all()
    assert (unit == page).all()


@pytest.mark.parametrize(
    ("seconds", "words"), [(8.21, "8.2 s"), (185, "3 min 05 s"), (7800, "2 h 10 min"), (float("nan"), "NaN s")]
)
def test_durations(seconds, words):
    assert markup.duration(seconds) == words


@pytest.mark.parametrize("width", [400, 1280])
def test_page_in_a_browser(browser, tmp_path: Path, width):
    names = ["a detector", "colour", "large", "table", "long vectors", "latent 1 with labels", "uint16"]
    hostile = evaluation(name=HOSTILE, labels=np.array([HOSTILE] * 150), warnings=("x" * 300,))
    found = [replace(CASES[name], name=name) for name in names] + [hostile]
    file = tmp_path / "page.html"
    file.write_text(report_page(found, title="unbroken" * 20), encoding="utf-8")
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(file.as_uri())
    assert browser.get_log("browser") == []
    sizes = browser.execute_script("return [...document.images].map(image => image.naturalWidth)")
    assert len(sizes) > 50
    assert min(sizes) > 0
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.execute_script("return document.querySelectorAll('main svg.plot').length") > 15
