"""The playground: one HTML file in which an autoencoder is trained, with its digits and a lesson of eight steps."""

import base64
import json
from importlib.resources import files
from string import Template
from typing import Any

from diabolo.app.pages.playground.sample import Sample

LANGUAGES = ("en", "es")
MATHEMATICS = ("random", "kernels", "network", "training", "pca")
PAGE = ("state", "draw", "controls", "plane", "pad", "program", "views", "page", "actions")
"""The scripts, in the order in which they are read; the mathematics is the worker's program too."""


def playground_page(sample: Sample, *, language: str | None = None, model: dict[str, Any] | None = None) -> str:
    """Return the page as one self-contained text that asks nothing of a network.

    language: "en" or "es"; None: the browser's. model: a trained one, as `page_model` gives it.
    """
    words = {name: json.loads(_text(f"words.{name}.json")) for name in LANGUAGES}
    content = {
        "digits": sample.content(),
        "kernels": base64.b64encode(_folder().joinpath("kernels.wasm").read_bytes()).decode("ascii"),
        "words": words,
        "lang": language,
        "model": model,
    }
    return Template(_text("page.html")).substitute(
        lang=language or LANGUAGES[0],
        title=words[language or LANGUAGES[0]]["title"],
        style=_text("page.css"),
        content=json.dumps(content, allow_nan=False, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"),
        mathematics="\n".join(_text(f"{name}.js") for name in MATHEMATICS),
        script="\n".join(_text(f"{name}.js") for name in PAGE),
    )


def _folder() -> Any:
    return files("diabolo.app.pages.playground")


def _text(name: str) -> str:
    text: str = _folder().joinpath(name).read_text(encoding="utf-8")
    return text
