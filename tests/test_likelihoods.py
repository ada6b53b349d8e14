"""Likelihoods against torch's own: cross-entropy, distributions and numerical gradients."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import Bernoulli as TorchBernoulli
from torch.distributions import Normal

from diabolo.config.likelihoods import BernoulliConfig, GaussianConfig, LikelihoodConfig
from diabolo.model.likelihoods import LIKELIHOODS, Bernoulli, Gaussian, Logistic

SHAPES = [(7,), (4, 3), (4, 3, 2)]
each_shape = pytest.mark.parametrize("shape", SHAPES)


def drawn(shape: tuple[int, ...], count: int = 5, spread: float = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    parameters = torch.randn(count, *shape, generator=generator) * spread
    return parameters, torch.rand(count, *shape, generator=generator)


def test_every_likelihood_has_its_class() -> None:
    assert set(LIKELIHOODS) == set(LikelihoodConfig.__args__)  # type: ignore[attr-defined]
    assert LIKELIHOODS[BernoulliConfig](BernoulliConfig()).unit
    assert not LIKELIHOODS[GaussianConfig](GaussianConfig()).unit


@each_shape
def test_bernoulli_is_torchs_cross_entropy_summed(shape: tuple[int, ...]) -> None:
    logits, x = drawn(shape)
    wanted = torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(1)
    torch.testing.assert_close(Bernoulli().distortion(logits, x), wanted, rtol=1e-5, atol=1e-5)


@each_shape
def test_bernoulli_is_a_log_probability(shape: tuple[int, ...]) -> None:
    logits, x = drawn(shape)
    for target in (x, x.round()):
        wanted = -TorchBernoulli(logits=logits, validate_args=False).log_prob(target).flatten(1).sum(1)
        torch.testing.assert_close(Bernoulli().distortion(logits, target), wanted, rtol=1e-5, atol=1e-5)


@each_shape
def test_the_bernoulli_gradient_is_the_numerical_one(shape: tuple[int, ...]) -> None:
    logits, x = (tensor.double() for tensor in drawn(shape))
    assert torch.autograd.gradcheck(lambda z: Bernoulli().distortion(z, x), logits.requires_grad_())


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_bernoulli_gradient_fits_any_memory_layout(layout: torch.memory_format) -> None:
    logits, x = drawn((3, 4, 5))
    logits = logits.to(memory_format=layout).permute(0, 2, 3, 1).requires_grad_()
    x = x.permute(0, 2, 3, 1)
    weights = torch.arange(1.0, 6)
    (ours,) = torch.autograd.grad((Bernoulli().distortion(logits, x) * weights).sum(), logits)
    reference = torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(1)
    (wanted,) = torch.autograd.grad((reference * weights).sum(), logits)
    torch.testing.assert_close(ours, wanted)


@pytest.mark.parametrize("logit", [-1e30, -1000.0, -88.8, 88.8, 1000.0, 1e30])
@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_extreme_logits_stay_finite(logit: float, value: float) -> None:
    z = torch.full((2, 3), logit, requires_grad=True)
    distortion = Bernoulli().distortion(z, torch.full((2, 3), value))
    distortion.sum().backward()
    wanted = 3 * (max(logit, 0) - logit * value)
    assert distortion.detach().tolist() == pytest.approx([wanted] * 2, rel=1e-6, abs=1e-6)
    assert z.grad is not None
    assert torch.equal(z.grad, torch.full((2, 3), float(logit > 0)) - value)
    assert torch.isfinite(Bernoulli()(z)).all()


@settings(max_examples=50)
@given(st.floats(-50, 50), st.floats(0, 1))
def test_one_bernoulli_value_is_the_formula_in_double_precision(logit: float, value: float) -> None:
    wanted = math.log1p(math.exp(-abs(logit))) + max(logit, 0) - logit * value
    ours = Bernoulli().distortion(*torch.tensor([[[logit]], [[value]]], dtype=torch.float64))
    assert float(ours) == pytest.approx(wanted, rel=1e-9, abs=1e-9)


def test_neither_argument_is_changed() -> None:
    logits, x = drawn((4, 3))
    kept = logits.clone(), x.clone()
    for likelihood in (Bernoulli(), Gaussian()):
        likelihood.distortion(logits.requires_grad_(), x).sum().backward()
        assert torch.equal(logits, kept[0])
        assert torch.equal(x, kept[1])


@each_shape
def test_gaussian_is_a_normal_of_spread_1(shape: tuple[int, ...]) -> None:
    mean, x = drawn(shape)
    wanted = -Normal(mean, 1.0).log_prob(x).flatten(1).sum(1)
    torch.testing.assert_close(Gaussian().distortion(mean, x), wanted, rtol=1e-5, atol=1e-5)
    doubles = mean.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: Gaussian().distortion(z, x.double()), doubles)


@pytest.mark.parametrize("likelihood", [Bernoulli(), Gaussian()])
def test_the_least_distortion_is_at_the_data(likelihood: Bernoulli | Gaussian) -> None:
    _, x = drawn((6,))
    x = x.clamp(0.05, 0.95)
    parameters = likelihood.parameters_of(x).requires_grad_()
    torch.testing.assert_close(likelihood(parameters), x)
    likelihood.distortion(parameters, x).sum().backward()
    assert parameters.grad is not None
    torch.testing.assert_close(parameters.grad, torch.zeros_like(x), rtol=0, atol=1e-6)


def test_the_starting_logits_of_empty_and_full_pixels_are_finite() -> None:
    mean = Bernoulli()(Bernoulli().parameters_of(torch.tensor([0.0, 0.5, 1.0])))
    torch.testing.assert_close(mean, torch.tensor([0.01, 0.5, 0.99]))


def spread_out(likelihood: Gaussian | Logistic, spread: float) -> Gaussian | Logistic:
    likelihood.to_empty(device="cpu")
    likelihood.start()
    assert likelihood.log_spread is not None
    torch.nn.init.constant_(likelihood.log_spread, math.log(spread))
    return likelihood


@each_shape
def test_a_learnt_spread_is_a_normals(shape: tuple[int, ...]) -> None:
    mean, x = drawn(shape)
    wanted = -Normal(mean, 0.3).log_prob(x).flatten(1).sum(1)
    likelihood = spread_out(Gaussian(learnt=True), 0.3)
    torch.testing.assert_close(likelihood.distortion(mean, x), wanted, rtol=1e-5, atol=1e-4)
    likelihood.distortion(mean, x).sum().backward()
    assert likelihood.log_spread is not None
    assert likelihood.log_spread.grad is not None
    assert float(likelihood.log_spread.grad) != 0


@pytest.mark.parametrize("spread", [0.01, 0.1, 1.0])
def test_the_levels_are_what_a_logistic_distribution_has_about_them(spread: float) -> None:
    levels = torch.arange(256, dtype=torch.float64) / 255
    mean = torch.tensor([-0.1, 0.0, 0.37, 1.0], dtype=torch.float64)
    likelihood = spread_out(Logistic(), spread).double()
    ours = torch.stack([likelihood.distortion(mean[:, None], levels[k].expand(4, 1)) for k in range(256)])
    above = torch.sigmoid((levels[:, None] + 1 / 510 - mean) / spread)
    above[-1] = 1
    wanted = -torch.log(torch.diff(above, dim=0, prepend=torch.zeros(1, 4)))
    near = wanted < 20  # further out the reference, a difference, has no digits left
    torch.testing.assert_close(ours[near], wanted[near], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close((-ours).exp().sum(0), torch.ones(4).double())


def test_levels_far_from_the_mean_stay_finite_and_have_a_slope() -> None:
    likelihood = spread_out(Logistic(), 0.001)
    mean = torch.tensor([[-50.0], [50.0]], requires_grad=True)
    distortion = likelihood.distortion(mean, torch.tensor([[0.5], [0.5]]))
    distortion.sum().backward()
    assert torch.isfinite(distortion).all()
    assert mean.grad is not None
    assert mean.grad[0] < 0 < mean.grad[1]


def test_binarised_values_are_drawn_from_their_generator() -> None:
    x = torch.tensor([0.0, 0.25, 1.0]).expand(20_000, 3)
    drawn_once, same = (Bernoulli(binarised=True).observed(x, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(drawn_once, same)
    assert set(drawn_once.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(drawn_once.mean(0), torch.tensor([0.0, 0.25, 1.0]), rtol=0, atol=0.01)
    assert Bernoulli().observed(x, torch.Generator()) is x
