"""What the tabs have in common: a message in place of an error, and where their pictures come from."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from html import escape
from typing import Any

import gradio as gr

from diabolo.app.studio.atlas import reason
from diabolo.app.studio.shelf import Opened, Shelf
from diabolo.app.studio.uploads import LIMITS, fitted, read_upload
from diabolo.data.source import Array

Work = Callable[..., tuple[Any, ...]]


@dataclass(frozen=True)
class Panel:
    """Where a tab's picture comes from: a file that is dropped, or a row of the data."""

    file: gr.File
    row: gr.Slider

    @property
    def inputs(self) -> list[Any]:
        return [self.file, self.row]


def message() -> gr.HTML:
    """Return the place of a tab's messages, which is empty at first."""
    return gr.HTML(elem_classes="told", visible=False)


def told(work: Work, *blank: Any) -> Work:
    """Return `work` with a message as its first output; after an error the other outputs are `blank`."""

    @wraps(work)
    def run(*given: Any) -> tuple[Any, ...]:
        try:
            return (gr.update(visible=False, value=""), *work(*given))
        except Exception as error:
            shown = f'<p class="warning" role="alert">{escape(reason(error))}</p>'
        return (gr.update(visible=True, value=shown), *blank)

    return run


def on(event: Callable[..., Any], work: Callable[..., Any], inputs: list[Any], outputs: list[Any]) -> None:
    """Run `work` on an event of the page. It is no part of any API that others could call."""
    event(work, inputs, outputs, api_visibility="private", show_progress="full")


def on_shown(
    tab: gr.Tab, place: gr.State, model: gr.Dropdown, work: Work, inputs: list[Any], outputs: list[Any]
) -> None:
    """Run `work` when a tab is opened, and for another model while it is open. place: the id of the tab that is."""

    def if_open(open_now: str, *given: Any) -> tuple[Any, ...]:
        return work(*given) if open_now == tab.id else tuple(gr.skip() for _ in outputs)

    on(tab.select, work, inputs, outputs)
    on(model.change, if_open, [place, *inputs], outputs)


def dropped(what: str, limits: str = LIMITS) -> gr.File:
    """Return the place where a file is dropped, with its limits below."""
    file = gr.File(label=f"Drop {what}", height=150)
    gr.HTML(f'<p class="lead small">Takes {limits}.</p>')
    return file


def panel(shelf: Shelf, what: str = "a picture") -> Panel:
    """Build the inputs of a tab for one picture."""
    file = dropped(what)
    last = 0 if shelf.data is None else len(shelf.data.train) - 1
    row = gr.Slider(0, max(last, 1), 0, step=1, label="Or a row of the data", visible=last > 0, buttons=[])
    return Panel(file, row)


def chosen(shelf: Shelf, opened: Opened, file: str | None, row: float) -> tuple[str, Array, str]:
    """Return the name of what is worked on, the sample as the model takes it, and what was done to a picture."""
    if file is None:
        return f"row {int(row):,}", shelf.sample(opened.trained, int(row)), ""
    picture = read_upload(file)
    sample = fitted(picture, opened.trained)
    same = picture.shape[:2] == sample.shape[:2]
    size = f"{picture.shape[1]} x {picture.shape[0]}"
    return "the picture", sample, "" if same else f"The picture of {size} pixels was cut and scaled to the model's."


def on_panel(given: Panel, work: Work, inputs: list[Any], outputs: list[Any]) -> None:
    """Run `work` for a dropped file, and for a row of the data, which puts the file away."""

    @wraps(work)
    def with_row(*values: Any) -> tuple[Any, ...]:
        return (None, *work(*[None if at is given.file else value for at, value in zip(inputs, values, strict=True)]))

    for event in (given.file.upload, given.file.clear):
        on(event, work, inputs, outputs)
    on(given.row.release, with_row, inputs, [given.file, *outputs])
