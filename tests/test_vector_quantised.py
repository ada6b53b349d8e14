"""The vector-quantised bottleneck: nearest vectors, moving averages, dead codes, rate, and every job."""

import math
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits

from diabolo.estimator import Autoencoder, load
from diabolo.model.bottlenecks.vector_quantised import VectorQuantised

X = load_digits().images.astype(np.uint8) * 15


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def started(positions: int = 3, size: int = 5, width: int = 2) -> VectorQuantised:
    module = VectorQuantised(positions, size, width, 0.25)
    module.codebook.to_empty(device="cpu").start()
    return module


def test_the_code_is_the_nearest_vector() -> None:
    module, latent = started(), torch.randn(40, 6, generator=seeded())
    vectors = latent.reshape(40, 2, 3).transpose(1, 2)
    distances = torch.cdist(vectors.reshape(-1, 2), module.codebook.vectors)
    assert torch.equal(module(latent), distances.argmin(1).reshape(40, 3).float())
    back = module.embed(module(latent)).reshape(40, 2, 3).transpose(1, 2).reshape(-1, 2)
    torch.testing.assert_close((back - vectors.reshape(-1, 2)).norm(dim=1), distances.min(1).values)


def test_the_gradient_passes_straight_through_and_the_penalty_pulls() -> None:
    module, latent = started().train(), torch.randn(40, 6, generator=seeded()).requires_grad_()
    drawn = module.draw(latent, seeded())
    (through,) = torch.autograd.grad(drawn.seen.sum(), latent, retain_graph=True)
    assert torch.equal(through, torch.ones_like(latent))
    (pull,) = torch.autograd.grad(drawn.penalty.sum(), latent)
    torch.testing.assert_close(pull, 0.5 * (latent - drawn.seen).detach(), atol=1e-6, rtol=1e-4)


def test_vectors_follow_their_latents_and_dead_ones_are_revived() -> None:
    module = started(size=8).train()
    centres = torch.tensor([[3.0, 0.0], [-3.0, 0.0], [0.0, 3.0], [0.0, -3.0]])
    generator = seeded(1)
    for _ in range(400):
        chosen = centres[torch.randint(4, (60, 3), generator=generator)]
        latent = (chosen + 0.05 * torch.randn(chosen.shape, generator=generator)).transpose(1, 2).flatten(1)
        module.draw(latent, generator)
    assert torch.cdist(centres, module.codebook.vectors).min(1).values.max() < 0.2
    used = module.codebook.counts / module.codebook.counts.sum()
    assert (used > 0.003).all()


def test_the_rate_is_at_most_the_logarithm_of_the_size() -> None:
    module, latent = started(size=7), torch.randn(50, 6, generator=seeded())
    torch.testing.assert_close(module.rate(latent), torch.full((50,), 3 * math.log(7)))
    shares = torch.exp(-module.cost(torch.arange(7.0).repeat(3, 1).T)).sum(0)
    torch.testing.assert_close(shares, torch.ones(3))


def test_new_codes_follow_the_uses() -> None:
    module = started(positions=1, size=3)
    module.codebook.uses.copy_(torch.tensor([[0.7, 0.2, 0.1]]))
    codes = module.from_prior(torch.randn(20_000, 1, generator=seeded()))
    found = torch.bincount(codes.flatten().long(), minlength=3) / 20_000
    torch.testing.assert_close(found, torch.tensor([0.7, 0.2, 0.1]), atol=0.02, rtol=0)


def test_every_job_takes_it(tmp_path: Path) -> None:
    model = Autoencoder("vq", latent=6, epochs=12).fit(X[:1500])
    codes = model.encode(X[1500:])
    assert ((codes >= 0) & (codes < 256) & (codes == np.round(codes))).all()
    found = model.compress(X[1500:], tmp_path / "a.dbo")
    assert np.array_equal(model.decompress(tmp_path / "a.dbo"), model.reconstruct(X[1500:]))
    assert found.stored == 0
    assert model.sample(3).shape == (3, 8, 8)
    model.fit_density(X[:1500], components=20)
    assert model.sample(3).shape == (3, 8, 8)
    assert np.array_equal(model.interpolate(X[0], X[1], 4)[[0, -1]], model.reconstruct(X[:2]))
    model.save(tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    assert np.array_equal(again.encode(X[1500:]), codes)
    assert np.array_equal(again.sample(3), model.sample(3))
