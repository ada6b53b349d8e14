"""Notes: what a picture's file holds beside its pixels (EXIF, colour profile, resolution, text), as PNG chunks.

The chunks are those of the PNG specification (third edition, 2025), which a reader of PNG puts after the header.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from PIL import Image

from diabolo.data.images.one_size import oriented

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PIXELS = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"iDOT")
"""Chunks that are made anew with the pixels; iDOT says where IDAT's parts begin."""
NOTES = (b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"bKGD", b"tIME", b"cICP", b"mDCV", b"cLLI")
"""Chunks that may be copied though their names say that they depend on the pixels."""
SAFE = 0x20
"""The bit of a chunk's fourth letter that says it may be copied."""
AFTER_HEADER = 33
INCH = 39.3701
ORIENTATION, TIFF_KEPT = 0x0112, (270, 271, 272, 305, 306, 315, 33432)
DEEP = 16
STRUCTURE = frozenset((*range(254, 260), 262, 266, *range(273, 285), 296, 317, 320, 338, 339, 700, 34675))
"""Tags of a TIFF that tell how its pixels are laid out, and those that become chunks of their own."""
MOST = 1 << 20


def notes_of_png(data: bytes) -> bytes | None:
    """Return the notes of a PNG file; None if it holds more than pixels and such notes."""
    found = []
    for kind, chunk in _chunks(data):
        if kind in PIXELS:
            continue
        if kind in NOTES or (kind[3] & SAFE and kind[0] & SAFE):
            found.append(chunk)
        else:
            return None
    notes = b"".join(found)
    return notes if len(notes) <= MOST else None


def notes_of_image(image: Image.Image, form: str | None) -> bytes:
    """Return the notes of an image that is turned upright, of a file of the format `form`; no orientation."""
    info = image.info
    parts = [_profile(info), _resolution(info), _exif(image, form), _text(info)]
    notes = b"".join(parts)
    return notes if len(notes) <= MOST else b"".join(parts[:2])


def holds_more(image: Image.Image) -> bool:
    """Say whether a file that is no PNG holds anything beside its pixels."""
    tags = set(getattr(image, "tag_v2", {})) - STRUCTURE
    info = {"exif", "icc_profile", "dpi", "comment", "xmp", "photoshop", "background"} & set(image.info)
    return bool(tags | info) or oriented(image) or image.format == "MPO"


def narrowed(image: Image.Image, data: bytes) -> bool:
    """Say whether a file's pixels have more bits, or other values, than those that are read of it.

    So it is with 16 bits a colour, grey of 2 and 4 bits, Netpbm files whose white is neither 255 nor 65535.
    """
    if image.format == "PNG":
        depth, kind = data[24:26]
        return (depth == DEEP and kind != 0) or depth in (2, 4)
    if image.format == "PPM":
        words = re.sub(rb"#[^\n]*\n", b" ", data[:4096]).split(maxsplit=4)
        white = {b"P2": (b"255", b"65535"), b"P5": (b"255", b"65535"), b"P3": (b"255",), b"P6": (b"255",)}
        return words[0] in white and words[3:4] != [] and words[3] not in white[words[0]]
    bits = getattr(image, "tag_v2", {}).get(258, (8,))
    deep = max(bits) if isinstance(bits, tuple) else bits
    return bool(deep > 8 and not image.mode.startswith("I")) or image.mode == "I"


def with_notes(png: bytes, notes: bytes) -> bytes:
    """Return a PNG file with notes.

    >>> with_notes(SIGNATURE + bytes(25) + b"rest", b"notes") == SIGNATURE + bytes(25) + b"notesrest"
    True
    """
    return png[:AFTER_HEADER] + notes + png[AFTER_HEADER:]


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and the bytes of every chunk up to the end."""
    place = len(SIGNATURE)
    while place + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        kind = data[place + 4 : place + 8]
        yield kind, data[place : place + 12 + length]
        place += 12 + length
        if kind == b"IEND":
            return


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _profile(info: dict[Any, Any]) -> bytes:
    profile = info.get("icc_profile")
    return _chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(profile, 9)) if profile else b""


def _resolution(info: dict[Any, Any]) -> bytes:
    dpi = info.get("dpi")
    try:
        across, down = (round(float(value) * INCH) for value in dpi or ())
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return b""
    return _chunk(b"pHYs", struct.pack(">IIB", across, down, 1)) if 0 < across < 2**31 and 0 < down < 2**31 else b""


def _exif(image: Image.Image, form: str | None) -> bytes:
    exif = image.getexif()
    if form == "TIFF":
        kept = Image.Exif()
        for tag in TIFF_KEPT:
            if tag in exif:
                kept[tag] = exif[tag]
        exif = kept
    exif.pop(ORIENTATION, None)
    return _chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")) if len(exif) else b""


def _text(info: dict[Any, Any]) -> bytes:
    """Return comments and XMP as text chunks."""
    comment, xmp = info.get("comment"), info.get("xmp")
    words = comment.encode("utf-8") if isinstance(comment, str) else comment
    found = _chunk(b"tEXt", b"Comment\0" + words.replace(b"\0", b" ")) if words else b""
    if isinstance(xmp, bytes):
        found += _chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)
    return found
