"""The exact coder's kernel: WebAssembly that gives the same bits on every processor (kernel.c, docs/format.md)."""

import atexit
import ctypes
import hashlib
import threading
import weakref
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diabolo.errors import FormatError

ENCODE, DECODE, DUMP = range(3)
CHANNELS = (1, 2, 3, 4)
WIDEST = 1 << 16
PAGE = 1 << 16
ROOM_A_COLUMN = 2 * (4 + 4 + 2 * 24)
"""Bytes of the kernel's rows for each column and plane: 4 of values, 4 of errors, 2 of the errors of 24 predictors."""
BORDER = 8
DUMPED = 52


@dataclass(frozen=True)
class Kernel:
    """model: tables and networks as bench/train_photos.py packs them. Each thread has a machine of its own."""

    model: bytes
    _local: threading.local = field(default_factory=threading.local, compare=False)

    @cached_property
    def identity(self) -> bytes:
        """The SHA-256 of the model, 32 bytes."""
        return hashlib.sha256(self.model).digest()

    def encode(self, items: NDArray[np.uint8], top: int, *, effort: int = 1) -> bytes | None:
        """Return the bytes of items (n, h, w, c) of values 0 to top, or None if they take more than the items."""
        machine = self._machine()
        pixels, data, rows = machine.room(items.shape, items.size)
        machine.write(pixels, items.tobytes())
        length = machine.call("run", ENCODE, pixels, *items.shape, top, data, items.size, rows, effort)
        return None if length > items.size else machine.read(data, length)

    def decode(
        self, payload: bytes, shape: tuple[int, int, int, int], top: int, *, effort: int = 1
    ) -> NDArray[np.uint8]:
        """Return items (n, h, w, c). Raises FormatError if the bytes are damaged."""
        machine = self._machine()
        pixels, data, rows = machine.room(shape, len(payload))
        machine.write(data, payload)
        if machine.call("run", DECODE, pixels, *shape, top, data, len(payload), rows, effort) != len(payload):
            raise FormatError("a block of exactly coded pictures does not end as it should; the archive is damaged.")
        size = int(np.prod(shape))
        return np.frombuffer(machine.read(pixels, size), np.uint8).reshape(shape).copy()

    def dump(self, items: NDArray[np.uint8], rows: int) -> NDArray[np.int16]:
        """Return what the networks see at a tenth of the values: (at most `rows`, 52), to train them on."""
        machine = self._machine()
        pixels, data, room = machine.room(items.shape, 2 * DUMPED * rows)
        machine.write(pixels, items.tobytes())
        count = machine.call("run", DUMP, pixels, *items.shape, 255, data, 2 * DUMPED * rows, room, 1)
        return np.frombuffer(machine.read(data, 2 * DUMPED * count), np.int16).reshape(-1, DUMPED).copy()

    def _machine(self) -> "_Machine":
        if not hasattr(self._local, "machine"):
            self._local.machine = _Machine(self.model)
        machine: _Machine = self._local.machine
        return machine


class _Machine:
    """One instance of the kernel with its memory."""

    def __init__(self, model: bytes) -> None:
        import wasmtime

        engine, module = _module()
        self._store = wasmtime.Store(engine)
        _OPEN.append(weakref.ref(self._store))
        self._exports: Any = wasmtime.Instance(self._store, module, []).exports(self._store)
        if len(model) != self.call("model_size"):
            raise FormatError(f"the model of the exact coder has {len(model)} bytes; install the package anew.")
        self.write(self.call("model"), model)

    def call(self, name: str, *arguments: int) -> int:
        """Return what a function of the kernel gives, as a number without sign."""
        return int(self._exports[name](self._store, *arguments)) & 0xFFFFFFFF

    def room(self, shape: tuple[int, ...], size: int) -> tuple[int, int, int]:
        """Return the places of the pixels, of `size` bytes of data and of the rows, for items (n, h, w, c)."""
        pixels = -(-self.call("heap") // 16) * 16
        data = pixels + -(-int(np.prod(shape)) // 16) * 16
        rows = data + -(-size // 16) * 16
        end = rows + ROOM_A_COLUMN * (shape[2] + BORDER) * shape[3]
        memory = self._exports["memory"]
        missing = -(-(end - memory.data_len(self._store)) // PAGE)
        if missing > 0:
            memory.grow(self._store, missing)
        return pixels, data, rows

    def write(self, place: int, data: bytes) -> None:
        ctypes.memmove(self._address() + place, data, len(data))

    def read(self, place: int, size: int) -> bytes:
        return ctypes.string_at(self._address() + place, size)

    def _address(self) -> int:
        pointer = self._exports["memory"].data_ptr(self._store)
        return ctypes.cast(pointer, ctypes.c_void_p).value or 0


_OPEN: list["weakref.ref[Any]"] = []


@atexit.register
def _close() -> None:
    """Close what is open before Python takes itself apart: wasmtime's own closing fails then, with a message."""
    stores = [store for reference in _OPEN if (store := reference()) is not None]
    parts = reversed(_module()) if _module.cache_info().currsize else ()
    for thing in (*stores, *parts):
        thing.close()


@cache
def _module() -> tuple[Any, Any]:
    import wasmtime

    config = wasmtime.Config()
    config.wasm_simd = True
    engine = wasmtime.Engine(config)
    return engine, wasmtime.Module(engine, files("diabolo.coding.exact").joinpath("kernel.wasm").read_bytes())


@cache
def bundled() -> Kernel:
    """Return the kernel with the model that comes with the package."""
    return Kernel(files("diabolo.coding.exact").joinpath("photos.model").read_bytes())
