"""Optimizers against torch's own and the singular value decomposition; the schedule's ends."""

import copy
import math
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from diabolo.config.recipe import Recipe
from diabolo.training.optimizer import OPTIMIZERS, Adam, Muon, orthogonal
from diabolo.training.schedule import WARM_UP, learning_rate

MATRICES = [(5, 5), (20, 8), (8, 20), (64, 256), (256, 64), (1, 7), (7, 1), (1, 1), (128, 128)]
each_shape = pytest.mark.parametrize("shape", MATRICES, ids=str)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def network() -> nn.Sequential:
    layers = nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 4))
    for weights in layers.parameters():
        nn.init.uniform_(weights, -0.5, 0.5, generator=seeded())
    return layers


def backward(layers: nn.Module, number: int) -> None:
    x = torch.randn(16, 6, generator=seeded(number))
    layers.zero_grad(set_to_none=True)
    (layers(x) - x[:, :4]).square().mean().backward()


@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.9, 0.99)])
def test_adam_is_torchs_over_50_steps(betas: tuple[float, float]) -> None:
    ours, theirs = network(), network()
    optimizer = Adam(list(ours.parameters()), betas=betas)
    reference = torch.optim.Adam(theirs.parameters(), lr=1, betas=betas)
    for number in range(50):
        rate = 0.01 / (1 + number)
        reference.param_groups[0]["lr"] = rate
        backward(ours, number)
        optimizer.step(number, rate)
        backward(theirs, number)
        reference.step()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


def conditioned(shape: tuple[int, int], least: float = 0.1) -> Tensor:
    """Return a matrix with singular values from `least` to 1."""
    u, _, v = torch.linalg.svd(torch.randn(shape, generator=seeded()), full_matrices=False)
    return u @ torch.diag(torch.linspace(least, 1, min(shape))) @ v


@each_shape
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_the_orthogonal_matrix_is_that_of_the_svd(shape: tuple[int, int], scale: float) -> None:
    matrix = conditioned(shape) * scale
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    found = orthogonal(matrix)
    rotated = u.T @ found @ v.T
    assert (rotated - torch.diag(rotated.diagonal())).abs().max() < 1e-3
    assert (rotated.diagonal() - 1).abs().max() < 0.6
    assert float((found * (u @ v)).sum() / found.norm() / (u @ v).norm()) > 0.9


def test_singular_values_come_as_near_1_as_the_docstring_says() -> None:
    stated = re.search(r"within ([0-9.]*[0-9]) of 1", str(orthogonal.__doc__))
    assert stated is not None
    for shape in MATRICES:
        values = torch.linalg.svdvals(orthogonal(conditioned(shape)))
        assert (values - 1).abs().max() <= float(stated[1]), shape


def test_a_matrix_of_lower_rank_is_not_blown_up() -> None:
    matrix = conditioned((20, 12))[:, :3] @ torch.randn(3, 12, generator=seeded())
    values = torch.linalg.svdvals(orthogonal(matrix))
    assert values.max() < 1.6
    assert (values[:3] > 0.3).all()
    assert values[3:].max() < 0.1


@each_shape
def test_no_gradient_makes_no_step(shape: tuple[int, int]) -> None:
    assert not orthogonal(torch.zeros(shape)).any()


def test_the_given_matrix_is_not_changed() -> None:
    matrix = conditioned((6, 4))
    kept = matrix.clone()
    orthogonal(matrix)
    assert torch.equal(matrix, kept)


@pytest.mark.parametrize("shape", [(20, 8), (8, 20), (32, 32)], ids=str)
def test_muon_goes_where_torchs_goes(shape: tuple[int, int]) -> None:
    """torch's is in bfloat16, with other coefficients: the direction and the length agree loosely."""
    ours, theirs = nn.Parameter(torch.zeros(shape)), nn.Parameter(torch.zeros(shape))
    optimizer = Muon([ours], [ours])
    reference = torch.optim.Muon([theirs], lr=0.1, weight_decay=0, momentum=0.95, nesterov=True)
    for number in range(5):
        gradient = torch.randn(shape, generator=seeded(number))
        before = ours.detach().clone(), theirs.detach().clone()
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        optimizer.step(number, 0.1)
        reference.step()
        one, other = ours.detach() - before[0], theirs.detach() - before[1]
        assert float((one * other).sum() / one.norm() / other.norm()) > 0.8
        assert float(one.norm() / other.norm()) == pytest.approx(1, abs=0.5)


def test_the_first_step_of_muon_is_the_rate_times_the_orthogonal_gradient() -> None:
    weights = nn.Parameter(torch.zeros(20, 8))
    weights.grad = conditioned((20, 8))
    Muon([weights], [weights]).step(0, 0.03)
    wanted = -0.03 * math.sqrt(20 / 8) * orthogonal(weights.grad)
    torch.testing.assert_close(weights.detach(), wanted, rtol=1e-4, atol=1e-6)


def test_muon_leaves_the_biases_to_adam() -> None:
    bias, same = nn.Parameter(torch.ones(5)), nn.Parameter(torch.ones(5))
    matrix = nn.Parameter(torch.zeros(3, 3))
    muon, adam = Muon([matrix, bias], [matrix]), Adam([same], betas=(0.9, 0.99))
    for number in range(5):
        gradient = torch.randn(5, generator=seeded(number))
        bias.grad, same.grad = gradient.clone(), gradient.clone()
        muon.step(number, 0.3)
        adam.step(number, 0.1)
    torch.testing.assert_close(bias, same)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_muon_sees_a_convolution_as_a_matrix(layout: torch.memory_format) -> None:
    start = torch.randn(8, 4, 3, 3, generator=seeded())
    gradient = torch.randn(8, 4, 3, 3, generator=seeded(1))
    kernel = nn.Parameter(start.to(memory_format=layout))
    matrix = nn.Parameter(start.reshape(8, 36).clone())
    kernel.grad, matrix.grad = gradient.to(memory_format=layout), gradient.reshape(8, 36)
    Muon([kernel], [kernel]).step(0, 0.1)
    Muon([matrix], [matrix]).step(0, 0.1)
    torch.testing.assert_close(kernel.detach().reshape(8, 36), matrix.detach())


class Table(nn.Module):
    """A table of two numbers for each of three places: no linear map, but for one that it names."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.named = nn.Parameter(torch.ones(3, 2)), nn.Parameter(torch.ones(3, 2))

    @property
    def matrices(self) -> tuple[nn.Parameter, ...]:
        return (self.named,)


def test_modules_say_which_weights_are_linear_maps() -> None:
    table, shared = Table(), nn.Linear(2, 3)
    model = nn.Sequential(table, shared, shared, nn.Conv2d(1, 2, 3))
    optimizer = OPTIMIZERS["muon"](model)
    assert [id(weights) for weights in optimizer.matrices] == [id(table.named), id(shared.weight), id(model[3].weight)]
    assert id(table.table) in {id(weights) for weights in optimizer.biases.parameters}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_state_is_all_that_the_next_steps_need(name: str) -> None:
    layers = network()
    optimizer = OPTIMIZERS[name](layers)
    for number in range(5):
        backward(layers, number)
        optimizer.step(number, 0.01)
    twin = copy.deepcopy(layers)
    other = OPTIMIZERS[name](twin)
    for key, tensor in optimizer.state().items():
        other.state()[key].copy_(tensor)
    for number in range(5, 10):
        for model, steps in ((layers, optimizer), (twin, other)):
            backward(model, number)
            steps.step(number, 0.01)
    for one, same in zip(layers.parameters(), twin.parameters(), strict=True):
        assert torch.equal(one, same)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_parameters_without_a_gradient_stay(name: str) -> None:
    layers = network()
    before = copy.deepcopy(layers.state_dict())
    OPTIMIZERS[name](layers).step(0, 0.1)
    assert all(torch.equal(weights, before[key]) for key, weights in layers.state_dict().items())


@given(st.integers(1, 5000))
def test_the_linear_schedule_goes_up_to_its_rate_and_down_to_nothing(steps: int) -> None:
    recipe = Recipe(1, 1, 0.03)
    rates = [learning_rate(recipe, step, steps) for step in range(steps)]
    peak = rates.index(max(rates))
    assert min(rates) > 0
    assert max(rates) <= recipe.learning_rate * (1 + 1e-12)
    assert peak <= math.ceil(WARM_UP * steps)
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert learning_rate(recipe, steps, steps) == 0


def test_the_linear_schedules_ends() -> None:
    recipe = Recipe(1, 1, 0.03)
    assert learning_rate(recipe, 0, 1000) == pytest.approx(0.03 / 51)
    assert learning_rate(recipe, 50, 1000) == pytest.approx(0.03)
    assert learning_rate(recipe, 999, 1000) == pytest.approx(0.03 * 0.001 / 0.95)


def test_the_constant_schedule_is_constant() -> None:
    recipe = Recipe(1, 1, 0.03, schedule="constant")
    assert {learning_rate(recipe, step, 100) for step in range(100)} == {0.03}
