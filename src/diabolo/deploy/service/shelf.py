"""The models of a service: opened once, and opened anew when their file changes."""

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from diabolo.deploy.runtime.table import TableModel, open_model
from diabolo.deploy.service.hour import Hour
from diabolo.errors import ArgumentError, FileError

Stamp = tuple[int, int, int]
"""A file's number, size and time of change: another one means another content."""


@dataclass(frozen=True)
class Served:
    """A model at work. version: the first 16 digits of its file's SHA-256. hour: what came in the last hour."""

    name: str
    path: Path
    stamp: Stamp
    version: str
    model: TableModel
    hour: Hour = field(compare=False)


class Shelf:
    """Models by the names of their files. Raises ArgumentError for two of one name, and what `open_model` raises."""

    def __init__(self, paths: Sequence[Path], *, false_alarms: float | None = None) -> None:
        self.false_alarms, self.failed, self.changing = false_alarms, dict[str, tuple[Stamp, str]](), threading.Lock()
        found: dict[str, Served] = {}
        for path in paths:
            if path.stem in found:
                raise ArgumentError(f"Two models are called {path.stem}; rename one of the files.")
            found[path.stem] = self._opened(path)
        self.models: Mapping[str, Served] = found

    def _opened(self, path: Path) -> Served:
        stamp = _stamp(path)
        model = open_model(path, false_alarms=self.false_alarms)
        version = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        if stamp != _stamp(path):
            raise FileError(f"{path} changed while it was read; replace a model file in one step, by a rename.")
        return Served(path.stem, path, stamp, version, model, Hour(model.detector.found.references))

    def refresh(self) -> list[str]:
        """Open the files that changed; return a line for each. A file that cannot be used leaves its model at work."""
        lines = []
        with self.changing:
            for name, served in list(self.models.items()):
                try:
                    stamp = _stamp(served.path)
                except OSError as error:
                    lines += self._missed(name, (0, 0, 0), str(error))
                    continue
                if stamp == served.stamp:
                    self.failed.pop(name, None)  # the file is there again
                    continue
                if self.failed.get(name, ((), ""))[0] == stamp:
                    continue
                try:
                    opened = self._opened(served.path)
                except (
                    Exception
                ) as error:  # whatever a file holds, the earlier model stays, and the others are looked at
                    lines += self._missed(name, stamp, str(error))
                    continue
                self.failed.pop(name, None)
                self.models = {**self.models, name: opened}
                lines.append(f"{name}: the new file is at work, version {opened.version}.")
        return lines

    def _missed(self, name: str, stamp: Stamp, why: str) -> list[str]:
        """Remember that a file could not be used, and say so once."""
        if self.failed.get(name, ((), ""))[0] == stamp:
            return []
        self.failed[name] = (stamp, why)
        return [f"{name}: the earlier model stays at work; {why}"]


def _stamp(path: Path) -> Stamp:
    try:
        state = path.stat()
    except FileNotFoundError as error:
        raise FileError(f"There is no model file {path}.") from error
    return state.st_ino, state.st_size, state.st_mtime_ns
