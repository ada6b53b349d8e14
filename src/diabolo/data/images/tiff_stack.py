"""Stacks in TIFF files: pages, OME-TIFF and ImageJ, with their axes, resolution and descriptions."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from typing import Any

import numpy as np
import tifffile

from diabolo.data.images.stacks import Layout, Stack, Writer
from diabolo.data.limits import check_fits, reading
from diabolo.data.source import Array
from diabolo.errors import FileError, FormatError
from diabolo.files import written_whole

BIG = 2**31
"""Bytes from which on a file needs 64-bit offsets; below the old limit, as packing may fail."""
PACKINGS = {1: None, 8: "zlib", 32946: "zlib"}
"""TIFF's compressions that are written as they were; others are written with zlib's."""


def is_deep_tiff(path: Path) -> bool:
    """Return whether a TIFF has several pages, floats, 32 bits or other channels than a picture."""
    try:
        with tifffile.TiffFile(path) as file:
            page, many = file.pages[0], len(file.pages) > 1
            samples = int(getattr(page, "samplesperpixel", 1))
            return many or page.dtype not in (np.uint8, np.uint16, np.bool_) or samples not in (1, 2, 3, 4)
    except (tifffile.TiffFileError, OSError, IndexError, ValueError, KeyError, TypeError):
        return False


@dataclass(frozen=True)
class TiffStack:
    """The first series of a TIFF."""

    path: Path
    file: tifffile.TiffFile
    layout: Layout
    options: dict[str, Any]
    whole: Array | None = None

    @classmethod
    def open(cls, path: Path) -> "TiffStack":
        """Raises FileError or FormatError if it is no TIFF of images."""
        if not path.exists():
            raise FileError(f"{path} is not there; give a TIFF.")
        with reading(path, "a TIFF"):
            file = tifffile.TiffFile(path)
            series = file.series[0]
            layout = Layout(tuple(series.shape), np.dtype(series.dtype), series.axes)
            if layout.dtype.kind not in "buif" or "YX" not in layout.axes or 0 in layout.shape:
                raise FormatError(f"{path} holds {layout.dtype} of the axes {layout.axes}, which are no images.")
            whole = None
            if len(series.pages) != layout.count:
                check_fits(int(series.nbytes), str(path))
                whole = series.asarray().reshape(layout.count, *layout.image)
            return cls(path, file, layout, _options(file), whole)

    def read(self, number: int) -> Array:
        """Raises FormatError for a page that is damaged."""
        if self.whole is not None:
            return np.asarray(self.whole[number])
        with reading(f"page {number + 1} of {self.path}", "an image"):
            page = self.file.series[0].pages[number]
            image = np.zeros(self.layout.image, self.layout.dtype) if page is None else page.asarray()
            return np.asarray(image.reshape(self.layout.image))


def _options(file: tifffile.TiffFile) -> dict[str, Any]:
    """Return what a TIFF like this one is written with: description, resolution, colours and packing."""
    page = file.pages[0]
    assert isinstance(page, tifffile.TiffPage)
    tags = page.tags
    options: dict[str, Any] = {
        "photometric": page.photometric if int(page.photometric) < 3 else "minisblack",
        "compression": PACKINGS.get(int(page.compression), "zlib"),
        "extrasamples": page.extrasamples or None,
        "description": page.description.encode() or None,
        "software": page.software or None,
        "iccprofile": tags["InterColorProfile"].value if "InterColorProfile" in tags else None,
    }
    if "XResolution" in tags and "YResolution" in tags:
        options |= {"resolution": (tags["XResolution"].value, tags["YResolution"].value)}
        options |= {"resolutionunit": tags["ResolutionUnit"].value if "ResolutionUnit" in tags else None}
    return options


@contextmanager
def tiff_written(path: Path, stack: Stack, *, force: bool) -> Iterator[Writer]:
    """Yield what takes the images of a TIFF like `stack`; descriptions of another kind of stack are its axes."""
    layout = stack.layout
    options: dict[str, Any] = stack.options if isinstance(stack, TiffStack) else {}
    size = layout.count * int(np.prod(layout.image)) * layout.dtype.itemsize
    described = {} if options.get("description") else {"metadata": {"axes": layout.axes}}
    with written_whole(path, force=force) as temporary:
        pages: Queue[Array | None] = Queue(maxsize=2)
        failed: list[BaseException] = []

        def images() -> Iterator[Array]:
            while (image := pages.get()) is not None:
                yield image

        def work() -> None:
            try:
                with tifffile.TiffWriter(temporary, bigtiff=size > BIG, ome=False) as file:
                    shape = layout.shape if layout.count > 1 else layout.image
                    given = {"metadata": None, **described, **options, "maxworkers": 1}
                    file.write(images(), shape=shape, dtype=layout.dtype, **given)
            except BaseException as error:
                failed.append(error)
                while pages.get() is not None:
                    pass

        writing = threading.Thread(target=work)
        writing.start()
        try:
            yield pages.put
        finally:
            pages.put(None)
            writing.join()
        if failed:
            raise FileError(f"{path} could not be written as a TIFF: {failed[0]}.") from failed[0]
