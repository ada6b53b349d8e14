"""Stacks in Zarr stores: an array, or the finest level of an OME-Zarr image."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from diabolo.data.images.stacks import Layout, Stack, Writer, named_axes
from diabolo.data.limits import reading
from diabolo.data.source import Array
from diabolo.errors import FileError, FormatError, MissingExtraError


@dataclass(frozen=True)
class ZarrStack:
    """array: a Zarr array. name: of the array in its group, "" for an array by itself. attributes: of the group."""

    array: Any
    layout: Layout
    name: str
    attributes: dict[str, Any]
    version: int

    @classmethod
    def open(cls, path: Path) -> "ZarrStack":
        """Raises FileError or FormatError if it is no store of images."""
        zarr = _package()
        if not path.exists():
            raise FileError(f"{path} is not there; give a Zarr store.")
        with reading(path, "a Zarr store"):
            opened = zarr.open(path, mode="r")
            name, attributes, array = "", dict(opened.attrs), opened
            if not hasattr(opened, "shape"):
                name = _finest(attributes) or next(iter(sorted(opened.array_keys())), "")
                if not name:
                    raise FormatError(f"{path} holds no array; give a store with an array or an OME-Zarr image.")
                array = opened[name]
            shape = tuple(int(size) for size in array.shape)
            if len(shape) < 2 or 0 in shape or np.dtype(array.dtype).kind not in "buif":
                raise FormatError(f"{path} holds {array.dtype} of the shape {shape}, which are no images.")
            axes = _axes(attributes, len(shape)) or named_axes(shape)
            layout = Layout(shape, np.dtype(array.dtype), axes)
            return cls(array, layout, name, attributes, int(array.metadata.zarr_format))

    def read(self, number: int) -> Array:
        outer = self.layout.shape[: -len(self.layout.image)]
        return np.asarray(self.array[np.unravel_index(number, outer) if outer else ...])


def _package() -> Any:
    try:
        import zarr
    except ImportError as error:
        raise MissingExtraError(f"A Zarr store needs a package ({error}); pip install zarr.") from error
    return zarr


def _images(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return the first image of an OME-Zarr group (version 0.4 or 0.5); empty if there is none."""
    found = attributes.get("ome", attributes).get("multiscales") or [{}]
    return dict(found[0])


def _finest(attributes: dict[str, Any]) -> str:
    return str((_images(attributes).get("datasets") or [{}])[0].get("path", ""))


def _axes(attributes: dict[str, Any], count: int) -> str:
    names = [
        str(axis.get("name", "Q") if isinstance(axis, dict) else axis) for axis in _images(attributes).get("axes", [])
    ]
    return "".join(name[:1].upper() for name in names) if len(names) == count else ""


def _attributes(stack: Stack) -> dict[str, Any]:
    """Return the attributes of the store that is written: those of the given one, for its finest level alone."""
    if not isinstance(stack, ZarrStack):
        return {}
    attributes = dict(stack.attributes)
    holder = dict(attributes["ome"]) if "ome" in attributes else attributes
    if holder.get("multiscales"):
        holder["multiscales"] = [{**image, "datasets": image["datasets"][:1]} for image in holder["multiscales"][:1]]
    return {**attributes, "ome": holder} if "ome" in attributes else holder


@contextmanager
def zarr_written(path: Path, stack: Stack, *, force: bool) -> Iterator[Writer]:
    """Yield what takes the images of a store like `stack`, one chunk an image."""
    zarr = _package()
    if path.exists() and not force:
        raise FileError(f"{path} is already there; choose another name or pass --force.")
    layout, name = stack.layout, stack.name if isinstance(stack, ZarrStack) else ""
    outer = layout.shape[: -len(layout.image)]
    temporary = Path(tempfile.mkdtemp(dir=path.absolute().parent, prefix=f".{path.name[:40]}."))
    try:
        version = stack.version if isinstance(stack, ZarrStack) else 3
        place: Any = zarr.open_group(temporary, mode="w", zarr_format=version) if name else temporary
        options = {"shape": layout.shape, "dtype": layout.dtype, "chunks": (*[1] * len(outer), *layout.image)}
        if name:
            place.attrs.update(_attributes(stack))
            array = place.create_array(name, **options)
        else:
            array = zarr.create_array(place, zarr_format=version, attributes=_attributes(stack), **options)
        done = 0

        def write(image: Array) -> None:
            nonlocal done
            array[np.unravel_index(done, outer) if outer else ...] = image
            done += 1

        yield write
        if path.exists():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        temporary.chmod(0o755)
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
