"""Measured gradients of the multi-sample algorithms, on a linear-Gaussian model in double precision, against theory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bench import Batch, Hyperparameters, Problem, StepInfo, plugins
from bench.algorithm import Algorithm
from bench.architectures.linear import Linear
from bench.profiling.gradients import Gradients, measure, prepared

NUMBERS = (4, 16, 64)  # of draws per datapoint
REPEATS = 192
MANY = 1600  # for what is nearly lost in noise


@dataclass(frozen=True)
class Setting:
    """A model with 2 latent dimensions and 20 datapoints of it, as a problem and its only minibatch."""

    problem: Problem
    batch: Batch
    weights: Mapping[str, Tensor]

    def gradients(self, name: str, repeats: int = REPEATS, **settings: object) -> Gradients:
        algorithm = prepared(plugins.find("algorithm")[name].load(), self.problem, self.weights, **settings)
        return measure(algorithm, self.batch, repeats=repeats)


def setting(known: Any) -> Setting:
    x = known.x.double()
    problem = Problem(x, known.model.latent_size, Linear(), "gaussian", bounded=False)
    weights = {name: value.double() for name, value in known.model.state_dict().items()}
    return Setting(problem, Batch(x, torch.arange(len(x))), weights)


@pytest.fixture(scope="module")
def at_known(linear_gaussian: Callable[..., Any]) -> Callable[..., Gradients]:
    """Gradients at the known model with its imperfect encoder, each measured once."""
    return cache(setting(linear_gaussian(2, 20, encoder=True)).gradients)


def rate(measured: Callable[[int], float]) -> float:
    """The exponent of a power law in the number of draws."""
    return float(np.polyfit(np.log(NUMBERS), np.log([measured(number) for number in NUMBERS]), 1)[0])


@pytest.mark.parametrize(
    ("name", "gradient", "expected"),
    [("iwae", "standard", -0.5), ("iwae", "stl", 0.5), ("iwae", "dreg", 0.5), ("rws", "standard", 0.5)],
)
def test_the_encoders_signal_to_noise_ratio_follows_its_power_law(
    at_known: Callable[..., Gradients], name: str, gradient: str, expected: float
) -> None:
    """Rainforth et al. 2018, theorem 1; Tucker et al. 2019."""

    def ratio(number: int) -> float:
        repeats = MANY if expected < 0 else REPEATS
        return at_known(name, repeats, num_samples=number, gradient=gradient).encoder.signal_to_noise().value  # type: ignore[union-attr]

    assert rate(ratio) == pytest.approx(expected, abs=0.2)


def test_the_decoders_signal_to_noise_ratio_rises(at_known: Callable[..., Gradients]) -> None:
    def ratio(number: int) -> float:
        return at_known("iwae", num_samples=number, gradient="standard").decoder.signal_to_noise().value  # type: ignore[union-attr]

    assert rate(ratio) == pytest.approx(0.5, abs=0.2)


def test_standard_and_doubly_reparameterised_gradients_have_one_expectation_and_stl_another(
    at_known: Callable[..., Gradients],
) -> None:
    standard, stl, dreg = (
        at_known("iwae", MANY, num_samples=4, gradient=gradient).encoder for gradient in ("standard", "stl", "dreg")
    )
    assert standard is not None
    assert stl is not None
    assert dreg is not None
    same, other = standard.distance(dreg.block_means), stl.distance(dreg.block_means)
    assert same.value < 3 * same.error < 0.15, same
    assert other.value > 10 * other.error, other


def test_a_gradient_that_does_not_vary_has_no_noise(linear_gaussian: Callable[..., Any]) -> None:
    """Where q is the posterior, log w does not depend on z: the path derivative vanishes at every draw."""
    known = linear_gaussian(1, 20, encoder=True)
    exact = setting(known)
    weights = dict(exact.weights)
    mean, variance = weights["encoder.network.mean.weight"] / 0.95, known.posterior_covariance.double().diagonal()
    weights |= {"encoder.network.mean.weight": mean, "encoder.network.log_variance": variance.log()}
    weights["encoder.network.mean.bias"] = -mean @ weights["decoder.network.mean.bias"]
    at_posterior = Setting(exact.problem, exact.batch, weights)
    stl, standard = (
        at_posterior.gradients("iwae", num_samples=1, gradient=gradient).encoder for gradient in ("stl", "standard")
    )
    assert stl is not None
    assert standard is not None
    assert standard.total_variance().value > 0.1
    assert stl.total_variance().value < 1e-9 * standard.total_variance().value


class Counting(Algorithm):
    """Gives its optimisers the number of its step, its weights' sum, and a draw, and updates some weights by hand."""

    Options = Hyperparameters

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        self.generator = generator
        self.model = problem.model(encoder=True)
        self.steps = 0
        self.optimisers = {"theta": torch.optim.SGD(self.model.theta, lr=1.0)}
        self.other = [torch.optim.Adam(self.model.phi, maximize=True)]

    def step(self, batch: Batch) -> StepInfo:
        self.steps += 1
        self.cache = batch.x
        weight = next(iter(self.model.theta))
        draw = torch.rand((), generator=self.generator, dtype=weight.dtype)
        for parameter in self.model.parameters():
            parameter.grad = torch.full_like(parameter, self.steps) + draw
        for _ in range(2):
            self.optimisers["theta"].step()
            self.other[0].step()
        with torch.no_grad():
            weight += 1
        return StepInfo(torch.zeros(()), 1)


def test_each_repetition_starts_from_the_same_state_and_leaves_it(linear_gaussian: Callable[..., Any]) -> None:
    known = setting(linear_gaussian(1, 20, encoder=True))
    algorithm = prepared(Counting, known.problem, known.weights, learning_rate=0.1)
    before = algorithm.state_dict()
    gradients = measure(algorithm, known.batch, repeats=100)
    assert gradients.repeats == 112  # a multiple of the number of blocks
    assert gradients.encoder is not None
    assert gradients.decoder is not None
    assert gradients.encoder.mean.numpy() == pytest.approx(1.5, abs=0.1)  # step 1, and maximised
    assert gradients.decoder.mean.numpy() == pytest.approx(-1.5, abs=0.1)
    assert gradients.decoder.variance.numpy() == pytest.approx(1 / 12, rel=0.3)
    after = algorithm.state_dict()
    assert after.keys() == before.keys()
    assert after["steps"] == 0
    for name, value in known.weights.items():
        assert torch.equal(algorithm.model.state_dict()[name], value)
    assert torch.equal(after["generator"], before["generator"])  # type: ignore[arg-type]
    assert all("step" not in vars(each) for each in (algorithm.optimisers["theta"], algorithm.other[0]))


def test_an_algorithm_without_an_optimiser_of_torch_has_no_gradients(linear_gaussian: Callable[..., Any]) -> None:
    class ByHand(Counting):
        def setup(self, problem: Problem, generator: torch.Generator) -> None:
            super().setup(problem, generator)
            del self.optimisers, self.other

        def step(self, batch: Batch) -> StepInfo:
            return StepInfo(torch.zeros(()), 1)

    known = setting(linear_gaussian(1, 20, encoder=True))
    gradients = measure(prepared(ByHand, known.problem, known.weights, learning_rate=0.1), known.batch)
    assert gradients.encoder is None
    assert gradients.decoder is None
