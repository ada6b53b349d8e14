"""The tab Explore: the map of codes, in a frame."""

from html import escape
from typing import Any
from urllib.parse import urlencode

import gradio as gr

from diabolo.app.studio.shelf import Shelf
from diabolo.app.studio.tab import message, on, told

NO_LABEL = "(none)"
WAITING = '<p class="lead">The map is being drawn …</p>'
"""Lies under the map, which covers it as soon as it is there."""


def explore_tab(shelf: Shelf, model: gr.Dropdown) -> None:
    """Build the tab; another model or label draws the map anew."""

    def frame(name: str, label: str) -> str:
        asked = {"model": name, "version": shelf.opened(name).version}
        asked |= {} if label == NO_LABEL else {"label": label}
        source = f"/explore?{escape(urlencode(asked))}"
        return f'<div class="map">{WAITING}<iframe id="map-frame" src="{source}" title="Map of codes"></iframe></div>'

    def work(name: str) -> tuple[Any, ...]:
        classes = list(shelf.opened(name).trained.model.config.classes)
        labels = gr.update(choices=[NO_LABEL, *classes], value=NO_LABEL, visible=bool(classes))
        return frame(name, NO_LABEL), labels

    first = shelf.opened(shelf.names[0]).trained.model.config.classes
    told_here = message()
    label = gr.Dropdown([NO_LABEL, *first], value=NO_LABEL, label="Label to tell the decoder", visible=bool(first))
    shown = gr.HTML(frame(shelf.names[0], NO_LABEL))
    on(model.change, told(work, "", gr.skip()), [model], [told_here, shown, label])
    on(label.input, told(lambda name, given: (frame(name, given),), ""), [model, label], [told_here, shown])
