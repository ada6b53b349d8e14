"""The tab Reconstruct: a sample, what the model makes of it, what is lost, its code and its bytes."""

from contextlib import suppress
from html import escape
from importlib.resources import files
from typing import Any

import gradio as gr
import numpy as np

from diabolo.app.drawing import markup
from diabolo.app.drawing.pictures import as_bytes
from diabolo.app.studio import figures
from diabolo.app.studio.atlas import is_picture
from diabolo.app.studio.columns import apart_text, columns_of, value_text
from diabolo.app.studio.shelf import Shelf
from diabolo.app.studio.tab import chosen, message, on, on_panel, on_shown, panel, told
from diabolo.app.studio.uploads import drawn, fitted
from diabolo.data.source import Array, ArraySource
from diabolo.errors import DiaboloError
from diabolo.jobs.apply import decode, encode, score
from diabolo.jobs.compress.compare.general_codecs import CODECS
from diabolo.jobs.evaluate.quality import psnr
from diabolo.training.files.model_file import Trained

BRIGHT, DARK = "bright on black", "dark on white"
# Gradio's own pad draws by WebGL, which browsers without a graphics card are giving up, once a tool has been chosen.
PAD = """<div class="pad"><p>Or draw one <button type="button">Clear</button></p>
<canvas width="280" height="280" role="img" aria-label="Draw here with the pointer"></canvas></div>"""


def reconstructed(trained: Trained, sample: Array, name: str, note: str = "") -> str:
    """Return a sample beside its reconstruction, with its code and its bytes, as HTML."""
    source = ArraySource(sample[None])
    code = encode(trained, source)
    back = decode(trained, code)[0]
    terms = score(trained, source)
    known = [("code", f"{code.shape[1]} numbers"), ("distortion", f"{float(terms.distortion[0]):,.2f} nats")]
    if float(terms.rate[0]):
        known.append(("rate", f"{float(terms.rate[0]):,.2f} nats"))
    content = _pictures(sample, back, name, known) if is_picture(trained) else _columns(trained, sample, back)
    known += [("as they are", f"{sample.nbytes:,} bytes"), ("code of 32-bit floats", f"{code.nbytes:,} bytes")]
    plot = f'<figure class="bars">{figures.code_bars(code[0])}<figcaption>its code</figcaption></figure>'
    return f'{content}{plot}{figures.facts(known)}<p class="lead">{note}</p>'


def _pictures(sample: Array, back: Array, name: str, known: list[tuple[str, str]]) -> str:
    apart = np.abs(np.subtract(as_bytes(sample), as_bytes(back), dtype=np.int16)).astype(np.uint8)
    known.append(("PSNR", "∞" if not apart.any() else f"{psnr(sample, back):.2f} dB"))
    if sample.dtype == np.uint8:
        known.append(("PNG", f"{len(CODECS['PNG'].encode(sample, 0)):,} bytes"))
    words = f"what differs, {apart.mean():.1f}/255 on average"
    return figures.row(
        [figures.picture(sample, name), figures.picture(back, "reconstruction"), figures.picture(apart, words)]
    )


def _columns(trained: Trained, sample: Array, back: Array) -> str:
    head = ["column", "given", "reconstruction", "differs by"]
    rows = []
    for name, (given, found) in columns_of(trained, np.stack([sample, back])):
        texts = (name, value_text(given), value_text(found), apart_text(given, found))
        rows.append([escape(text) for text in texts])
    return markup.table(head, rows, numeric=[False, True, True, True], caption="The columns of the row")


def reconstruct_tab(shelf: Shelf, model: gr.Dropdown, tab: gr.Tab, place: gr.State) -> None:
    """Build the tab."""

    def work(name: str, file: str | None, row: float) -> tuple[Any, ...]:
        opened = shelf.opened(name)
        if file is None and shelf.data is None:
            return ('<p class="lead">Drop a picture, or draw one.</p>',)
        what, sample, note = chosen(shelf, opened, file, row)
        return (reconstructed(opened.trained, sample, what, note),)

    def work_drawn(name: str, drawing: str | None, ink: str) -> tuple[Any, ...]:
        trained = shelf.opened(name).trained
        sample = fitted(drawn(drawing or "", bright_ink=ink == BRIGHT), trained)
        return (reconstructed(trained, sample, "what was drawn"),)

    def paper_for(name: str) -> Any:
        with suppress(DiaboloError):  # the tab tells it
            return gr.update(visible=is_picture(shelf.opened(name).trained))
        return gr.skip()

    script = files("diabolo.app.studio").joinpath("pad.js").read_text(encoding="utf-8")
    told_here = message()
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            given = panel(shelf)
            with gr.Column(visible=is_picture(shelf.opened(shelf.names[0]).trained)) as paper:
                pad = gr.HTML(html_template=PAD, js_on_load=script, elem_id="pad")
                ink = gr.Radio([BRIGHT, DARK], value=BRIGHT, label="The model sees the strokes")
        with gr.Column(scale=3, min_width=320):
            shown = gr.HTML(elem_id="reconstructed")
    outputs, run = [told_here, shown], told(work, "")
    on_panel(given, run, [model, *given.inputs], outputs)
    on_shown(tab, place, model, run, [model, *given.inputs], outputs)
    on(model.change, paper_for, [model], [paper])
    for event in (pad.input, ink.input):
        on(event, told(work_drawn, ""), [model, pad, ink], outputs)
