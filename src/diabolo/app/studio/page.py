"""The page of the Studio: a model above, a tab for each job below."""

from html import escape
from importlib.resources import files
from typing import Any

import gradio as gr

from diabolo.app.fit_and_measure import shape_text
from diabolo.app.studio.compress import compress_tab
from diabolo.app.studio.denoise import denoise_tab
from diabolo.app.studio.detect import detect_tab
from diabolo.app.studio.explore import explore_tab
from diabolo.app.studio.reconstruct import reconstruct_tab
from diabolo.app.studio.shelf import Shelf
from diabolo.app.studio.tab import message, on, told
from diabolo.app.studio.training.tab import train_tab
from diabolo.app.studio.uploads import MOST_BYTES
from diabolo.jobs.columns import encoding_of

FONTS = ("system-ui", "sans-serif")
TITLE = "diabolo studio"
OWN = ("studio.css", "uploads.js")
TABS = {"Reconstruct": reconstruct_tab, "Compress": compress_tab, "Denoise": denoise_tab, "Detect": detect_tab}


def page(shelf: Shelf) -> gr.Blocks:
    """Build the page. It asks nothing of a network, and sends nothing."""
    blocks: gr.Blocks
    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as blocks:
        with gr.Row(elem_id="head", equal_height=True):
            told_here = gr.HTML(about(shelf, shelf.names[0]), elem_id="about")
            model = gr.Dropdown(shelf.names, value=shelf.names[0], label="Model", visible=len(shelf.names) > 1)
        trouble = message()
        place = gr.State("explore")
        with gr.Tabs():
            with gr.Tab("Explore", id="explore") as first:
                explore_tab(shelf, model)
            tabs = [first]
            for name, build in TABS.items():
                with gr.Tab(name, id=name, elem_id=f"{name.lower()}-tab") as tab:
                    build(shelf, model, tab, place)
                tabs.append(tab)
            with gr.Tab("Train", id="Train", elem_id="train-tab") as learning:
                train_tab(shelf, learning)
            tabs.append(learning)
        for tab in tabs:
            on(tab.select, lambda opened=tab.id: opened, [], [place])
        on(model.change, told(lambda name: (about(shelf, name),), gr.skip()), [model], [trouble, told_here])
    blocks.queue(default_concurrency_limit=2)
    return blocks


def about(shelf: Shelf, name: str) -> str:
    """Return the head of the page: what the model is, and on what it is shown."""
    trained = shelf.opened(name).trained
    config, table = trained.model.config, encoding_of(trained)
    shape = shape_text(config.shape) if table is None else f"{len(table.names)} columns"
    data = "" if shelf.data is None else f", shown on {shelf.data.name}"
    words = f"{name}: {config.preset}, {shape} to {config.latent} numbers{data}"
    return f'<h1>{TITLE}</h1><p class="lead">{escape(words)}</p>'


def mounted(app: Any, shelf: Shelf) -> Any:
    """Return a FastAPI app with the page at /."""
    style, script = (files("diabolo.app.studio").joinpath(name).read_text(encoding="utf-8") for name in OWN)
    head = f"<script>const MOST_BYTES = {MOST_BYTES};\n{script}</script>"
    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.blue, neutral_hue=gr.themes.colors.gray, font=FONTS, font_mono=("monospace",)
    )
    return gr.mount_gradio_app(
        app, page(shelf), path="/", server_name="127.0.0.1", footer_links=[], run_history=False, ssr_mode=False,
        show_error=True, max_file_size=MOST_BYTES, theme=theme, css=style, head=head,
        enable_monitoring=False, pwa=False, mcp_server=False,
    )  # fmt: skip
