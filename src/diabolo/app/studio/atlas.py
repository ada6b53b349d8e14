"""The map of a model's codes for the page: what is at a code, and which samples of the data are nearest to it."""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from threading import Lock
from typing import Any, TypeVar
from urllib.parse import urlencode

import numpy as np

from diabolo.app.drawing.pictures import as_bytes, data_uri, file_of
from diabolo.app.drawing.sheets import sheet
from diabolo.app.pages.explorer import explorer_page
from diabolo.app.studio.columns import columns_of, value_text
from diabolo.app.studio.shelf import Opened, Shelf
from diabolo.data.source import Array, Subset, spaced
from diabolo.data.writing import are_pictures
from diabolo.errors import DiaboloError, FormatError, InputError
from diabolo.jobs.apply import decode, encode
from diabolo.jobs.generate.density import Floats
from diabolo.training.files.model_file import Trained

SEARCHED, NEAREST = 10_000, 6
Found = TypeVar("Found")


@dataclass(frozen=True)
class Searched:
    """rows: of the training samples that are searched; codes: theirs, (n, latent)."""

    rows: np.ndarray[tuple[int], np.dtype[np.int64]]
    codes: Floats


class Atlas:
    """Maps and codes of the models of a shelf, made once for each version of a model's file."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self._kept: dict[tuple[str, str, str | None], tuple[str, Any]] = {}
        self._lock = Lock()

    def page(self, name: str, label: str | None) -> str:
        """Return the explorer page of a model. Raises InputError where there is nothing to map."""
        opened = self.shelf.opened(name)
        asked = {"model": name, "version": opened.version, **({} if label is None else {"label": label})}
        live = f"/explore?{urlencode(asked)}&what="
        data = self.shelf.data_for(opened.trained)
        return self._once("page", opened, label, lambda: explorer_page(opened.trained, data, label=label, live=live))

    def decoded(self, name: str, version: str, code: bytes, label: str | None) -> bytes | list[list[str]]:
        """Return what is at a code (latent,) of little-endian float32: 8-bit pixels, or a name and value a column."""
        opened = self._current(name, version)
        samples = decode(opened.trained, _code(opened.trained, code), label=label)
        if is_picture(opened.trained):
            return as_bytes(samples).tobytes()
        return [[name, value_text(value)] for name, (value,) in columns_of(opened.trained, samples)]

    def nearest(self, name: str, version: str, code: bytes) -> dict[str, Any]:
        """Return the samples of the data whose codes are nearest to a code, as a picture or as rows of a table."""
        opened = self._current(name, version)
        data = self.shelf.data_for(opened.trained)
        if data is None:
            raise InputError("There are no data to search; start the Studio with DATA.")
        source = data.train
        found = self._once("codes", opened, None, lambda: _searched(opened.trained, source))
        distances = np.square(found.codes - _code(opened.trained, code)).sum(1)
        rows = found.rows[np.argsort(distances, kind="stable")[:NEAREST]]
        of = f"{len(found.rows):,} training samples" if len(found.rows) < len(source) else f"{len(source):,} samples"
        labels = "" if data.labels is None else f"; labels {', '.join(str(data.labels[row]) for row in rows)}"
        answer: dict[str, Any] = {"title": f"Nearest of {of}{labels}"}
        samples = source.take(rows)
        if is_picture(opened.trained):
            return {**answer, "picture": data_uri(file_of(sheet(samples, columns=NEAREST)))}
        columns = columns_of(opened.trained, samples)
        return {**answer, "rows": [[name, *map(value_text, values)] for name, values in columns]}

    def _current(self, name: str, version: str) -> Opened:
        opened = self.shelf.opened(name)
        if opened.version != version:
            raise FormatError(f"{name} was replaced since this map was drawn; reload the page to see the new one.")
        return opened

    def _once(self, what: str, opened: Opened, label: str | None, make: Callable[[], Found]) -> Found:
        with self._lock:
            version, found = self._kept.get((what, opened.name, label), ("", None))
            if version != opened.version:
                found = make()
                self._kept[what, opened.name, label] = (opened.version, found)
            return found  # type: ignore[no-any-return]


def is_picture(trained: Trained) -> bool:
    """Return whether a model's samples can be shown as pictures."""
    prepared = trained.preprocessing
    return are_pictures(trained.model.config.shape, prepared.dtype, unit=prepared.unit)


def reason(error: Exception) -> str:
    """Return in one line why something could not be done; an error that nobody foresaw is named."""
    known = isinstance(error, DiaboloError)
    return " ".join((str(error) if known else f"Unexpected {type(error).__name__}: {error}").split())


def apology(error: Exception) -> str:
    """Return a page that says why there is no map."""
    paper = "background: light-dark(#f7f7f5, #14171b); color: light-dark(#5a616c, #a3abb6)"
    style = f"body {{ font: 16px/1.5 system-ui, sans-serif; margin: 1rem 0; {paper} }}"
    head = f'<meta charset="utf-8"><meta name="color-scheme" content="light dark"><style>{style}</style>'
    return f'<!doctype html>{head}<link rel="icon" href="data:,"><p id="where">{escape(reason(error))}</p>'


def _searched(trained: Trained, source: Any) -> Searched:
    rows = spaced(len(source), SEARCHED)
    return Searched(rows, encode(trained, Subset(source, rows)))


def _code(trained: Trained, code: bytes) -> Floats:
    latent = trained.model.config.latent
    if len(code) != 4 * latent:
        raise InputError(f"A code of this model has {latent} numbers, {4 * latent} bytes; got {len(code)} bytes.")
    found: Array = np.frombuffer(code, "<f4").reshape(1, latent)
    return found.astype(np.float32)
