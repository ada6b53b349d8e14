"""Pieces to coded blocks: each by the model, or by a general coder where that takes fewer bytes or errs less."""

import zlib

import numpy as np

from diabolo.coding.archive.general_coder import store
from diabolo.coding.archive.layout import Header, Method, Promise
from diabolo.data.source import Array
from diabolo.jobs.compress.blocks import Coded
from diabolo.jobs.compress.chunks import Piece, deep, part, part_counts
from diabolo.jobs.compress.coders import BlockCoder
from diabolo.jobs.compress.levels import psnr_of, squared_error

PROBE = 1 << 20
"""Bytes at the start of a block whose packing tells whether a general coder may do better."""


def coded_pieces(piece: Piece, total: int, coder: BlockCoder, peak: float, header: Header, floor: float) -> list[Coded]:
    """Return the blocks of a piece, each by the model, or by a general coder if that serves it better."""
    if piece.kept:
        return [Coded(piece, b"", 0.0, Method.FILES)]
    counts = part_counts(piece, total, coder.least)
    ends = np.cumsum(counts).tolist()
    parts = [part(piece, end - count, end) for count, end in zip(counts, ends, strict=True)]
    nothing: list[bytes | None] = [None] * len(parts)
    payloads = nothing if deep(piece.strip.mode) else coder.encode_parts(piece.array, counts)
    payloads = [_if_smaller(payload, one.array) for payload, one in zip(payloads, parts, strict=True)]
    wrong = [0.0] * len(parts) if header.promise == Promise.LOSSLESS else _errors(parts, payloads, coder)
    found = []
    for one, payload, error in zip(parts, payloads, wrong, strict=True):
        if payload is not None and psnr_of(error, one.array.size, peak) >= floor:  # NaN in the data reaches nothing
            found.append(Coded(one, payload, error, Method.MODEL))
        else:
            plain = np.ascontiguousarray(one.array, header.dtype).tobytes()
            found.append(Coded(one, store(plain), 0.0, Method.STORED))
    return found


def _errors(parts: list[Piece], payloads: list[bytes | None], coder: BlockCoder) -> list[float]:
    """Return the squared error of each part as it comes back; 0 for those without a payload."""
    chosen = [(one, payload) for one, payload in zip(parts, payloads, strict=True) if payload is not None]
    if not chosen:
        return [0.0] * len(parts)
    counts = [len(one.items) for one, _ in chosen]
    back = coder.decode_parts([payload for _, payload in chosen], counts, chosen[0][0].array.shape[1:])
    errors = map(squared_error, (one.array for one, _ in chosen), np.split(back, np.cumsum(counts)[:-1]))
    return [0.0 if payload is None else next(errors) for payload in payloads]


def _if_smaller(payload: bytes | None, array: Array) -> bytes | None:
    """Return a payload, or None if a general coder takes fewer bytes."""
    if payload is None:
        return None
    plain = np.ascontiguousarray(array).tobytes()
    probe = min(1.0, len(zlib.compress(plain[:PROBE], 1)) / min(len(plain), PROBE))
    if len(payload) >= probe * len(plain) and len(payload) >= len(store(plain)):
        return None
    return payload
