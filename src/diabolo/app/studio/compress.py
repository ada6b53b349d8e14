"""The tab Compress: an archive of a picture or of the data, what comes back, and other codecs at the same quality."""

import os
import tempfile
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from diabolo.app.drawing import markup
from diabolo.app.output.tables import compared_rows
from diabolo.app.studio import figures
from diabolo.app.studio.shelf import Shelf
from diabolo.app.studio.tab import dropped, message, on, on_shown, told
from diabolo.app.studio.uploads import read_upload
from diabolo.data.images.mixed import open_pictures
from diabolo.data.source import Array, ArraySource, Source, Subset, spaced
from diabolo.jobs.compress.compare.comparison import compare
from diabolo.jobs.compress.compress import Compressed, compress, promised
from diabolo.jobs.compress.decompress import one_item, unpacked
from diabolo.training.files.model_file import Trained

OWN, QUALITY, LOSSLESS = "the model's own rate", "quality", "lossless"
BESIDE = ("PNG", "WebP lossless", "JPEG", "WebP")
MOST, SHOWN = 500, 8
NOTHING = '<p class="lead">Drop a picture; rows of data where the Studio is started with DATA.</p>'
ALIKE = 120.0
"""dB that stand for no difference at all."""


def archived(
    trained: Trained, file: str | None, data: Source | None, way: str, quality: float
) -> tuple[str, str | None]:
    """Return what an archive of a picture's file, or else of samples, comes to, as HTML, and the path of the archive.

    Where there is nothing to compress, it is said what to give. Raises InputError for a model that cannot compress.
    """
    promise, _ = promised(quality if way == QUALITY else None, None, lossless=way == LOSSLESS)
    wanted = quality if way == QUALITY else None
    if file is not None:
        picture = read_upload(file)
        path = _place(f"{Path(file).stem}.dbo")
        found = compress(trained, open_pictures(Path(file)), path, promise=promise, quality=wanted)
        strips = list(one_item(trained, path, Path(file).name))
        back = np.concatenate([strip.array for strip in strips])
        return _told(trained, found, ArraySource(picture[None]), picture[None], back[None]), str(path)
    if data is None:
        return NOTHING, None
    path = _place("samples.dbo")
    found = compress(trained, data, path, promise=promise, quality=wanted)
    first = next(unpacked(trained, path)).array[:SHOWN]
    return _told(trained, found, data, data.take(np.arange(len(first))), first), str(path)


def _place(name: str) -> Path:
    return Path(tempfile.mkdtemp(dir=os.environ.get("GRADIO_TEMP_DIR"))) / name


def _told(trained: Trained, found: Compressed, images: Source, before: Array, after: Array) -> str:
    each = found.size / found.items
    known = [
        ("items", f"{found.items:,}"),
        ("bytes before", f"{found.raw:,}"),
        ("bytes of the archive", f"{found.size:,}"),
        ("bytes each", f"{each:,.1f}"),
        ("PSNR", "the same bytes" if found.psnr >= ALIKE else f"{found.psnr:.2f} dB"),
    ]
    notes = [f"{found.stored} of {found.blocks} blocks are kept by a general coder."] if found.stored else []
    notes += ["The file itself is kept: it takes fewer bytes than what the model makes of it."] if found.kept else []
    shown = _shown(before, after)
    return f'{figures.facts(known)}<p class="lead">{" ".join(notes)}</p>{shown}{_beside(trained, found, images, each)}'


def _shown(before: Array, after: Array) -> str:
    if before.ndim < 3:
        return ""
    pairs = ((before, "before"), (after[..., :3] if after.ndim == 4 else after, "after"))
    return figures.row([figures.rows_of(images, words, columns=4) for images, words in pairs])


def _beside(trained: Trained, found: Compressed, images: Source, each: float) -> str:
    """Return the table that sets the archive beside other codecs at the same quality."""
    if images.dtype != np.uint8 or len(images.shape) < 2:
        return ""
    psnr = None if found.psnr >= ALIKE else found.psnr
    rows = compare(
        images,
        psnr=psnr,
        model_bytes_per_image=each,
        model_file_bytes=0,
        model=trained.model.config.preset,
        codecs=BESIDE,
    )
    head, *body = [(name, how, size, decibels) for name, how, size, _, decibels in compared_rows(rows.rows)]
    return markup.table(
        head,
        body,
        numeric=[False, False, True, True],
        caption="Other codecs at the same quality; model file not counted",
    )


def compress_tab(shelf: Shelf, model: gr.Dropdown, tab: gr.Tab, place: gr.State) -> None:
    """Build the tab."""

    def work(name: str, file: str | None, count: float, way: str, quality: float) -> tuple[Any, ...]:
        trained = shelf.opened(name).trained
        data = None if file is not None else shelf.data_for(trained)
        some = None if data is None else Subset(data.train, spaced(len(data.train), int(count)))
        html, path = archived(trained, file, some, way, quality)
        return html, gr.update(value=path, visible=path is not None)

    def work_quality(name: str, file: str | None, count: float, quality: float) -> tuple[Any, ...]:
        return (QUALITY, *work(name, file, count, QUALITY, quality))

    size = 0 if shelf.data is None else len(shelf.data.train)
    told_here = message()
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            file = dropped("a picture")
            count = gr.Slider(1, max(2, min(MOST, size)), min(100, max(size, 1)), step=1, label="Or so many rows",
                              visible=size > 1, buttons=[])  # fmt: skip
            way = gr.Radio([OWN, QUALITY, LOSSLESS], value=OWN, label="What is kept")
            quality = gr.Slider(10, 50, 25, step=0.5, label="Quality: PSNR in dB", elem_id="quality", buttons=[])
        with gr.Column(scale=3, min_width=320):
            shown = gr.HTML(elem_id="compressed")
            archive = gr.File(label="The archive", interactive=False, visible=False)
    inputs, outputs = [model, file, count, way, quality], [told_here, shown, archive]
    gone = gr.update(value=None, visible=False)
    run = told(work, "", gone)
    on_shown(tab, place, model, run, inputs, outputs)
    for event in (file.upload, file.clear, count.release, way.input):
        on(event, run, inputs, outputs)
    on(
        quality.release,
        told(work_quality, QUALITY, "", gone),
        [model, file, count, quality],
        [told_here, way, shown, archive],
    )
