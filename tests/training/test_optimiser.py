"""Both optimisers, the parameter prior and annealing, against the formulas written out."""

from __future__ import annotations

from typing import get_args, get_type_hints

import pytest
import torch
from torch import nn

from bench import options
from bench.algorithm import Hyperparameters
from bench.algorithms.aevb import AEVB
from bench.training import optimiser as optimiser_module
from bench.training.beginning import begin
from bench.training.minibatches import Minibatches
from bench.training.optimiser import make_optimiser
from bench.training.problem import Problem


class WrittenOut:
    """Adagrad (AEVB, appendix C) and Adam (Kingma & Ba 2015, algorithm 1) in double precision, one step per call."""

    def __init__(self, theta: torch.Tensor) -> None:
        self.theta = theta.detach().double().clone()
        self.first = self.second = torch.zeros_like(self.theta)
        self.updates = 0

    def adagrad(self, gradient: torch.Tensor, rate: float) -> None:
        """theta -= rate g / sqrt(sum of g^2)."""
        self.second = self.second + gradient**2
        self.theta = self.theta - rate * gradient / self.second.sqrt()

    def adam(self, gradient: torch.Tensor, rate: float) -> None:
        """theta -= rate m / (sqrt(v) + 1e-8), m and v without the bias of their start at 0."""
        self.updates += 1
        self.first = 0.9 * self.first + 0.1 * gradient
        self.second = 0.999 * self.second + 0.001 * gradient**2
        mean, square = self.first / (1 - 0.9**self.updates), self.second / (1 - 0.999**self.updates)
        self.theta = self.theta - rate * mean / (square.sqrt() + 1e-8)


@pytest.fixture(params=["fused", "one by one"])
def operations(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """One operation for all parameters, or several where a device has none, such as MPS."""
    if request.param == "one by one":
        monkeypatch.setattr(optimiser_module, "_has_fused_adagrad", lambda device: False)
        monkeypatch.setattr(optimiser_module, "FUSED_ADAM", ())


@pytest.mark.usefixtures("operations")
@pytest.mark.parametrize("annealing", [0.0, 0.1])
@pytest.mark.parametrize("prior", [True, False])
@pytest.mark.parametrize("name", ["adagrad", "adam"])
def test_update_is_the_published_one(name: str, prior: bool, annealing: float) -> None:
    """With the step rate / (1 + a t), where the gradient includes theta / N of the N(0, I) prior."""
    stream = torch.Generator().manual_seed(0)
    parameter = nn.Parameter(torch.randn(7, generator=stream))
    expected = WrittenOut(parameter)
    optimiser = make_optimiser(
        name, [parameter] if prior else [], 0.1, num_data=50, phi=[] if prior else [parameter], annealing=annealing
    )
    for t in range(4):
        gradient = torch.randn(7, generator=stream)
        parameter.grad = gradient.clone()
        optimiser.step()
        total = gradient.double() + (expected.theta / 50 if prior else 0)
        getattr(expected, name)(total, 0.1 / (1 + annealing * t))
        torch.testing.assert_close(parameter.detach().double(), expected.theta, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["adagrad", "adam"])
def test_first_update_moves_by_the_whole_step(name: str) -> None:
    """Regardless of the gradient's size, which is why large steps blow up at once."""
    parameter = nn.Parameter(torch.zeros(3))
    parameter.grad = torch.tensor([1e-2, -3.0, 1e5])
    make_optimiser(name, [parameter], 0.02, num_data=10).step()
    torch.testing.assert_close(parameter.detach(), torch.tensor([-0.02, 0.02, -0.02]))


@pytest.mark.parametrize("name", ["adagrad", "adam"])
def test_it_ends_at_the_mode_of_the_posterior(name: str) -> None:
    """The mean theta of N(theta, 1) from N points, under the prior N(0, 1): their sum / (N + 1), in closed form.

    With decoupled weight decay, as in AdamW, it would end elsewhere.
    """
    x = torch.tensor([1.0, 2.0, 4.0, 5.0])
    theta = nn.Parameter(torch.zeros(1))
    mode = x.sum() / (len(x) + 1)
    assert abs(float(theta.detach() - mode)) > 1
    optimiser = make_optimiser(name, [theta], 0.3, num_data=len(x), annealing=0.01)
    for _ in range(300):
        optimiser.zero_grad()
        (0.5 * (x - theta).square()).mean().backward()
        optimiser.step()
    torch.testing.assert_close(theta.detach()[0], mode, rtol=0, atol=0.02)


@pytest.mark.parametrize("name", ["adagrad", "adam"])
def test_saved_state_continues_bit_equal(name: str) -> None:
    """Including the count by which the step is annealed."""

    def started() -> tuple[nn.Parameter, torch.optim.Optimizer]:
        parameter = nn.Parameter(torch.zeros(3))
        return parameter, make_optimiser(name, [parameter], 0.1, num_data=10, annealing=0.5)

    def update(parameter: nn.Parameter, optimiser: torch.optim.Optimizer, times: int) -> None:
        for _ in range(times):
            parameter.grad = torch.tensor([1.0, -2.0, 3.0]) + parameter.detach()
            optimiser.step()

    (one, its), (two, others) = started(), started()
    update(one, its, 5)
    update(two, others, 2)
    saved = others.state_dict()
    three, fresh = started()
    with torch.no_grad():
        three.copy_(two)
    fresh.load_state_dict(saved)
    update(three, fresh, 3)
    assert torch.equal(one, three)


def test_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="'adagrad' or 'adam' \\(got 'sgd'\\)"):
        make_optimiser("sgd", [nn.Parameter(torch.zeros(1))], 0.1, num_data=1)


def test_each_optimiser_that_can_be_asked_for_has_step_sizes_to_choose_among() -> None:
    allowed = get_args(get_type_hints(Hyperparameters)["optimiser"])
    candidates = Hyperparameters.__dataclass_fields__["learning_rate"].metadata["candidates"]
    assert tuple(candidates) == allowed
    (shown,) = [row.allowed for row in options.describe(Hyperparameters) if row.name == "learning_rate"]
    assert "chooses among 0.01, 0.02, 0.1 with adagrad; 0.0003, 0.001, 0.003 with adam" in shown


@pytest.mark.parametrize(
    ("name", "expected"), [("adagrad", {"0.01", "0.02", "0.1"}), ("adam", {"0.0003", "0.001", "0.003"})]
)
def test_auto_tries_step_sizes_that_suit_the_optimiser(name: str, expected: set[str]) -> None:
    algorithm = AEVB(2, model="mlp[hidden=3]", device="cpu", optimiser=name)
    x = torch.bernoulli(torch.full((2500, 6), 0.5), generator=torch.Generator().manual_seed(0))
    problem = Problem(x, 2, algorithm.architecture, "bernoulli")
    tuning = begin(algorithm, problem, Minibatches(x, None, 0), noise=0)
    assert tuning is not None
    assert tuning.objectives.keys() == {f"learning_rate={rate}" for rate in expected}
