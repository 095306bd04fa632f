"""How long the hot paths take: an update of each algorithm, an evaluation, an estimate (`tox -e perf`)."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bench import plugins, seeds
from bench.algorithm import Algorithm
from bench.training.beginning import begin
from bench.training.candidates import candidates
from bench.training.minibatches import Minibatches
from bench.training.problem import Problem

# Instead of 100 steps, with which annealing would take ten times as long as the other estimators.
SHORTER = {"ais": {"num_steps": 10}, "bdmc": {"num_steps": 5, "num_points": 20}}
SIZES = {"digits": (1500, 64, 100), "mnist": (1000, 784, 500)}  # N, D, hidden units
# Models for the estimators that cannot evaluate every model.
SUITED: dict[str, dict[str, Any]] = {"exact": {"model": "linear", "decoder": "unit_gaussian"}, "quadrature": {"z": 2}}


def begun(
    name: str, size: str, *, z: int = 10, model: str = "", decoder: str = "bernoulli"
) -> tuple[Algorithm, Minibatches]:
    """An algorithm after `setup` on random pixels, and its minibatches."""
    num_data, num_pixels, hidden = SIZES[size]
    x = torch.rand(num_data, num_pixels, generator=seeds.generator("perf"))
    model = model or f"mlp[hidden={hidden}]"
    algorithm: Algorithm = plugins.find("algorithm")[name].load()(z, model=model, device="cpu")
    minibatches = Minibatches(x, algorithm.batch_size, 0)
    problem = Problem(x, z, algorithm.architecture, decoder)
    begin(algorithm, problem, minibatches, noise=0, chosen=candidates(algorithm.hyperparameters)[0])
    return algorithm, minibatches


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", plugins.find("algorithm"))
def test_update(benchmark: Any, name: str, size: str) -> None:
    """One step, including the minibatch; for mcem, it moves all chains and updates the weights five times."""
    algorithm, minibatches = begun(name, size)
    numbers = iter(range(10**9))
    info = benchmark(lambda: algorithm.step(minibatches[next(numbers)]))
    assert torch.isfinite(info.objective)


@pytest.mark.parametrize("size", SIZES)
def test_evaluation_of_the_bound(benchmark: Any, size: str) -> None:
    """The lower bound on 1000 datapoints, as at every evaluation mark."""
    algorithm, minibatches = begun("aevb", size)

    @torch.no_grad()
    def bound() -> torch.Tensor:
        return algorithm.model.elbo(minibatches.x[:1000], seeds.generator("bound"))

    assert torch.isfinite(benchmark(bound)).all()


@pytest.mark.parametrize("estimator", plugins.find("estimator"))
@pytest.mark.parametrize("encoder", [True, False], ids=["encoder", "no encoder"])
def test_estimate(benchmark: Any, estimator: str, encoder: bool) -> None:
    """log p(x) of 100 datapoints of 64 pixels with default settings, except for those in SHORTER."""
    algorithm, minibatches = begun("aevb" if encoder else "mcem", "digits", **SUITED.get(estimator, {}))
    made = plugins.find("estimator")[estimator].load()(**SHORTER.get(estimator, {}))
    estimate = benchmark.pedantic(
        lambda: made.estimate(algorithm.model, minibatches.x[:100], seeds.generator("estimate")), rounds=3
    )
    assert torch.isfinite(estimate.log_likelihoods).all()
