"""Images to bytes and back under the pixel network: every number exactly, or none off by more than a bound.

All images go through together, one number of each a step: a step's contexts are rows of one array, its mixtures
one matrix product. The numbers whose context is all 0 (most of a drawing) have one distribution a step, and one table.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Self

import constriction
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from diabolo.coding.integer_network import Arrays, IntegerNetwork, check_exact, network_from_arrays
from diabolo.coding.levels import BINS, FULL, Bins, Mixture, bins_for, frequencies_less_1
from diabolo.coding.stack import Stacks, check_ended, new_stack, open_stack, stack_bytes
from diabolo.errors import ArgumentError, FormatError, InputError
from diabolo.model.pixels import PLACES, neighbours, places

Images = NDArray[np.uint8]
MOST_RADIUS = 16
STRIP = 64
"""Positions whose tables for empty contexts are made together."""
MOST_ERROR = 127
SPANS = (64, 16, 4, 1)
"""A bin is coded in four steps, its digits to base 4: which 64 bins, which 16 of these, and so on."""
INNER = torch.arange(1, 4)[:, None]
CATEGORICAL = constriction.stream.model.Categorical


class PixelCoder:
    """Codes 8-bit images of one shape, (h, w) or (h, w, c), under the integers of the arrays alone."""

    def __init__(self, network: IntegerNetwork, radius: int, shape: tuple[int, ...]) -> None:
        self.network, self.radius, self.shape = network, radius, shape
        self.height, self.width, self.channels = (*shape, 1)[:3]

    @classmethod
    def from_arrays(cls, arrays: Arrays, shape: tuple[int, ...]) -> Self:
        """Return the coder of the arrays of `quantised`. Raises FormatError if they cannot be, or not for `shape`."""
        if not 2 <= len(shape) <= 3 or min(shape) < 1:
            raise FormatError(f"the exact modes code images (h, w) or (h, w, c), got shape {shape}.")
        height, width, channels = (*shape, 1)[:3]
        network = network_from_arrays(arrays, channels, (min(height, PLACES), min(width, PLACES)))
        inputs = network.first[0].weight.shape[1]
        radii = [radius for radius in range(MOST_RADIUS + 1) if len(neighbours(radius)) * channels == inputs]
        widths = [layer.weight.shape[1] for layer in network.first]
        if not radii or widths != list(range(inputs, inputs + channels)):
            raise FormatError(f"the pixel network sees {widths} numbers, which is no neighbourhood in {shape}.")
        for layer in (*network.first, *network.hidden, network.output):
            check_exact(layer)
        return cls(network, radii[0], shape)

    def encode(self, images: Images, max_error: int = 0) -> bytes:
        """Return the bytes of `images` (n, *shape). No number comes back off by more than `max_error`, 0 to 127."""
        return self.encode_parts(images, [len(images)], max_error)[0]

    def encode_parts(self, images: Images, counts: Sequence[int], max_error: int = 0) -> list[bytes]:
        """Return the bytes of each part, of `counts` images: as `encode` gives them, but in the time of one part."""
        if images.dtype != np.uint8 or images.shape[1:] != self.shape or images.ndim < 2:
            raise InputError(f"images must be uint8 (n, {self.shape}), got {images.dtype} of shape {images.shape}.")
        steps = self._steps(len(images), max_error)
        width = steps.bins.width
        columns = torch.from_numpy(np.ascontiguousarray(images)).view(len(images), steps.count).T
        coded = ((columns.to(torch.int16) + max_error) // width).to(torch.uint8)
        steps.fill(steps.bins.centres[coded.int()])
        stacks = Stacks([new_stack() for _ in counts], counts)
        for step in reversed(range(steps.count)):
            steps.put(stacks, step, coded[step].int())
        return [stack_bytes(coder) for coder in stacks.stacks]

    def decode(self, data: bytes, count: int, max_error: int = 0) -> Images:
        """Return the `count` images (count, *shape) in `data`; memory is in proportion to them.

        Raises FormatError if bytes are missing or left over; other bytes mostly show, but a checksum is the archive's.
        """
        return self.decode_parts([data], [count], max_error)

    def decode_parts(self, parts: Sequence[bytes], counts: Sequence[int], max_error: int = 0) -> Images:
        """Return the images of all parts, one after the other; raises as `decode` does."""
        if min(counts) < 0:
            raise ArgumentError(f"count must be at least 0, got {min(counts)}.")
        steps = self._steps(sum(counts), max_error)
        opened = [open_stack(data, 2 * count * steps.count) for data, count in zip(parts, counts, strict=True)]
        stacks = Stacks(opened, counts)
        for step in range(steps.count):
            steps.take(stacks, step)
        for coder in opened:
            check_ended(coder)
        return np.ascontiguousarray(steps.levels().numpy().T).reshape(sum(counts), *self.shape)

    def _steps(self, count: int, max_error: int) -> "_Steps":
        if not 0 <= max_error <= MOST_ERROR:
            raise ArgumentError(f"max_error must be 0 to {MOST_ERROR}, got {max_error}.")
        return _Steps(self, count, bins_for(max_error))

    @cached_property
    def place_sums(self) -> tuple[Tensor, Tensor]:
        """What each row (h, hidden) and each column (w, hidden) of the image adds to the first layer's sums."""
        return self.network.rows[places(self.height)], self.network.columns[places(self.width)]


class _Steps:
    """The state of coding: the levels decoded so far, (padded positions, n), and the tables of empty contexts."""

    def __init__(self, coder: PixelCoder, images: int, bins: Bins) -> None:
        self.coder, self.images, self.bins = coder, images, bins
        self.count = coder.height * coder.width * coder.channels
        radius, channels = coder.radius, coder.channels
        self.wide = coder.width + 2 * radius
        self.padded = torch.zeros((coder.height + radius) * self.wide * channels, images, dtype=torch.uint8)
        near = [(i * self.wide + j) * channels + k for i, j in neighbours(radius) for k in range(channels)]
        self.near = [torch.tensor(near + list(range(k))) for k in range(channels)]
        self.strip, self.tables = -1, np.empty(0)

    def place(self, step: int) -> tuple[int, int, int]:
        """Return (row, column, channel) of a step."""
        pixel, channel = divmod(step, self.coder.channels)
        return pixel // self.coder.width, pixel % self.coder.width, channel

    def target(self, step: int) -> int:
        """Return where in `padded` the numbers of a step are."""
        row, column, channel = self.place(step)
        radius = self.coder.radius
        return ((row + radius) * self.wide + column + radius) * self.coder.channels + channel

    def fill(self, levels: Tensor) -> None:
        """Put in all levels (positions, n)."""
        self._inside().copy_(levels.view(self.coder.height, self.count // self.coder.height, self.images))

    def levels(self) -> Tensor:
        """Return all levels (positions, n)."""
        return self._inside().reshape(self.count, self.images)

    def _inside(self) -> Tensor:
        radius, channels = self.coder.radius, self.coder.channels
        rows = self.padded.view(radius + self.coder.height, self.wide * channels, self.images)[radius:]
        return rows[:, radius * channels : (radius + self.coder.width) * channels]

    def put(self, stacks: Stacks, step: int, coded: Tensor) -> None:
        """Encode the bins (n,) of a step; what is decoded last goes first."""
        busy, empty, contexts = self._contexts(step)
        if len(busy):
            digits = _Digits(self._mixture(step, contexts), self.bins)
            found = coded[busy]
            pairs = []
            for span in SPANS:
                digit = found // span % 4
                pairs.append((digit.numpy(), digits.rows(span)))
                digits.chosen(digit, span)
            cuts = stacks.cuts(busy.numpy())
            for digit, rows in reversed(pairs):
                stacks.put(cuts, digit, CATEGORICAL(perfect=False), rows)
        if len(empty):
            stacks.put(stacks.cuts(empty.numpy()), coded[empty].numpy(), self._empty_model(step))

    def take(self, stacks: Stacks, step: int) -> None:
        """Decode the bins of a step, and put in their levels."""
        busy, empty, contexts = self._contexts(step)
        levels = self.padded[self.target(step)]
        if len(empty):
            found = torch.from_numpy(stacks.take(stacks.cuts(empty.numpy()), self._empty_model(step)))
            levels[empty] = self.bins.centres[found]
        if len(busy):
            digits = _Digits(self._mixture(step, contexts), self.bins)
            cuts = stacks.cuts(busy.numpy())
            for span in SPANS:
                digit = stacks.take(cuts, CATEGORICAL(perfect=False), digits.rows(span))
                digits.chosen(torch.from_numpy(digit), span)
            levels[busy] = self.bins.centres[digits.start]

    def _contexts(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return the images whose context has a number above 0, the others, and the former's contexts (in, n)."""
        near = self.padded.index_select(
            0, self.near[step % self.coder.channels] + self.target(step) - step % self.coder.channels
        )
        seen = near.any(0)
        busy, empty = seen.nonzero().squeeze(1), (~seen.bool()).nonzero().squeeze(1)
        return busy, empty, (near if not len(empty) else near.index_select(1, busy)).float()

    def _mixture(self, step: int, contexts: Tensor) -> Mixture:
        row, column, channel = self.place(step)
        rows, columns = self.coder.place_sums
        return Mixture(self.coder.network(contexts, channel, (rows[row] + columns[column])[:, None]))

    def _empty_model(self, step: int) -> Any:
        """Return the model of a step's numbers whose context is all 0."""
        strip = step // STRIP
        if strip != self.strip:
            self.strip, self.tables = strip, self._empty_tables(strip)
        return CATEGORICAL(self.tables[step % STRIP], perfect=False)

    def _empty_tables(self, strip: int) -> NDArray[np.float64]:
        """Return the rows (positions, 256) of a strip: all bins of each in one step."""
        steps = torch.arange(strip * STRIP, min(self.count, (strip + 1) * STRIP))
        pixel, channels = steps // self.coder.channels, steps % self.coder.channels
        rows, columns = self.coder.place_sums
        sums = rows[pixel // self.coder.width] + columns[pixel % self.coder.width]
        tables = np.empty((len(steps), BINS))
        for channel in range(self.coder.channels):
            chosen = (channels == channel).nonzero().squeeze(1)
            nothing = torch.zeros(len(self.near[channel]), len(chosen))
            mixture = Mixture(self.coder.network(nothing, channel, sums[chosen].T))
            inner = mixture.below(self.bins, torch.arange(1, BINS)[:, None])
            below = torch.cat([inner.new_zeros(1, len(chosen)), inner, inner.new_full((1, len(chosen)), FULL)])
            tables[chosen.numpy()] = frequencies_less_1(below).numpy()
        return tables


class _Digits:
    """What is known of the bins of n numbers while their digits come in: the first, and the mass at both ends."""

    def __init__(self, mixture: Mixture, bins: Bins) -> None:
        self.mixture, self.bins = mixture, bins
        count = mixture.shares.shape[1]
        self.start = torch.zeros(count, dtype=torch.int32)
        self.below = torch.zeros(2, count, dtype=torch.float64)
        self.below[1] = FULL

    def rows(self, span: int) -> NDArray[np.float64]:
        """Return the frequencies less 1, (n, 4), of the next digit, which stands for `span` bins."""
        inner = self.mixture.below(self.bins, self.start + INNER.int() * span)
        self.all = torch.cat([self.below[:1], inner, self.below[1:]])
        return frequencies_less_1(self.all).numpy()

    def chosen(self, digit: Tensor, span: int) -> None:
        """Go on with the digits (n,) int32."""
        self.start = self.start + digit * span
        self.below = self.all.gather(0, torch.stack([digit, digit + 1]).long())
