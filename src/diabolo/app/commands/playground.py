"""The command `playground`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from diabolo.app.common import Force, make_room, say, write_text


class Language(StrEnum):
    """The page's languages."""

    en = "en"
    es = "es"


PAGE = Path("out/playground.html")


def playground(
    data: Annotated[
        str, typer.Argument(metavar="[DATA]", help="Grey pictures of at most 32x32 pixels: data set, array, folder.")
    ] = "mnist",
    model: Annotated[
        Path | None, typer.Option("--model", "-m", metavar="MODEL", help="Trained model to open (.safetensors).")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="PAGE", help="HTML page to write.")] = PAGE,
    lang: Annotated[
        Language | None, typer.Option("--lang", help="Language in which the page opens; the browser's if not given.")
    ] = None,
    force: Force = False,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open the page.")] = False,
) -> None:
    """Write one HTML page in which an autoencoder is trained, with a lesson of eight steps, and open it.

    The page needs no installation and no network: the file can be given to students.
    """
    import webbrowser

    from diabolo.app.pages.playground.playground import playground_page
    from diabolo.app.pages.playground.sample import sample_of
    from diabolo.app.pages.playground.trained import page_model
    from diabolo.data.opening import open_data
    from diabolo.estimator import load

    make_room(out, force=force or out == PAGE)
    opened = open_data(data)
    say(*opened.notes)
    sample = sample_of(opened)
    given = None if model is None else page_model(load(model).trained_, model.stem, opened.train.shape)
    text = playground_page(sample, language=None if lang is None else lang.value, model=given)
    write_text(out, text, force=True)
    print(f"The page: {out.absolute()} ({len(text.encode()) / 1e3:,.0f} kB)")
    if not no_browser:
        webbrowser.open(out.absolute().as_uri())
