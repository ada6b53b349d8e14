"""A network that predicts each number of an 8-bit image from those before it: p(x) = prod_i p(x_i | x_<i).

Numbers are taken row by row, pixel by pixel, channel by channel. A number's context is all channels of the pixels
within a radius above and to the left, and the earlier channels of its own pixel; what lies outside the image is 0. The
network has a twin in whole numbers in coding/, so activations are kept in [0, CAP], which is 255 steps there.

Source: van den Oord et al. 2016, arXiv:1601.06759, with a small fully connected network; the mixture: `mixture`.
"""

import math

import torch
from torch import Tensor, nn

from diabolo.config.pixels import PixelConfig
from diabolo.model.autoencoder import Terms
from diabolo.model.mixture import mixture_distortion
from diabolo.model.networks.layers import draw_weights, linear

PLACES = 64
"""Rows, or columns, that the network tells apart; a larger image's are taken together in this many groups."""
DRAWN = 10_240
"""Contexts that are drawn for a training step, all images together."""
KEPT = 0.1
"""Share of the contexts without a number above 0 that are trained on, with ten times the weight."""
START_LOG_SCALE = -2.0
CAP = 4.0
"""Most that a hidden unit can be."""


def neighbours(radius: int) -> list[tuple[int, int]]:
    """Return (row, column) steps to the pixels of a context, in order: within a rounded radius, above or left.

    >>> neighbours(1)
    [(-1, -1), (-1, 0), (-1, 1), (0, -1)]
    """
    square = [(i, j) for i in range(-radius, 1) for j in range(-radius, radius + 1) if i < 0 or j < 0]
    return [(i, j) for i, j in square if i * i + j * j <= radius * (radius + 1)]


def places(size: int) -> Tensor:
    """Return the group (size,) that each row or column is in."""
    return torch.arange(size) * min(size, PLACES) // size


class PixelModel(nn.Module):
    """Contexts -> mixtures; built from a configuration, weights drawn from `generator` or left on 'meta'.

    Example:
        >>> model = PixelModel(PixelConfig((28, 28)), torch.Generator().manual_seed(0))
        >>> sum(weights.numel() for weights in model.parameters())
        10959
    """

    def __init__(self, config: PixelConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        self.height, self.width, self.channels = (*config.shape, 1)[:3]
        self.steps = neighbours(config.radius)
        near, hidden = len(self.steps) * self.channels, config.width
        self.first = nn.ModuleList(linear(near + channel, hidden) for channel in range(self.channels))
        self.rows = nn.Parameter(torch.empty(min(self.height, PLACES) * hidden, device="meta"))
        self.columns = nn.Parameter(torch.empty(min(self.width, PLACES) * hidden, device="meta"))
        self.hidden = nn.ModuleList(linear(hidden, hidden) for _ in range(config.layers - 1))
        self.output = linear(hidden, 3 * config.components)
        if generator is not None:
            self._draw(generator)

    @torch.no_grad()
    def _draw(self, generator: torch.Generator) -> None:
        draw_weights(self, generator)
        for start in (self.rows, self.columns, self.output.weight):
            start.zero_()
        bias = self.output.bias.view(3, -1)
        bias[1] = torch.linspace(0, 1, bias.shape[1])
        bias[2] = START_LOG_SCALE

    @property
    def dimensions(self) -> int:
        """Numbers in one image."""
        return math.prod(self.config.shape)

    def forward(self, x: Tensor) -> Tensor:
        """Return the mixtures (n, h, w, c, 3, M) of images x (n, *shape) in [0, 1]."""
        row, column = torch.meshgrid(torch.arange(self.height), torch.arange(self.width), indexing="ij")
        image = torch.arange(len(x)).repeat_interleave(row.numel())
        place = (image, row.flatten().repeat(len(x)), column.flatten().repeat(len(x)))
        near = self._near(x, *place)
        found = [self._mixtures(near, channel, *place[1:]) for channel in range(self.channels)]
        return torch.stack(found, 1).view(len(x), self.height, self.width, self.channels, 3, -1)

    def terms(self, x: Tensor, generator: torch.Generator, *, measured: bool = True) -> Terms:
        """Return estimates of -log p(x), (n,), from a few of the numbers of each image, and no rate."""
        del measured
        return self._estimate(x, generator, max(1, DRAWN // (len(x) * self.channels)))

    def evaluate(self, x: Tensor, generator: torch.Generator) -> Terms:
        """Return estimates of -log p(x), (n,), from a sixteenth of the numbers of each image, and no rate."""
        return self._estimate(x, generator, -(-self.height * self.width // 16))

    def loss(self, terms: Terms, *, warmth: float | Tensor = 1.0) -> Tensor:
        """Return -log p(x), (n,), in nats per sample."""
        del warmth
        return terms.distortion

    def active(self, x: Tensor) -> int:
        """Return 0: there is no code."""
        del x
        return 0

    def _estimate(self, x: Tensor, generator: torch.Generator, pixels: int) -> Terms:
        """Draw that many pixels of each image; of empty contexts a tenth is kept, with ten times the weight."""
        count = len(x) * pixels
        drawn = torch.randint(self.height * self.width, (count,), generator=generator, device=x.device)
        row, column = drawn // self.width, drawn % self.width
        image = torch.arange(len(x), device=x.device).repeat_interleave(pixels)
        near = self._near(x, image, row, column)
        lucky = torch.rand(count, generator=generator, device=x.device) < KEPT
        known = len(self.steps) * self.channels
        distortion = x.new_zeros(len(x))
        for channel in range(self.channels):
            empty = near[:, : known + channel].sum(1) == 0
            kept = (lucky | ~empty).nonzero().squeeze(1)
            weight = torch.where(empty[kept], 1 / KEPT, 1.0) * (self.height * self.width / pixels)
            mixtures = self._mixtures(near[kept], channel, row[kept], column[kept])
            levels = (near[kept, known + channel] * 255).round()
            distortion = distortion.index_add(0, image[kept], mixture_distortion(mixtures, levels) * weight)
        return Terms(distortion, torch.zeros_like(distortion))

    def _near(self, x: Tensor, image: Tensor, row: Tensor, column: Tensor) -> Tensor:
        """Return the numbers (n, neighbours * channels + channels) around and in the pixels at those places."""
        radius = self.config.radius
        wide = self.width + 2 * radius
        x = x.view(len(x), self.height, self.width, self.channels)
        padded = nn.functional.pad(x, (0, 0, radius, radius, radius, 0)).reshape(-1, self.channels)
        middle = (image * (self.height + radius) + row + radius) * wide + column + radius
        step = torch.tensor([i * wide + j for i, j in [*self.steps, (0, 0)]], device=x.device)
        return padded[(middle[:, None] + step).flatten()].view(len(middle), -1)

    def _mixtures(self, near: Tensor, channel: int, row: Tensor, column: Tensor) -> Tensor:
        """Return the mixtures (n, 3, M) of one channel."""
        hidden = self.config.width
        first: nn.Linear = self.first[channel]  # type: ignore[assignment]
        z = first(near[:, : first.in_features])
        z = z + self.rows.view(-1, hidden)[places(self.height).to(row.device)[row]]
        z = z + self.columns.view(-1, hidden)[places(self.width).to(row.device)[column]]
        z = z.clamp(0, CAP)
        for layer in self.hidden:
            z = layer(z).clamp(0, CAP)
        found: Tensor = self.output(z).view(len(z), 3, -1)
        return found
