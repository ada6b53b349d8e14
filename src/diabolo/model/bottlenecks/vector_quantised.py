"""The vector-quantised bottleneck: the code is indices of the nearest vectors of a codebook."""

import math

import torch
from torch import Tensor, nn

from diabolo.model.bottlenecks.base import Bottleneck, Coded, only

DECAY, FEWEST = 0.99, 0.03
"""Of the moving averages; share of an even use below which a vector counts as dead and is replaced."""


class Codebook(nn.Module):
    """Vectors (size, width) as moving averages of the latents nearest to them, and how often each position uses them.

    vectors = sums / counts (van den Oord et al. 2017, appendix A.1). uses: (positions, size), moving averages.
    """

    vectors: Tensor
    sums: Tensor
    counts: Tensor
    uses: Tensor

    def __init__(self, size: int, width: int, positions: int) -> None:
        super().__init__()
        shapes = {"vectors": (size, width), "sums": (size, width), "counts": (size,), "uses": (positions, size)}
        for name, shape in shapes.items():
            self.register_buffer(name, torch.empty(shape, device="meta"))

    @torch.no_grad()
    def start(self) -> None:
        """Set vectors to small normal numbers, always the same; the first batches replace those that are not used."""
        drawn = torch.randn(self.vectors.shape, generator=torch.Generator().manual_seed(0))
        self.vectors.copy_(drawn / math.sqrt(self.vectors.shape[1]))
        self.counts.fill_(1)
        self.sums.copy_(self.vectors)
        self.uses.fill_(1 / len(self.vectors))

    def nearest(self, vectors: Tensor) -> Tensor:
        """Return the index of the nearest vector, (n, positions), of vectors (n, positions, width)."""
        own = self.vectors
        return (own.square().sum(1) - 2 * vectors @ own.T).argmin(2)

    def forward(self, code: Tensor) -> Tensor:
        """Return the vectors of codes (n, positions), flat: (n, width * positions), position by position inside."""
        index = code.round().clamp(0, len(self.vectors) - 1).long()
        return self.vectors[index].transpose(1, 2).flatten(1)

    def cost(self, code: Tensor) -> Tensor:
        """Return -log of how often each position uses its index, (n, positions), in nats."""
        shares = self.uses / self.uses.sum(1, keepdim=True)
        logs = -torch.log(shares.clamp_min(1e-6)).expand(len(code), -1, -1)
        return logs.gather(2, code.round().clamp(0, len(self.vectors) - 1).long().unsqueeze(2)).squeeze(2)

    @torch.no_grad()
    def learn(self, vectors: Tensor, index: Tensor, generator: torch.Generator) -> None:
        """Move the averages towards a batch; a dead vector is replaced by one of the batch, drawn at random."""
        flat, places = vectors.flatten(0, 1), index.flatten()
        ones = torch.zeros_like(self.counts).index_add_(0, places, torch.ones_like(flat[:, 0]))
        self.counts.lerp_(ones, 1 - DECAY)
        self.sums.lerp_(torch.zeros_like(self.sums).index_add_(0, places, flat), 1 - DECAY)
        used = torch.zeros_like(self.uses).scatter_add_(1, index.T, torch.ones_like(index.T, dtype=flat.dtype))
        self.uses.lerp_(used / len(index), 1 - DECAY)
        dead = self.counts < FEWEST * len(flat) / len(self.counts)
        drawn = flat[torch.randint(len(flat), self.counts.shape, generator=generator, device=flat.device)]
        even = torch.full_like(self.counts, len(flat) / len(self.counts))
        self.counts.copy_(torch.where(dead, even, self.counts))
        self.sums.copy_(torch.where(dead[:, None], drawn * even[:, None], self.sums))
        self.vectors.copy_(self.sums / self.counts[:, None])


class VectorQuantised(Bottleneck):
    """Each number of the code is the index of the codebook's vector nearest to `width` numbers of the latent.

    The gradient passes straight through to the latent; penalty = commitment * |latent - vector|^2 pulls latents to
    their vectors, which follow by moving averages (van den Oord et al. 2017, arXiv:1711.00937, eq. 3 and appendix A.1).
    rate = -log of how often a position uses its index: at most log(size), which an archive comes close to.
    """

    has_rate = integer_codes = has_prior = True

    def __init__(self, positions: int, size: int, width: int, commitment: float) -> None:
        super().__init__()
        self.positions, self.commitment = positions, commitment
        self.per_latent = self.per_code = width
        self.categories = size
        self.__dict__["embedding"] = Codebook(size, width, positions)  # the decoder holds it, so that it stands alone

    @property
    def codebook(self) -> Codebook:
        """The codebook, which is a part of the decoder."""
        book: Codebook = self.__dict__["embedding"]
        return book

    def forward(self, latent: Tensor) -> Tensor:
        return self.codebook.nearest(self._vectors(latent)).to(latent.dtype)

    def unrounded(self, latent: Tensor) -> Tensor:
        code: Tensor = self(latent)
        return code

    def embed(self, code: Tensor) -> Tensor:
        seen: Tensor = self.codebook(code)
        return seen

    def rate(self, latent: Tensor) -> Tensor:
        return self.cost(self(latent)).sum(1)

    def cost(self, code: Tensor, step: float = 1.0) -> Tensor:
        del step
        return self.codebook.cost(code)

    def draw(self, latent: Tensor, generator: torch.Generator, kept: Tensor | None = None) -> Coded:
        vectors = self._vectors(latent)
        index = self.codebook.nearest(vectors.detach())
        code = index.to(latent.dtype)
        seen = self.codebook(code)
        distance = self._vectors((latent - seen).square()).sum(2)
        rate = only(self.codebook.cost(code), kept).sum(1)
        penalty = self.commitment * only(distance, kept).sum(1)
        if self.training:
            self.codebook.learn(vectors.detach(), index, generator)
        through = latent + (seen - latent).detach()
        return Coded(only(through, None if kept is None else kept.repeat(1, self.per_code)), rate, penalty)

    def from_prior(self, noise: Tensor) -> Tensor:
        """Return codes (n, positions), each position by how often it uses an index."""
        shares = self.codebook.uses / self.codebook.uses.sum(1, keepdim=True)
        points = torch.special.ndtr(noise).unsqueeze(2)
        index: Tensor = (points > shares.cumsum(1)).sum(2).clamp(max=self.categories - 1)
        return index.to(noise.dtype)

    def _vectors(self, latent: Tensor) -> Tensor:
        """Return the latent (n, width * positions) as vectors (n, positions, width)."""
        return latent.view(len(latent), -1, self.positions).transpose(1, 2)
