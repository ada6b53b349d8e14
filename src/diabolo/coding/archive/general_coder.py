"""The general lossless coder, for what the model serves badly: at most 1 byte longer than the data."""

import lzma
import zlib

from diabolo.errors import FormatError

PLAIN, ZLIB, LZMA = 0, 1, 2
DICTIONARY = 1 << 23
"""Bytes that LZMA looks back, and all the memory that unpacking takes beside its result."""
FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": DICTIONARY}]


def store(data: bytes) -> bytes:
    """Return the shortest of `data` as they are, by zlib and by raw LZMA2, after a byte that says which.

    >>> unstore(store(b"abc" * 100), 300) == b"abc" * 100
    True
    """
    packed = lzma.compress(data, format=lzma.FORMAT_RAW, filters=FILTERS)
    ways = {PLAIN: data, ZLIB: zlib.compress(data, 9), LZMA: packed}
    way = min(ways, key=lambda way: len(ways[way]))
    return bytes([way]) + ways[way]


def unstore(payload: bytes, size: int) -> bytes:
    """Return the `size` bytes that `store` was given; no more memory is taken, whatever `payload` claims.

    Raises FormatError if `payload` holds more, fewer or damaged data.
    """
    data = unpacked(payload, size)
    if len(data) != size:
        raise FormatError(f"the stored data do not unpack to the {size} bytes they should; the file is damaged.")
    return data


def unpacked(payload: bytes, most: int) -> bytes:
    """Return what `store` was given, at most `most` bytes of it. Raises FormatError for more, or damaged data."""
    way, packed = payload[:1], payload[1:]
    if way == bytes([PLAIN]):
        data, ended = packed, True
    elif way == bytes([ZLIB]):
        data, ended = inflated(packed, most)
    elif way == bytes([LZMA]):
        data, ended = _unlzma(packed, most)
    else:
        raise FormatError("the stored data name no known way of packing; the file is damaged.")
    if not ended or len(data) > most:
        raise FormatError(f"the stored data unpack to more than {most} bytes, or are cut off; the file is damaged.")
    return data


def inflated(packed: bytes, size: int) -> tuple[bytes, bool]:
    """Return at most `size` + 1 bytes of a zlib stream, and whether it ended there with nothing after it.

    Raises FormatError if the stream is damaged.
    """
    stream = zlib.decompressobj()
    try:
        data = stream.decompress(packed, size + 1)
    except zlib.error as error:
        raise FormatError(f"a packed part cannot be unpacked ({error}); the file is damaged.") from error
    return data, stream.eof and not stream.unused_data


def _unlzma(packed: bytes, size: int) -> tuple[bytes, bool]:
    stream = lzma.LZMADecompressor(format=lzma.FORMAT_RAW, filters=FILTERS)
    try:
        data = stream.decompress(packed, size + 1)
    except (lzma.LZMAError, EOFError) as error:
        raise FormatError(f"the stored data cannot be unpacked ({error}); the file is damaged.") from error
    return data, stream.eof and not stream.unused_data
