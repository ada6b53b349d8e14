"""The fixed parts of an archive, byte by byte: header, block headers, index, end mark (docs/format.md)."""

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import IntEnum

from diabolo.coding.archive.items import MAX_AXES, MAX_ITEMS, MAX_MODE, MAX_TABLE, Item
from diabolo.errors import FormatError, InputError

VERSION, READ = 2, (1, 2)
"""The format version that is written, and those that are read; 2 adds dates and notes to the tables of names."""
MAGIC = b"\x89DBO\r\n\x1a\n"
"""As in PNG: no text, and broken by whatever changes line ends."""
BLOCK_MARK = b"DBOblock"
INDEX_MARK = b"DBOindex"
END_MARK = b"DBO.end\n"
FIXED = struct.Struct("<8sHHBBBBIHH8s32s")
"""Magic, version, length, promise, data type, axes, mode, max error, settings, 0, identity, SHA-256 of the model."""
BLOCK = struct.Struct("<8sIIQIIQB7x8s8s")
"""Mark, number, items, first item, table packed, table unpacked, payload, method, 7 zeros, two digests."""
INDEX = struct.Struct("<8sQQ")
"""Mark, number of blocks, number of items."""
END = struct.Struct("<Q8s8s")
"""Offset of the index, digest, mark."""
DTYPES = ("|b1", "|u1", "|i1", "<u2", "<u4", "<u8", "<i2", "<i4", "<i8", "<f2", "<f4", "<f8")
MAX_SETTINGS = 4096
MAX_RATIO = 1040
"""Deflate cannot pack better than 1032 : 1."""


class Promise(IntEnum):
    """What a reader may count on."""

    LOSSY = 0
    MAX_ERROR = 1
    LOSSLESS = 2


class Method(IntEnum):
    """What a payload is: coded by the model, or stored by the general coder: numbers, or whole files."""

    MODEL = 0
    STORED = 1
    FILES = 2


@dataclass(frozen=True)
class Header:
    """What holds for the whole archive.

    model: SHA-256 of the model, 32 bytes; usual: the shape and mode of an item unless its block says otherwise;
    dtype: of the items' arrays, one of DTYPES; max_error: E, for Promise.MAX_ERROR only; settings: bytes of the
    job's own, at most 4096; identity: tells archives apart, derived from the first block by the writer.
    Raises InputError if a value is not allowed.
    """

    model: bytes
    promise: Promise
    usual: Item
    dtype: str
    max_error: int = 0
    settings: bytes = b""
    identity: bytes = bytes(8)

    def __post_init__(self) -> None:
        if len(self.model) != 32 or len(self.identity) != 8 or len(self.settings) > MAX_SETTINGS:
            raise InputError(f"a header takes 32 bytes of model, 8 of identity, at most {MAX_SETTINGS} of settings.")
        if self.dtype not in DTYPES:
            raise InputError(f"the data type must be one of {', '.join(DTYPES)}, got {self.dtype!r}.")
        allowed = range(1, 2**32) if self.promise == Promise.MAX_ERROR else range(1)
        if self.max_error not in allowed:
            raise InputError(f"max_error is 1 to 2^32 - 1 with Promise.MAX_ERROR, else 0; got {self.max_error}.")
        if self.usual.name:
            raise InputError("the usual item has no name.")


@dataclass(frozen=True)
class Entry:
    """The header of a block: `items` of them, numbered from `first`, and the lengths in bytes of its parts."""

    number: int
    items: int
    first: int
    packed: int
    unpacked: int
    payload: int
    method: int
    payload_digest: bytes = bytes(8)
    digest: bytes = bytes(8)

    @property
    def length(self) -> int:
        """Return the bytes of the block, its header included."""
        return BLOCK.size + self.packed + self.payload


def write_header(header: Header) -> bytes:
    """Return the bytes of the header, with a digest at the end."""
    shape, mode = header.usual.shape, header.usual.mode.encode()
    variable = struct.pack(f"<{len(shape)}I", *shape) + mode + header.settings
    length = FIXED.size + len(variable) + 8
    sizes = (len(shape), len(mode), header.max_error, len(header.settings), 0)
    code = DTYPES.index(header.dtype)
    fixed = FIXED.pack(MAGIC, VERSION, length, header.promise, code, *sizes, header.identity, header.model)
    return fixed + variable + digest(fixed + variable)


def read_header(data: bytes) -> tuple[Header, bytes]:
    """Return the header at the start of `data`, and its bytes. Raises FormatError if foreign, newer or damaged."""
    if data[:8] != MAGIC:
        raise FormatError("this is no archive of diabolo, or its first bytes are damaged.")
    if len(data) < FIXED.size:
        raise FormatError("the archive is cut off within its header.")
    _, version, length, promise, code, axes, mode, error, settings, zero, identity, model = FIXED.unpack_from(data)
    if version not in READ:
        raise FormatError(f"the archive has format version {version}, this diabolo reads 1 and 2; install a newer one.")
    if length != FIXED.size + 4 * axes + mode + settings + 8 or len(data) < length:
        raise FormatError("the header of the archive is damaged or cut off.")
    if digest(data[: length - 8]) != data[length - 8 : length] or zero:
        raise FormatError("the header of the archive is damaged: its checksum is wrong.")
    if axes > MAX_AXES or mode > MAX_MODE or code >= len(DTYPES) or promise > max(Promise):
        raise FormatError("the header of the archive has values that this diabolo does not know.")
    place = FIXED.size + 4 * axes
    shape = struct.unpack_from(f"<{axes}I", data, FIXED.size)
    try:
        usual = Item(shape, mode=data[place : place + mode].decode("ascii"))
        own = data[place + mode : length - 8]
        header = Header(model, Promise(promise), usual, DTYPES[code], error, own, identity)
    except (InputError, UnicodeDecodeError) as problem:
        raise FormatError(f"the header of the archive is not usable: {problem}") from problem
    return header, data[:length]


def write_entry(entry: Entry) -> bytes:
    """Return the 64 bytes of a block header."""
    sizes = (entry.items, entry.first, entry.packed, entry.unpacked, entry.payload, entry.method)
    return BLOCK.pack(BLOCK_MARK, entry.number, *sizes, entry.payload_digest, entry.digest)


def read_entry(data: bytes) -> Entry:
    """Return the block header in `data`, 64 bytes. Raises FormatError if its values are out of bounds."""
    if len(data) != BLOCK.size or data[:8] != BLOCK_MARK:
        raise FormatError("a block header is missing; the file is damaged.")
    _, number, items, first, packed, unpacked, payload, method, *checks = BLOCK.unpack(data)
    entry = Entry(number, items, first, packed, unpacked, payload, method, *checks)
    possible = unpacked <= min(MAX_TABLE, MAX_RATIO * packed) and packed <= 2 * MAX_TABLE
    possible = possible and 1 <= items <= MAX_ITEMS and first <= 2**63
    if not possible or bool(packed) != bool(unpacked) or method > max(Method) or data != write_entry(entry):
        raise FormatError("a block header has values out of bounds; the file is damaged.")
    return entry


def sealed(entry: Entry, table: bytes, payload: bytes, key: bytes) -> Entry:
    """Return `entry` with its digests: of the payload, then of the 56 bytes before it and the packed table."""
    entry = replace(entry, payload_digest=digest(payload, key=key))
    return replace(entry, digest=digest(write_entry(entry)[:-8], table, key=key))


def digest(*parts: bytes, key: bytes = b"") -> bytes:
    """Return the 8 bytes of BLAKE2b over `parts`, one after the other (RFC 7693)."""
    return digest_of(parts, key)


def short_digest(data: bytes) -> bytes:
    """Return 4 bytes of BLAKE2b over `data`, which tell damage from data, and no more."""
    return hashlib.blake2b(data, digest_size=4).digest()


def digest_of(parts: Iterable[bytes], key: bytes) -> bytes:
    """Return the digest of parts that need not be in memory together."""
    state = hashlib.blake2b(digest_size=8, key=key)
    for part in parts:
        state.update(part)
    return state.digest()


def key_of(header: bytes) -> bytes:
    """Return the key of all digests after the header: BLAKE2b of 32 bytes over it, so that no block fits elsewhere."""
    return hashlib.blake2b(header, digest_size=32).digest()
