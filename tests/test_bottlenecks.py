"""Bottlenecks: the rate against torch's divergence, gradients of every declared term, and no way round the code."""

import re

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from diabolo.config.bottlenecks import BottleneckConfig, PlainConfig, VariationalConfig
from diabolo.model.autoencoder import AutoencoderModel
from diabolo.model.bottlenecks.base import Coded
from diabolo.model.bottlenecks.contractive import Contractive
from diabolo.model.bottlenecks.plain import Plain
from diabolo.model.bottlenecks.sparse import KSparse, Sparse
from diabolo.model.bottlenecks.table import BOTTLENECKS
from diabolo.model.bottlenecks.variational import Variational, own_noise
from diabolo.model.bottlenecks.wasserstein import Wasserstein
from diabolo.model.networks.couplings import couplings
from diabolo.model.networks.layers import draw_weights
from diabolo.model.networks.starts import start_at
from diabolo.presets.presets import PRESETS, configure

each_preset = pytest.mark.parametrize("preset", PRESETS)
RATE_ALONE = re.compile(r"bottleneck\.(prior|side_\w+|map_gain)\.")
"""Weights of a hyperprior that change what numbers cost, and not which numbers the decoder gets."""
FREE = (Plain, Sparse, KSparse, Contractive, Wasserstein)
"""Bottlenecks whose codes have no rate."""
each_unit = pytest.mark.parametrize("unit", [True, False])


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def prepared(preset: str, unit: bool) -> tuple[AutoencoderModel, Tensor]:
    latent = 3 if PRESETS[preset].free_latent else None
    model = AutoencoderModel(configure(preset, (8, 8), latent=latent, unit=unit), seeded())
    x = torch.rand(16, 8, 8, generator=seeded(1))
    start_at(model, x, torch.Generator().manual_seed(0))
    return model, x


def test_every_bottleneck_has_its_class() -> None:
    assert set(BOTTLENECKS) == set(BottleneckConfig.__args__)  # type: ignore[attr-defined]
    assert isinstance(BOTTLENECKS[PlainConfig](PlainConfig(), 3), Plain)
    assert isinstance(BOTTLENECKS[VariationalConfig](VariationalConfig(), 3), Variational)


def test_plain_costs_nothing_and_changes_nothing() -> None:
    latent = torch.randn(5, 3, generator=seeded())
    code, rate, *_ = Plain().draw(latent, seeded())
    assert torch.equal(code, latent)
    assert torch.equal(Plain()(latent), latent)
    assert torch.equal(rate, torch.zeros(5))


def test_the_rate_is_the_divergence_from_the_standard_normal() -> None:
    latent = torch.randn(200, 14, generator=seeded()) * 2
    mean, log_variance = latent[:, :7], latent[:, 7:]
    wanted = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).sum(1)
    rate = Variational().draw(latent, seeded()).rate
    torch.testing.assert_close(rate, wanted, rtol=1e-5, atol=1e-5)
    assert (rate >= 0).all()
    assert float(Variational().draw(torch.zeros(1, 4), seeded()).rate) == 0


def test_the_rate_has_the_divergences_gradient() -> None:
    latent = (torch.randn(4, 6, generator=seeded()) * 2).double().requires_grad_()
    (ours,) = torch.autograd.grad(Variational().draw(latent, seeded()).rate.sum(), latent)
    mean, log_variance = latent.chunk(2, dim=1)
    reference = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).sum()
    torch.testing.assert_close(ours, torch.autograd.grad(reference, latent)[0])


def test_codes_are_drawn_from_the_normal_that_the_latent_names() -> None:
    latent = torch.tensor([[1.0, -2.0, 0.0, 2.0]]).expand(200_000, 4)
    code = Variational().draw(latent, seeded()).seen
    torch.testing.assert_close(code.mean(0), torch.tensor([1.0, -2.0]), rtol=0, atol=0.03)
    torch.testing.assert_close(code.std(0), torch.tensor([1.0, 2.718282]), rtol=0.02, atol=0)
    assert torch.equal(Variational()(latent)[0], torch.tensor([1.0, -2.0]))


def test_a_draw_depends_on_its_generator_alone() -> None:
    latent = torch.randn(5, 6, generator=seeded())
    one, same, other = (Variational().draw(latent, seeded(seed)).seen for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("extreme", [-1e6, 1e6])
def test_extreme_log_variances_stay_finite(extreme: float) -> None:
    code, rate, *_ = Variational().draw(torch.full((2, 2), extreme), seeded())
    assert torch.isfinite(code).all()
    assert torch.isfinite(rate).all()


@each_preset
@each_unit
def test_the_distortion_has_a_gradient_in_every_weight_but_the_priors(preset: str, unit: bool) -> None:
    model, x = prepared(preset, unit)
    model.terms(x, seeded()).distortion.mean().backward()
    for name, weights in model.named_parameters():
        if name.endswith("bottleneck.prior") or "bottleneck.flow" in name or RATE_ALONE.search(name):
            continue
        assert weights.grad is not None, name
        assert weights.grad.abs().max() > 0, name


@each_unit
def test_the_rate_has_a_gradient_in_the_whole_encoder_and_only_there(unit: bool) -> None:
    model, x = prepared("vae", unit)
    model.terms(x, seeded()).rate.mean().backward()
    for name, weights in model.encoder.named_parameters():
        assert weights.grad is not None, name
        assert weights.grad.abs().max() > 0, name
    assert all(weights.grad is None for weights in model.decoder.parameters())


@each_preset
def test_the_loss_is_the_sum_of_its_terms_by_beta(preset: str) -> None:
    model, x = prepared(preset, True)
    terms = model.terms(x, seeded())
    wanted = terms.weight * terms.distortion + model.config.beta * terms.rate + terms.penalty
    torch.testing.assert_close(model.loss(terms), wanted)
    closed = getattr(model.encoder.bottleneck, "flow", None) is None
    rate = terms.rate if closed else model.encoder.bottleneck.rate(model.encoder.network(x)).mean()
    assert bool((rate > 0).all()) == (not isinstance(model.encoder.bottleneck, FREE))


@each_preset
def test_the_reconstruction_depends_on_the_input_through_the_code_alone(
    preset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, x = prepared(preset, True)
    assert torch.equal(model(x), model.decoder(model.encoder(x)))
    code = model.encoder(x[:1]).detach().expand(len(x), -1)
    seen: list[Tensor] = []
    model.decoder.network.register_forward_hook(lambda *made: seen.append(made[2]))
    told = model.encoder.bottleneck.embed(code).detach()
    monkeypatch.setattr(model.encoder.bottleneck, "draw", lambda latent, *_: Coded(told, latent.new_zeros(len(latent))))
    model.terms(x, seeded())
    model.terms(1 - x, seeded())
    assert torch.equal(seen[0], seen[1])
    torch.testing.assert_close(seen[0], seen[0][:1].expand_as(seen[0]))


@each_preset
def test_different_samples_have_different_reconstructions(preset: str) -> None:
    model, x = prepared(preset, True)
    assert (model(x) - model(1 - x)).abs().max() > 1e-4


def learnt(latent: int = 5, strength: float = 1.0) -> Variational:
    module = Variational(flow=couplings(latent, 5))
    draw_weights(module, seeded())
    assert module.flow is not None
    for coupling in module.flow:
        torch.nn.init.constant_(coupling.strength, strength)
    return module


def test_couplings_know_their_stretch_and_lose_nothing() -> None:
    flow = learnt().flow
    assert flow is not None
    z = torch.randn(3, 5, generator=seeded()).double()
    flow.double()
    for row in z:
        wanted = torch.linalg.slogdet(torch.autograd.functional.jacobian(lambda z: flow(z[None])[0][0], row))
        torch.testing.assert_close(flow(row[None])[1].sum(), wanted.logabsdet, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(flow.inverse(flow(z)[0]), z)
    assert couplings(1, 4) is couplings(4, 0) is None


@torch.no_grad()
def test_the_rate_under_a_learnt_prior_is_the_logarithm_of_the_densities_ratio() -> None:
    module, latent, noise = (
        learnt(4),
        torch.randn(6, 8, generator=seeded()) * 0.3,
        torch.randn(6, 4, generator=seeded(1)),
    )
    mean, deviation = latent[:, :4], (latent[:, 4:] / 2).exp()
    code, rates = module.sampled(latent, noise)
    torch.testing.assert_close(code, mean + deviation * noise)
    normal, stretch = module.flow(code)
    prior = Normal(0.0, 1.0).log_prob(normal).sum(1) + stretch.sum(1)
    torch.testing.assert_close(
        rates.sum(1), Normal(mean, deviation).log_prob(code).sum(1) - prior, rtol=1e-5, atol=1e-5
    )
    torch.testing.assert_close(module.from_prior(normal), code)


@torch.no_grad()
def test_the_rate_under_couplings_that_change_nothing_is_the_divergence_from_the_standard_normal() -> None:
    module, latent = learnt(7, 0.0), torch.randn(200, 14, generator=seeded()) * 2
    torch.testing.assert_close(module.rate(latent), Variational().rate(latent), rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_the_mean_rate_under_a_learnt_prior_is_that_of_many_draws_of_each_sample() -> None:
    module, latent = learnt(6, 0.3), torch.randn(2000, 12, generator=seeded()) * 0.7
    drawn = torch.stack([module.draw(latent, seeded(number)).rate for number in range(100)])
    rates = module.rate(latent)
    assert abs(float(rates.mean() - drawn.mean())) < 0.05 * float(drawn.mean())
    moved = module.rate(latent + 1e-3)
    assert float((moved - rates).abs().max()) < 0.05  # a small step moves the rate a little: it is smooth
    torch.testing.assert_close(
        torch.cat([module.rate(row[None]) for row in latent[:50]]), rates[:50], rtol=1e-3, atol=1e-3
    )


@torch.no_grad()
def test_noise_of_ones_own_is_standard_normal_and_as_if_drawn_for_each_sample() -> None:
    noise = own_noise(torch.randn(5000, 3, generator=seeded()), 16)
    torch.testing.assert_close(noise.mean(0), torch.zeros(5000, 3), rtol=0, atol=1e-5)
    torch.testing.assert_close(noise.square().mean(0), torch.ones(5000, 3), rtol=0, atol=1e-4)
    assert torch.equal(noise[:, 0], noise[:, 1])  # the same draws for all samples, so that a rate is smooth


def test_free_nats_are_charged_in_training_only_and_have_no_slope_below() -> None:
    latent = torch.cat([torch.full((8, 1), 3.0), torch.zeros(8, 1), torch.zeros(8, 2)], 1).requires_grad_()
    free = Variational(free_nats=0.5)
    charged = free.train().draw(latent, seeded()).rate
    torch.testing.assert_close(charged, torch.full((8,), 4.5 + 0.5))
    (slope,) = torch.autograd.grad(charged.sum(), latent)
    assert (slope[:, 0] > 0).all()
    assert torch.equal(slope[:, [1, 3]], torch.zeros(8, 2))
    torch.testing.assert_close(free.eval().draw(latent, seeded()).rate, torch.full((8,), 4.5))
