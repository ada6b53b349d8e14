"""The photo codec's network: transforms between pictures and maps at 1/8 of their size, and a prior of the maps.

A mean-scale hyperprior (Balle et al. 2018, arXiv:1802.01436; Minnen et al. 2018, arXiv:1809.02736) with four passes of
context (Li et al. 2023, arXiv:2302.14402, quadtree), gains for any quality (Cui et al. 2021, arXiv:2003.02012) and a
shallow synthesis (Yang and Mandt 2023, arXiv:2304.06244). What the decoder's probabilities depend on, `Prior`, is
trained with activations of 8 bits, so that `coding` can turn it into whole numbers.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

PASSES = 4
"""Passes over a map; each codes a quarter of the numbers, at all places."""
CELL, FURTHER = 8, 4
"""Pixels of a place of the map along a side, and places of the map for one of the side map."""
ANCHORS = 8
"""Qualities at which gains are learnt; those between are interpolated."""
STEP = 32.0
"""Whole steps of a unit of an activation; the largest is 255 steps."""
INPUT_STEP, INPUT_TOP = 16.0, 255
"""The same for maps that go into the prior, which have a sign."""
LEAST_SCALE, MOST_SCALE = 0.11, 256.0
TAIL, TAIL_SCALE = 2.0**-10, 3.0
"""Share and spread, in that of the normal distribution, of the exponential tail that stands for outliers."""


@dataclass(frozen=True)
class Sizes:
    """latent, side: numbers of a place of the map, of the side map. widths: of the analysis at 1/2, 1/4, 1/8.

    blocks: of the analysis at each. inner, up: channels of the synthesis at 1/8 and 1/4. hidden: of the prior.
    """

    latent: int = 128
    side: int = 64
    widths: tuple[int, int, int] = (64, 128, 160)
    blocks: tuple[int, int, int] = (1, 2, 2)
    inner: int = 96
    up: int = 64
    hidden: int = 128
    features: int = 64


class Through(torch.autograd.Function):
    """Rounding down whose gradient is that of no rounding."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        del ctx
        return x.floor()

    @staticmethod
    def backward(ctx: object, *gradients: Tensor) -> Tensor:
        del ctx
        return gradients[0]


class AtLeast(torch.autograd.Function):
    """max(x, bound), whose gradient passes below the bound where it would raise x."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, bound: float) -> Tensor:
        ctx.save_for_backward(x < bound)
        return x.clamp_min(bound)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (below,) = ctx.saved_tensors
        return gradients[0].masked_fill(below & (gradients[0] > 0), 0), None


def spread(log_scale: Tensor) -> Tensor:
    """Return the spread of a log-scale, within what the tables have."""
    bounded: Tensor = AtLeast.apply(log_scale, math.log(LEAST_SCALE))  # type: ignore[no-untyped-call]
    return bounded.clamp_max(math.log(MOST_SCALE)).exp()


def rounded(x: Tensor) -> Tensor:
    """Return x rounded to whole numbers, with the gradient of x."""
    return Through.apply(x + 0.5)  # type: ignore[no-any-return, no-untyped-call]


def stepped(x: Tensor) -> Tensor:
    """Return max(x, 0) in 256 steps of 1/32."""
    return rounded((x * STEP).clamp(0, 255)) / STEP


def seen(x: Tensor) -> Tensor:
    """Return a map as the prior sees it: in steps of 1/16, clamped."""
    return rounded((x * INPUT_STEP).clamp(-INPUT_TOP, INPUT_TOP)) / INPUT_STEP


class Gains(nn.Module):
    """Numbers (channels,) for each quality from 0 to 1, interpolated between those learnt."""

    def __init__(self, channels: int, first: float, last: float) -> None:
        super().__init__()
        self.ends = (first, last)
        self.table = nn.Parameter(torch.empty(ANCHORS, channels, device="meta"))

    @torch.no_grad()
    def start(self) -> None:
        self.table.copy_(torch.linspace(*self.ends, ANCHORS, device=self.table.device)[:, None].expand_as(self.table))

    def forward(self, quality: Tensor) -> Tensor:
        """Return the numbers (n, channels, 1, 1) for qualities (n,)."""
        place = quality * (ANCHORS - 1)
        grid = torch.arange(ANCHORS, device=place.device, dtype=place.dtype)
        weights = (1 - (place[:, None] - grid).abs()).clamp_min(0)
        return (weights[:, :, None] * self.table).sum(1)[:, :, None, None]


class Residual(nn.Module):
    """x + conv(act(conv(x) + bias)), with a bias for each quality."""

    def __init__(self, channels: int, inner: int, act: type[nn.Module]) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, inner, 3, padding=1, device="meta")
        self.told = Gains(inner, 0.0, 0.0)
        self.act = act()
        self.second = nn.Conv2d(inner, channels, 3, padding=1, device="meta")

    def forward(self, x: Tensor, quality: Tensor) -> Tensor:
        inner = self.first(x)
        return x + self.second(self.act(inner + self.told(quality).to(inner.dtype)))  # type: ignore[no-any-return]


class Transform(nn.Sequential):
    """Layers one after the other, of which residual blocks are told the quality."""

    def forward(self, x: Tensor, quality: Tensor) -> Tensor:
        for layer in self:
            x = layer(x, quality) if isinstance(layer, Residual) else layer(x)
        return x


def analysis(sizes: Sizes, channels: int) -> tuple[Transform, nn.Conv2d]:
    """Return layers for pictures (n, channels, 8 h, 8 w), and the last one, which gives maps (n, latent, h, w)."""
    layers: list[nn.Module] = []
    inputs = channels
    for number, (width, blocks) in enumerate(zip(sizes.widths, sizes.blocks, strict=True)):
        layers.append(nn.Conv2d(inputs, width, 3 if number else 5, 2, 1 if number else 2, device="meta"))
        layers += [Residual(width, width, nn.SiLU) for _ in range(blocks)]
        inputs = width
    return Transform(*layers), nn.Conv2d(inputs, sizes.latent, 3, padding=1, device="meta")


def synthesis(sizes: Sizes, channels: int) -> Transform:
    """Maps (n, latent, h, w) -> pictures (n, channels, 8 h, 8 w), 14,000 multiplications a pixel."""
    return Transform(
        Residual(sizes.latent, sizes.inner, nn.ReLU),
        nn.Conv2d(sizes.latent, 4 * sizes.up, 3, padding=1, device="meta"),
        nn.PixelShuffle(2),
        Residual(sizes.up, sizes.up, nn.ReLU),
        nn.Conv2d(sizes.up, 16 * channels, 3, padding=1, device="meta"),
        nn.PixelShuffle(4),
    )


def side_analysis(sizes: Sizes) -> nn.Sequential:
    """Maps (n, latent, h, w) -> side maps (n, side, h / 4, w / 4), rounded up."""
    width = sizes.hidden
    return nn.Sequential(
        nn.Conv2d(sizes.latent, width, 3, padding=1, device="meta"),
        nn.SiLU(),
        nn.Conv2d(width, width, 3, 2, 1, device="meta"),
        nn.SiLU(),
        nn.Conv2d(width, sizes.side, 3, 2, 1, device="meta"),
    )


def schedule(latent: int, device: torch.device) -> Tensor:
    """Return the pass (latent, 2, 2) in which each quarter of the numbers is coded at each place of a cell of 2 x 2."""
    quarter = torch.arange(latent, device=device) % PASSES
    place = torch.arange(4, device=device).view(2, 2)
    return quarter[:, None, None] ^ place


def masks(latent: int, height: int, width: int, device: torch.device) -> list[Tensor]:
    """Return the numbers (latent, h, w) of each pass, as booleans."""
    tiled = schedule(latent, device).repeat(1, -(-height // 2), -(-width // 2))[:, :height, :width]
    return [tiled == number for number in range(PASSES)]


class Prior(nn.Module):
    """The distribution of a map, given the side map and the numbers of earlier passes, in units before gains."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        wide, hidden = sizes.features, sizes.hidden
        self.enter = nn.Conv2d(sizes.side, 4 * wide, 3, padding=1, device="meta")
        self.expand = nn.Conv2d(wide, 4 * wide, 3, padding=1, device="meta")
        self.told = Gains(4 * wide, 0.0, 0.0)
        self.context = nn.Conv2d(sizes.latent, hidden, 3, padding=1, bias=False, device="meta")
        self.mix = nn.ModuleList([nn.Conv2d(wide, hidden, 1, device="meta") for _ in range(PASSES)])
        self.pass_told = nn.ModuleList([Gains(hidden, 0.0, 0.0) for _ in range(PASSES)])
        self.deep = nn.ModuleList([nn.Conv2d(hidden, hidden, 1, device="meta") for _ in range(PASSES)])
        self.leave = nn.ModuleList([nn.Conv2d(hidden, 2 * sizes.latent, 1, device="meta") for _ in range(PASSES)])

    def features(self, side: Tensor, quality: Tensor) -> Tensor:
        """Return what the side map (n, side, h / 4, w / 4) says, (n, features, h, w)."""
        x = stepped(functional.pixel_shuffle(self.enter(seen(side)) + self.told(quality), 2))
        return stepped(functional.pixel_shuffle(self.expand(x), 2))

    def parameters_of(self, number: int, features: Tensor, known: Tensor, quality: Tensor) -> tuple[Tensor, Tensor]:
        """Return means and log-scales (n, latent, h, w) for pass `number`; known: the map, 0 where it is not known."""
        x = self.mix[number](features) + self.pass_told[number](quality)
        if number:
            x = x + self.context(seen(known))
        x = stepped(self.deep[number](stepped(x)))
        mean, log_scale = self.leave[number](x).chunk(2, 1)
        return mean, log_scale


class Coding(NamedTuple):
    """Picture (n, channels, h, w), and bits (n,) of the map and of the side map, under noise and as rounded."""

    picture: Tensor
    bits: Tensor
    side_bits: Tensor
    whole_bits: Tensor


def gaussian_bits(distance: Tensor, scale: Tensor) -> Tensor:
    """Return -log2 of the mass within 1/2 of `distance` from the mean of a normal distribution with some outliers."""
    distance = distance.abs()
    root = math.sqrt(0.5) / scale
    mass = (torch.erfc((distance - 0.5) * root) - torch.erfc((distance + 0.5) * root)) / 2
    far = TAIL_SCALE * scale + 1
    tail = torch.exp(-distance / far) / (2 * far)
    return -torch.log2((1 - TAIL) * mass + TAIL * tail)


class PhotoCodec(nn.Module):
    """Pictures (n, channels, 8 h, 8 w), from 0 to 1, and back."""

    def __init__(self, sizes: Sizes, channels: int = 3) -> None:
        super().__init__()
        self.sizes = sizes
        self.analysis, self.to_map = analysis(sizes, channels)
        self.synthesis = synthesis(sizes, channels)
        self.side_analysis, self.prior = side_analysis(sizes), Prior(sizes)
        self.gain = Gains(sizes.latent, 0.0, math.log(22.0))
        self.regain = Gains(sizes.latent, 0.0, 0.0)
        self.side_gain = Gains(sizes.side, 0.0, math.log(8.0))
        self.side_mean = Gains(sizes.side, 0.0, 0.0)
        self.side_scale = Gains(sizes.side, 0.0, 1.0)

    def forward(self, x: Tensor, quality: Tensor, *, noisy: bool = True) -> Coding:
        """Return what training needs; without `noisy` the bits are those of rounded numbers."""
        map_ = self.analysed(x, quality)
        side, side_bits = self._side(map_, quality, noisy)
        features = self.prior.features(side, quality)
        log_gain = self.gain(quality)
        gain = log_gain.exp()
        wanted, known = map_ * gain, torch.zeros_like(map_)
        means, scales = torch.zeros_like(map_), torch.zeros_like(map_)
        for number, mask in enumerate(masks(self.sizes.latent, *map_.shape[2:], map_.device)):
            mean, log_scale = self.prior.parameters_of(number, features, known, quality)
            mean = mean * gain
            means, scales = torch.where(mask, mean, means), torch.where(mask, log_scale + log_gain, scales)
            known = torch.where(mask, (rounded(wanted - mean) + mean) / gain, known)
        scale = spread(scales)
        residual = wanted - means
        if noisy:
            bits = gaussian_bits(residual + torch.rand_like(residual) - 0.5, scale)
            with torch.no_grad():
                whole = gaussian_bits(residual.round(), scale)
        else:
            bits = whole = gaussian_bits(residual.round(), scale)
        picture = self.synthesis(known * self.regain(quality).exp(), quality) + 0.5
        return Coding(picture, bits.sum((1, 2, 3)), side_bits, whole.sum((1, 2, 3)) + side_bits.detach())

    def analysed(self, x: Tensor, quality: Tensor) -> Tensor:
        """Return the map (n, latent, h, w) of pictures, before gains."""
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.training):
            hidden = self.analysis(x - 0.5, quality)
        return self.to_map(hidden.float())  # type: ignore[no-any-return]

    def _side(self, map_: Tensor, quality: Tensor, noisy: bool) -> tuple[Tensor, Tensor]:
        """Return the side map as rounded, in units before gains, and its bits (n,)."""
        gain, mean = self.side_gain(quality).exp(), self.side_mean(quality)
        wanted = self.side_analysis(map_) * gain
        scale = spread(self.side_scale(quality))
        whole = rounded(wanted)
        coded = wanted + torch.rand_like(wanted) - 0.5 if noisy else whole
        return whole / gain, gaussian_bits(coded - mean, scale).sum((1, 2, 3))


@torch.no_grad()
def draw(model: PhotoCodec, generator: torch.Generator) -> None:
    """Draw the weights of convolutions with unit gain by fan-in; then start both transforms at the cosines of JPEG."""
    model.to_empty(device=generator.device)
    for layer in model.modules():
        if isinstance(layer, Gains):
            layer.start()
        elif isinstance(layer, nn.Conv2d):
            layer.weight.normal_(0, 1 / math.sqrt(layer.weight[0].numel()), generator=generator)
            if layer.bias is not None:
                layer.bias.zero_()
    for layer in model.modules():
        if isinstance(layer, Residual):
            layer.second.weight.zero_()
    start_at_cosines(model)


START_GAIN = 1.7
"""Suits quality 0: whole steps of an orthonormal transform that balance rate and error there."""
OPPONENT = ((1.0, 1.0, 1.0), (1.0, 0.0, -1.0), (1.0, -2.0, 1.0))
CHROMA_SHARE = 0.5
"""Part of the frequencies of brightness that colour differences get, along a side."""


def cosines(count: int, device: torch.device) -> Tensor:
    """Return the `count` smoothest of the orthonormal cosines of 8 x 8 pixels of 3 colours, (count, 3, 8, 8)."""
    place = torch.arange(CELL, device=device, dtype=torch.float64)
    waves = torch.cos(math.pi * (2 * place[None] + 1) * place[:, None] / (2 * CELL)) * math.sqrt(2 / CELL)
    waves[0] /= math.sqrt(2)
    colours = torch.tensor(OPPONENT, device=device, dtype=torch.float64)
    colours /= colours.norm(dim=1, keepdim=True)
    basis = torch.einsum("kc,uy,vx->kuvcyx", colours, waves, waves)
    share = torch.tensor([1.0, CHROMA_SHARE, CHROMA_SHARE], device=device, dtype=torch.float64)
    roughness = (place[:, None].square() + place.square())[None] / share.square()[:, None, None]
    order = torch.argsort(roughness.flatten(), stable=True)[:count]
    return basis.flatten(0, 2)[order].float()


def start_at_cosines(model: PhotoCodec) -> None:
    """Set the linear path of both transforms, where it is wide enough, to the cosine transform of 8 x 8 pixels."""
    one, two, three = (layer for layer in model.analysis if isinstance(layer, nn.Conv2d))
    last = model.to_map
    up, leave = (layer for layer in model.synthesis if isinstance(layer, nn.Conv2d))
    latent = model.sizes.latent
    if one.weight.shape[1] != 3 or len(one.weight) < 12 or len(two.weight) < 48 or len(three.weight) < latent:
        return
    for layer, inputs in ((one, 3), (two, 12)):
        middle = layer.weight.shape[2] // 2
        layer.weight[: 4 * inputs].zero_()
        for row in range(4 * inputs):
            layer.weight[row, row // 4, middle + row // 2 % 2, middle + row % 2] = 1
    basis = cosines(latent, one.weight.device)
    three.weight[:latent].zero_()
    # a pixel of a cell, in bits from the highest: its row and column in the half, the quarter, the eighth
    halves = basis.view(latent, 3, 2, 2, 2, 2, 2, 2)  # (latent, colour, y2, y1, y0, x2, x1, x0)
    inner = halves.permute(0, 1, 4, 7, 3, 6, 2, 5).reshape(latent, 48, 2, 2)
    three.weight[:latent, :48, 1:, 1:] = inner
    last.weight.zero_()
    last.weight[range(latent), range(latent), 1, 1] = START_GAIN
    up.weight[:192].zero_()
    quarters = basis.view(latent, 3, 2, 4, 2, 4).permute(1, 3, 5, 2, 4, 0).reshape(48, 4, latent)
    if up.weight.shape[0] >= 192:
        up.weight[:192, :, 1, 1] = quarters.reshape(192, latent) / START_GAIN
        leave.weight.zero_()
        leave.weight[range(48), range(48), 1, 1] = 1
