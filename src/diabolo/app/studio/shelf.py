"""The models and the data that the Studio shows; a model is read anew when its file has changed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np

from diabolo.app.model_data import matched
from diabolo.data.source import Array, Dataset
from diabolo.errors import FileError, InputError
from diabolo.jobs.columns import check_shape
from diabolo.training.files.model_file import Trained, load_model


@dataclass(frozen=True)
class Opened:
    """A model as its file is now. version: of the file, which changes with it."""

    name: str
    trained: Trained
    version: str


class Shelf:
    """Models by their names, and data that they are shown on, if any were given.

    closing: what is to be done when the server stops.
    """

    def __init__(self, models: Sequence[Path], data: Dataset | None = None, device: str = "cpu") -> None:
        """Open all models, which compute on `device`. Raises FileError or FormatError for one that cannot be used."""
        given = list(dict.fromkeys(models))
        short = [path.name for path in given]
        self.paths = {path.name if short.count(path.name) == 1 else str(path): path.absolute() for path in given}
        self.data, self.device = data, device
        self.closing: list[Callable[[], None]] = []
        self._kept: dict[str, Opened] = {}
        self._lock = Lock()
        for name in self.names:
            self.opened(name)

    @property
    def names(self) -> list[str]:
        return list(self.paths)

    def opened(self, name: str) -> Opened:
        """Return a model as its file is now. Raises FileError if it is gone, FormatError if it is damaged."""
        if name not in self.paths:
            raise InputError(f"There is no model {name!r} here; there are {', '.join(self.names)}.")
        with self._lock:
            version = _version(self.paths[name])
            kept = self._kept.get(name)
            if kept is None or kept.version != version:
                kept = self._kept[name] = Opened(name, load_model(self.paths[name], self.device), version)
            return kept

    def data_for(self, trained: Trained) -> Dataset | None:
        """Return the data as a model takes them. Raises InputError if they are not for it."""
        if self.data is None:
            return None
        data = matched(self.data, trained)
        check_shape(trained, data.train)
        return data

    def sample(self, trained: Trained, row: int) -> Array:
        """Return one of the data, (*shape)."""
        data = self.data_for(trained)
        if data is None:
            raise InputError("Drop a picture first, or start the Studio with DATA: diabolo studio -m MODEL DATA.")
        sample: Array = data.train.take(np.array([min(max(int(row), 0), len(data.train) - 1)]))[0]
        return sample


def _version(path: Path) -> str:
    try:
        found = path.stat()
    except OSError as error:
        raise FileError(f"The model file {path} is gone ({error.strerror}); put it back or train it anew.") from error
    return f"{found.st_mtime_ns:x}-{found.st_size:x}-{found.st_ino:x}"
