"""The tab Train: choose a preset, start, and see curves, reconstructions and the map grow; stop, and go on."""

import shlex
from html import escape
from typing import Any

import gradio as gr
import numpy as np

from diabolo.app.drawing import markup
from diabolo.app.drawing.plots import latent_plane, loss_curves
from diabolo.app.studio import figures
from diabolo.app.studio.columns import value_text
from diabolo.app.studio.shelf import Shelf
from diabolo.app.studio.tab import message, on, told
from diabolo.app.studio.training.run import Bench, View
from diabolo.data.named import SETS
from diabolo.data.source import Dataset
from diabolo.data.writing import are_pictures
from diabolo.errors import InputError
from diabolo.jobs.table_input import is_mixed
from diabolo.presets.presets import PRESETS

EVERY = 1.0
"""Seconds between looks at the training."""
OFFERED = [name for name, preset in PRESETS.items() if preset.detector is None and preset.patch is None]
NONE_YET = '<p class="lead">Choose a preset and start. The page shows each epoch as it is done.</p>'


def lines(data: Dataset, options: dict[str, Any]) -> tuple[str, str]:
    """Return the command and the Python program that do the same."""
    name = data.name if data.name in SETS else data.origin or data.name
    out = f"{options['preset']}.safetensors"
    given = {key: value for key, value in options.items() if value is not None and key not in ("preset", "device")}
    words = "".join(f" --{key} {value}" for key, value in given.items())
    command = f"diabolo train {shlex.quote(name)} --preset {options['preset']}{words} --out {out}"
    keywords = "".join(f", {key}={value}" for key, value in given.items())
    program = (
        "from diabolo import Autoencoder, open_data\n"
        f'ae = Autoencoder("{options["preset"]}"{keywords}).fit(open_data({name!r}).train)\n'
        f'ae.save("{out}")'
    )
    return command, program


def shown(view: View | None) -> str:
    """Return what is seen of a training as HTML."""
    if view is None:
        return NONE_YET
    done, last = len(view.history), view.history[-1] if view.history else None
    known = [("epoch", f"{done} of {view.epochs}" if view.epochs else f"{done}")]
    if last is not None:
        known += [("held-out loss", f"{last.validation:,.2f} nats"), ("numbers that vary", f"{last.active:,}")]
        known += [("rate", f"{last.rate:,.2f} nats")] if last.rate else []
        known.append(("time", f"{last.seconds:.1f} s"))
    state = f'<p class="lead" data-state="{escape(view.state)}">{escape(view.title)}: {escape(view.state)}</p>'
    plots = [loss_curves(view.history)] if view.history else []
    plots += [] if view.codes is None else [latent_plane(view.codes, view.labels)]
    whose = "samples it does not learn from" if view.held_out else "samples it learns from"
    return f"{state}{figures.facts(known)}{_samples(view, whose)}{figures.row(plots)}"


def _samples(view: View, whose: str) -> str:
    if view.originals is None or view.reconstructions is None:
        return ""
    originals, back = view.originals, view.reconstructions
    if not are_pictures(originals.shape[1:], originals.dtype, unit=originals.dtype.kind == "f"):
        flat, found = originals[0].reshape(-1)[:12], back[0].reshape(-1)[:12]
        body = [
            [str(number), value_text(x), value_text(y)] for number, (x, y) in enumerate(zip(flat, found, strict=True))
        ]
        head = ["number", "given", "reconstruction"]
        return markup.table(head, body, numeric=[True] * 3, caption=f"The first of the {whose}")
    both = np.concatenate([originals, back])
    return figures.rows_of(both, f"{whose}, and their reconstructions below", columns=len(originals))


def train_tab(shelf: Shelf, tab: gr.Tab) -> None:
    """Build the tab. The server trains one model at a time; every page that is open sees it."""
    bench = Bench()

    def options(preset: str, latent: float | None, epochs: float) -> dict[str, Any]:
        size = int(latent) if latent and PRESETS[preset].free_latent else None
        return {"preset": preset, "latent": size, "epochs": int(epochs), "device": shelf.device}

    def started(preset: str, latent: float | None, epochs: float) -> tuple[Any, ...]:
        if shelf.data is None:
            raise InputError(
                "There are no data to learn from; start the Studio with DATA: diabolo studio -m MODEL DATA."
            )
        if is_mixed(shelf.data.train):
            raise InputError("This tab trains on numbers and pictures; a table with words: diabolo train TABLE.")
        chosen = options(preset, latent, epochs)
        bench.start(shelf.data, chosen, f"{preset} on {shelf.data.name}")
        return (*seen(), *lines(shelf.data, chosen))

    def gone_on() -> tuple[Any, ...]:
        bench.go_on()
        return seen()

    def stopped() -> tuple[Any, ...]:
        bench.stop()
        return seen()

    def seen() -> tuple[Any, ...]:
        view = bench.view
        running, model = view is not None and not view.over, None if view is None else view.model
        file = gr.update(value=None if model is None else str(model), visible=model is not None)
        can_go_on = view is not None and view.state == "stopped"
        buttons = (gr.update(interactive=running), gr.update(interactive=can_go_on))
        return shown(view), 0 if view is None else view.number, gr.update(active=running), file, *buttons

    def looked(number: int) -> tuple[Any, ...]:
        view = bench.view
        if view is None or view.number == number:
            return tuple(gr.skip() for _ in outputs)
        return seen()

    told_here = message()
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            preset = gr.Dropdown(OFFERED, value="vae", label="Preset", elem_id="train-preset")
            latent = gr.Number(2, label="Numbers in the code (empty: the preset's)", minimum=1, precision=0)
            epochs = gr.Slider(1, 100, 10, step=1, label="Epochs", buttons=[], elem_id="train-epochs")
            with gr.Row():
                start = gr.Button("Start", variant="primary", elem_id="train-start")
                stop = gr.Button("Stop", interactive=False, elem_id="train-stop")
                more = gr.Button("Go on", interactive=False, elem_id="train-on")
            command = gr.Textbox(label="The command that does the same", interactive=False, buttons=["copy"])
            program = gr.Textbox(label="The same in Python", interactive=False, lines=3, buttons=["copy"])
            file = gr.File(label="The model", interactive=False, visible=False)
        with gr.Column(scale=3, min_width=320):
            place = gr.HTML(NONE_YET, elem_id="trained")
    number, clock = gr.State(0), gr.Timer(EVERY, active=False)
    outputs = [place, number, clock, file, stop, more]
    blank = tuple(gr.skip() for _ in outputs)
    chosen = [preset, latent, epochs]
    on(start.click, told(started, *blank, gr.skip(), gr.skip()), chosen, [told_here, *outputs, command, program])
    on(stop.click, told(stopped, *blank), [], [told_here, *outputs])
    on(more.click, told(gone_on, *blank), [], [told_here, *outputs])
    on(tab.select, told(seen, *blank), [], [told_here, *outputs])
    clock.tick(looked, [number], outputs, api_visibility="private", show_progress="hidden")
