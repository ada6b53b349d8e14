"""Batches: shuffled once an epoch, 8-bit as long as they can be, views of one buffer; bounded memory for any source."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from diabolo.data.preprocessing import CHUNK_BYTES, Preprocessing, chunks, sample_bytes
from diabolo.data.source import Array, Source

Rows = NDArray[np.int64]
EVALUATED_BYTES = 16 << 20


def evaluated_together(dimensions: int) -> int:
    """Return how many samples are evaluated at once: 2,048, or fewer where they are large."""
    return max(1, min(2048, EVALUATED_BYTES // (4 * dimensions)))


def compact(x: Array, preprocessing: Preprocessing) -> Tensor:
    """Return samples as they wait for their batch: uint8 where they can stay so, else float32 in prepared units."""
    kept = x if preprocessing.compact and x.dtype == np.uint8 else preprocessing.prepare(x)
    return torch.from_numpy(np.require(kept, requirements=["C", "W"]))


def compacted(source: Source, rows: Rows, preprocessing: Preprocessing) -> Tensor:
    """Return the samples of `rows`, compact; they are prepared a chunk at a time."""
    dtype = torch.uint8 if preprocessing.compact else torch.float32
    samples = torch.empty(len(rows), *source.shape, dtype=dtype)
    start = 0
    for chunk in chunks(source, rows):
        samples[start : start + len(chunk)] = compact(chunk, preprocessing)
        start += len(chunk)
    return samples


def expanded(batch: Tensor) -> Tensor:
    """Return a compact batch as float32 in prepared units."""
    return batch.float().mul_(1 / 255) if batch.dtype == torch.uint8 else batch


class Batches:
    """The shuffled batches of one epoch after the other.

    In-memory samples are kept compacted on the device, and gathered in the epoch's order into one buffer. Others are
    read in chunks of blocks in shuffled order, shuffled again inside a chunk, the next chunk being read meanwhile.
    """

    def __init__(
        self, source: Source, rows: Rows, preprocessing: Preprocessing, size: int, device: torch.device
    ) -> None:
        self.source, self.rows, self.preprocessing, self.size, self.device = source, rows, preprocessing, size, device
        self.held: Tensor | None = None
        if source.in_memory:
            self.held = compacted(source, rows, preprocessing).to(device)
            self.buffer = torch.empty_like(self.held)

    def __len__(self) -> int:
        """Return the batches of an epoch; the last may be smaller."""
        return -(-len(self.rows) // self.size)

    def epoch(self, generator: torch.Generator) -> Iterator[Tensor]:
        """Yield every sample once, as float32 batches (size, *shape) in prepared units."""
        rest: Tensor | None = None
        for chunk in self._chunks(generator):
            waiting = chunk if rest is None else torch.cat([rest, chunk])
            full = len(waiting) // self.size * self.size
            for batch in torch.split(waiting[:full], self.size) if full else ():
                yield expanded(batch)
            rest = waiting[full:]
        if rest is not None and len(rest):
            yield expanded(rest)

    def _chunks(self, generator: torch.Generator) -> Iterator[Tensor]:
        if self.held is not None:
            order = torch.randperm(len(self.rows), generator=generator).to(self.device)
            yield torch.index_select(self.held, 0, order, out=self.buffer)
            return
        blocks = torch.randperm(self._blocks(), generator=generator).numpy()
        with ThreadPoolExecutor(1) as reader:
            coming = None
            for piece in self._pieces(blocks):
                following = reader.submit(compacted, self.source, np.sort(piece), self.preprocessing)
                if coming is not None:
                    yield self._mixed(coming.result(), generator)
                coming = following
            if coming is not None:
                yield self._mixed(coming.result(), generator)

    def _mixed(self, chunk: Tensor, generator: torch.Generator) -> Tensor:
        return chunk[torch.randperm(len(chunk), generator=generator)].to(self.device)

    def _blocks(self) -> int:
        return -(-len(self.rows) // self.source.block)

    def _pieces(self, blocks: Rows) -> Iterator[Rows]:
        """Yield the row numbers of each chunk: as many of the blocks in turn as fit its bytes (in memory: all)."""
        if self.held is not None:
            yield self.rows
            return
        block = self.source.block
        together = max(1, CHUNK_BYTES // (sample_bytes(self.source) * block))
        for start in range(0, len(blocks), together):
            chosen = blocks[start : start + together, None] * block + np.arange(block)
            yield self.rows[chosen[chosen < len(self.rows)]]
