"""The tab Denoise: a picture before and after under a slider, with a dial of noise to add."""

from typing import Any

import gradio as gr
import numpy as np
import torch

from diabolo.app.drawing.pictures import as_bytes
from diabolo.app.studio import figures
from diabolo.app.studio.shelf import Shelf
from diabolo.app.studio.tab import message, on, on_panel, on_shown, panel, told
from diabolo.app.studio.uploads import read_upload
from diabolo.data.preprocessing import PIXEL_LIMITS
from diabolo.data.source import Array
from diabolo.errors import InputError
from diabolo.jobs.denoise.bundled import bundled_denoiser
from diabolo.jobs.denoise.denoise import denoise
from diabolo.jobs.denoise.strength import Dial
from diabolo.jobs.evaluate.quality import psnr, ssim
from diabolo.model.corruption.kinds import GaussianNoise

CHOSEN, BUNDLED = "the model above", "the one for photos that comes along"
LEAST_SHOWN = 384
"""Pixels that the longer side of a small picture is magnified to, in whole steps."""


def noisy(picture: Array, strength: float) -> Array:
    """Return a picture with normal noise added, of `strength` 255ths of white, from seed 0."""
    if not strength:
        return picture
    most = PIXEL_LIMITS.get(picture.dtype, 1.0)
    values = torch.from_numpy(picture.astype(np.float32) / most)
    added = GaussianNoise(strength / 255, unit=True)(values, torch.Generator().manual_seed(0)).numpy() * most
    return np.asarray((np.rint(added) if picture.dtype.kind in "ub" else added).astype(picture.dtype))


def magnified(picture: Array) -> Array:
    """Return a picture of 8 bits, small ones magnified by whole steps."""
    plain = as_bytes(picture)
    plain = plain[..., 0] if plain.ndim == 3 and plain.shape[2] == 1 else plain
    times = max(1, LEAST_SHOWN // max(plain.shape[:2]))
    return plain.repeat(times, 0).repeat(times, 1)


def denoise_tab(shelf: Shelf, model: gr.Dropdown, tab: gr.Tab, place: gr.State) -> None:
    """Build the tab."""

    def work(
        name: str,
        file: str | None,
        row: float,
        which: str,
        strength: float,
        much: float = 1.0,
        grain: float = 0.0,
        progress: Any = gr.Progress(),  # noqa: B008
    ) -> tuple[Any, ...]:
        trained = shelf.opened(name).trained
        if file is None and shelf.data is None:
            return None, '<p class="lead">Drop a picture; the dial adds noise to one that is clean.</p>'
        picture = shelf.sample(trained, int(row)) if file is None else read_upload(file)
        if picture.ndim < 2:
            raise InputError("This model takes tables, no pictures; drop one to clean it with the model for photos.")
        given = noisy(picture, strength)
        cleaner, dial = trained if which == CHOSEN else bundled_denoiser(), Dial(much, None, grain)
        found = denoise(cleaner, given, dial=dial, watch=lambda share: progress(share))
        known = [("noise found", f"{255 * found.noise:.1f}/255")]
        if not found.share:
            known.append(("left as it was", "less than a grey level of noise"))
        if strength:
            pairs = ((given, "before"), (found.image, "after"))
            known += [(f"PSNR {words}", f"{psnr(picture, image):.2f} dB") for image, words in pairs]
            known += [(f"SSIM {words}", f"{ssim(picture, image):.4f}") for image, words in pairs]
        return (magnified(given), magnified(found.image)), figures.facts(known)

    def fits(name: str) -> str:
        return CHOSEN if shelf.opened(name).trained.config.denoises else BUNDLED

    def fitting(
        name: str, file: str | None, row: float, _: str, strength: float, much: float, grain: float
    ) -> tuple[Any, ...]:
        return (fits(name), *work(name, file, row, fits(name), strength, much, grain))

    told_here = message()
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            given = panel(shelf)
            strength = gr.Slider(0, 100, 0, step=1, label="Noise to add (of 255)", elem_id="noise", buttons=[])
            much = gr.Slider(0, 2, 1, step=0.05, label="Strength (1: as estimated)", elem_id="much", buttons=[])
            grain = gr.Slider(0, 1, 0, step=0.05, label="Grain to keep", elem_id="grain", buttons=[])
            which = gr.Radio([CHOSEN, BUNDLED], value=fits(shelf.names[0]), label="Cleaned by")
        with gr.Column(scale=3, min_width=320):
            slider = gr.ImageSlider(label="Before and after", type="numpy", format="png", max_height=560,
                                    interactive=False, elem_id="before-after", buttons=["fullscreen"])  # fmt: skip
            facts = gr.HTML(elem_id="denoised")
    inputs, outputs = [model, *given.inputs, which, strength, much, grain], [told_here, slider, facts]
    run = told(work, None, "")
    on_panel(given, run, inputs, outputs)
    for event in (strength.release, much.release, grain.release, which.input):
        on(event, run, inputs, outputs)
    on_shown(tab, place, model, told(fitting, gr.skip(), None, ""), inputs, [told_here, which, slider, facts])
